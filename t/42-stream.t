# Answers that are too large to be gathered: row by row, in constant memory, however slow the client is; and what becomes of
# those that nobody waits for or that fail on their way. ROWS=1000000 for the size that is promised.
use strict;
use warnings;
use Digest::MD5;
use IO::Select;
use Oriel::Fcgi;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $rows   = $ENV{ROWS} // 200_000;
my $MiB    = 1 << 20;
my $sanitized = ($ENV{BUILD} // '') =~ /asan/;
my $expand = <<"END";
CREATE TABLE dp.product (id integer PRIMARY KEY, name text NOT NULL, category text, price numeric(12,2), in_stock boolean, tags text[], updated_at timestamptz);
INSERT INTO dp.product SELECT i, 'Product number ' || i, CASE i % 4 WHEN 0 THEN 'tools' WHEN 1 THEN 'lighting' END, i * 0.25, i % 3 = 0,
    '{sale,"new ones"}', '2027-01-01 12:00Z'::timestamptz + i * interval '1 second' FROM generate_series(1, $rows) i;
CREATE VIEW api.v_products_v1 AS SELECT p.id, p.name, p.category, p.price, p.in_stock, p.tags, p.updated_at FROM dp.product p;
COMMENT ON VIEW api.v_products_v1 IS E'Products.\\n\@primaryKey id';
CREATE VIEW api.v_quotients_v1 AS SELECT p.id, p.name, 1 / ($rows - 10 - p.id) AS quotient FROM dp.product p;
COMMENT ON VIEW api.v_quotients_v1 IS E'One of the last fails.\\n\@primaryKey id';
CREATE VIEW api.v_naps_v1 AS SELECT p.id, pg_catalog.pg_sleep(0.1)::text AS nap FROM dp.product p;
COMMENT ON VIEW api.v_naps_v1 IS E'A tenth of a second a row.\\n\@primaryKey id';
CREATE VIEW api.v_blocks_v1 AS SELECT p.id, repeat('x', 100000) AS block FROM dp.product p;
COMMENT ON VIEW api.v_blocks_v1 IS E'Large rows.\\n\@primaryKey id';
GRANT SELECT ON api.v_products_v1, api.v_quotients_v1, api.v_naps_v1, api.v_blocks_v1 TO oriel_ds;
END
my $s = Oriel::Stack->new(
    domain     => { 'sql/changes/0001-products/expand.sql' => $expand },
    settings   => { responder => { maxRows => 0, statementTimeout => '2s', streamTimeout => '60s' } },
    start      => [qw(responders nginx)],
    responders => 1,
);
my $master = $s->pid('responders');
$s->sql('ANALYZE dp.product');
wait_until { $s->get('/v1/products/1')->{status} == 200 } 'the responder to serve';
my ($responder) = split ' ', read_file("/proc/$master/task/$master/children");

# Memory of the responder that is its own, in bytes.
sub memory { return 1024 * (read_file("/proc/$responder/smaps_rollup") =~ /^Private_Dirty:\s+(\d+)/m)[0] }

sub highest { return 1024 * (read_file("/proc/$responder/status") =~ /^VmHWM:\s+(\d+)/m)[0] }
sub forget_highest { write_file("/proc/$responder/clear_refs", "5\n") }

sub active { return $s->sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'oriel_ds' AND state = 'active'", 'postgres') }

# Whatever was before, the next requests get what they asked for.
sub is_clean {
    my ($after) = @_;
    is($s->get('/v1/products/7?select=id')->{body}, '{"id":7}', "$after: the next request gets its answer") for 1 .. 2;
    is($s->get('/v1/products?id=lte.2&order=id&select=id')->{body}, '[{"id":1},{"id":2}]', "$after: a list too");
}

is_clean('at the beginning');
my $can_forget = eval { forget_highest(); 1 };
my %idle = (highest => highest(), memory => memory());

# A request on a connection of FastCGI of its own, so that nothing is between the responder and the one who reads slowly.
sub ask_directly {
    my ($uri, %more) = @_;
    return Oriel::Fcgi::ask($s->{fcgi}, 1, REQUEST_METHOD => 'GET', REQUEST_URI => $uri, %more, QUERY_STRING => $uri =~ /\?(.*)/ ? $1 : '');
}

# Through nginx; the body is not decoded.
sub fetch {
    my $c = $s->client;
    $c->{plain} = 1;
    return $c->get(@_);
}

# Rows of an array of objects that hold none.
sub count_rows { my ($r) = @_; return scalar(() = $r->{body} =~ /[\[,]\{"id":/g) }

# Reads an answer to its end; (head, bytes of the body, MD5 of it, last bytes, how it ended). pause: called between two reads.
sub take {
    my ($socket, $pause) = @_;
    my ($in, $head, $n, $md5, $tail, $out) = ('', '', 0, Digest::MD5->new, '', '');
    while (IO::Select->new($socket)->can_read($Oriel::Test::Patience)) {
        sysread $socket, $in, 65536, length $in or return ($head, $n, $md5->hexdigest, $tail, 'broken off');
        while (length $in >= 8) {
            my (undef, $type, undef, $length, $padding) = unpack 'CCnnC', $in;
            last if length $in < 8 + $length + $padding;
            $out .= substr $in, 8, $length if $type == 6;
            substr $in, 0, 8 + $length + $padding, '';
            if (!length $head && $out =~ /\r\n\r\n/) { ($head, $out) = split /\r\n\r\n/, $out, 2 }
            if (length $head) {
                $n += length $out;
                $md5->add($out);
                $tail = substr $tail . $out, -20;
                $out  = '';
            }
            return ($head, $n, $md5->hexdigest, $tail, 'ended') if $type == 3;
        }
        $pause->($n) if $pause;
    }
    return ($head, $n, $md5->hexdigest, $tail, 'silent');
}

# --- all rows ---
my %expected;
for my $case (['JSON', 'application/json', qr/^.*\}\]$/s], ['CSV', 'text/csv', qr/\r\n$/]) {
    my ($name, $accept, $end) = @$case;
    my ($head, $n, $md5, $tail, $ended) = take(ask_directly('/v1/products?order=id', HTTP_ACCEPT => $accept));
    is($ended, 'ended', "$name: the answer ends");
    like($head, qr/^Status: 200 OK\r\n/, "$name: 200");
    like($tail, $end, "$name: as it should");
    unlike($head, qr/^(?:ETag|Content-Length):/m, "$name: what is made of the whole is not told");
    cmp_ok($n, '>', $rows * 50, "$name: there is much of it ($n bytes)");
    $expected{$name} = $md5;
}
my $growth = highest() - $idle{highest};
SKIP: {
    skip 'the kernel does not let its peak be forgotten', 1 unless $can_forget;
    skip 'sanitizers keep what is freed', 1 if $sanitized;
    cmp_ok($growth, '<', 16 * $MiB, "the responder's memory grew by no more than " . int($growth / 1024) . ' KiB at its peak');
}
{
    my $r = fetch('/v1/products?order=id');
    is(count_rows($r), $rows, 'through nginx: all rows');
    like($r->{body}, qr/"name":"Product number $rows","category":[^{}]*"tags":\["sale", ?"new ones"\],"updated_at":"[^"]*"\}\]$/, 'to the last');
    is(Digest::MD5::md5_hex($r->{body}), $expected{JSON}, 'byte for byte');
    is($r->{headers}{'transfer-encoding'}, 'chunked', 'in chunks');
    is($r->{headers}{'content-range'}, '*/*', 'a range whose end is not known is not told');
    $r = fetch('/v1/products?order=id', Accept => 'text/csv');
    is((() = $r->{body} =~ /\r\n/g), $rows + 1, 'CSV: all lines');
    $r = fetch('/v1/products?order=id&offset=5', Prefer => 'count=exact');
    is("$r->{status} $r->{headers}{'content-range'}", '206 5-' . ($rows - 1) . "/$rows", 'counted: the range is known from the first row');
    is(count_rows($r), $rows - 5, 'and holds');
    $r = fetch('/v1/products?order=id', Prefer => 'count=planned');
    is("$r->{status} $r->{headers}{'content-range'}", "200 */$rows", 'planned: the total alone');
    $r = fetch('/v1/products?order=id&limit=20000', Prefer => 'count=exact');
    is("$r->{status} $r->{headers}{'content-range'}", "206 0-19999/$rows", 'a large page of them');
    is(count_rows($r), 20000, 'and its rows');
    is($s->get('/v1/products?order=id&limit=20000', Accept => 'application/vnd.pgrst.object+json')->{status}, 406, 'one object of many rows is refused');
    $r = $s->client->head('/v1/products?order=id');
    is("$r->{status} $r->{body}", '200 ', 'HEAD has no body');
    is_clean('HEAD');
    $r = fetch('/v1/blocks?id=lte.30&order=id');
    is(count_rows($r), 30, 'few rows that are large');
    is(fetch('/v1/blocks?order=id&limit=30')->{body}, $r->{body}, 'the same, as a page') for 1 .. 2;
    my $small = $s->get('/v1/products?id=lte.3&order=id');
    ok($small->{headers}{etag} && $small->{headers}{'content-length'}, 'without a limit, but small: as ever');
    is($small->{headers}{'content-range'}, '0-2/*', 'with its range');
}

# --- a slow client ---
{
    eval { forget_highest() };
    my ($before, $steps, $most) = (highest(), 0, 0);
    my $socket = ask_directly('/v1/products?order=id');
    my ($head, $n, $md5, undef, $ended) = take($socket, sub {
        return if $steps++ >= 40;
        select undef, undef, undef, 0.05;
        $most = memory() if memory() > $most;
    });
    is("$ended $md5", "ended $expected{JSON}", 'whoever reads slowly gets the same');
  SKIP: {
        skip 'sanitizers keep what is freed', 1 if $sanitized;
        cmp_ok($most - $idle{memory}, '<', 16 * $MiB, 'and the rest waits in Postgres, not in the responder: ' . int(($most - $idle{memory}) / 1024) . ' KiB');
    }
    my $stopped = ask_directly('/v1/products?order=id');
    wait_until { active() } 'a stream to be under way';
    my @waiting = map { my $c = $s->client; $c->send("GET /v1/nonsense HTTP/1.1\r\nHost: x\r\n\r\n"); $c } 1 .. 3;
    is($_->response->{status}, 404, 'while a client takes nothing the loop goes on') for @waiting;
    is(active(), 1, 'and the stream is still there');
    (undef, undef, $md5, undef, $ended) = take($stopped);
    is("$ended $md5", "ended $expected{JSON}", 'which loses nothing by it');
    is_clean('a slow client');
}

# --- clients that go away ---
{
    for my $round (1 .. 3) {
        my $socket = ask_directly('/v1/products?order=id');
        sysread $socket, my $some, 5000;
        like($some, qr/Status: 200/, 'a stream has begun');
        close $socket;
        wait_until { !active() } 'its query to be given up';
        is_clean("a client that left in mid-stream ($round)");
    }
    my $c = $s->client;
    $c->send("GET /v1/products?order=id HTTP/1.1\r\nHost: x\r\n\r\n");
    sysread $c->{socket}, my $some, 5000;
    $c->close;
    wait_until { !active() } 'the query of one behind nginx to be given up';
    is_clean('a client of nginx that left');
}

# --- failures ---
{
    my ($head, $n, undef, $tail, $ended) = take(ask_directly('/v1/quotients?order=id'));
    like($head, qr/^Status: 200/, 'a statement that fails when its answer has begun');
    is($ended, 'broken off', 'breaks off');
    unlike($tail, qr/\]$/, 'and does not look like a whole');
    my $log = sub { read_file("$s->{folder}/log/responders.log") };
    wait_until { $log->() =~ m{the answer to /v1/quotients\?order=id broke off after \d+ rows: division by zero} } 'the log to tell';
    is(eval { fetch('/v1/quotients?order=id'); 'whole' } // 'broken', 'broken', 'through nginx, too');
    is_clean('a failure in mid-stream');
    is($s->get('/v1/quotients?order=id.desc&limit=100')->{status}, 400, 'one that fails before it has begun gets its error');
    my $r = $s->get('/v1/naps?id=lte.100');
    is("$r->{status} $r->{json}{code}", '504 57014', 'rows that come slowly do not outlast the time limit');
    is($s->get('/v1/naps?id=lte.2')->{status}, 200, 'which is for each request');
    my $stream = ask_directly('/v1/products?order=id');
    sysread $stream, my $some, 5000;
    $s->{db}->stop('QUIT');
    is((take($stream))[4], 'broken off', 'Postgres goes in mid-stream');
    $s->{db}->start;
    wait_until { $s->get('/v1/products/1')->{status} == 200 } 'the responder to come back';
    is_clean('a lost connection');
}
# what nginx says of answers that broke off, and Postgres of its end without a checkpoint
$s->finish(qr/upstream prematurely closed|broke off|server closed the connection|terminating connection/);
done_testing;
