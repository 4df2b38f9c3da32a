# conf/nginx: what reaches a responder, what nginx answers itself, and what it does when no responder is there.
use strict;
use warnings;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $s = Oriel::Stack->new(
    start    => [qw(responders nginx)],
    settings => { responder => { origins => ['https://app.example', 'http://localhost:3000'] } },
    domain => { 'sql/changes/0001-things/expand.sql' => <<'SQL' });
CREATE TABLE dp.thing (id text PRIMARY KEY, name text NOT NULL);
CREATE VIEW api.v_things_v1 WITH (security_barrier) AS SELECT id, name FROM dp.thing;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id';
GRANT SELECT ON api.v_things_v1 TO oriel_ds;
SQL
$s->sql(q{INSERT INTO dp.thing VALUES ('a/b', 'slash'), ('a', 'plain'), ('x y', 'space'), ('%41', 'percent')}, 'oriel_dp');

my $get = sub { $s->get(@_) };

# The path arrives as it was sent: a slash or a percent sign within a segment is not a separator.
is($get->('/v1/things/a%2Fb')->{json}{name},   'slash',   'an encoded slash belongs to the key');
is($get->('/v1/things/%2541')->{json}{name},   'percent', 'an encoded percent sign is decoded once');
is($get->('/v1/things/x%20y')->{json}{name},   'space',   'an encoded space');
is($get->('/v1/things/a')->{json}{name},       'plain',   'and no encoding at all');
is($get->('/v1/things?id=eq.x+y')->{body}, '[{"id":"x y","name":"space"}]', 'the query arrives');

# What every answer carries.
my $r = $get->('/v1/things');
is($r->{status}, 200, 'rows');
is($r->{headers}{'x-content-type-options'}, 'nosniff', 'with the headers of safety');
unlike($r->{headers}{server}, qr/\d/, 'nginx does not tell its version');

# Bodies are not passed on, so the connection to the responder that nginx keeps cannot be made to carry a second request.
my $forged = "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0" x 20;
for my $body ($forged, 'x' x 3000) {
    my $client = $s->client;
    $client->send("POST /v1/things HTTP/1.1\r\nHost: a\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
    is($client->response('POST')->{status}, 405, 'a request with a body: the responder says no');
    is($client->get('/v1/things/a')->{json}{name}, 'plain', 'and the next one on that connection gets its own answer');
}

# What nginx answers itself has the form of the responders' errors.
my $app  = 'https://app.example';
my $host = "Host: a\r\nOrigin: $app\r\nConnection: close\r\n\r\n";
my @own  = (
    ['no Host header',        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",                       400, 'ORIEL100'],
    ['no percent encoding',   "GET /%zz HTTP/1.1\r\n$host",                                        400, 'ORIEL100'],
    ['no HTTP',               "rubbish\r\n\r\n",                                                   400, 'ORIEL100'],
    ['an inner path',         "GET /nginx-answer/500 HTTP/1.1\r\n$host",                           404, 'ORIEL104'],
    ['TRACE',                 "TRACE / HTTP/1.1\r\n$host",                                         405, 'ORIEL105'],
    ['a body that is too large', "POST / HTTP/1.1\r\nContent-Length: 100000\r\n$host",             413, 'ORIEL113'],
    ['a URL that is too long', 'GET /' . ('a' x 17000) . " HTTP/1.1\r\n$host",                     414, 'ORIEL114'],
    ['a header that is too long', 'GET / HTTP/1.1' . "\r\nX: " . ('a' x 17000) . "\r\n$host",      431, 'ORIEL131'],
    ['an unknown transfer encoding', "POST / HTTP/1.1\r\nTransfer-Encoding: x\r\n$host",           501, 'ORIEL151'],
    ['an unknown version',    "GET / HTTP/3.1\r\n$host",                                           505, 'ORIEL155'],
);
for (@own) {
    my ($what, $bytes, $status, $code) = @$_;
    my $client = $s->client;
    $client->send($bytes);
    my $answer = $client->response;
    is($answer->{status}, $status, "$what: $status");
    is($answer->{json}{code}, $code, "$what: $code") or diag($answer->{body});
    is_deeply([sort keys %{ $answer->{json} }], [qw(code details hint message)], "$what: the four keys of an error");
    is($answer->{headers}{'x-content-type-options'}, 'nosniff', "$what: with the headers of safety");
    # of what nginx refuses before it has read the header Origin it cannot tell
    my $unread = $what =~ /^no |long|unknown version/;
    is($answer->{headers}{'access-control-allow-origin'}, $unread ? undef : $app, "$what: a page of the configuration may " . ($unread ? 'not ' : '') . 'read it');
    is($answer->{headers}{vary}, 'Origin', "$what: and it is kept for nobody else");
}
for (['http://localhost:3000', 'http://localhost:3000'], ['https://app.example.org', undef], ['http://app.example', undef], ['null', undef], ['*', undef]) {
    my ($origin, $allowed) = @$_;
    is($get->('/nginx-answer/404', Origin => $origin)->{headers}{'access-control-allow-origin'}, $allowed, "nginx's own for a page of $origin");
}
is($get->('/nginx-answer/404')->{headers}{'access-control-expose-headers'}, undef, 'without an origin nothing is exposed');

# A long URL that is within the limits comes back in the answer's header, which nginx must have room for.
my $long = '/v1/things?id=in.(' . join(',', map { "k$_" } 1 .. 2000) . ')';
cmp_ok(length $long, '>', 10_000, 'a long URL');
is($get->($long)->{status}, 200, 'is answered');

# No responder: an answer that says when to come again; and when they are back, so is the service.
is($s->stop('responders'), 0, 'responders stopped');
$r = $get->('/v1/things');
is($r->{status}, 503, 'no responder: 503');
is($r->{json}{code}, 'ORIEL153', 'in the form of an error');
like($r->{headers}{'retry-after'}, qr/^\d+$/, 'with Retry-After');
$r = $get->('/v1/things', Origin => $app);
is("$r->{headers}{'access-control-allow-origin'} $r->{headers}{'access-control-expose-headers'}", "$app Retry-After", 'which a page of the configuration can read');
$s->start_responders;
wait_until { $get->('/v1/things')->{status} == 200 } 'the responders to be back';
pass('back again');

# The file for an installation, which puts the same parts together: valid as it stands, but for the places it names.
my $site = "$s->{folder}/site";
mkdir $site;
run_command('cp', '-R', 'conf/nginx', "$site/oriel");
my $text = read_file("$site/oriel/site.conf");
is($text =~ s{listen 80;}{listen unix:$site/http.sock;}, 1, 'site.conf listens on port 80');
is($text =~ s{unix:/run/oriel/fcgi.sock}{unix:$s->{fcgi}}g, 8, 'finds the responders');
is($text =~ s{/var/log/nginx/}{$site/}, 1, 'and writes a log');
is($text =~ s{/var/cache/nginx/}{$site/}, 1, 'and keeps answers');
write_file("$site/oriel/site.conf", $text);
my $temp = join ' ', map { "${_}_temp_path $site/$_;" } qw(client_body fastcgi proxy uwsgi scgi);
write_file("$site/nginx.conf", "pid $site/pid; events {} http { $temp include oriel/site.conf; }\n");
my ($code, $out, $err) = run_command('nginx', '-t', '-q', '-p', $site, '-e', 'stderr', '-c', 'nginx.conf');
is($code, 0, 'nginx takes it') or diag($out, $err);

$s->finish(qr/\[crit\].*connect\(\) to unix:/);
done_testing;
