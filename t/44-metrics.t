# What the responders count: by contract, version and status, over all of them, over HUP and over a death; and who may see it.
use strict;
use warnings;
use Oriel::Fcgi;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $s = Oriel::Stack->new(domain => { 'sql/changes/0001-items/expand.sql' => <<'END' }, start => [qw(responders nginx)], tcp => 1);
CREATE TABLE dp.item (id integer PRIMARY KEY, name text);
INSERT INTO dp.item SELECT i, 'item ' || i FROM generate_series(1, 10) i;
CREATE VIEW api.v_items_v1 AS SELECT i.id, i.name FROM dp.item i;
COMMENT ON VIEW api.v_items_v1 IS E'Items.\n@primaryKey id';
CREATE VIEW api.v_items_v2 AS SELECT i.id, i.name FROM dp.item i;
COMMENT ON VIEW api.v_items_v2 IS E'Items.\n@primaryKey id';
CREATE VIEW api.v_unused_v1 AS SELECT i.id FROM dp.item i;
COMMENT ON VIEW api.v_unused_v1 IS E'Nobody asks for it.\n@primaryKey id';
GRANT SELECT ON api.v_items_v1, api.v_items_v2, api.v_unused_v1 TO oriel_ds;
END
my $master = $s->pid('responders');

# Every sample by its name and labels; dies where a line is neither comment nor sample.
sub metrics {
    my $r = $s->get('/metrics');
    die "/metrics: $r->{status}\n" if $r->{status} != 200;
    my %value;
    for (split /\n/, $r->{body}) {
        next if /^# (?:HELP \w+ \S.*|TYPE \w+ (?:counter|gauge|histogram))$/;
        /^(\w+(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)+\})?) (-?[0-9.e+-]+)$/ or die "no sample: $_\n";
        die "$1 is told twice\n" if exists $value{$1};
        $value{$1} = $2;
    }
    return \%value;
}

sub requests { my ($entity, $version, $status) = @_; return metrics()->{qq(oriel_requests_total{contract="$entity",version="$version",status="$status"})} // 0 }

wait_until { (eval { metrics()->{oriel_responders_open} } // 0) == 2 } 'both responders to be open';
is($s->get('/metrics')->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'the form that Prometheus reads');
is(requests('unused', 1, 200), 0, 'a contract that nobody asked for');
ok(exists metrics()->{'oriel_requests_total{contract="unused",version="1",status="200"}'}, 'shows by its zero');

$s->get('/v1/items/1') for 1 .. 5;
$s->get('/v1/items/99') for 1 .. 3;
$s->get('/v2/items?id=eq.x');
$s->get('/v2/items', 'If-None-Match' => '*') for 1 .. 2;
$s->get('/v1/nothing');
is(requests(items => 1, 200), 5, 'answers with rows');
is(requests(items => 1, 404), 3, 'by their status');
is(requests(items => 2, 400), 1, 'another version has its own');
is(requests(items => 2, 304), 2, 'also of what is not sent again');
is(requests('', '', 404), 1, 'what names no contract is counted, too');
{
    my $m    = metrics();
    my $name = 'oriel_request_seconds';
    my $of   = 'contract="items",version="1"';
    is($m->{"${name}_count{$of}"}, 8, 'the histogram has all of them');
    is($m->{qq(${name}_bucket{$of,le="+Inf"})}, 8, 'in its last bucket');
    my @buckets = map { $m->{$_} } sort { ($a =~ /le="([^"]+)/)[0] <=> ($b =~ /le="([^"]+)/)[0] } grep { /_bucket\{\Q$of\E/ && !/Inf/ } keys %$m;
    is("@buckets", join(' ', sort { $a <=> $b } @buckets), 'which never fall');
    cmp_ok($m->{"${name}_sum{$of}"}, '>', 0, 'and the time they took');
    is($m->{oriel_responders}, 2, 'two responders');
    is($m->{oriel_responders_connected}, 2, 'both connected');
}

# --- beside the leases ---
{
    my $url  = "http://$s->{tcp}/metrics";
    my $main = qr/contract +reader +address +since +pid\n.*\n\n/s;
    $s->sql(q{DROP VIEW api.v_unused_v1; CREATE VIEW api.v_late_v1 AS SELECT i.id FROM dp.item i; NOTIFY oriel_contract});
    # the lease of one whom no responder counts; the session is the test's own
    my $holder = $s->{children}->start('holder', {}, Oriel::Cluster::bin() . '/psql', '-XqAt', '-d', $s->{db}->conninfo . ' user=postgres application_name=holder',
        '-c', "SELECT pg_advisory_lock_shared(classid::integer, hashtext('v_late_v1')) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 LIMIT 1; SELECT pg_sleep(600)");
    my $lists = sub { my ($code, $out, $err) = $s->oriel('readers', @_); return "$code $out$err" };
    wait_until { $lists->() =~ /^v_late_v1 +holder /m && $lists->() !~ /^(?:v_unused_v1|\(unknown\)) /m } 'the leases to be as they should';
    my $list = $lists->('--metrics', $url);
    like($list, qr/^0 $main/, 'oriel readers shows the leases');
    like($list, qr/^contract +leases +requests +of them refused\n/m, 'and with the address of the metrics, by contract');
    like($list, qr/^v_items_v1 +2 +8 +3$/m, 'leases, requests, and those refused');
    like($list, qr/^v_items_v2 +2 +3 +1$/m, 'of each version');
    like($list, qr/^\(no contract\) +0 +\d+ +1$/m, 'what named none');
    like($list, qr/^v_unused_v1 +0 +0 +0$/m, 'one that is counted, and has no lease any more');
    like($list, qr/^v_late_v1 +1 +- +-$/m, 'and one with a lease that nobody counts');
    is_deeply([grep { length > 100 } split /\n/, $list], [], 'within 100 columns');
    unlike($lists->(), qr/of them refused/, 'without an address nothing is asked');
    $s->{settings}{metrics} = $url;
    $s->write_config;
    like($lists->(), qr/^v_items_v1 +2 +8 +3$/m, 'which oriel.json may give');
    like($lists->('--metrics', "http://$s->{tcp}/"), qr/^1 contract +reader.*\/: it has no oriel_requests_total: these are not/s, 'what is no metrics is told, behind the leases');
    like($lists->('--metrics', "http://$s->{tcp}/v1/nothing"), qr/^1 contract +reader.*\/v1\/nothing: status 404, where 200 was expected/s, 'so is another status');
    like($lists->('--metrics', 'http://127.0.0.1:1/metrics'), qr/^1 contract +reader.*127\.0\.0\.1:1\/metrics: .*connect/s, 'so is an address where nobody listens');
    $s->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'});
    $s->stop('holder');
    $s->sql(q{DROP VIEW api.v_late_v1; CREATE VIEW api.v_unused_v1 AS SELECT i.id FROM dp.item i; COMMENT ON VIEW api.v_unused_v1 IS E'Nobody asks for it.\n@primaryKey id'; GRANT SELECT ON api.v_unused_v1 TO oriel_ds; NOTIFY oriel_contract});
    delete $s->{settings}{metrics};
    $s->write_config;
}

# over a reload, and over the death of those that counted
my %before = map { $_ => 1 } split ' ', read_file("/proc/$master/task/$master/children");
kill 'HUP', $master;
wait_until { my @now = split ' ', read_file("/proc/$master/task/$master/children"); @now == 2 && !grep { $before{$_} } @now } 'the responders to be replaced';
is(requests(items => 1, 200), 5, 'a reload forgets nothing');
is(metrics()->{oriel_responder_deaths_total}, 0, 'and is no death');
kill 'KILL', split ' ', read_file("/proc/$master/task/$master/children");
wait_until { (eval { metrics()->{oriel_responders_open} } // 0) == 2 } 'others in their place';
is(requests(items => 1, 200), 5, 'nor does a death');
is(metrics()->{oriel_responder_deaths_total}, 2, 'which is counted');

# --- who may see it ---
is($s->get('/metrics', 'ORIEL-METRICS' => 'on')->{status}, 200, 'this machine may');
for my $path ('/metrics/', '/v1/metrics', '/%6detrics/x') {
    my $r = $s->get($path, 'Oriel-Metrics' => 'on', 'ORIEL_METRICS' => 'on');
    unlike($r->{body}, qr/oriel_requests_total/, "$path does not lead there, whatever a client sends");
}
{
    my $get = sub { return Oriel::Fcgi::rest(Oriel::Fcgi::ask($s->{fcgi}, 0, REQUEST_METHOD => 'GET', REQUEST_URI => '/metrics', @_)) };
    unlike($get->(HTTP_ORIEL_METRICS => 'on'), qr/oriel_requests_total/, 'a responder does not take a header for permission');
    like($get->(ORIEL_METRICS => 'on'), qr/oriel_requests_total/, 'but its web server\'s word');
    my $conf = read_file('conf/nginx/oriel.conf');
    like($conf, qr/location = \/metrics \{\s+allow 127\.0\.0\.1;\s+allow ::1;\s+allow unix:;\s+deny  all;/, 'which is given to this machine alone');
}
$s->finish(qr/ended by signal 9|prematurely closed|Connection reset|Connection refused|access forbidden/);
done_testing;
