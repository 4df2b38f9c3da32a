# A change whose fill is a replay: the new column is in no column that was there, only in what clients sent. It is killed and
# goes on, keeps to its rate, finds what an old worker wrote since, and prove holds behind it.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;
use Time::HiRes qw(time);

sub entity {
    my (@fields) = @_;
    return JSON::PP->new->canonical->encode({ entity => 'item', table => 'dp.item', primaryKey => ['client', 'external_id'], id => 'id', orderBy => 'at', fields => [
        { name => 'external_id', from => '/id', type => 'string', constraints => { required => JSON::PP::true } },
        { name => 'at', from => '/at', type => 'integer' }, @fields ] });
}

my $rows = 3000;
my $s    = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-items/expand.sql' => <<'END',
CREATE TABLE dp.item (id bigint PRIMARY KEY, client text NOT NULL, external_id text NOT NULL, at bigint, gone_at timestamptz,
    raw_batch bigint NOT NULL, raw_line integer NOT NULL, UNIQUE (client, external_id));
CREATE VIEW api.v_items_v1 AS SELECT i.id, i.external_id, i.at FROM dp.item i WHERE i.gone_at IS NULL;
COMMENT ON VIEW api.v_items_v1 IS E'Items.\n@primaryKey id';
GRANT SELECT ON api.v_items_v1 TO oriel_ds;
END
    'sources/acme.json' => '{ "kind": "file", "client": "acme", "folder": "acme", "pattern": "*.ndjson", "format": "ndjson", "poll": "20ms", "settle": "20ms",
        "batchRecords": 100, "entities": ["item"] }',
    'entities/item.json' => entity(),
});
my $name   = '0002-shade';
my $folder = $s->domain_path('changes') . "/$name";

sub item { my ($n, $at) = @_; return qq({"id":"I-$n","at":@{[$at // 1]},"colour":{"shade":"shade $n"}}\n) }
sub phase { my (@words) = @_; my ($code, $out, $err) = $s->oriel('change', $words[0], $name, @words[1 .. $#words]); return "$code $out$err" }
sub views { return $s->sql('SELECT string_agg(i::text, E\'\n\' ORDER BY id) FROM api.v_items_v1 i') }

$s->start('worker');
$s->drop_file('acme', 'one.ndjson', join '', map { item($_) } 1 .. $rows);
$s->wait_for_deliveries(1);
my $before = views();

# The change, and the entity file that writes the new column; the worker has not read it yet.
write_file("$folder/expand.sql", <<'END');
ALTER TABLE dp.item ADD COLUMN shade text;
CREATE VIEW api.v_items_v2 AS SELECT i.id, i.shade FROM dp.item i WHERE i.gone_at IS NULL;
COMMENT ON VIEW api.v_items_v2 IS E'Items.\n@primaryKey id';
COMMENT ON COLUMN api.v_items_v2.shade IS 'As the client says it.';
GRANT SELECT ON api.v_items_v2 TO oriel_ds;
END
write_file("$folder/prove.sql", "SELECT external_id, shade FROM dp.item WHERE shade IS DISTINCT FROM 'shade ' || substr(external_id, 3) ORDER BY id;\n");
write_file($s->domain_path('entities') . '/item.json', entity({ name => 'shade', from => '/colour/shade', type => 'string' }));

subtest 'what is wrong with the file is told' => sub {
    for (
        ["-- replay: \n",                                     qr/fill\.sql:1: the first line must name the key .* `-- replay: product, vendor`/],
        ["-- repaly: item\n",                                 qr/fill\.sql:1: the first line must name the key/],
        ["-- replay: item\n\n-- so\nUPDATE dp.item SET x;\n", qr/fill\.sql:4: a fill that is a replay has no statement/],
        ["-- replay: itme\n",                                 qr/there is no entity "itme"; did you mean "item"\?/]) {
        write_file("$folder/fill.sql", $_->[0]);
        like(phase('plan'), qr/^1 .*$_->[1]/s, 'by plan');
    }
};

write_file("$folder/fill.sql", "-- replay: item\n-- The clients have sent it all along.\n");
like(phase('plan'), qr/^0 .*^fill:\n  replays item from the $rows records that are kept\n\z/ms, 'plan shows it');
like(phase('fill'), qr/^1 .*expand it first/, 'it comes behind expand');
like(phase('expand'), qr/^0 expanded/, 'expand');
like(phase('prove'), qr/^1 .*fill it first/, 'prove comes behind it');

subtest 'killed, it goes on' => sub {
    for my $part (['records' => 'SELECT count(*) FROM oriel.replay WHERE records > 0'], ['rows' => 'SELECT count(*) FROM dp.item WHERE shade IS NOT NULL']) {
        $s->start_oriel('fill', 'change', 'fill', $name, '--rate', 500);
        wait_until { $s->sql($part->[1]) } "the first $part->[0]";
        is($s->stop('fill', 'KILL'), 128 + 9, "killed while it is at work on $part->[0]");
        wait_until { $s->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'oriel%'") <= 1 } 'its sessions to end, but for that of the worker';
        like(($s->oriel('change', 'status'))[1], qr/^0002-shade\n  expand +\d.*\n  fill +not done\n/m, 'it is not done');
    }
    my $began = time;
    my ($code, $out, $err) = $s->oriel('change', 'fill', $name, '--rate', 1000);
    like("$code $out", qr/^0 filled $name: $rows records cleaned anew, \d+ rows written, in [\d.]+ s\n\z/, 'run again, it comes to its end');
    like($err, qr/an interrupted replay goes on/, 'having gone on where it was');
    my ($written) = $out =~ /(\d+) rows written/;
    cmp_ok($written, '<', $rows, 'what was applied was not applied again');
    cmp_ok(time - $began, '>=', $written / 1000 - 0.1, 'at the rate that was asked for');
};

is($s->sql("SELECT count(*) FROM dp.item WHERE shade = 'shade ' || substr(external_id, 3)"), $rows, 'every row has what its client sent');
is(views(), $before, 'with the ids and values that it had');
is($s->sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'replay'::regnamespace"), 0, 'nothing is left behind');
like(($s->oriel('change', 'status'))[1], qr/^0002-shade\n  expand +\d.*\n  fill +\d.*\n  prove +not done\n/m, 'it is recorded');
like(phase('prove'), qr/^0 proved/, 'and proven');

subtest 'what an old worker writes since then' => sub {
    $s->drop_file('acme', 'two.ndjson', item(5, 2) . item($rows + 1));
    $s->wait_for_deliveries(2);
    like(phase('prove'), qr/^1 .*query 1 returned 1 rows.*external_id=I-3001 shade=null/s, 'prove names it');
    my $log = "$s->{folder}/log/worker.log";
    kill 'HUP', $s->pid('worker');
    wait_until { read_file($log) =~ /configuration read again/ } 'the worker to be the new one';
    like(phase('fill'), qr/^0 filled $name: @{[$rows + 2]} records cleaned anew, 1 rows written/, 'another fill takes it');
    like(phase('prove'), qr/^0 proved/, 'and it is proven');
};

$s->finish;
done_testing;
