# The contract's life at build and deployment: lock, check, diff, and changes that are rolled back because they would break.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $first = <<'END';
CREATE TABLE dp.thing (id bigint PRIMARY KEY, name text, amount numeric(12,2));
CREATE VIEW api.v_things_v1 WITH (security_barrier) AS SELECT t.id, t.name, t.amount FROM dp.thing t;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id';
COMMENT ON COLUMN api.v_things_v1.id IS E'Number.\n@notNull';
GRANT SELECT ON api.v_things_v1 TO oriel_ds;
END
my $s = Oriel::Stack->new(domain => { 'sql/changes/0001-things/expand.sql' => $first }, start => []);
my $lock    = $s->domain_path('contract.json');
my $changes = $s->domain_path('changes');
my $written = read_file($lock);

sub change {
    my ($name, $sql) = @_;
    write_file("$changes/$name/expand.sql", $sql);
}

sub forget {
    my ($name) = @_;
    File::Path::remove_tree("$changes/$name");
}

subtest 'lock and check' => sub {
    my ($code, $out, $err) = $s->oriel('contract', 'check');
    is($code, 0, 'the database holds what the lock file says') or diag $out, $err;
    ($code) = $s->oriel('contract', 'lock');
    is($code, 0, 'the lock file can be written again');
    is(read_file($lock), $written, 'and is the same to the byte');
    ($code, $out) = $s->oriel('contract', 'diff', $lock);
    is("$code$out", '0', 'it does not differ from itself');
    ($code, $out) = $s->oriel('contract', 'show');
    like($out, qr/^things\@1: Things\.\n  id +bigint +not null Number\.$/m, 'show prints it for people');
};

subtest 'what breaks a live contract is rolled back' => sub {
    my %breaks = (
        column_removed => 'DROP VIEW api.v_things_v1; CREATE VIEW api.v_things_v1 WITH (security_barrier) AS SELECT t.id, t.name FROM dp.thing t',
        column_renamed => 'ALTER VIEW api.v_things_v1 RENAME COLUMN name TO title',
        type_changed   => 'DROP VIEW api.v_things_v1; CREATE VIEW api.v_things_v1 WITH (security_barrier) AS SELECT t.id, t.name, t.amount::text FROM dp.thing t',
        type_widened   => 'DROP VIEW api.v_things_v1; CREATE VIEW api.v_things_v1 WITH (security_barrier) AS SELECT t.id, t.name, t.amount::numeric(12,3) FROM dp.thing t',
        reader_grant_lost   => 'REVOKE SELECT ON api.v_things_v1 FROM oriel_ds',
        write_grant_gained  => 'GRANT UPDATE ON api.v_things_v1 TO oriel_ds',
        security_invoker_on => 'ALTER VIEW api.v_things_v1 SET (security_invoker)',
        not_null_lost       => "COMMENT ON COLUMN api.v_things_v1.id IS 'Number.'",
        key_lost            => "COMMENT ON VIEW api.v_things_v1 IS 'Things.'",
        comment_unreadable  => "COMMENT ON VIEW api.v_things_v1 IS E'Things.\\n\@primarykey id'",
        contract_removed    => 'DROP VIEW api.v_things_v1',
    );
    for my $rule (sort keys %breaks) {
        change('0002-breaks', "$breaks{$rule};\n");
        my ($code, $out, $err) = $s->oriel('change', 'expand');
        is($code, 1, "$rule: refused");
        like($err, qr{0002-breaks/expand\.sql: v_things_v1\S*: $rule:}, "$rule: named") or diag $err;
        is(($s->oriel('contract', 'check'))[0], 0, "$rule: nothing was changed");
    }
    forget('0002-breaks');
};

subtest 'what changes the meaning wants an acknowledgement' => sub {
    change('0002-filter', "CREATE OR REPLACE VIEW api.v_things_v1 WITH (security_barrier) AS SELECT t.id, t.name, t.amount FROM dp.thing t WHERE t.id > 0;\n");
    my ($code, undef, $err) = $s->oriel('change', 'expand');
    is($code, 1, 'refused');
    like($err, qr/definition_changed.*change the meaning of a live contract/s, 'and why');
    # as a developer does it: on a database of the desk, which then agrees with the next lock file
    $s->sql(read_file("$changes/0002-filter/expand.sql"));
    ($code, undef, $err) = $s->oriel('contract', 'lock');
    is($code, 2, 'the lock file is not written without a reason');
    like($err, qr/--ack/, 'the message says how to give one');
    ($code) = $s->oriel('contract', 'lock', '--ack', 'ids below 1 were test data');
    is($code, 0, 'with a reason it is');
    like(read_file($lock), qr/"rule": "definition_changed", "reason": "ids below 1 were test data"/, 'the reason is a line of the file');
    $s->sql("CREATE OR REPLACE VIEW api.v_things_v1 WITH (security_barrier) AS SELECT t.id, t.name, t.amount FROM dp.thing t");
    ($code, undef, $err) = $s->oriel('change', 'expand');
    is($code, 0, 'now the change is applied') or diag $err;
    is(($s->oriel('contract', 'check'))[0], 0, 'and the database is what the lock file says');
    my $before = write_file("$s->{folder}/before.json", $written);
    ($code, my $out) = $s->oriel('contract', 'diff', $before);
    like("$code $out", qr/^1 ok +v_things_v1: definition_changed/, 'of two lock files the newer one has the acknowledgement');
    ($code, $out) = $s->oriel('contract', 'diff', '--json', $before);
    is_deeply([$code, map { "$_->{verdict} $_->{rule}" } @{ JSON::PP->new->decode($out) }], [1, 'ok definition_changed'], 'for programs, too');
};

subtest 'a retired name does not come back' => sub {
    my $good = read_file($lock);
    write_file($lock, $good =~ s/"tombstones": \[\]/"tombstones": ["v_old_v1"]/r);
    change('0003-again', <<'EOF');
CREATE VIEW api.v_old_v1 AS SELECT t.id FROM dp.thing t;
COMMENT ON VIEW api.v_old_v1 IS E'Old.\n@primaryKey id';
GRANT SELECT ON api.v_old_v1 TO oriel_ds;
EOF
    my ($code, $out, $err) = $s->oriel('change', 'expand');
    is($code, 1, 'refused');
    like($err, qr{0003-again/expand\.sql: v_old_v1: tombstone_reused.*nothing was changed}s, 'and why');
    like(($s->oriel('change', 'plan'))[1], qr/BREAK v_old_v1: tombstone_reused/, 'the plan shows it');
    write_file("$changes/0003-again/contract.sql", "DROP VIEW api.v_old_v1;\n");
    is(($s->oriel('change', 'expand'))[0], 0, 'a database older than the lock file gets it, and loses it by the contract that is to come');
    $s->sql("DROP VIEW api.v_old_v1; DELETE FROM oriel.change_step WHERE change = '0003-again'");
    forget('0003-again');
    write_file($lock, $good);
};

subtest 'an index that gives the order of a partitioned key' => sub {
    change('0003-parts', <<'EOF');
CREATE TABLE dp.part (id bigint PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE dp.part_0 PARTITION OF dp.part FOR VALUES WITH (modulus 2, remainder 0);
CREATE VIEW api.v_parts_v1 AS SELECT p.id FROM dp.part p;
COMMENT ON VIEW api.v_parts_v1 IS E'Parts.\n@primaryKey id';
GRANT SELECT ON api.v_parts_v1 TO oriel_ds;
EOF
    is(($s->oriel('change', 'expand'))[0], 0, 'one partition');
    change('0004-parts', "CREATE TABLE dp.part_1 PARTITION OF dp.part FOR VALUES WITH (modulus 2, remainder 1);\n");
    my ($code, $out, $err) = $s->oriel('change', 'expand');
    is($code, 0, 'is not lost with the second') or diag $err;
    change('0005-parts', "ALTER TABLE dp.part DROP CONSTRAINT part_pkey;\n");
    like(($s->oriel('change', 'expand'))[2], qr/v_parts_v1: sort_index_lost/, 'but with the index');
    $s->sql("DROP VIEW api.v_parts_v1; DROP TABLE dp.part; DELETE FROM oriel.change_step WHERE change ~ 'parts'");
    forget($_) for qw(0003-parts 0004-parts 0005-parts);
};

subtest 'an appended column is compatible' => sub {
    change('0003-note', "ALTER TABLE dp.thing ADD COLUMN note text;\nCREATE OR REPLACE VIEW api.v_things_v1 WITH (security_barrier) AS SELECT t.id, t.name, t.amount, t.note FROM dp.thing t WHERE t.id > 0;\n");
    my ($code, $out, $err) = $s->oriel('change', 'expand');
    is($code, 1, 'the text of the view changes with it, so it wants a line in the lock file');
    $s->sql(read_file("$changes/0003-note/expand.sql"), 'oriel_dp');
    ($code, $out) = $s->oriel('contract', 'check', '--json');
    is($code, 2, 'check says so');
    my %rules = map { $_->{rule} => $_->{verdict} } @{ JSON::PP->new->decode($out) };
    is_deeply(\%rules, { column_added => 'ok', definition_changed => 'ACK' }, 'by rule');
    is(($s->oriel('contract', 'lock', '--ack', 'note added'))[0], 0, 'acknowledged');
    $s->sql('ALTER VIEW api.v_things_v1 OWNER TO oriel_owner');
    forget('0003-note');
};

subtest 'mistakes in the folder of changes' => sub {
    change('0004-wrong', "SELECT 1;\n\n  SELEC 2;\n");
    my ($code, undef, $err) = $s->oriel('change', 'expand');
    is($code, 1, 'SQL that fails');
    like($err, qr{0004-wrong/expand\.sql:3: syntax error at or near "SELEC" \(SQLSTATE 42601\)}, 'with file, line and SQLSTATE');
    change('0004-wrong', "CREATE TABLE dp.half (id int);\nCOMMIT;\n");
    ($code, undef, $err) = $s->oriel('change', 'expand');
    is($code, 1, 'a COMMIT of its own');
    like($err, qr{0004-wrong/expand\.sql:2: a phase is one transaction.*take `COMMIT` out}, 'is told, with its line');
    is($s->sql("SELECT to_regclass('dp.half') IS NULL"), 't', 'and nothing was applied');
    change('0004-wrong', "CREATE TABLE dp.half (id int);\n\nINSERT INTO dp.half VALUES (0);\nSELECT 1 / id\nFROM dp.half;\n");
    ($code, undef, $err) = $s->oriel('change', 'expand');
    is($code, 1, 'SQL that fails when it is run');
    like($err, qr{0004-wrong/expand\.sql:4: division by zero \(SQLSTATE 22012\)\n.*expand\.sql: rolled back; nothing was changed\. What to do: mend}, 'with the line of its statement');
    change('0004-wrong', "CREATE TABLE dp.half (id int);\nCOPY dp.half TO STDOUT;\nCOPY dp.half FROM STDIN;\n");
    ($code, undef, $err) = $s->oriel('change', 'expand');
    is($code, 1, 'COPY from the client');
    like($err, qr{0004-wrong/expand\.sql:3: COPY from stdin failed: the file of a phase has no data behind it; use INSERT}, 'is told, with its line');
    is($s->sql("SELECT to_regclass('dp.half') IS NULL"), 't', 'and nothing was applied');
    change('0004-wrong', "CREATE TABLE dp.other (id int);\nCREATE VIEW api.v_others_v1 AS\nSELECT * FROM dp.other;\n");
    ($code, undef, $err) = $s->oriel('change', 'expand');
    is($code, 1, 'a contract that takes all columns');
    like($err, qr{0004-wrong/expand\.sql:3: a contract takes all columns \(`\*`\)}, 'is told, with its line');
    is($s->sql("SELECT to_regclass('dp.other') IS NULL"), 't', 'and nothing was applied');
    forget('0004-wrong');
    write_file("$changes/0004-x/expnad.sql", '');
    ($code, undef, $err) = $s->oriel('change', 'expand');
    is($code, 2, 'a misspelt file');
    like($err, qr/did you mean expand\.sql\?/, 'with the name that was meant');
    forget('0004-x');
    write_file("$changes/0004-x/fill.sql", '');
    ($code, undef, $err) = $s->oriel('change', 'expand');
    is($code, 2, 'a missing file');
    like($err, qr{cannot read \S+/0004-x/expand\.sql: No such file or directory}, 'is named');
    forget('0004-x');
    change('0004-fill', "ALTER TABLE dp.thing ADD COLUMN share numeric;\n");
    my $fill = "$changes/0004-fill/fill.sql";
    is(($s->oriel('change', 'expand'))[0], 0, 'a change with a fill');
    $s->sql('INSERT INTO dp.thing (id, amount) VALUES (1, 5), (2, 0), (3, 7)');
    for (['no key', "UPDATE dp.thing SET share = 1 / amount WHERE id BETWEEN :lo AND :hi;\n", qr{0004-fill/fill\.sql:1: the first line must name the key}],
        ['no range', "-- key: dp.thing.id\nUPDATE dp.thing SET share = 1 / amount;\n", qr{0004-fill/fill\.sql: the statement must use :lo and :hi}],
        ['SQL that fails half-way', "-- key: dp.thing.id\nUPDATE dp.thing SET share = 1 / amount WHERE id BETWEEN :lo AND :hi;\n", qr{0004-fill/fill\.sql:2: division by zero \(SQLSTATE 22012\).*it will go on behind them. What to do:}s],
        ['SQL that nobody understands', "-- key: dp.thing.id\nUPDATE dp.thing SET share = 1\nWHERE id BETWEN :lo AND :hi AND;\n", qr{0004-fill/fill\.sql:3: syntax error}]) {
        write_file($fill, $_->[1]);
        ($code, undef, $err) = $s->oriel('change', 'fill', '0004-fill');
        is($code, 1, "a fill with $_->[0]");
        like($err, $_->[2], 'is told');
    }
    is($s->sql('SELECT count(share) FROM dp.thing'), 0, 'and has changed nothing');
    write_file($fill, "-- key: dp.thing.id\nUPDATE dp.thing SET share = 1 / nullif(amount, 0) WHERE id BETWEEN :lo AND :hi;\n");
    like(($s->oriel('change', 'fill', '0004-fill'))[1], qr/^filled 0004-fill: 3 rows/, 'mended, it goes on');
    $s->sql("DELETE FROM dp.thing; ALTER TABLE dp.thing DROP COLUMN share; DELETE FROM oriel.change_step WHERE change = '0004-fill'; DELETE FROM oriel.change_fill");
    forget('0004-fill');
    mkdir "$changes/next";
    ($code, undef, $err) = $s->oriel('change', 'expand');
    like("$code $err", qr/^2 .*0001-what-it-does/, 'a folder with another name');
    rmdir "$changes/next";
    write_file("$changes/0001-things/expand.sql", $first =~ s/amount numeric/amount  numeric/r);
    ($code, undef, $err) = $s->oriel('change', 'status');
    is($code, 1, 'a file that was changed after it was applied');
    like($err, qr{0001-things/expand\.sql:1: this file was changed after it was applied.*amount numeric.*amount  numeric}s, 'shows the difference');
    write_file("$changes/0001-things/expand.sql", $first);
    ($code, my $out) = $s->oriel('change', 'status');
    like($out, qr/^0001-things\n  expand +\d{4}-\d\d-\d\d/m, 'status lists what is applied');
};

subtest 'mistakes in the lock file' => sub {
    my $good = read_file($lock);
    my %mistakes = (
        "<<<<<<< HEAD\n$good" => qr/contract\.json:1: not valid JSON.*unresolved merge/,
        ($good =~ s/"type": "text"/"type": "integer"/r) => qr/contract\.json:\d+: contracts\.v_things_v1\.output: does not belong/,
        ($good =~ s/"primaryKey": \["id"\]/"primaryKey": ["idd"]/r) => qr/the contract has no column "idd"/,
        ($good =~ s/"oriel": 1/"oriel": 2/r) => qr/reads form 1 of the lock file/,
        ($good =~ s/"tombstones": \[\]/"tombstones": ["v_things_v1"]/r) => qr/was retired, yet is among the contracts/,
    );
    for my $text (sort keys %mistakes) {
        write_file($lock, $text);
        for my $action ('check', 'lock', "diff $lock") {
            my ($code, undef, $err) = $s->oriel('contract', split / /, $action, 2);
            is($code, 4, "$action: no verdict");
            like($err, $mistakes{$text}, 'and told where and why');
        }
        is(read_file($lock), $text, 'which stays as it was');
    }
    write_file($lock, $good);
    $s->sql("CREATE VIEW api.v_extra_v1 AS SELECT 1 AS one; ALTER VIEW api.v_extra_v1 OWNER TO oriel_owner");
    my ($code, $out, $err) = $s->oriel('contract', 'check');
    is($code, 3, 'a contract without description, key and grant fails the check');
    like($err, qr/v_extra_v1: it has no description.*v_extra_v1: it has no key.*may not read it/s, 'each is told');
    like($out, qr/^ok +v_extra_v1: contract_added/m, 'and that the lock file does not have it');
    $s->sql('DROP VIEW api.v_extra_v1');
};

subtest 'expand waits briefly for locks, and then gives up' => sub {
    change('0004-locked', "ALTER TABLE dp.thing ADD COLUMN later int;\n");
    my $holder = fork // die;
    if (!$holder) {
        exec 'psql', '-q', '-d', $s->{db}->conninfo . ' user=postgres', '-c', 'BEGIN; LOCK dp.thing; SELECT pg_catalog.pg_sleep(2); COMMIT' or POSIX::_exit(1);
    }
    wait_until { $s->sql("SELECT count(*) FROM pg_locks WHERE relation = 'dp.thing'::regclass AND mode = 'AccessExclusiveLock'") == 1 } 'the lock';
    my ($code, $out, $err) = $s->oriel('change', 'expand');
    is($code, 0, 'it got through once the lock was free') or diag $err;
    waitpid $holder, 0;
    forget('0004-locked');
    $s->sql("DELETE FROM oriel.change_step WHERE change = '0004-locked'");
};

$s->finish(qr/syntax error|WARNING|expand\.sql|canceling statement due to lock timeout|ERROR/);
done_testing;
