# What Postgres cannot know of a view (not-null, keys, references) is declared, and held against the data: by `contract check`
# and `lock`, and by a change that publishes it.
use strict;
use warnings;
use Oriel::Stack;
use Oriel::Test;
use Test::More;
use Time::HiRes qw(time);

my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' => <<'EOF',
CREATE TABLE dp.maker (id bigint, region text, name text);
CREATE TABLE dp.thing (id bigint, name text, serial text, maker_id bigint, maker_region text);
CREATE VIEW api.v_makers_v1 AS SELECT m.id, m.region, m.name FROM dp.maker m WHERE m.region <> 'hidden';
COMMENT ON VIEW api.v_makers_v1 IS E'Makers.\n@primaryKey id, region';
GRANT SELECT ON api.v_makers_v1 TO oriel_ds;
CREATE VIEW api.v_things_v1 AS SELECT t.id, t.name, t.serial, t.maker_id, t.maker_region FROM dp.thing t;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id\n@unique serial\n@foreignKey (maker_id, maker_region) references v_makers_v1 (id, region)';
COMMENT ON COLUMN api.v_things_v1.name IS E'Its name.\n@notNull';
GRANT SELECT ON api.v_things_v1 TO oriel_ds;
EOF
});
$s->sql(q{INSERT INTO dp.maker VALUES (1, 'n', 'One'), (1, 's', 'One'), (2, 'n', NULL);
    INSERT INTO dp.thing VALUES (1, 'a', 'S1', 1, 'n'), (2, 'b', NULL, NULL, 'n'), (3, 'c', NULL, 2, NULL)});

sub check { my (@options) = @_; my ($code, $out, $err) = $s->oriel('contract', 'check', @options); return "$code $out$err" }

# A phase of a change, which is to find something in the data. It looks for a tenth of a second at most, in which a busy machine
# may not let it see all; where that may be so, it is undone and run again.
sub looked {
    my ($phase, $change, $finds) = @_;
    my ($view) = read_file($s->domain_path('changes') . "/$change/expand.sql") =~ /CREATE VIEW (\S+)/;
    for (1 .. 10) {
        my $began = time;
        my @said  = $s->oriel('change', $phase, $change);
        return @said if $said[2] =~ $finds || time - $began < 0.1 || $_ == 10;
        $s->sql("DROP VIEW $view; DELETE FROM oriel.change_step WHERE change = '$change'") if $phase eq 'expand' && $said[0] == 0;
    }
}

like(check(), qr/^0 the database holds/, 'what is declared holds: nulls in a list that is unique, and in a reference, are none');

# rule, row that goes against it, what is told, row beside it that does not
for (
    ['not null', q{(4, NULL, 'S4', 1, 'n')}, qr/api\."v_things_v1"\.name: \@notNull does not hold: 1 rows are null; the first: id=4\. What to do: mend the data/, q{(4, '', 'S4', 1, 'n')}],
    ['key', q{(3, 'd', 'S4', 1, 'n')}, qr/api\."v_things_v1": \@primaryKey "id" does not hold: 1 keys are null or stand more than once; the first: id=3/, q{(4, 'c', 'S4', 1, 'n')}],
    ['null in a key', q{(NULL, 'd', 'S4', 1, 'n')}, qr/\@primaryKey "id" does not hold: 1 keys are null.*id=null/, q{(0, 'd', 'S4', 1, 'n')}],
    ['unique', q{(4, 'd', 'S1', 1, 'n')}, qr/\@unique "serial" does not hold: 1 values stand more than once; the first: serial=S1/, q{(4, 'd', 's1', 1, 'n')}],
) {
    my ($name, $wrong, $told, $right) = @$_;
    $s->sql("DELETE FROM dp.thing WHERE id > 3 OR id IS NULL OR name = 'd'; INSERT INTO dp.thing VALUES $wrong");
    like(check(), qr/^3 .*$told/s, "$name: told");
    like(check('--no-probe'), qr/^0 /, "$name: not looked for");
    my $lock = read_file($s->domain_path('contract.json'));
    is(($s->oriel('contract', 'lock'))[0], 3, "$name: not to be locked");
    is(read_file($s->domain_path('contract.json')), $lock, "$name: the lock file is as it was");
    $s->sql("DELETE FROM dp.thing WHERE id > 3 OR id IS NULL OR name = 'd'; INSERT INTO dp.thing VALUES $right");
    like(check('--probe'), qr/^0 /, "$name: not by what stands beside it");
}
$s->sql(q{INSERT INTO dp.thing SELECT n, NULL, n, 1, 'n' FROM generate_series(100, 199) n});
like(check(), qr/100 rows are null; the first: id=\d+, id=\d+, id=\d+\. /, 'of many rows how many, and some of them');
$s->sql('DELETE FROM dp.thing WHERE id >= 100');

# ---- what a view hides ----

# a maker that is there, but not to be seen, and one that never was
$s->sql(q{DELETE FROM dp.thing WHERE id > 3; INSERT INTO dp.thing VALUES (4, 'd', 'S4', 1, 'hidden'), (5, 'e', 'S5', 7, 'n'), (6, 'f', 'S6', 1, 's'); INSERT INTO dp.maker VALUES (1, 'hidden', 'One')});
my $dangling = qr/warning: api\."v_things_v1": \@foreignKey \("maker_id", "maker_region"\): 2 rows refer to what v_makers_v1 does not show; the first: id=4 maker_id=1 maker_region=hidden, id=5 maker_id=7 maker_region=n\. Embeds of these rows are null\. What to do: nothing, if v_makers_v1 hides/;
like(check(), qr/^0 .*$dangling/s, 'references to what is not shown are told, and do not break the contract');
unlike(check('--no-probe'), qr/refer to/, 'not looked for, not told');
{
    my ($code, $out, $err) = $s->oriel('contract', 'lock');
    is($code, 0, 'nor are they in the way of the lock file') or diag $err;
    like($err, $dangling, 'though it tells them');
}
write_file($s->domain_path('changes') . '/0002-things/expand.sql', <<'EOF');
CREATE VIEW api.v_things_v2 AS SELECT t.id, t.maker_id, t.maker_region FROM dp.thing t;
COMMENT ON VIEW api.v_things_v2 IS E'Things.\n@primaryKey id\n@foreignKey (maker_id, maker_region) references v_makers_v1 (id, region)';
GRANT SELECT ON api.v_things_v2 TO oriel_ds;
EOF
my $told = $dangling =~ s/v_things_v1/v_things_v2/r;
for my $phase (qw(plan expand prove)) {
    my ($code, $out, $err) = looked($phase, '0002-things', qr/$told/);
    is($code, 0, "nor of $phase") or diag $err;
    like($err, qr/$told/, 'which tells them, too');
}
$s->sql(q{DELETE FROM dp.thing WHERE id IN (4, 5)});
unlike(check(), qr/refer to/, 'references that lead somewhere are not told, nor are those with a null');

# ---- a change ----

my $folder = $s->domain_path('changes') . '/0003-makers';
my $second = "CREATE VIEW api.v_makers_v2 AS SELECT m.id, m.region, m.name FROM dp.maker m;\nCOMMENT ON VIEW api.v_makers_v2 IS E'Makers.\\n\@primaryKey id, region';\n"
    . "GRANT SELECT ON api.v_makers_v2 TO oriel_ds;\n";
write_file("$folder/expand.sql", $second . "COMMENT ON COLUMN api.v_makers_v2.name IS '\@notNull';\n");
my $refused = qr/api\."v_makers_v2"\.name: \@notNull does not hold: 1 rows are null; the first: id=2 region=n.*expand\.sql: rolled back, since a contract would promise what does not hold/s;
for my $phase (qw(plan expand)) {
    my ($code, $out, $err) = looked($phase, '0003-makers', $refused);
    is($code, 1, "$phase of a promise that does not hold");
    like($err, $refused, 'is refused by name');
}
is($s->sql("SELECT to_regclass('api.v_makers_v2') IS NULL"), 't', 'nothing was applied');
$s->sql("UPDATE dp.maker SET name = 'Two' WHERE id = 2");
is(($s->oriel('change', 'expand'))[0], 0, 'when the data is mended, it is applied');
$s->sql("INSERT INTO dp.maker VALUES (3, 'n', NULL)");
my ($code, $out, $err) = $s->oriel('change', 'prove', '0003-makers');
is($code, 1, 'prove looks again');
like($err, qr/v_makers_v2"\.name: \@notNull does not hold.*0003-makers is not proven/s, 'and refuses');
$s->sql("DELETE FROM dp.maker WHERE name IS NULL");
is(($s->oriel('change', 'prove', '0003-makers'))[0], 0, 'until it holds');

# ---- much data ----

$s->sql('INSERT INTO dp.maker SELECT n, \'n\', \'x\' FROM generate_series(10, 39) n');
write_file($s->domain_path('changes') . '/0004-slow/expand.sql', ($second =~ s/makers_v2/makers_v3/gr =~ s/FROM dp\.maker m/FROM dp.maker m WHERE pg_catalog.pg_sleep(0.1) IS NOT NULL/r)
    . "COMMENT ON COLUMN api.v_makers_v3.name IS '\@notNull';\n");
($code, $out, $err) = $s->oriel('change', 'expand');
is($code, 0, 'what takes longer than the locks may be held does not hold a change up') or diag $err;
is(($s->oriel('contract', 'lock', '--no-probe'))[0], 0, 'locked');
like(check(), qr/^0 .*not all that 1 contracts declare was held against the data, since that takes longer than 2 s each; `oriel contract check --probe`/s, 'check says what it has not seen');
$s->sql("UPDATE dp.maker SET name = NULL WHERE id = 39");
like(check('--probe'), qr/^3 .*v_makers_v3"\.name: \@notNull does not hold: 1 rows are null; the first: id=39 region=n/s, 'with --probe it takes its time');

# Readers of a table that the change itself has locked wait while it is looked through: how long that may take, and by how many
# processes, is what Postgres is told.
$s->sql(q{ALTER ROLE oriel_dp SET log_statement = 'all'}, 'postgres');
my $log   = "$s->{folder}/log/postgres.log";
my $limit = sub {
    my ($change, $sql, $what) = @_;
    my $seen = -s $log;
    write_file($s->domain_path('changes') . "/$change/expand.sql", $sql);
    my ($code, undef, $err) = $s->oriel('change', 'expand');
    is($code, 0, $what) or diag $err;
    return join ' ', sort { $a <=> $b } keys %{ { map { $_ => 1 } substr(read_file($log), $seen) =~ /SET LOCAL statement_timeout = (\d+); SET LOCAL max_parallel_workers_per_gather = 0/g } };
};
my $bound = sub { my ($limits) = @_; return (split / /, $limits)[-1] };    # it is counted down from one probe to the next
is($bound->($limit->('0005-beside', $second =~ s/makers_v2/makers_v4/gr, 'a change that locks no table')), 100, 'may look for 100 ms');
is($bound->($limit->('0006-locked', 'ALTER TABLE dp.maker ADD COLUMN founded date; ' . $second =~ s/makers_v2/makers_v5/gr, 'one that does')), 5, 'no longer than 5');
$s->sql(q{INSERT INTO dp.maker SELECT n, 'n', repeat('x', 1900) FROM generate_series(100, 2500) n});
is($limit->('0007-large', 'ALTER TABLE dp.maker ADD COLUMN closed date; ' . $second =~ s/makers_v2/makers_v6/gr, 'one that locks a large one'), '', 'not at all');

$s->finish(qr/ERROR|STATEMENT/);
done_testing;
