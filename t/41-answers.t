# What answers say beside their rows, through the whole stack: the end of a contract, timings, CORS, rows as CSV.
use strict;
use warnings;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $expand = <<'END';
CREATE TABLE dp.event (id integer PRIMARY KEY, name text, at timestamptz, price numeric(8,2), good boolean, tags text[], data jsonb);
INSERT INTO dp.event VALUES
    (1, 'plain', '2027-01-15 12:00:00Z', 1.50, true, '{a,"b c"}', '{"k": 1}'),
    (2, E'a "quoted", two\nlines', '2027-07-15 12:00:00Z', NULL, false, '{}', NULL),
    (3, '', NULL, 'NaN', NULL, NULL, '"text"');
CREATE VIEW api.v_events_v1 AS SELECT e.id, e.name, e.at FROM dp.event e;
COMMENT ON VIEW api.v_events_v1 IS E'Events.\n@primaryKey id\n@deprecated\n@sunset 2027-03-01\n@successor v_events_v2';
CREATE VIEW api.v_events_v2 AS SELECT e.id, e.name, e.at, e.price, e.good, e.tags, e.data FROM dp.event e;
COMMENT ON VIEW api.v_events_v2 IS E'Events.\n@primaryKey id';
GRANT SELECT ON api.v_events_v1, api.v_events_v2 TO oriel_ds;
END
my $s = Oriel::Stack->new(
    domain     => { 'sql/changes/0001-events/expand.sql' => $expand },
    settings   => { responder => { origins => ['https://app.example'] } },
    start      => [qw(responders nginx)],
    responders => 1,                         # so that every request follows the one before it on one connection
);

subtest 'the end of a contract' => sub {
    for my $request (['rows', '/v1/events', 200], ['one row', '/v1/events/1', 200], ['an error', '/v1/events?x=eq.1', 400]) {
        my ($name, $target, $status) = @$request;
        my $r = $s->get($target);
        is($r->{status}, $status, $name);
        is($r->{headers}{deprecation}, 'true', "$name: Deprecation");
        is($r->{headers}{sunset}, 'Mon, 01 Mar 2027 00:00:00 GMT', "$name: Sunset");
        is($r->{headers}{link}, '</v2/events>; rel="successor-version"', "$name: Link");
    }
    is($s->client->head('/v1/events')->{headers}{deprecation}, 'true', 'HEAD too');
    is($s->client->options('/v1/events')->{headers}{deprecation}, 'true', 'and OPTIONS');
    my ($path) = $s->get('/v1/events')->{headers}{link} =~ /<(.*)>/;
    my $r = $s->get($path);
    is($r->{status}, 200, 'the successor is there');
    ok(!(grep { defined $r->{headers}{$_} } qw(deprecation sunset link)), 'and stays');
};

subtest 'timings' => sub {
    my $r = $s->get('/v2/events');
    my ($db, $total) = ($r->{headers}{'server-timing'} // '') =~ /^db;dur=(\d+\.\d), total;dur=(\d+\.\d)$/ or fail($r->{head});
    cmp_ok($total, '>=', $db, 'the whole takes longer than its part');
    like($s->get('/v2/nothing')->{headers}{'server-timing'}, qr/^total;dur=\d+\.\d$/, 'what Postgres is not asked has no time there');
};

subtest 'CORS' => sub {
    my @app = (Origin => 'https://app.example');
    my $r   = $s->get('/v2/events', @app);
    is($r->{headers}{'access-control-allow-origin'}, 'https://app.example', 'a page of the configuration may read');
    like($r->{headers}{'access-control-expose-headers'}, qr/^Content-Range, /, 'headers too');
    is($r->{headers}{vary}, 'Accept, Prefer, Range, Origin', 'Vary');
    is($s->get('/v2/events', Origin => 'https://other.example')->{headers}{'access-control-allow-origin'}, undef, 'another may not');
    is($s->get('/v2/events?id=eq.x', @app)->{headers}{'access-control-allow-origin'}, 'https://app.example', "Postgres' errors can be read");
    $r = $s->client->options('/v2/events', @app, 'Access-Control-Request-Method' => 'GET', 'Access-Control-Request-Headers' => 'prefer, x-retry-count');
    is($r->{status}, 200, 'a preflight');
    is($r->{headers}{'access-control-allow-methods'}, 'GET, HEAD, OPTIONS', 'its methods');
    is($r->{headers}{'access-control-allow-headers'}, 'X-Retry-Count, prefer, x-retry-count', 'its headers');
    is($r->{body}, '', 'no body');
};

subtest 'CSV' => sub {
    my @csv = (Accept => 'text/csv');
    my $r   = $s->get('/v2/events?order=id', @csv);
    is($r->{headers}{'content-type'}, 'text/csv; charset=utf-8', 'its type');
    is($r->{headers}{'content-range'}, '0-2/*', 'its range');
    is($r->{body}, join("\r\n", 'id,name,at,price,good,tags,data',
        '1,plain,2027-01-15 12:00:00+00,1.50,t,"{a,""b c""}","{""k"": 1}"',
        qq(2,"a ""quoted"", two\nlines",2027-07-15 12:00:00+00,,f,{},),
        '3,"",,NaN,,,"""text"""', ''), 'its rows, in the text of Postgres');
    is($s->get('/v2/events?id=eq.0&select=id,when:at', @csv)->{body}, "id,when\r\n", 'no row: the names remain');
    is($s->get('/v2/events/1?select=name', @csv)->{body}, "name\r\nplain\r\n", 'one row by its key');
    is($s->get('/v2/events/9', @csv)->{json}{code}, 'PGRST116', 'errors are JSON');
    $r = $s->client->head('/v2/events', @csv);
    is("$r->{headers}{'content-type'} $r->{headers}{'content-range'}", 'text/csv; charset=utf-8 0-2/*', 'HEAD');
    is($s->get('/v2/events?id=eq.1&select=id', Accept => 'text/csv;q=0.5, application/json')->{body}, '[{"id":1}]', 'what is liked better');
    is($s->get('/v2/events', Accept => 'text/html')->{status}, 406, 'neither');
};

$s->finish;
done_testing;
