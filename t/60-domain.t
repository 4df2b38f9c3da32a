# Another domain, out of a folder, without a line of C: other tables, views, entities; no client, no vendor, no surrogate id.
use strict;
use warnings;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $domain = 't/domain/weather';
my $s = Oriel::Stack->new(domain => $domain);
is(($s->oriel('contract', 'check'))[0], 0, 'its changes give what its lock file says');
my ($code, $out, $err) = $s->oriel('check');
is($code, 0, 'entities, tables and contracts fit') or diag $out, $err;
$s->drop_file('readings', 'readings.ndjson', read_file("$domain/sample/readings.ndjson"));
$s->drop_file('stations', 'stations.tsv', read_file("$domain/sample/stations.tsv"));
$s->wait_for_deliveries(2);
is_deeply($s->get('/v1/stations?order=code')->{json},
    [{ code => 'BRO', Name => 'Brocken', height_m => 1142 }, { code => 'ZUG', Name => 'Zugspitze', height_m => 2964 }], 'stations, one was no sign');
is($s->get('/v1/stations/ZUG')->{json}{Name}, 'Zugspitze', 'one by its key');
is($s->get('/v2/readings?order=station.desc,taken_at&station=eq.ZUG')->{body},
    '[{"station":"ZUG","taken_at":"2026-01-05T06:00:00+00:00","celsius":-14.2,"frost":true},'
    . '{"station":"ZUG","taken_at":"2026-01-05T11:00:00+00:00","celsius":-11.0,"frost":true}]', 'readings of version 2, to the byte');
is_deeply([sort keys %{ $s->get('/v1/readings?limit=1')->{json}[0] }], [qw(celsius station taken_at)], 'version 1 stands beside it');
is($s->get('/v1/readings/BRO,2026-01-05T06:00:00Z')->{json}{celsius}, -3, 'a key of two columns');
is($s->get('/v3/readings')->{json}{code}, 'PGRST205', 'a version that is not');
is($s->sql('SELECT count(*) FROM dp.reading'), 3, 'too hot to be true was left out');
is($s->sql("SELECT reason || ' ' || field || ' ' || value FROM raw.reject WHERE entity = 'reading'"), 'out_of_range celsius 451', 'and says why');
$s->finish;
done_testing;
