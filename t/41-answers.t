# What answers say beside their rows, through the whole stack: the end of a contract, timings, CORS, rows as CSV, totals that
# are not counted, time zones, what is not sent again.
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
COMMENT ON VIEW api.v_events_v1 IS E'Events.\n@primaryKey id\n@deprecated\n@sunset 2027-03-01\n@successor v_events_v2\n@cache 60';
CREATE VIEW api.v_events_v2 AS SELECT e.id, e.name, e.at, e.price, e.good, e.tags, e.data FROM dp.event e;
COMMENT ON VIEW api.v_events_v2 IS E'Events.\n@primaryKey id';
GRANT SELECT ON api.v_events_v1, api.v_events_v2 TO oriel_ds;
END
my $s = Oriel::Stack->new(
    domain     => { 'sql/changes/0001-events/expand.sql' => $expand },
    settings   => { responder => { origins => ['https://app.example'], exactCountUpTo => 100, maxRows => 5000, maxUrl => 2000 } },
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
    $r = $s->get('/v2/events?' . 'x' x 2000, @app);
    is("$r->{status} $r->{headers}{'access-control-allow-origin'}", '414 https://app.example', 'so can what is refused unread');
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

subtest 'what a client holds already' => sub {
    my $r   = $s->get('/v2/events?order=id');
    my $tag = $r->{headers}{etag};
    like($tag, qr/^"[0-9a-f]{32}"$/, 'rows have a tag');
    is($r->{headers}{'cache-control'}, 'max-age=0, s-maxage=1, stale-while-revalidate=1', 'and are to be asked for each time');
    $r = $s->get('/v2/events?order=id', 'If-None-Match' => qq("other", W/$tag));
    is("$r->{status} $r->{body}", '304 ', 'whoever holds them is told so');
    is($r->{headers}{etag}, $tag, 'with the tag');
    is($r->{headers}{'content-length'}, undef, 'and no length');
    is($s->get('/v2/events/1')->{status}, 200, 'on a connection that goes on');
    $r = $s->client->head('/v2/events?order=id', 'If-None-Match' => $tag);
    is($r->{status}, 304, 'HEAD');
    is($s->client->head('/v2/events?order=id')->{headers}{etag}, $tag, 'has the tag of GET');
    is($s->get('/v2/events?order=id', Accept => 'text/csv', 'If-None-Match' => $tag)->{status}, 200, 'another form of them is another answer');
    is($s->get('/v2/events?order=id.desc', 'If-None-Match' => $tag)->{status}, 200, 'another order too');
    is($s->get('/v2/events/1', 'If-None-Match' => '*')->{status}, 304, 'whatever it holds');
    is($s->get('/v2/events/9', 'If-None-Match' => '*')->{status}, 404, 'but not of what is not there');
    is($s->get('/v2/events/9')->{headers}{etag}, undef, 'errors have none');
    is($s->get('/v1/events')->{headers}{'cache-control'}, 'max-age=60, s-maxage=60, stale-while-revalidate=60', '@cache');
    my @counted = ('/v2/events?limit=1&order=id', Prefer => 'count=exact');
    $tag = $s->get(@counted)->{headers}{etag};
    is($s->get(@counted, 'If-None-Match' => $tag)->{status}, 304, 'a part of the rows');
    $s->sql(q{INSERT INTO dp.event (id) VALUES (4)}, 'oriel_dp');
    is($s->get(@counted, 'If-None-Match' => $tag)->{status}, 206, 'the same rows with another total');
    is($s->get('/v2/events?order=id', 'If-None-Match' => $r->{headers}{etag})->{status}, 200, 'a row more');
    $s->sql(q{DELETE FROM dp.event WHERE id = 4}, 'oriel_dp');
    is($s->get('/v2/events?order=id', 'If-None-Match' => $r->{headers}{etag})->{status}, 304, 'and the same rows again');
    like($s->get('/v1/')->{headers}{etag}, qr/^"[0-9a-f]{32}"$/, 'a description of the API has a tag too');
    is($s->get('/v1/', 'If-None-Match' => $s->get('/v1/')->{headers}{etag})->{status}, 304, 'and is not sent again');
};

subtest 'ranges' => sub {
    for (
        # query                    Range    counted  status, Content-Range, ids
        ['',                       undef,   0, '200 0-2/* 1,2,3'],
        ['',                       undef,   1, '200 0-2/3 1,2,3'],
        ['&limit=2',               undef,   0, '200 0-1/* 1,2'],
        ['&limit=2',               undef,   1, '206 0-1/3 1,2'],
        ['&limit=3',               undef,   1, '200 0-2/3 1,2,3'],
        ['&offset=1',              undef,   1, '206 1-2/3 2,3'],
        ['&offset=3',              undef,   0, '200 */* '],
        ['&offset=3',              undef,   1, '206 */3 '],
        ['&offset=4',              undef,   0, '200 */* '],
        ['&offset=4',              undef,   1, '416 */3 PGRST103'],
        ['&id=gt.9',               undef,   1, '200 */0 '],
        ['&limit=0',               undef,   0, '200 */* '],
        ['&limit=0',               undef,   1, '206 */3 '],
        ['&limit=0&offset=4',      undef,   1, '416 */3 PGRST103'],
        ['&limit=0&id=gt.9',       undef,   1, '200 */0 '],
        ['&limit=-1',              undef,   0, '416  PGRST103'],
        ['&limit=x&offset=1.5',    undef,   0, '200 0-2/* 1,2,3'],
        ['&limit=1&limit=2',       undef,   0, '200 0-1/* 1,2'],
        ['&offset=-2&limit=3',     undef,   0, '200 0-0/* 1'],
        ['',                       '1-1',   0, '200 1-1/* 2'],
        ['',                       '1-1',   1, '206 1-1/3 2'],
        ['',                       '0-2',   1, '200 0-2/3 1,2,3'],
        ['',                       '0-99',  1, '200 0-2/3 1,2,3'],
        ['',                       '1-',    0, '200 1-2/* 2,3'],
        ['',                       '0-',    1, '200 0-2/3 1,2,3'],
        ['',                       '4-5',   1, '416 */3 PGRST103'],
        ['',                       '2-1',   0, '416  PGRST103'],
        ['',                       '-1',    0, '200 0-2/* 1,2,3'],
        ['',                       'bytes=0-1', 0, '200 0-2/* 1,2,3'],
        ['&limit=2',               '1-2',   0, '200 1-1/* 2'],
        ['&limit=1&offset=1',      '0-1',   1, '206 1-1/3 2'],
        ['&limit=1',               '1-2',   0, '416  PGRST103'],
        ['&limit=0',               '1-2',   0, '200 */* '],
        )
    {
        my ($query, $range, $counted, $expected) = @$_;
        my @headers = ((Range => $range) x defined $range, (Prefer => 'count=exact') x $counted);
        my $said    = sub {
            my ($r) = @_;
            return join ' ', $r->{status}, $r->{headers}{'content-range'} // '', ref $r->{json} eq 'ARRAY' ? join ',', map { $_->{id} } @{ $r->{json} } : $r->{json}{code} // '';
        };
        is($said->($s->get("/v2/events?select=id&order=id$query", @headers)), $expected, "'$query'" . (defined $range ? " Range: $range" : '') . (', counted') x $counted);
        next if defined $range;
        my $r = $s->client->head("/v2/events?select=id&order=id$query", @headers);
        is("$r->{status} " . ($r->{headers}{'content-range'} // ''), $expected =~ s/ [^ ]*$//r, "'$query' HEAD");
    }
    is($s->client->head('/v2/events', Range => '1-1')->{headers}{'content-range'}, '0-2/*', 'Range is for GET alone');
};

subtest 'preferences' => sub {
    my $said = sub { my $r = $s->get('/v2/events?id=eq.1&select=id', Prefer => $_[0]); "$r->{status} " . ($r->{headers}{'preference-applied'} // $r->{json}{code} // '') };
    is($s->get('/v2/events?id=eq.1&select=id', Prefer => 'walk=slowly')->{status}, 200, 'one that is not known is ignored');
    is($said->('handling=lenient, walk=slowly'), '200 handling=lenient', 'so by handling=lenient');
    is($said->('handling=strict, walk=slowly'), '400 PGRST122', 'and refused by handling=strict');
    is($said->('handling=strict, count=exact'), '200 count=exact, handling=strict', 'which takes those that are known');
    is($said->('timezone=Mars/Olympus'), '400 22023', 'a time zone that is not there');
    is($said->('handling=strict, timezone=Mars/Olympus'), '400 22023', 'also when it is strict');
    is($s->get('/v2/events?id=eq.1', Prefer => "$_")->{status}, 200, "$_ is accepted") for qw(return=representation resolution=merge-duplicates missing=default tx=rollback);
};

subtest 'HEAD and OPTIONS for each kind of path' => sub {
    for (['/v2/events', 200], ['/v2/events/1', 200], ['/v2/events/9', 404], ['/events', 200, 'Accept-Profile' => 'v2'], ['/events', 406, 'Accept-Profile' => 'v9'],
        ['/v2/', 200], ['/', 200], ['/v9/', 404], ['/v2/nothing', 404], ['/v2/events/1/2', 404], ['/v2/events?nothing=eq.1', 400])
    {
        my ($path, $status, @headers) = @$_;
        my $get  = $s->get($path, @headers);
        my $head = $s->client->head($path, @headers);
        is("$get->{status} $head->{status} $head->{body}", "$status $status ", "$path @headers: HEAD has the status of GET, and no body");
        my $of = sub { my ($r) = @_; return join '; ', map { "$_: $r->{headers}{$_}" } grep { !/^(?:content-length|date|server-timing|transfer-encoding|connection)$/ } sort keys %{ $r->{headers} } };
        is($of->($head), $of->($get), "$path: and its headers");
        my $options = $s->client->options($path, @headers);
        my $known   = $status == 200 || $path =~ m{/v2/events[/?][^/]*$};
        is("$options->{status} " . ($options->{headers}{allow} // ''), $known ? '200 OPTIONS,GET,HEAD' : "$status ", "$path: OPTIONS");
        my $post = $s->client;
        $post->send("POST $path HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" . (@headers ? "Accept-Profile: $headers[1]\r\n" : '') . "\r\n");
        my $r = $post->response('POST');
        is("$r->{status} $r->{json}{code}", $known ? '405 PGRST117' : "$status $get->{json}{code}", "$path: POST");
    }
};

subtest 'totals without counting' => sub {
    $s->sql(q{CREATE TABLE dp.many (id integer PRIMARY KEY, kind integer); INSERT INTO dp.many SELECT i, i % 4 FROM generate_series(1, 3000) i;
        ANALYZE dp.many; ALTER TABLE dp.many OWNER TO oriel_owner; CREATE OR REPLACE VIEW api.v_events_v2 AS
        SELECT m.id, NULL::text AS name, NULL::timestamptz AS at, m.kind::numeric(8,2) AS price, NULL::boolean AS good, NULL::text[] AS tags, NULL::jsonb AS data
        FROM dp.many m}, 'postgres');
    my $range = sub {
        my ($count, $target) = @_;
        my $r = $s->get($target, Prefer => "count=$count");
        is($r->{headers}{'preference-applied'}, "count=$count", "count=$count is applied") if $r->{status} < 300;
        return "$r->{status} " . ($r->{headers}{'content-range'} // $r->{body});
    };
    my $planned = sub { $s->sql("EXPLAIN (FORMAT JSON) SELECT 1 FROM dp.many WHERE $_[0]", 'postgres') =~ /"Plan Rows": (\d+)/; $1 };
    is($range->('exact', '/v2/events?limit=2'), '206 0-1/3000', 'exact');
    is($range->('planned', '/v2/events?limit=2'), '206 0-1/3000', 'planned: after ANALYZE the planner knows');
    my $filtered = $planned->('kind::numeric(8,2) = 1');
    cmp_ok($filtered, '!=', 750, 'behind a cast it does not');
    is($range->('planned', '/v2/events?limit=2&price=eq.1'), "206 0-1/$filtered", 'and its word is passed on');
    is($range->('planned', '/v2/events?limit=1000&price=eq.1'), '200 0-749/750', 'unless the rows say better');
    is($range->('estimated', '/v2/events?limit=2&id=lte.100'), '206 0-1/100', 'estimated: counted while there are few');
    is($range->('estimated', '/v2/events?limit=2&id=lte.101'), '206 0-1/' . ($planned->('id <= 101') > 101 ? $planned->('id <= 101') : 101),
        'and the planner beyond');
    is($range->('estimated', '/v2/events?limit=2&offset=101&id=lte.100'), '416 */100', 'past a counted end');
    is($range->('planned', '/v2/events?limit=2&offset=2999&price=eq.1'), "206 */$filtered", 'an estimate refuses nothing') if $filtered < 2999;
    is($s->get('/v2/events?id=eq.x&limit=1', Prefer => 'count=planned')->{json}{code}, '22P02', 'errors are those of the query');
    is($s->client->head('/v2/events?limit=0', Prefer => 'count=planned')->{headers}{'content-range'}, '*/3000', 'HEAD');
    is($s->get('/v2/events/7?select=id', Prefer => 'count=planned')->{body}, '{"id":7}', 'one row is as ever');
};

subtest 'time zones' => sub {
    my @berlin = (Prefer => 'timezone=Europe/Berlin');
    my $at     = sub { my $r = $s->get('/v1/events?id=eq.1&select=at', @_); return $r->{json}[0]{at} // "$r->{status} $r->{json}{code}" };
    is($at->(), '2027-01-15T12:00:00+00:00', 'the session has its own');
    is($at->(@berlin), '2027-01-15T13:00:00+01:00', 'one that is asked for');
    is($at->(), '2027-01-15T12:00:00+00:00', 'is not left for the next request');
    is($at->(Prefer => 'timezone=Asia/Kolkata'), '2027-01-15T17:30:00+05:30', 'another');
    is($s->get('/v1/events?id=eq.2&select=at', @berlin)->{json}[0]{at}, '2027-07-15T14:00:00+02:00', 'with its summers');
    is($s->get('/v1/events?id=eq.1', @berlin)->{headers}{'preference-applied'}, 'timezone=Europe/Berlin', 'it is said to be applied');
    my $r = $s->get('/v1/events', Prefer => 'timezone=Mars/Olympus');
    is("$r->{status} $r->{json}{code}", '400 22023', 'one that is not there');
    is($r->{json}{message}, 'invalid value for parameter "TimeZone": "Mars/Olympus"', 'in Postgres\' words');
    is($at->(), '2027-01-15T12:00:00+00:00', 'leaves nothing');
    is($s->get('/v1/events?id=eq.x', @berlin)->{status}, 400, 'a query that fails after its time zone was set');
    is($at->(), '2027-01-15T12:00:00+00:00', 'leaves nothing either');
    my @both = (Prefer => 'timezone=Europe/Berlin, count=planned');
    $r = $s->get('/v1/events?select=at&order=id&limit=1', @both);
    is("$r->{json}[0]{at} $r->{headers}{'preference-applied'}", '2027-01-15T13:00:00+01:00 count=planned, timezone=Europe/Berlin', 'with a count');
    # many at once on the one connection, in an order that mixes them
    my @clients = map { $s->client } 1 .. 20;
    for my $i (0 .. $#clients) {
        my $prefer = $i % 3 ? '' : "Prefer: timezone=Asia/Kolkata\r\n";
        $clients[$i]->send("GET /v1/events?id=eq.1&select=at HTTP/1.1\r\nHost: x\r\n$prefer\r\n");
    }
    my @got = map { $_->response('GET')->{json}[0]{at} =~ /([+-]\d\d:\d\d)$/ } @clients;
    is("@got", join(' ', map { $_ % 3 ? '+00:00' : '+05:30' } 0 .. $#clients), 'side by side each gets its own');
    # a statement that is prepared anew takes its settings with it
    my @shape = ('/v1/events?id=eq.1&select=at,name', @berlin);
    $s->get(@shape) for 1 .. 2;
    $s->sql(q{DROP VIEW api.v_events_v1; CREATE VIEW api.v_events_v1 AS SELECT e.id, e.name::varchar AS name, e.at FROM dp.event e;
        COMMENT ON VIEW api.v_events_v1 IS E'Events.\n@primaryKey id\n@deprecated\n@sunset 2027-03-01\n@successor v_events_v2\n@cache 60';
        ALTER VIEW api.v_events_v1 OWNER TO oriel_owner; GRANT SELECT ON api.v_events_v1 TO oriel_ds}, 'postgres');
    is($s->get(@shape)->{json}[0]{at}, '2027-01-15T13:00:00+01:00', 'a statement that must be prepared anew');
};

$s->finish;
done_testing;
