# What the worker knows to be in a table does not reach Postgres again; and it knows nothing that is not so: whoever else
# writes, however rows change, whichever record of a key comes last, the tables are as if every row were compared.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $json = JSON::PP->new->canonical;
my %id   = (name => 'external_id', from => '/id', type => 'string', constraints => { required => \1 });
my %head = (primaryKey => [qw(client external_id)], orderBy => 'rev');
my $head = 'client text NOT NULL, external_id text NOT NULL, rev integer, name text, gone_at timestamptz, raw_batch bigint NOT NULL, raw_line integer NOT NULL, UNIQUE (client, external_id)';
my @fields = (\%id, { name => 'rev', from => '/rev', type => 'integer' }, { name => 'name', from => '/name', type => 'string' });
my %pace = (kind => 'file', client => 'c', pattern => '*.ndjson', format => 'ndjson', poll => '20ms', settle => '20ms');
my $s = Oriel::Stack->new(start => ['worker'], domain => {
    'sql/changes/0001-things/expand.sql' => "CREATE TABLE dp.maker (id bigint PRIMARY KEY, $head); CREATE TABLE dp.thing ($head, maker_id bigint REFERENCES dp.maker ON DELETE CASCADE);\n",
    'entities/maker.json' => $json->encode({ entity => 'maker', table => 'dp.maker', %head, id => 'id', fields => \@fields }),
    'entities/thing.json' => $json->encode({ entity => 'thing', table => 'dp.thing', %head, fields => [
        @fields, { name => 'maker_id', from => '/maker', type => 'string', reference => 'maker', onMissing => 'park' }] }),
    'sources/makers.json' => $json->encode({ %pace, folder => 'makers', entities => ['maker'] }),
    'sources/things.json' => $json->encode({ %pace, folder => 'things', entities => ['thing'] }),
    'sources/whole.json'  => $json->encode({ %pace, folder => 'whole', entities => ['maker'], client => 'w', complete => \1, maxGonePercent => 100 }),
});

my $n = 0;
sub start { my ($source, @records) = @_; $n++; return $s->drop_file($source, "$n.ndjson", join '', map { $json->encode({ %$_, export => $n }) . "\n" } @records) }

# What became of the records of a delivery: inserted, updated, unchanged, rejected, parked.
sub deliver {
    start(@_);
    $s->wait_for_deliveries($n);
    return $s->sql('SELECT concat_ws(\' \', inserted, updated, unchanged, rejected, parked) FROM raw.batch_entity ORDER BY batch DESC LIMIT 1');
}
sub thing { my ($id, $name, %more) = @_; return { id => $id, rev => 1, name => $name, maker => 'M', %more } }
sub named { my ($id) = @_; return $s->sql("SELECT coalesce(string_agg(name, ','), 'none') FROM dp.thing WHERE external_id = '$id'") }

my @things = map { thing("t$_", "name $_") } 1 .. 20;
deliver('makers', { id => 'M', rev => 1, name => 'm' });
is(deliver('things', @things), '20 0 0 0 0', 'new');
is($s->sql(q{SELECT count(*) FROM pg_trigger WHERE tgname = 'oriel_watch' AND tgenabled = 'A'}), 2, 'the tables are watched');
is($s->sql('SELECT count(*) FROM oriel.foreign_write'), 0, 'the worker does not watch itself');

subtest 'what is known does not reach the table' => sub {
    open my $psql, '|-', Oriel::Cluster::bin() . '/psql', '-Xq', '-d', $s->{db}->conninfo . ' user=postgres' or die $!;
    $psql->autoflush(1);
    print $psql "BEGIN; LOCK TABLE dp.thing;\n";
    wait_until { $s->sql(q{SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'dp.thing'::regclass}) } 'the lock';
    is(deliver('things', @things), '0 0 20 0 0', 'nobody waits for a table that is locked');
    is(deliver('things', @things[3 .. 5], @things[4, 4]), '0 0 5 0 0', 'nor where some stand twice');
    print $psql "ROLLBACK;\n";
    close $psql or die 'psql failed';
    is(deliver('things', @things[0 .. 9], thing('t11', 'other'), @things[11 .. 19]), '0 1 19 0 0', 'only what is changed goes there');
};

# A delivery in which the first thing is as it was; what somebody else has done to it meanwhile is undone.
my @others = (
    ['an update',            q{UPDATE dp.thing SET name = 'by hand' WHERE external_id = 't1'}, '0 1 1 0 0'],
    ['a delete',             q{DELETE FROM dp.thing WHERE external_id = 't1'},                 '1 0 1 0 0'],
    ['by another role',      q{SET ROLE oriel_dp; UPDATE dp.thing SET name = 'by hand' WHERE external_id = 't1'}, '0 1 1 0 0'],
    ['by a replica\'s role', q{SET session_replication_role = replica; UPDATE dp.thing SET name = 'by hand' WHERE external_id = 't1'}, '0 1 1 0 0'],
    ['by a cascade',         q{DELETE FROM dp.maker; INSERT INTO dp.maker VALUES (1, 'c', 'M', 1, 'm', NULL, 1, 1)}, '2 0 0 0 0'],
    ['a rewrite',            q{ALTER TABLE dp.thing ALTER name TYPE text USING upper(name)},   '0 2 0 0 0'],
    ['a column that is new', q{ALTER TABLE dp.thing ADD more text},                             '0 0 2 0 0'],
    ['truncated',            q{TRUNCATE dp.thing},                                              '2 0 0 0 0'],
    ['without the trigger',  q{DROP TRIGGER oriel_watch ON dp.thing; UPDATE dp.thing SET name = 'by hand' WHERE external_id = 't1'}, '0 1 1 0 0'],
    ['and again',            q{UPDATE dp.thing SET name = 'by hand' WHERE external_id = 't1'}, '0 1 1 0 0'],
);
deliver('things', @things[0, 1]);
for (@others) {
    my ($what, $sql, $expected) = @$_;
    $s->sql($sql);
    is(deliver('things', @things[0, 1]), $expected, "$what is seen");
    is(named('t1'), 'name 1', 'and undone');
}
is($s->sql('SELECT count(*) FROM oriel.foreign_write'), 0, 'what was noted is taken away');
$s->stop('worker');
$s->sql(q{UPDATE dp.thing SET name = 'by hand' WHERE external_id = 't1'});
$s->start_worker;
is(deliver('things', @things[0, 1]), '0 1 1 0 0', 'a worker that begins knows nothing');
$s->sql(q{UPDATE dp.thing SET name = 'by hand' WHERE external_id = 't1'});
is(deliver('things', @things[0, 1]), '0 1 1 0 0', 'and watches again');

subtest 'records of one key' => sub {
    my ($old, $new) = (thing('d', 'old'), thing('d', 'new', rev => 2));
    is(deliver('things', $new), '1 0 0 0 0', 'one');
    is(deliver('things', $old), '0 0 0 1 0', 'an older one is stale');
    is(deliver('things', $new), '0 0 1 0 0', 'what is there is unchanged');
    is(deliver('things', $old), '0 0 0 1 0', 'and the older one stale again, not known');
    is(deliver('things', $new, $old), '0 0 1 1 0', 'both in a batch');
    is($s->sql('SELECT reason FROM raw.reject ORDER BY id DESC LIMIT 1'), 'duplicate_in_batch', 'are held against each other, as always');
    my @same = map { thing('e', $_) } qw(first second);
    is(deliver('things', @same), '1 0 0 1 0', 'of two of one rev the later one stays');
    is(deliver('things', reverse @same), '0 1 0 1 0', 'also when that is not the one which is known');
    is(named('e'), 'first', 'it is taken');
};

subtest 'references' => sub {
    is(deliver('things', thing('p', 'parked', maker => 'N')), '0 0 0 0 1', 'one that waits');
    is(deliver('things', thing('p', 'parked', maker => 'N')), '0 0 0 0 1', 'is not known: it waits again');
    deliver('makers', { id => 'N', rev => 1, name => 'n' });
    is(named('p'), 'parked', 'taken up');
    is(deliver('things', thing('p', 'parked', maker => 'N')), '0 0 1 0 0', 'there');
};

subtest 'what is gone' => sub {
    my @makers = map { { id => "G$_", rev => 1, name => "g $_" } } 1 .. 3;
    my $there = sub { $s->sql(q{SELECT string_agg(external_id, ' ' ORDER BY external_id) FROM dp.maker WHERE client = 'w' AND gone_at IS NULL}) };
    deliver('whole', @makers);
    deliver('whole', @makers[0, 1]);
    is($there->(), 'G1 G2', 'is missing from a complete delivery');
    is(deliver('whole', @makers), '0 1 2 0 0', 'and comes back when it says the same as before');
    is($there->(), 'G1 G2 G3', 'all there');
};

is($s->sql('SELECT count(*) FROM raw.batch_entity e JOIN raw.batch b ON b.id = e.batch WHERE inserted + updated + unchanged + rejected + parked <> n_records'), 0, 'every count adds up');
is(named('t7'), 'none', 'what somebody took away, and no delivery brought back,');
my ($code, $out, $err) = $s->oriel('replay', '--all');
is($code, 0, 'a replay') or diag $err;
is(named('t7'), 'name 7', 'brings back');
is(deliver('things', @things[0 .. 9, 11 .. 19]), '0 0 19 0 0', 'and what comes after it is held against that');
is(deliver('things', @things[0 .. 8], thing('t10', 'other')), '0 1 9 0 0', 'and known again');
$s->finish;
done_testing;
