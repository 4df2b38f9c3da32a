# Tokens through the whole stack: who is let in, what is said to the others, how keys are changed; and that whatever
# comes before, beside or after a request, it gets no row of another client.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Oriel::Token;
use Test::More;

# A contract that is filtered by who asks. The claims are "" where nobody is known, and NULL where nothing was ever set.
my $expand = <<'END';
CREATE TABLE dp.purchase (id integer PRIMARY KEY, client text NOT NULL, item text NOT NULL, total numeric(8,2));
INSERT INTO dp.purchase SELECT i, 'client' || i % 8, 'item ' || i, i FROM generate_series(1, 80) i;
CREATE INDEX purchase_client ON dp.purchase (client);
CREATE TABLE dp.step (id integer PRIMARY KEY, purchase_id integer NOT NULL REFERENCES dp.purchase, name text);
INSERT INTO dp.step SELECT i, 1 + i % 80, 'step ' || i FROM generate_series(1, 160) i;
CREATE VIEW api.v_purchases_v1 WITH (security_barrier) AS
    SELECT p.id, p.client, p.item, p.total FROM dp.purchase p
    WHERE p.client = NULLIF(current_setting('request.jwt.claims', true), '')::json ->> 'client';
COMMENT ON VIEW api.v_purchases_v1 IS E'Purchases of the client who asks.\n@primaryKey id';
CREATE VIEW api.v_steps_v1 AS SELECT s.id, s.purchase_id, s.name FROM dp.step s;
COMMENT ON VIEW api.v_steps_v1 IS E'Steps.\n@primaryKey id\n@foreignKey (purchase_id) references v_purchases_v1 (id)|@name purchase';
CREATE VIEW api.v_naps_v1 WITH (security_barrier) AS
    SELECT p.id, p.client, pg_catalog.pg_sleep(0.06)::text AS nap FROM dp.purchase p
    WHERE p.client = NULLIF(current_setting('request.jwt.claims', true), '')::json ->> 'client';
COMMENT ON VIEW api.v_naps_v1 IS E'The same, with time to leave.\n@primaryKey id';
CREATE VIEW api.v_askers_v1 AS SELECT 1 AS id, current_setting('request.jwt.claims', true) AS claims;
COMMENT ON VIEW api.v_askers_v1 IS E'Who asks.\n@primaryKey id';
GRANT SELECT ON api.v_purchases_v1, api.v_steps_v1, api.v_naps_v1, api.v_askers_v1 TO oriel_ds;
END
my %responder = (statementTimeout => '500ms', maxInFlight => 200);
my $s = Oriel::Stack->new(
    domain   => { 'sql/changes/0001-purchases/expand.sql' => $expand },
    settings => { responder => {%responder} },
    start    => [],
);
my ($secret, $next_secret) = map { "the secret of $_ " . 'x' x 32 } 'today', 'tomorrow';
my $rsa = Oriel::Token::make_pair("$s->{folder}/rsa", 'RS256');
my $ec  = Oriel::Token::make_pair("$s->{folder}/ec",  'ES256');
for (["$s->{folder}/today", $secret], ["$s->{folder}/tomorrow", $next_secret]) {
    write_file($_->[0], "$_->[1]\n");
    chmod 0600, $_->[0];
}
my %key = (
    today    => { file => 'today',    algorithm => 'HS256', kid => 'today' },
    tomorrow => { file => 'tomorrow', algorithm => 'HS256', kid => 'tomorrow' },
    rsa      => { file => 'rsa.pub',  algorithm => 'RS256' },
    ec       => { file => 'ec.pub',   algorithm => 'ES256' },
);

# Writes oriel.json with these keys.
sub configure {
    my ($names, %tokens) = @_;
    $s->{settings}{responder} = { %responder, tokens => { keys => [map { $key{$_} } @$names], %tokens } };
    $s->write_config;
}

sub claims_of { my ($client, %more) = @_; return { client => $client, exp => time + 3600, %more } }
sub token     { return Oriel::Token::sign('HS256', $secret, claims_of(@_), kid => 'today') }
sub as        { return (Authorization => "Bearer $_[0]") }
sub error_of  { my ($r) = @_; return "$r->{status} $r->{json}{code} $r->{json}{message}" }
sub clients   { my ($r) = @_; my %seen = map { $_->{client} => 1 } @{ $r->{json} }; return join ',', sort keys %seen }

configure([qw(today rsa ec)], anonymous => JSON::PP::true, audience => 'oriel');
$s->start($_) for qw(responders nginx);
wait_until { $s->get('/v1/askers')->{status} == 200 } 'the responders to be ready';

# --- who is let in ---
{
    my $r = $s->get('/v1/purchases', as(token('client3')));
    is("$r->{status} " . clients($r), '200 client3', 'HS256: the rows of the client');
    is(@{ $r->{json} }, 10, 'all of them');
    like($r->{headers}{'cache-control'}, qr/\bprivate\b/, 'no cache between may keep them');
    like($r->{headers}{vary}, qr/\bAuthorization\b/, 'nor mistake them for another client\'s');
    is(clients($s->get('/v1/purchases', as(Oriel::Token::sign('RS256', $rsa, claims_of('client4'))))), 'client4', 'RS256');
    is(clients($s->get('/v1/purchases', as(Oriel::Token::sign('ES256', $ec,  claims_of('client5'))))), 'client5', 'ES256');
    is($s->get('/v1/purchases')->{body}, '[]', 'no token: no rows');
    is($s->get('/v1/purchases', Authorization => 'Basic YTpi')->{body}, '[]', 'of another scheme nothing is known');
    is($s->get('/v1/askers')->{json}[0]{claims}, '', 'the claims of nobody are empty');
    my $mine = JSON::PP::decode_json($s->get('/v1/askers', as(token('client1', aud => ['x', 'oriel'])))->{json}[0]{claims});
    is($mine->{client}, 'client1', 'a view reads the claims');
    is_deeply($mine->{aud}, ['x', 'oriel'], 'all of them');
    $r = $s->get('/v1/purchases/3', as(token('client3')));
    is("$r->{status} $r->{json}{client}", '200 client3', 'one row by its key');
    is($s->get('/v1/purchases/3', as(token('client4')))->{status}, 404, 'of another client: there is none');
    $r = $s->get('/v1/purchases?limit=2', as(token('client3')), Prefer => 'count=planned');
    is($r->{headers}{'content-range'}, '0-1/10', 'a planned count is counted: the planner would tell of the others');
    $r = $s->get('/v1/steps?select=id,purchase(client)&purchase=not.is.null', as(token('client2')));
    is(join(',', sort keys %{ { map { $_->{purchase}{client} => 1 } @{ $r->{json} } } }), 'client2', 'an embed is filtered too');
    is($s->client->head('/v1/purchases', as(token('client3')))->{status}, 200, 'HEAD');
}

# --- who is not ---
{
    my %of = (
        'JWT expired'                   => token('client1', exp => time - 40),
        'JWT not yet valid'             => token('client1', nbf => time + 60),
        'JWT issued at future'          => token('client1', iat => time + 60),
        'JWT not in audience'           => token('client1', aud => 'others'),
    );
    for my $message (sort keys %of) {
        my $r = $s->get('/v1/purchases', as($of{$message}));
        is(error_of($r), "401 PGRST303 $message", $message);
        is($r->{headers}{'www-authenticate'}, qq(Bearer error="invalid_token", error_description="$message"), "$message: the challenge says so");
        ok(!$r->{headers}{etag}, "$message: no ETag");
    }
    is($s->get('/v1/purchases', as(token('client1', exp => time - 20)))->{status}, 200, 'clocks may differ by half a minute');
    my %forged = (
        'alg none'                 => Oriel::Token::sign('none', '', claims_of('client1')),
        'the public key as secret' => Oriel::Token::sign('HS256', read_file("$rsa.pub"), claims_of('client1')),
        'another secret'           => Oriel::Token::sign('HS256', 'y' x 40, claims_of('client1')),
        'no token'                 => 'rubbish',
        'nothing'                  => '',
        'claims of somebody else'  => do {
            my ($h, undef, $sig) = split /\./, token('client1');
            join '.', $h, (split /\./, token('client2'))[1], $sig;
        },
    );
    for my $name (sort keys %forged) {
        my $r = $s->get('/v1/purchases', as($forged{$name}));
        is("$r->{status} $r->{json}{code}", '401 PGRST301', $name);
        unlike($r->{body}, qr/client\d|secret/, "$name: nothing is told");
    }
    is($s->get('/v1/nonsense', as('x'))->{status}, 401, 'a wrong token is told before what is asked for');
    my $c = $s->client;
    is($c->options('/v1/purchases', Origin => 'https://a.example', 'Access-Control-Request-Method' => 'GET')->{status}, 200, 'OPTIONS needs none');
}

# --- nothing that a stranger can write stands in for claims ---
{
    my $claims = '{"client":"client1"}';
    my $r = $s->get('/v1/purchases?request.jwt.claims=' . $claims =~ s/"/%22/gr);
    is($r->{json}{code}, 'PGRST108', 'a parameter of that name is a filter like any other');
    for my $name ('Request-Jwt-Claims', 'Request.jwt.claims', 'X-Jwt-Claims', 'Claims') {
        is($s->get('/v1/purchases', $name => $claims)->{body}, '[]', "a header $name is nothing");
    }
    is($s->get('/v1/purchases', Prefer => "timezone=UTC,request.jwt.claims=$claims")->{body}, '[]', 'nor a preference');
}

# --- many at once, with errors, time limits, and clients that leave ---
{
    my $steps = $ENV{N} // ($ENV{ORIEL_FULL} ? 20_000 : 600);
    my $seed  = $ENV{SEED} // int rand 1 << 30;
    srand $seed;
    my @tokens = map { token("client$_") } 0 .. 7;
    my @paths = (
        ['/v1/purchases?select=client,id', 10], ['/v1/purchases?order=id.desc&limit=5', 5],
        ['/v1/purchases?client=eq.client1', undef], ['/v1/purchases?client=neq.client1&or=(id.gt.0,client.is.null)', undef],
        ['/v1/purchases?id=eq.nonsense', 'error'], ['/v1/purchases?nothing=eq.1', 'error'],
        ['/v1/askers', 'claims'],
    );
    my ($sent, $received) = (0, 0);
    my $choose = sub {
        $sent++;
        return $sent % 50 == 20 ? ['/v1/naps', 'time'] : $sent % 15 == 7 ? ['/v1/naps?limit=1', 1] : $paths[rand @paths];
    };
    my @connections = map { { http => $s->client } } 1 .. 24;
    my (%count, @wrong);
    for my $step (1 .. $steps) {
        my $c = $connections[rand @connections];
        if (!$c->{who}) {
            my $who = int(rand 9) - 1;    # -1: nobody
            my ($path, $expected) = @{ $choose->() };
            my $header = $who < 0 ? '' : "Authorization: Bearer $tokens[$who]\r\n";
            $c->{http}->send("GET $path HTTP/1.1\r\nHost: x\r\n$header\r\n");
            @$c{qw(who path expected)} = ($who < 0 ? 'nobody' : "client$who", $path, $expected);
            next;
        }
        my ($who, $path, $expected) = delete @$c{qw(who path expected)};
        if (++$received % 10 == 3) {
            $c->{http}->close;
            $count{left}++;
            next;
        }
        my $r = $c->{http}->response('GET');
        $count{ $r->{status} }++;
        if (ref $r->{json} eq 'HASH') {
            my $meant = $r->{status} == 504 || $r->{status} == 503 || ($expected // '') eq 'error';
            push @wrong, "$who: $path: $r->{status} $r->{body}" unless $meant && $r->{body} !~ /client\d/;
        } elsif (($expected // '') eq 'claims') {
            my $text = $r->{json}[0]{claims};
            my $told = $text eq '' ? 'nobody' : JSON::PP::decode_json($text)->{client};
            push @wrong, "$who is taken for $told" if $told ne $who;
        } else {
            my $seen = clients($r);
            push @wrong, "$who: $path: rows of $seen" unless $seen eq '' || $seen eq $who;
            my $n = @{ $r->{json} };
            push @wrong, "$who: $path: $n rows" if defined $expected && $expected =~ /^\d/ && $n != ($who eq 'nobody' ? 0 : $expected);
        }
    }
    is(@wrong, 0, "$steps steps of many clients: nobody is taken for another (SEED=$seed)") or diag(join "\n", @wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]);
    cmp_ok($count{200}, '>', $steps / 5, 'there were answers');
    cmp_ok($count{$_} // 0, '>', 0, "and some of: $_") for qw(400 504 left);
}
is($s->sql('SELECT count(*) FROM api.v_purchases_v1', 'oriel_ds'), 0, 'who comes without a responder sees nothing');

# --- OpenAPI tells of it ---
{
    my $r = $s->get('/v1/');
    is_deeply($r->{json}{security}, [{ bearerToken => [] }, {}], 'OpenAPI: a token, or none');
    is($r->{json}{components}{securitySchemes}{bearerToken}{scheme}, 'bearer', 'of which kind');
    my ($code, $out) = $s->oriel('contract', 'openapi', '--version', 1);
    is($out, $r->{body}, '`oriel contract openapi` prints the same');
}

# --- keys change, and anonymous goes off ---
{
    my $old = Oriel::Token::sign('HS256', $secret,      claims_of('client1'), kid => 'today');
    my $new = Oriel::Token::sign('HS256', $next_secret, claims_of('client1'), kid => 'tomorrow');
    my $status = sub { return join ' ', map { $s->get('/v1/purchases', as($_))->{status} } @_ };
    is($status->($old, $new), '200 401', 'before: the old key alone');
    # Each responder is replaced on its own, so the new state counts once several requests in a row show it.
    my $becomes = sub {
        my ($wanted) = @_;
        kill 'HUP', $s->pid('responders');
        wait_until { (grep { $status->($old, $new) eq $wanted } 1 .. 8) == 8 } "the tokens to get $wanted";
    };
    configure([qw(today tomorrow)]);
    $becomes->('200 200');
    pass('both keys for a while');
    is(error_of($s->get('/v1/purchases')), '401 PGRST302 Anonymous access is disabled', 'anonymous is off unless it is put on');
    is($s->get('/v1/purchases')->{headers}{'www-authenticate'}, 'Bearer', 'the challenge names what is wanted');
    is($s->get('/')->{status}, 401, 'what there is, strangers do not learn either');
    is_deeply($s->get('/v1/', as($new))->{json}{security}, [{ bearerToken => [] }], 'OpenAPI: a token');
    configure(['tomorrow']);
    $becomes->('401 200');
    pass('then the new one alone');
    write_file("$s->{folder}/tomorrow", 'short');
    kill 'HUP', $s->pid('responders');
    my $log = "$s->{folder}/log/responders.log";
    wait_until { read_file($log) =~ /the secret has 5 bytes/ } 'a key that is none to be refused';
    is($status->($old, $new), '401 200', 'and the keys that were read stay');
    unlike(read_file($log), qr/\Q$secret\E|\Q$next_secret\E|Bearer/, 'no log holds a secret or a token');
    $s->{settings}{responder} = {%responder};
    $s->write_config;
    kill 'HUP', $s->pid('responders');
    wait_until { (grep { $s->get('/v1/askers')->{status} == 200 } 1 .. 8) == 8 } 'the API to be open';
    is(error_of($s->get('/v1/askers', as($new))), '500 PGRST300 Server lacks JWT secret', 'without a key no token can be checked');
}
$s->finish;
undef $s;
done_testing;
