# Raw by month: partitions are made ahead, what is in the way of that stops nobody, and a month that is missing is made.
use strict;
use warnings;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' => "CREATE TABLE dp.thing (external_id text PRIMARY KEY, name text, raw_batch bigint NOT NULL, raw_line integer NOT NULL);\n",
    'entities/thing.json' => '{ "entity": "thing", "table": "dp.thing", "primaryKey": ["external_id"], "fields": [
        { "name": "external_id", "from": "/id", "type": "string", "constraints": { "required": true } }, { "name": "name", "from": "/name", "type": "string" } ] }',
    'sources/things.json' => '{ "kind": "file", "client": "acme", "folder": "things", "pattern": "*.ndjson", "format": "ndjson", "poll": "20ms", "settle": "20ms", "entities": ["thing"] }',
});

my $months = q{SELECT string_agg(to_char(since AT TIME ZONE 'UTC', 'YYYY-MM'), ' ' ORDER BY since) = string_agg(to_char(now() AT TIME ZONE 'UTC' + n * interval '1 month', 'YYYY-MM'), ' ' ORDER BY n)
    FROM raw.month m JOIN (SELECT row_number() OVER (ORDER BY since) - 1 AS n, name FROM raw.month) x USING (name)};
is($s->sql('SELECT count(*) FROM raw.month'), 3, '`oriel init` makes three months');
is($s->sql($months), 't', 'from this one on');
is($s->sql(q{SELECT count(*) FROM raw.month m JOIN pg_inherits i ON i.inhrelid = ('raw.' || m.name)::regclass AND i.inhparent = 'raw.payload'::regclass}), 3, 'as partitions');
is($s->sql(q{SELECT string_agg(DISTINCT tableowner::text, ' ') FROM pg_tables WHERE schemaname = 'raw'}), 'oriel_owner', 'of the owner');

# Months go by: what was made ahead is there no more.
sub forget { $s->sql("DROP TABLE raw.$_; DELETE FROM raw.month WHERE name = '$_'") for split /\n/, $s->sql("SELECT name FROM raw.month WHERE @_ ORDER BY 1") }
forget("since > now()");
$s->start('worker');
wait_until { $s->sql('SELECT count(*) FROM raw.month') == 3 } 'the worker to make the months ahead';
pass('the worker makes what is missing');

$s->drop_file('things', '1.ndjson', qq({"id":"1","name":"one"}\n));
$s->wait_for_deliveries(1);
is($s->sql('SELECT name FROM dp.thing'), 'one', 'a delivery is loaded');
is($s->sql(q{SELECT tableoid::regclass::text = 'raw.payload_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM') FROM raw.payload}), 't', 'into the month of today');

# A clock that is set on by months finds none: nothing is lost, and it is made before the next try.
$s->sql('ALTER TABLE raw.payload RENAME TO payload_kept');
$s->sql('CREATE TABLE raw.payload (LIKE raw.payload_kept INCLUDING ALL) PARTITION BY RANGE (received_at)');
$s->sql('ALTER TABLE raw.payload OWNER TO oriel_owner');
$s->sql('UPDATE raw.month SET name = name || \'_kept\', since = since - interval \'10 years\', until = until - interval \'10 years\'');
$s->sql("ALTER TABLE raw.$_ RENAME TO ${_}_kept") for split /\n/, $s->sql("SELECT left(name, -5) FROM raw.month");
$s->drop_file('things', '2.ndjson', qq({"id":"2","name":"two"}\n));
$s->wait_for_deliveries(2);
is($s->sql(q{SELECT string_agg(name, ' ' ORDER BY name) FROM dp.thing}), 'one two', 'without a month for today a batch waits until the worker has made one');
like(read_file("$s->{folder}/log/worker.log"), qr/raw has no month for today; it is made before the next try/, 'and the log says so');
is($s->sql(q{SELECT state FROM oriel.source}), 'ready', 'no source is stopped');

# Making months waits for nobody, and nobody for it.
forget("since > now()");
my $holder = $s->{children}->start('holder', {}, Oriel::Cluster::bin() . '/psql', '-XqAt', '-d', $s->{db}->conninfo . ' user=postgres',
    '-c', 'BEGIN; LOCK TABLE raw.payload IN SHARE UPDATE EXCLUSIVE MODE; SELECT pg_sleep(600)');
wait_until { $s->sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND wait_event = 'PgSleep'") } 'the holder';
is($s->stop('worker'), 0, 'the worker ends');
$s->start('worker');
wait_until { read_file("$s->{folder}/log/worker.log") =~ /making the months of raw: .*lock timeout.*tried again in an hour/ } 'the worker to give up';
$s->drop_file('things', '3.ndjson', qq({"id":"3","name":"three"}\n));
$s->wait_for_deliveries(3);
is($s->sql('SELECT count(*) FROM dp.thing'), 3, 'while somebody analyses raw, deliveries are loaded');
$s->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()");
$s->stop('holder');

# Beside a batch that is under way, which holds locks of its own.
$holder = $s->{children}->start('holder', {}, Oriel::Cluster::bin() . '/psql', '-XqAt', '-d', $s->{db}->conninfo . ' user=postgres',
    '-c', "BEGIN; INSERT INTO raw.payload VALUES (999, now(), '{}'); SELECT count(*) FROM raw.record; SELECT pg_sleep(600)");
wait_until { $s->sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND wait_event = 'PgSleep'") } 'the holder';
is($s->sql('SELECT raw.make_months()'), 2, 'months are made beside a batch that is under way');
is($s->sql('SELECT raw.make_months()'), 0, 'and not twice');
$s->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()");
$s->stop('holder');

$s->finish(qr/no month for today|making the months of raw|terminating connection|no partition of relation|lock timeout/);
done_testing;
