# Rows that seem to be new are copied straight into the table; and where they are not, or not sound, or waited for, everything is
# as if they had been judged one by one.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $json = JSON::PP->new->canonical;
my %key  = (name => 'code', from => '/id', type => 'string', constraints => { required => \1 });
my %size = (name => 'size', from => '/size', type => 'integer');
my $tail = 'raw_batch bigint NOT NULL, raw_line integer NOT NULL';
my %pace = (kind => 'file', client => 'a\\b', pattern => '*.ndjson', format => 'ndjson', poll => '20ms', settle => '20ms');
my $s = Oriel::Stack->new(start => ['worker'], domain => {
    'sql/changes/0001-things/expand.sql' => <<"END",
CREATE TABLE dp.maker (id bigint PRIMARY KEY, client text NOT NULL, code text NOT NULL, size integer CHECK (size < 100), $tail, UNIQUE (client, code));
CREATE TABLE dp.part (code text PRIMARY KEY, size integer, maker_id bigint REFERENCES dp.maker, $tail);
CREATE TABLE dp.color (code text PRIMARY KEY, size integer, $tail);
END
    'entities/maker.json' => $json->encode({ entity => 'maker', table => 'dp.maker', primaryKey => [qw(client code)], id => 'id', fields => [\%key, \%size] }),
    'entities/part.json'  => $json->encode({ entity => 'part', table => 'dp.part', primaryKey => ['code'], fields => [\%key, \%size,
        { name => 'maker_id', from => '/maker', type => 'string', reference => 'maker', onMissing => 'park' }] }),
    'entities/color.json' => $json->encode({ entity => 'color', table => 'dp.color', primaryKey => ['code'], fields => [\%key, \%size] }),
    map { ("sources/$_.json" => $json->encode({ %pace, folder => $_, entities => [$_] })) } qw(maker part color),
});
$s->sql("ALTER SYSTEM SET log_statement = 'all'", 'postgres');
$s->sql('SELECT pg_reload_conf()', 'postgres');

my $n = 0;
sub deliver {
    my ($source, @records) = @_;
    $s->drop_file($source, ++$n . '.ndjson', join '', map { $json->encode({ id => $_->[0], size => $_->[1], maker => $_->[2], n => $n }) . "\n" } @records);
    $s->wait_for_deliveries($n);
    return $s->sql('SELECT concat_ws(\' \', inserted, updated, unchanged, rejected, parked) FROM raw.batch_entity ORDER BY batch DESC LIMIT 1');
}
sub straight { my ($table) = @_; return scalar(() = read_file("$s->{folder}/log/postgres.log") =~ /statement: COPY "dp"\."$table"/g) }

is(deliver('maker', ['A', 1], ['B', 2]), '2 0 0 0 0', 'the first ones');
is(straight('maker'), 0, 'are judged');
is(deliver('maker', ["C\t\\", 3], ['D', undef]), '2 0 0 0 0', 'then new ones');
is(straight('maker'), 1, 'go straight in');
is($s->sql(q{SELECT string_agg(concat_ws('|', id, client, code, size, raw_line), ' ' ORDER BY id) FROM dp.maker}), "1|a\\b|A|1|1 2|a\\b|B|2|2 3|a\\b|C\t\\|3|1 4|a\\b|D|2",
    'with ids that go on, and what they say');
is($s->sql(q{SELECT data_version FROM oriel.entity WHERE name = 'maker'}), 2, 'readers are told');

is(deliver('maker', ['E', 5], ['A', 9]), '1 1 0 0 0', 'one of them is there already');
is(straight('maker'), 2, 'which was found by trying');
is(deliver('maker', ['F', 6]), '1 0 0 0 0', 'new again');
is(deliver('maker', ['G', 7], ['H', 8], ['G', 9]), '2 0 0 1 0', 'two of one key: the later one');
is($s->sql(q{SELECT size FROM dp.maker WHERE code = 'G'}), 9, 'is taken');
deliver('maker', ['I', 1]);
is(deliver('maker', ['J', 1], ['K', 500], ['L', 1]), '2 0 0 1 0', 'one that Postgres refuses');
is($s->sql('SELECT reason FROM raw.reject ORDER BY id DESC LIMIT 1'), 'constraint', 'is rejected alone');
deliver('maker', ['M', 1]);
is(deliver('part', ['p', 1, 'N']), '0 0 0 0 1', 'a record waits');
is(deliver('maker', ['N', 1]), '1 0 0 0 0', 'for one that is new');
is($s->sql(q{SELECT m.code FROM dp.part p JOIN dp.maker m ON m.id = p.maker_id}), 'N', 'and is taken up');
is($s->sql('SELECT count(*) - max(id) FROM dp.maker'), 0, 'no id was skipped');

deliver('color', ['c1', 1]);
is(deliver('color', ['c2', 2], ['c3', 3]), '2 0 0 0 0', 'without an id, and without the client in its key');
is(straight('color'), 1, 'straight in');
is($s->sql(q{SELECT string_agg(code || size, ' ' ORDER BY code) FROM dp.color}), 'c11 c22 c33', 'as they are');
is(deliver('color', ['c5', 5], ['c4', 4], ['c5', 5]), '2 0 1 0 0', 'one that stands twice');
is($s->sql(q{SELECT raw_line FROM dp.color WHERE code = 'c5'}), 3, 'is that of the later line');

is($s->sql('SELECT count(*) FROM raw.batch_entity e JOIN raw.batch b ON b.id = e.batch WHERE inserted + updated + unchanged + rejected + parked <> n_records'), 0, 'every count adds up');
my $tables = sub { join "\n", map { $s->sql("SELECT * FROM dp.$_ ORDER BY code") } qw(maker part color) };
my $before = $tables->();
$s->stop('worker');
$s->sql('TRUNCATE dp.maker, dp.part, dp.color');
my ($code, $out, $err) = $s->oriel('replay', '--all');
is($code, 0, 'a replay of emptied tables') or diag $err;
is($tables->(), $before, 'gives the same rows, with the same ids');
$s->finish;
done_testing;
