# Validators and caches: a tag that is made of the version of the data, what makes it another one, what a 304 costs; and
# what nginx keeps, for whom and for how long.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Psql;
use Oriel::Stack;
use Oriel::Test;
use Oriel::Token;
use Test::More;
use Time::HiRes 'sleep';

my $expand = read_file('t/domain/weather/sql/changes/0001-stations-and-readings/expand.sql') . <<'END';
CREATE TABLE dp.note (id integer PRIMARY KEY, station text NOT NULL, text text NOT NULL);
CREATE VIEW api.v_notes_v1 AS SELECT n.id, n.station, n.text FROM dp.note n;
COMMENT ON VIEW api.v_notes_v1 IS E'Notes that people write.\n@primaryKey id\n@cache 60\n@foreignKey (station) references v_stations_v1 (code)';
CREATE VIEW api.v_clocks_v1 AS SELECT s.code, now() AS at FROM dp.weather_station s;
COMMENT ON VIEW api.v_clocks_v1 IS E'What time it is there.\n@primaryKey code\n@cache 0';
CREATE VIEW api.v_years_v1 AS SELECT s.code, CURRENT_DATE AS today FROM dp.weather_station s;
COMMENT ON VIEW api.v_years_v1 IS E'What day it is there.\n@primaryKey code';
CREATE VIEW api.v_heights_v1 AS SELECT v.code, v.height_m FROM api.v_stations_v1 v WHERE v.height_m > 10;
COMMENT ON VIEW api.v_heights_v1 IS E'A view of a view.\n@primaryKey code';
CREATE VIEW api.v_mine_v1 WITH (security_barrier) AS SELECT s.code, s."Name" FROM dp.weather_station s
    WHERE s.code = NULLIF(current_setting('request.jwt.claims', true), '')::json ->> 'station';
COMMENT ON VIEW api.v_mine_v1 IS E'The station of who asks.\n@primaryKey code';
CREATE VIEW api.v_exact_v1 AS SELECT s.code, s."Name" FROM dp.weather_station s;
COMMENT ON VIEW api.v_exact_v1 IS E'Never from a cache.\n@primaryKey code\n@cache 0';
GRANT SELECT ON api.v_notes_v1, api.v_clocks_v1, api.v_years_v1, api.v_heights_v1, api.v_mine_v1, api.v_exact_v1 TO oriel_ds;
END
my %domain = ('sql/changes/0001-stations/expand.sql' => $expand);
for my $file (map { glob "t/domain/weather/$_/*.json" } qw(entities sources)) {
    my ($name) = $file =~ m{weather/(.*)};
    $domain{$name} = read_file($file);
}
my $secret = 'the secret of the weather ' . 'x' x 32;
my $s = Oriel::Stack->new(
    domain   => \%domain,
    settings => { responder => { statementTimeout => '1s', origins => ['https://a.example', 'https://b.example'],
        tokens => { anonymous => JSON::PP::true, keys => [{ file => 'key', algorithm => 'HS256' }] } } },
    start => [],
);
write_file("$s->{folder}/key", $secret);
chmod 0600, "$s->{folder}/key";
my $deliveries = 0;

sub deliver {
    my ($source, $name, $text) = @_;
    $s->drop_file($source, $name, $text);
    $s->wait_for_deliveries(++$deliveries);
    let_versions_run_out();
}
# What a responder has read of versions it keeps for 100 ms at most.
sub let_versions_run_out { sleep 0.11 }
sub stations { return join '', map { join("\t", @$_) . "\n" } ['Sign', 'Place', 'Height'], @_ }
sub tag      { my ($target, @headers) = @_; return $s->get($target, @headers)->{headers}{etag} }
sub again    { my ($target, $tag, @headers) = @_; return $s->get($target, 'If-None-Match' => $tag, @headers)->{status} }
sub as       { return (Authorization => 'Bearer ' . Oriel::Token::sign('HS256', $secret, { station => $_[0], exp => time + 600 })) }

$s->start('worker');
deliver('stations', 'stations-1.tsv', stations(['OSL', 'Oslo', '12 m'], ['BGO', 'Bergen', '20 m']));
deliver('readings', 'readings-1.ndjson', qq({"s": "OSL", "t": "2026-01-01T00:00:00Z", "c": "-3.5"}\n));
$s->sql(q{INSERT INTO dp.note VALUES (1, 'OSL', 'by hand')}, 'oriel_dp');
$s->start($_) for qw(responders nginx);
wait_until { (grep { (tag('/v1/stations') // '') =~ m{^W/} } 1 .. 4) == 4 } 'the responders to know of versions';

# --- a tag by the version of the data ---
{
    my $r = $s->get('/v1/stations');
    my $tag = $r->{headers}{etag};
    like($tag, qr{^W/"[0-9a-f]{32}"$}, 'a weak tag');
    is(again('/v1/stations', $tag), 304, '304 while nothing has changed');
    is($s->client->head('/v1/stations', 'If-None-Match' => $tag)->{status}, 304, 'for HEAD too');
    is(again('/v1/stations', qq("x", $tag, "y")), 304, 'in a list');
    is(again('/v1/stations', $tag =~ s{^W/}{}r), 304, 'without its W/');
    is(again('/v1/stations', '*'), 304, 'any');
    is(again('/v1/stations/NOX', '*'), 404, 'but not of what is not there');
    is(again('/v1/stations', '"x"'), 200, 'another one');
    is(again('/v1/stations', $tag, Origin => 'https://a.example'), 200, 'nor of an answer with other headers: a cache would keep those of before');
    my $n = $s->client->get('/v1/stations', 'If-None-Match' => $tag);
    is($n->{headers}{etag}, $tag, 'a 304 has the tag');
    is($n->{headers}{'cache-control'}, $r->{headers}{'cache-control'}, 'and how long it holds');
    my %seen = ($tag => 'all');
    for (['/v1/stations?select=code'], ['/v1/stations', Accept => 'text/csv'], ['/v1/stations?limit=1'], ['/v1/stations', Range => '0-0'],
        ['/v1/stations', Prefer => 'count=exact'], ['/v1/stations', Prefer => 'timezone=Asia/Tokyo'], ['/v1/stations/OSL'],
        ['/v1/stations', Accept => 'application/vnd.pgrst.array+json;nulls=stripped'], ['/stations', 'Accept-Profile' => 'v1'], ['/v1/stations', as('OSL')]) {
        my ($target, @headers) = @$_;
        my $other = tag($target, @headers);
        ok($other && !$seen{$other}++, "another tag: $target @headers[0 .. ($#headers < 1 ? $#headers : 1)]") or diag $other;
        is(again($target, $other, @headers), 304, 'which holds as well');
    }
    ok(!$s->get("/v1/$_")->{headers}{etag}, "no tag of an error: $_") for 'stations?nothing=eq.1', 'stations/NOX', 'nothing';
}

# --- which contracts have a version ---
{
    like(tag('/v1/heights'), qr{^W/}, 'a view of a view has');
    like(tag('/v1/readings?select=celsius,stations(code)'), qr{^W/}, 'an embed, of all of it');
    like(tag("/v1/$_"), qr{^"}, "not so: $_") for 'notes', 'clocks', 'years', 'stations?select=code,notes(text)';
    is(again('/v1/notes', tag('/v1/notes')), 304, 'there the answer itself is compared');
    my $tag = tag('/v1/clocks');
    is(again('/v1/clocks', $tag), 200, 'the clock goes on');
    $s->sql(q{UPDATE dp.note SET text = 'changed by hand'}, 'oriel_dp');
    is(again('/v1/notes', $tag), 200, 'what nobody counts is noticed');
}

# --- a batch changes rows ---
{
    my %tag = map { $_ => tag($_) } '/v1/stations', '/v1/heights', '/v1/readings', '/v2/readings', '/v1/readings?select=celsius,stations(code)';
    deliver('readings', 'readings-2.ndjson', qq({"s": "OSL", "t": "2026-01-01T01:00:00Z", "c": "-4.5"}\n));
    is(again('/v1/stations', $tag{'/v1/stations'}), 304, 'readings came: stations are the same');
    is(again($_, $tag{$_}), 200, "others are not: $_") for grep { /reading/ } sort keys %tag;
    $tag{$_} = tag($_) for keys %tag;
    deliver('stations', 'stations-2.tsv', stations(['OSL', 'Oslo', '12 m']));
    is(again($_, $tag{$_}), 304, "a batch that changed nothing: $_") for sort keys %tag;
    deliver('stations', 'stations-3.tsv', stations(['OSL', 'Oslo', '13 m']));
    is(again('/v1/readings', $tag{'/v1/readings'}), 304, 'stations changed: readings are the same');
    is(again($_, $tag{$_}), 200, "others are not: $_") for '/v1/stations', '/v1/heights', '/v1/readings?select=celsius,stations(code)';
}

# --- changes ---
{
    my $tag = tag('/v1/stations');
    my $change = "$s->{folder}/domain/sql/changes/0002-names";
    write_file("$change/expand.sql", "CREATE TABLE dp.nothing (id integer);\n");
    write_file("$change/fill.sql", qq(-- key: dp.weather_station.height_m\nUPDATE dp.weather_station SET "Name" = upper("Name") WHERE height_m BETWEEN :lo AND :hi;\n));
    is(($s->oriel('change', 'expand'))[0], 0, 'a change is expanded');
    let_versions_run_out();
    is(again('/v1/stations', $tag), 200, 'so no tag from before holds');
    $tag = tag('/v1/stations');
    my ($code, $out, $err) = $s->oriel('change', 'fill', '0002-names');
    is($code, 0, 'and filled') or diag $err;
    let_versions_run_out();
    is(again('/v1/stations', $tag), 200, 'nor one from before that');
    is($s->get('/v1/stations/OSL')->{json}{Name}, 'OSLO', 'with reason');
}

# --- a 304 touches no table of data, and neither waits for one ---
{
    wait_until { again('/v1/stations', tag('/v1/stations')) == 304 } 'calm';
    my @targets = ('/v1/stations', '/v1/stations?order=code&limit=1', '/v1/readings?select=celsius,stations(code)');
    my %tag = map { $_ => tag($_) } @targets;
    my $modified;
    wait_until { $modified = $s->get('/v1/stations')->{headers}{'last-modified'} } 'Last-Modified to be some seconds old';
    open my $locker, '|-', 'psql', '-Xq', '-d', $s->{db}->conninfo . ' user=postgres' or die "psql: $!";
    $locker->autoflush(1);
    print $locker "BEGIN; LOCK TABLE dp.weather_station, dp.reading IN ACCESS EXCLUSIVE MODE;\n";
    wait_until { $s->sql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'dp.reading'::regclass", 'postgres') } 'the lock';
    is(again($_, $tag{$_}), 304, "while the tables are locked: $_") for @targets;
    is($s->get('/v1/stations', 'If-Modified-Since' => $modified)->{status}, 304, 'If-Modified-Since too');
    is($s->get('/v1/stations')->{status}, 504, 'an answer has to wait for them');
    # nobody waits behind a request whose version is what takes long: to hand it on would only have it wait again, elsewhere
    print $locker "ROLLBACK; BEGIN; LOCK TABLE oriel.entity IN ACCESS EXCLUSIVE MODE;\n";
    # it waits for a second at most, so the one who asks for it is connected before
    my $watch   = Oriel::Psql->new($s->{db}, 'postgres');
    my $waiting = sub { $watch->ask("SELECT count(*) FROM pg_stat_activity WHERE usename = 'oriel_ds' AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '$_[0]'") };
    wait_until { $s->sql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'oriel.entity'::regclass", 'postgres') } 'the lock of the bookkeeping';
    my $client = $s->client;
    $client->send("GET /v1/stations HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until { $waiting->('150 ms') } 'a version to be waited for';
    $watch->close;
    print $locker "ROLLBACK;\n";
    close $locker;
    isnt($client->response('GET')->{status}, 503, 'a request that waits for its version is not handed on');
    is($s->get('/v1/stations', 'If-Modified-Since' => $modified, 'If-None-Match' => '"x"')->{status}, 200, 'If-None-Match goes before it');
    is($s->get('/v1/stations', 'If-Modified-Since' => 'Thu, 01 Jan 2037 00:00:00 GMT')->{status}, 200, 'a time that was never told is no proof');
    is($s->get('/v1/mine', as('OSL'), 'If-Modified-Since' => $modified)->{status}, 200, 'nor is one where clients see different rows');
    deliver('stations', 'stations-4.tsv', stations(['OSL', 'Oslo', '14 m']));
    is($s->get('/v1/stations', 'If-Modified-Since' => $modified)->{status}, 200, 'and a batch ends it');
}

# --- who asks is part of it ---
{
    my ($osl, $bgo) = map { tag('/v1/mine', as($_)) } qw(OSL BGO);
    isnt($osl, $bgo, 'another client, another tag');
    is(again('/v1/mine', $osl, as('BGO')), 200, 'one does not hold for the other');
    is(again('/v1/mine', $osl), 200, 'nor for nobody');
    is(again('/v1/mine', tag('/v1/mine')), 304, 'whose own holds');
}

# --- for how long ---
{
    is($s->get('/v1/stations')->{headers}{'cache-control'}, 'max-age=0, s-maxage=1, stale-while-revalidate=1', 'a second, for caches between');
    is($s->get('/v1/notes')->{headers}{'cache-control'}, 'max-age=60, s-maxage=60, stale-while-revalidate=60', '@cache 60');
    is($s->get("/v1/$_")->{headers}{'cache-control'}, 'no-cache', "\@cache 0: $_") for qw(clocks exact);
    is($s->get('/v1/stations', as('OSL'))->{headers}{'cache-control'}, 'private, no-cache', 'a client\'s own');
    ok(!$s->get('/v1/stations?x=eq.1')->{headers}{'cache-control'}, 'nothing for an error');
}
# --- what a responder keeps of versions ---
{
    $s->sql("ALTER ROLE oriel_ds SET log_statement = 'all'", 'postgres');
    $s->stop('responders');
    $s->start('responders');
    my $looks = sub { my $log = read_file("$s->{folder}/log/postgres.log"); return scalar(() = $log =~ /api\.oriel_data_version\(\$1\)/g) };
    my %tag;
    wait_until { %tag = map { $_ => tag("/v1/$_") // '' } qw(exact stations); 2 == grep { m{^W/} } values %tag } 'versions to be known';
    wait_until { my $before = $looks->(); again('/v1/stations', $tag{stations}) == 304 && $looks->() == $before } 'a 304 without a look';
    wait_until { my $before = $looks->(); again('/v1/stations', '"x"') == 200 && $looks->() == $before } 'rows for another tag, without a look';
    pass('a version that was read a moment ago is not read again');
    for (1 .. 5) {
        my $before = $looks->();
        is(again('/v1/exact', $tag{exact}), 304, 'where no cache is allowed');
        is($looks->(), $before + 1, 'it is read each time');
    }
}

# --- a version that cannot be read is asked for no more: it would be newer than the rows ---
{
    # another type, so that the statement has to be prepared anew; and slow
    $s->sql(q{ALTER FUNCTION api.oriel_data_version RENAME TO data_version;
        CREATE FUNCTION api.oriel_data_version(sources integer[], OUT version varchar, OUT changed_at timestamptz) LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_catalog.pg_sleep(0.05); version := repeat('f', 64); changed_at := now(); END $$;
        GRANT EXECUTE ON FUNCTION api.oriel_data_version(integer[]) TO oriel_ds}, 'postgres');
    let_versions_run_out();
    unlike(tag('/v1/exact'), qr{^W/}, 'then a tag is made of the rows');
    my @asked = map { my $client = $s->client; [$_, $client, $client->send("GET /v1/$_ HTTP/1.1\r\nHost: x\r\n\r\n")] } (qw(stations notes exact heights)) x 2;
    my %columns = (stations => 'Name code height_m', notes => 'id station text', exact => 'Name code', heights => 'code height_m');
    for (@asked) {
        my ($entity, $client) = @$_;
        my $response = $client->response('GET');
        is($response->{status}, 200, "$entity, while a version is read");
        is(join(' ', sort keys %{ JSON::PP::decode_json($response->{body})->[0] }), $columns{$entity}, 'with its own rows');
    }
    $s->sql(q{DROP FUNCTION api.oriel_data_version; ALTER FUNCTION api.data_version RENAME TO oriel_data_version}, 'postgres');
    wait_until { (grep { (tag('/v1/stations') // '') =~ m{^W/} } 1 .. 4) == 4 } 'versions to be known again';
}

# --- what a look reads is run again while the next look is asked for ---
{
    # another type, so that the statement has to be prepared anew; and several notifications, so that the second look follows the first
    open my $psql, '|-', 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $s->{db}->conninfo . ' user=postgres' or die "psql: $!";
    print $psql q{BEGIN; ALTER FUNCTION api.oriel_data_sources RENAME TO data_sources;
        CREATE FUNCTION api.oriel_data_sources() RETURNS TABLE (view text, sources integer[]) LANGUAGE sql SECURITY DEFINER AS
            'SELECT s.view::text, s.sources FROM api.data_sources() s';
        GRANT EXECUTE ON FUNCTION api.oriel_data_sources() TO oriel_ds; NOTIFY oriel_contract; COMMIT;}, "NOTIFY oriel_contract;\n" x 10;
    ok(close $psql, 'another function tells of the sources');
    my @codes = map { $s->get("/v1/stations/$_")->{json}{code} } (qw(OSL BGO)) x 10;
    is("@codes", 'OSL BGO' . ' OSL BGO' x 9, 'each request gets its own answer');
    wait_until { (grep { (tag('/v1/stations') // '') =~ m{^W/} } 1 .. 4) == 4 } 'versions to be known by it';
    $s->sql(q{DROP FUNCTION api.oriel_data_sources; ALTER FUNCTION api.data_sources RENAME TO oriel_data_sources; NOTIFY oriel_contract}, 'postgres');
    wait_until { (grep { (tag('/v1/stations') // '') =~ m{^W/} } 1 .. 4) == 4 } 'versions to be known by the first again';
}

# --- nginx keeps them ---
{
    $s->stop('nginx');
    $s->{cache} = 1;
    $s->start('nginx');
    my $asked = sub { my $log = read_file("$s->{folder}/log/postgres.log"); return scalar(() = $log =~ /FROM "api"\."v_notes_v1"/g) };
    wait_until { $s->get('/v1/notes', as('OSL'))->{status} == 200 } 'the responders to be back';
    wait_until { $asked->() } 'Postgres to log what it is asked';
    # each target once, so that whatever came before does not count
    my $n = 0;
    my $fresh = sub { $n++; return "/v1/notes?select=id,text,station&limit=" . (10 + $n) };
    my $target = $fresh->();
    my $first  = $s->get($target);
    is("$first->{status} $first->{headers}{'x-cache'}", '200 MISS', 'the first time a responder is asked');
    my $before = $asked->();
    my $again = $s->get($target);
    is("$again->{status} $again->{headers}{'x-cache'}", '200 HIT', 'then no more');
    is($again->{body}, $first->{body}, 'for the same answer');
    is($again->{headers}{etag}, $first->{headers}{etag}, 'with its tag');
    is($again->{headers}{'x-content-type-options'}, 'nosniff', 'and the headers of safety');
    is($s->get($target, 'If-None-Match' => $first->{headers}{etag})->{status}, 304, '304 is said by nginx');
    is($s->get($target, 'If-None-Match' => '"x"')->{status}, 200, 'but not to who holds another');
    is($asked->(), $before, 'and Postgres was not asked');
    is($s->client->head($target)->{headers}{'x-cache'}, 'MISS', 'HEAD is another answer');
    is($s->client->head($target)->{headers}{'x-cache'}, 'HIT', 'and kept too');

    # what an answer depends on
    my %by = (
        csv     => [Accept => 'text/csv'], object => [Accept => 'application/vnd.pgrst.object+json'],
        counted => [Prefer => 'count=exact'], second => [Prefer => 'handling=strict', Prefer => 'count=exact'],
        strict  => [Prefer => 'handling=strict'], range => [Range => '0-0'],
    );
    for my $round (1, 2) {
        is($s->get($target, @{ $by{csv} })->{headers}{'content-type'}, 'text/csv; charset=utf-8', "by Accept ($round)");
        is($s->get($target, @{ $by{object} })->{headers}{'content-type'}, 'application/vnd.pgrst.object+json; charset=utf-8', "one object ($round)");
        is($s->get($target, @{ $by{counted} })->{headers}{'content-range'}, '0-0/1', "by Prefer ($round)");
        is($s->get($target, @{ $by{strict} })->{headers}{'content-range'}, '0-0/*', "another one ($round)");
        is($s->get($target, @{ $by{second} })->{headers}{'content-range'}, '0-0/1', "by the second of two ($round)");
        is($s->get($target, Origin => "https://$_.example")->{headers}{'access-control-allow-origin'}, "https://$_.example", "by Origin $_ ($round)")
            for qw(a b);
        ok(!$s->get($target, Origin => 'https://c.example')->{headers}{'access-control-allow-origin'}, "an origin that may not read ($round)");
    }
    is($s->get('/v1/stations?order=code', Range => '0-0')->{headers}{'content-range'}, '0-0/*', 'Range arrives');
    is($s->get('/v1/stations?order=code', Range => '1-1')->{json}[0]{code}, 'OSL', 'each on its own');
    is($s->get('/v1/stations?order=code', Range => 'bytes=0-1')->{status}, 200, 'no bytes are cut');
    my $preflight = $s->client->options($target, Origin => 'https://a.example', 'Access-Control-Request-Method' => 'GET');
    is("$preflight->{status} $preflight->{headers}{'access-control-allow-origin'}", '200 https://a.example', 'a preflight');

    # an origin that comes to the list, and goes again, while answers are kept
    my $allow = sub {
        $s->stop($_) for qw(nginx responders);
        $s->{settings}{responder}{origins} = [@_];
        $s->write_config;
        $s->start($_) for qw(responders nginx);
        wait_until { $s->get('/v1/notes', as('OSL'))->{status} == 200 } 'the responders to be back';
    };
    my @from = (Origin => 'https://c.example');
    my $held = $fresh->();
    for my $case ([], ['https://c.example'], ['https://a.example'], ['*'], ['https://a.example', 'https://b.example']) {
        $allow->(@$case);
        my ($may) = grep { /^\*$|c\.example/ } @$case;
        is($s->get($held, @from)->{headers}{'access-control-allow-origin'}, $may, "who may read is up to date: @$case (round $_)") for 1, 2;
    }

    # for nobody else
    my $shared = '/v1/mine?limit=7';
    is($s->get($shared, as('OSL'))->{json}[0]{code}, 'OSL', 'an answer to a token');
    ok(!$s->get($shared, as('OSL'))->{headers}{'x-cache'}, 'is not kept');
    is($s->get($shared, as('BGO'))->{json}[0]{code}, 'BGO', 'not for another client');
    is($s->get($shared)->{body}, '[]', 'nor for nobody');
    is($s->get($shared, as('OSL'))->{json}[0]{code}, 'OSL', 'whose answer is not for a client');
    my $mine = $s->get($shared, as('OSL'))->{headers}{etag};
    is($s->get($shared, as('OSL'), 'If-None-Match' => $mine)->{status}, 304, 'conditions arrive as they are');

    # errors
    is($s->get('/v1/notes?nothing=eq.1')->{headers}{'x-cache'}, 'MISS', "an error is not kept ($_)") for 1, 2;

    # what has run out
    my $short = '/v1/stations?select=code,Name&order=code';
    is($s->get($short)->{status}, 200, 'an answer for a second');
    deliver('stations', 'stations-5.tsv', stations(['BGO', 'Bergen by the sea', '21 m']));
    wait_until { $s->get($short)->{json}[0]{Name} eq 'Bergen by the sea' } 'the new answer, without another word';
    pass('is asked for again when it has run out');
    my %seen;
    wait_until { $seen{ $s->get($short)->{headers}{'x-cache'} }++; $seen{REVALIDATED} || $seen{STALE} || $seen{EXPIRED} } 'it to run out again';
    $s->stop('responders');
    is($s->get('/v1/stations?limit=77')->{status}, 503, 'no responder: 503');
    $s->start('responders');
    wait_until { $s->get('/v1/stations?limit=77')->{status} == 200 } 'which is not kept either';
    pass('back');

    # nginx' workers hold the files of what is asked for open: also of an answer that another of them has replaced
    $s->stop('nginx');
    $s->{workers} = 2;
    $s->start('nginx');
    my $master  = $s->pid('nginx');
    my @workers;
    wait_until {
        @workers = grep { (eval { read_file("/proc/$_/cmdline") } // '') =~ /worker process/ }
            map { $_->{pid} } grep { $_->{session} == $master } Oriel::Children::processes($s->{folder});
        @workers == 2;
    } 'nginx to have two workers';
    my @clients;
    for my $stopped (@workers) {    # so the other one takes the connections
        kill 'STOP', $stopped;
        wait_until { read_file("/proc/$stopped/stat") =~ /\) T / } 'a worker to stop';
        my @pair = map { $s->client->open } 1, 2;
        my $done = eval { $_->get($short) for @pair; 1 };
        kill 'CONT', $stopped;
        die $@ unless $done;
        push @clients, @pair;
    }
    for my $pid (@workers) {
        ok(scalar(grep { (readlink($_) // '') =~ m{/nginx/cache/} } glob "/proc/$pid/fd/*"), 'a worker holds the file open');
    }
    for my $name ('Bergen in the rain', 'Bergen in the sun') {
        deliver('stations', "stations-$name.tsv", stations(['BGO', $name, '21 m']));
        wait_until { $clients[0]->get($short)->{json}[0]{Name} eq $name } 'one connection to see the new answer';
        is(join(', ', map { $_->get($short)->{json}[0]{Name} } @clients), join(', ', ($name) x @clients), 'then all see it, whichever worker they are of');
    }
}
$s->finish(qr/statement timeout|\[crit\].*connect\(\) to unix:/);
undef $s;
done_testing;
