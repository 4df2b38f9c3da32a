# The responders as processes: started wrongly, under load, replaced, killed, without their database, and spoken to by
# something that is not nginx.
use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;
use Oriel::Psql;
use Oriel::Fcgi;
use Oriel::Stack;
use Oriel::Test;
use POSIX ();
use Test::More;
use Time::HiRes 'sleep';

my $expand = <<'END';
CREATE TABLE dp.item (id integer PRIMARY KEY, name varchar(10) NOT NULL, price numeric(8,2));
INSERT INTO dp.item SELECT i, 'item ' || i, i * 1.5 FROM generate_series(1, 100) i;
CREATE VIEW api.v_items_v1 AS SELECT i.id, i.name, i.price FROM dp.item i;
COMMENT ON VIEW api.v_items_v1 IS E'Items.\n@primaryKey id';
CREATE VIEW api.v_names_v1 AS SELECT i.id, i.name FROM dp.item i;
COMMENT ON VIEW api.v_names_v1 IS E'Names.\n@primaryKey id';
CREATE VIEW api.v_naps_v1 AS SELECT i.id, pg_catalog.pg_sleep(0.1)::text AS nap FROM dp.item i;
COMMENT ON VIEW api.v_naps_v1 IS E'A tenth of a second a row.\n@primaryKey id';
CREATE VIEW api.v_ratios_v1 AS SELECT i.id, 1 / (i.id - 2) AS ratio FROM dp.item i;
COMMENT ON VIEW api.v_ratios_v1 IS E'One row fails.\n@primaryKey id';
GRANT SELECT ON api.v_items_v1, api.v_names_v1, api.v_naps_v1, api.v_ratios_v1 TO oriel_ds;
END
my %responder = (maxInFlight => 4, statementTimeout => '1s', drainTimeout => '5s', maxUrl => 1000);
my $s = Oriel::Stack->new(
    domain   => { 'sql/changes/0001-items/expand.sql' => $expand },
    settings => { responder => {%responder} },
    start    => [],
);
my $program = "$s->{build}/oriel-fcgi";
my $log     = "$s->{folder}/log/responders.log";

# --- what it takes to start ---
{
    my ($code, $out, $err) = run_command($program, '-c', $s->{config});
    is($code, 2, 'no listening socket: a wrong use');
    like($err, qr/no listening socket; start me by spawn-fcgi -n/, 'which says what to do');
    my $wrong = write_file("$s->{folder}/wrong.json", qq({\n  "responder": {\n    "maxRow": 5\n  }\n}\n));
    ($code, $out, $err) = run_command($program, '-c', $wrong);
    is($code, 2, 'a wrong configuration: nothing is started');
    like($err, qr/\Q$wrong\E:3: responder\.maxRow: unknown key; did you mean "maxRows"\?/, 'with file, line, key');
    ($code, $out, $err) = run_command($program, '-n', '0');
    is($code, 2, 'no responders');
    ($code, $out) = run_command($program, '-V');
    is("$code $out", "0 oriel-fcgi 0.1.0\n", 'the version');
}

$s->start($_) for qw(responders nginx);
my $master = $s->pid('responders');
wait_until { (() = log_text() =~ /connected to Postgres/g) >= 2 } 'both responders to be ready';

sub log_text { return read_file($log) }

# The processes whose parent is the master, so the responders.
sub responders {
    my @all;
    for my $stat (glob '/proc/[0-9]*/stat') {
        my $text = eval { read_file($stat) } // next;
        my ($pid, $state, $parent) = $text =~ /^(\d+) .*\) (\S) (\d+)/s or next;
        push @all, $pid if $parent == $master && $state ne 'Z';
    }
    @all = sort { $a <=> $b } @all;
    return @all;
}

# Statements of responders at Postgres. Those that are waited for here run for half a second, in which a psql of its own may not
# come to ask; so one stays connected.
my $watch = Oriel::Psql->new($s->{db}, 'postgres');
sub active { return $watch->ask("SELECT count(*) FROM pg_stat_activity WHERE usename = 'oriel_ds' AND state = 'active'") }

# Clients that ask for a row each, again and again on kept connections, until they are told to stop; what they count.
sub start_load {
    my ($clients) = @_;
    pipe my $go, my $told or die "pipe: $!";
    my @readers;
    for my $client (1 .. $clients) {
        my $pid = open(my $reader, '-|') // die "fork: $!";
        if (!$pid) {
            close $told;
            my ($http, %count) = ($s->client);
            while (!IO::Select->new($go)->can_read(0)) {
                my $id = 1 + int rand 100;
                my $r  = eval { $http->get("/v1/items/$id") };
                $count{ !$r ? 'broken' : $r->{status} == 200 && $r->{json}{id} != $id ? 'mixed up' : $r->{status} }++;
            }
            print map { "$_=$count{$_}\n" } keys %count;
            close STDOUT;
            POSIX::_exit(0);
        }
        push @readers, $reader;
    }
    close $go;
    return { told => $told, readers => \@readers };
}

sub end_load {
    my ($load) = @_;
    close $load->{told};
    my %sum;
    for my $reader (@{ $load->{readers} }) {
        while (<$reader>) { $sum{$1} += $2 if /^(.+)=(\d+)$/ }
        close $reader;
    }
    return \%sum;
}

# --- answers ---
{
    my $r = $s->get('/v1/items?id=lte.2&order=id');
    is($r->{status}, 200, 'rows');
    is($r->{body}, '[{"id":1,"name":"item 1","price":1.50},{"id":2,"name":"item 2","price":3.00}]', 'as JSON');
    is($r->{headers}{'content-range'}, '0-1/*', 'with their range');
    $r = $s->get('/v1/items?id=eq.x');
    is("$r->{status} $r->{json}{code}", '400 22P02', 'an error of Postgres has its code');
    $r = $s->get('/v1/ratios');
    is("$r->{status} $r->{json}{message}", '400 division by zero', 'and stays with its request');
    is($s->get('/v1/ratios?id=gt.2&limit=1')->{status}, 200, 'which the next one shows');
    $r = $s->get('/v1/naps?id=lte.30');
    is("$r->{status} $r->{json}{code}", '504 57014', 'a query beyond its time');
    unlike($r->{body}, qr/statement|dp\.|SELECT/, 'nothing private is told');
    my @shapes = map { $s->get("/v1/items?select=n$_:id&limit=1")->{status} } 1 .. 300;
    is((grep { $_ == 200 } @shapes), 300, 'more shapes than stay prepared');
    is($s->get('/v1/items?select=n1:id&limit=1')->{json}[0]{n1}, 1, 'and the first of them again');
}

# --- too many at once, and clients that leave ---
{
    my $busy = sub { my @c = map { $s->client } 1 .. 12; $_->send("GET /v1/naps?id=lte.3 HTTP/1.1\r\nHost: x\r\n\r\n") for @c; @c };
    # Behind a statement that runs for long a responder hands back what waits, so nginx may be the one that refuses.
    my (@answers, @refused, %code);
    for (1 .. 5) {
        @answers = map { $_->response('GET') } $busy->();
        @refused = grep { $_->{status} == 503 } @answers;
        $code{"$_->{json}{code} $_->{headers}{'retry-after'}"}++ for @refused;
        last if $code{'ORIEL004 1'} && @refused >= 4;
    }
    ok(@refused >= 4, 'beyond maxInFlight of two responders requests are refused') or diag(map { "$_->{status} " } @answers);
    ok($code{'ORIEL004 1'}, 'with their own code, and when to come again');
    is_deeply([grep { !/^(?:ORIEL004 1|ORIEL153 2)$/ } keys %code], [], 'or by nginx');
    is((grep { $_->{status} == 200 } @answers), @answers - @refused, 'the others are answered');
    my @left = map { $s->client } 1 .. 12;
    $_->send("GET /v1/naps?id=lte.30 HTTP/1.1\r\nHost: x\r\n\r\n") for @left;    # each would run into its time limit
    wait_until { active() } 'requests to be at Postgres';
    my $log_of_postgres = sub { read_file("$s->{folder}/log/postgres.log") };
    my $timeouts = () = $log_of_postgres->() =~ /canceling statement due to statement timeout/g;
    $_->close for @left;
    wait_until { active() == 0 } 'what nobody waits for to be cancelled';
    my $later = () = $log_of_postgres->() =~ /canceling statement due to statement timeout/g;
    # the oldest of each responder may have, before its client left
    cmp_ok($later, '<=', $timeouts + 2, 'those behind the oldest did not run into their time limit');
    like($log_of_postgres->(), qr/canceling statement due to user request/, 'they were cancelled');
    is($s->get('/v1/items/1')->{status}, 200, 'abandoned requests make room');
    is($s->get('/v1/items/7')->{json}{id}, 7, 'clients that left take nothing from those that came after');
}

# --- HUP ---
{
    my @before = responders();
    my $load   = start_load(4);
    for my $round (1 .. 3) {
        my %old = map { $_ => 1 } responders();
        kill 'HUP', $master;
        wait_until { my @now = responders(); @now == 2 && !grep { $old{$_} } @now } "the responders to be replaced ($round)";
    }
    my $count = end_load($load);
    is(join(' ', sort keys %$count), '200', 'three times replaced under load, no request was lost') or diag explain $count;
    cmp_ok($count->{200}, '>', 50, 'and there was a load');
    my @now = responders();
    my $right = read_file($s->{config});
    write_file($s->{config}, $right =~ s/"maxUrl"/"maxUrls"/r);
    kill 'HUP', $master;
    wait_until { log_text() =~ /is wrong; the responders go on with what was read before/ } 'the refusal of a wrong configuration';
    like(log_text(), qr/responder\.maxUrls: unknown key; did you mean "maxUrl"/, 'it says what is wrong');
    is_deeply([responders()], \@now, 'the responders stay');
    is($s->get('/v1/items/1')->{status}, 200, 'and serve');
    write_file($s->{config}, $right);
}

# --- a responder dies ---
{
    my @before = responders();
    my @c = map { $s->client } 1 .. 2;
    $_->send("GET /v1/naps?id=lte.6 HTTP/1.1\r\nHost: x\r\n\r\n") for @c;
    wait_until { active() } 'requests to be at Postgres';
    kill 'KILL', @before;
    like($_->response('GET')->{status}, qr{^(200|503)$}, 'whose responder is killed: nginx asks another, or says to come again') for @c;
    my %old = map { $_ => 1 } @before;
    wait_until { my @now = responders(); @now == 2 && !grep { $old{$_} } @now } 'the places to be filled again';
    wait_until { $s->get('/v1/items/1')->{status} == 200 } 'them to serve';
    like(log_text(), qr/responder $before[0] was ended by signal 9/, 'the log tells');
}

# --- Postgres goes and comes ---
{
    my $c = $s->client;
    $c->send("GET /v1/naps?id=lte.6 HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until { active() } 'a request to be at Postgres';
    $s->{db}->stop;
    my $r = $c->response('GET');
    is($r->{status}, 503, 'a request that was at Postgres');
    wait_until { ($r = $s->get('/v1/items/1'))->{json}{code} eq 'PGRST001' } 'the loss to be known';
    is("$r->{status} $r->{headers}{'retry-after'}", '503 1', 'without a database: come again');
    is($s->get('/v1/nonsense')->{status}, 404, 'what needs none is answered as ever');
    is($s->client->options('/v1/items')->{status}, 200, 'OPTIONS too');
    my $told = sub { return scalar(() = log_text() =~ /cannot connect/g) };
    wait_until { $told->() >= 2 } 'the responders to try again, and in vain';
    $s->{db}->start;
    $watch = Oriel::Psql->new($s->{db}, 'postgres');
    wait_until { $s->get('/metrics')->{body} =~ /^oriel_responders_connected 2$/m } 'both responders to come back by themselves';
    is($s->get('/v1/items/1')->{status}, 200, 'and to serve');
    is($told->(), 2, 'each responder says once that it cannot connect');
}

# --- contracts that do not hold ---
{
    is($s->get('/v1/names/1')->{status}, 200, 'a contract that holds') for 1 .. 4;
    my $definition = 'CREATE VIEW api.v_names_v1 AS SELECT i.id, i.name%s FROM dp.item i;'
        . q( COMMENT ON VIEW api.v_names_v1 IS E'Names.\n@primaryKey id';)
        . ' ALTER VIEW api.v_names_v1 OWNER TO oriel_owner; GRANT SELECT ON api.v_names_v1 TO oriel_ds;';
    $s->sql('DROP VIEW api.v_names_v1; ' . sprintf($definition, '::varchar(20) AS name'), 'postgres');
    is($s->get('/v1/names/1')->{status}, 200, 'a prepared statement that a change outlived is prepared anew');
    my $r = $s->wait_until_withheld('/v1/names/1');    # the error made the responder look
    like($r->{json}{details}, qr/^name: type_widened \(character varying\(10\) -> character varying\(20\)\)$/, 'it says what differs');
    ok($r->{headers}{'retry-after'}, 'and that it may come back');
    is($s->get('/v1/items/1')->{status}, 200, 'other contracts are served');
    $s->sql('DROP VIEW api.v_names_v1; ' . sprintf($definition, '') . 'NOTIFY oriel_contract', 'postgres');
    wait_until { (grep { $s->get('/v1/names/1')->{status} == 200 } 1 .. 6) == 6 } 'it to be served again after a notification';
    $s->sql('REVOKE SELECT ON api.v_names_v1 FROM oriel_ds; NOTIFY oriel_contract', 'postgres');
    wait_until { (grep { $s->withheld('/v1/names/1') } 1 .. 6) == 6 } 'a revoked grant to withhold it';
    $s->sql('GRANT SELECT ON api.v_names_v1 TO oriel_ds; NOTIFY oriel_contract', 'postgres');
    wait_until { (grep { $s->get('/v1/names/1')->{status} == 200 } 1 .. 6) == 6 } 'the grant to bring it back';

    # a definition is nobody's promise: it is read behind the first answers, and told
    my $told = sub { return scalar(() = log_text() =~ /names\@1 is served, but differs from the lock file: [^\n]*definition_changed/g) };
    my $before = $told->();
    $s->sql('CREATE OR REPLACE VIEW api.v_names_v1 AS SELECT i.id, i.name FROM dp.item i WHERE i.id > 0; NOTIFY oriel_contract', 'postgres');
    wait_until { $told->() == $before + 2 } 'both responders to tell of another definition';
    kill 'HUP', $s->pid('responders');
    wait_until { $told->() == $before + 4 } 'their successors to tell of it';
    is($s->get('/v1/names/1')->{status}, 200, 'a contract of another definition is served');
    $s->sql(q{CREATE OR REPLACE VIEW api.v_names_v1 AS SELECT i.id, i.name FROM dp.item i; NOTIFY oriel_contract}, 'postgres');

    # a responder asks for all leases with its first look, and gives up what it turns out not to serve
    my $leases = sub { $s->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND objid = hashtext('$_[0]')::bit(32)::bigint::oid", 'postgres') };
    my $names = sub { $s->sql("SELECT string_agg(substring(application_name FROM '[0-9]+ of [0-9]+'), ',') FROM pg_stat_activity WHERE usename = 'oriel_ds'", 'postgres') };
    wait_until { $names->() eq '4 of 4,4 of 4' } 'the predecessors to go';
    is($leases->('v_names_v1'), 2, 'both hold a lease');
    $s->sql('REVOKE SELECT ON api.v_names_v1 FROM oriel_ds', 'postgres');
    kill 'HUP', $s->pid('responders');
    wait_until { $names->() eq '3 of 4,3 of 4' } 'successors that find it broken';
    is($leases->('v_names_v1') . $leases->('v_items_v1'), '02', 'they have no lease on it, but on the others');
    ok($s->withheld('/v1/names/1'), 'and withhold it');
    $s->sql('GRANT SELECT ON api.v_names_v1 TO oriel_ds; NOTIFY oriel_contract', 'postgres');
    wait_until { $leases->('v_names_v1') == 2 } 'the leases to come back with it';
    is($names->(), '4 of 4,4 of 4', 'and the sessions to say so');
}

# --- FastCGI by hand ---
sub record { return Oriel::Fcgi::record(@_) }
sub asking { return Oriel::Fcgi::request(1, @_) }

# Sends bytes; returns what comes back until the connection is closed or one answer is complete, and how it ended: `end` is how it
# should, since a connection is kept when it is not closed for a while, and only then is it known how long to wait.
sub exchange {
    my ($socket, $bytes, $end) = @_;
    local $SIG{PIPE} = 'IGNORE';
    syswrite $socket, $bytes;
    my ($in, $out) = ('', '');
    while (IO::Select->new($socket)->can_read($Oriel::Test::Patience)) {
        sysread $socket, $in, 65536, length $in or return ($out, 'closed');
        while (length $in >= 8) {
            my (undef, $type, undef, $length, $padding) = unpack 'CCnnC', $in;
            last if length $in < 8 + $length + $padding;
            $out .= substr $in, 8, $length if $type == 6;
            substr $in, 0, 8 + $length + $padding, '';
            return ($out, IO::Select->new($socket)->can_read($end eq 'kept' ? 0.2 : $Oriel::Test::Patience) ? 'closed' : 'kept') if $type == 3;
        }
    }
    return ($out, 'silent');
}

sub raw { return IO::Socket::UNIX->new(Peer => $s->{fcgi}) // die "$s->{fcgi}: $!" }

{
    my %get   = (REQUEST_METHOD => 'GET', REQUEST_URI => '/v1/items/1');
    my $evil  = asking(REQUEST_METHOD => 'GET', REQUEST_URI => '/v1/items/66') . record(5, '');
    my $large = asking(%get, HTTP_X => 'x' x 30_000);
    my $kept  = raw();
    my @cases = (
        ['a request on a connection of its own', raw(), asking(%get) . record(5, ''), 'Status: 200', 'kept'],
        ['the first on a kept connection', $kept, asking(%get) . record(5, ''), 'Status: 200', 'kept'],
        ['parameters of several reads', $kept, $large . record(5, ''), 'Status: 200', 'kept'],
        ['a URL that is too long', $kept, asking(%get, REQUEST_URI => '/v1/items?' . 'x' x 991) . record(5, ''), 'Status: 414', 'kept'],
        ['a body that holds a request', raw(),
            asking(REQUEST_METHOD => 'POST', REQUEST_URI => '/v1/items', CONTENT_LENGTH => length $evil) . record(5, $evil) . record(5, ''),
            'Status: 405', 'closed'],
        ['the same without its frame', raw(),
            asking(REQUEST_METHOD => 'POST', REQUEST_URI => '/v1/items', CONTENT_LENGTH => length $evil) . $evil . record(5, ''),
            'Status: 405', 'closed'],
        ['the same, unannounced', raw(), asking(%get) . record(5, $evil) . record(5, ''), 'Status: 200', 'closed'],
        ['no FastCGI', raw(), "GET / HTTP/1.1\r\n\r\n", '', 'closed'],
        ['half a request', raw(), record(1, pack 'nCx5', 1, 1), '', 'closed'],
    );
    for my $case (@cases) {
        my ($name, $socket, $bytes, $start, $end) = @$case;
        my ($out, $ended) = exchange($socket, $bytes, $end);
        # closed without a word: its responder was held up, and nginx would ask another one
        for (1 .. 3) { ($out, $ended) = exchange(raw(), $bytes, $end) if $start && $out eq '' }
        is($ended, $end, "$name: the connection is $end");
        $start ? like($out, qr/^$start/, "$name: $start") : is($out, '', "$name: no answer");
        unlike($out, qr/Status:.*Status:|66/s, "$name: nothing but one answer");
    }
    my $gone = raw();
    syswrite $gone, asking(%get, REQUEST_URI => '/v1/naps?id=lte.3') . record(5, '');
    close $gone;
    is($s->get('/v1/items/1')->{status}, 200, 'whoever leaves without waiting disturbs nobody');
}

# --- the end ---
{
    my $c = $s->client;
    $c->send("GET /v1/naps?id=lte.6 HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until { active() } 'a request to be at Postgres';
    my $load = start_load(2);
    sleep 0.1;
    is($s->stop('responders'), 0, 'TERM under load: a good end');
    is($c->response('GET')->{status}, 200, 'the request that had come was answered');
    my $count = end_load($load);
    is(join(' ', grep { !/^(200|503)$/ } keys %$count), '', 'others were answered or told to come again') or diag explain $count;

    $s->start('responders');
    $master = $s->pid('responders');
    wait_until { responders() == 2 && $s->get('/v1/items/1')->{status} == 200 } 'a new master';
    my @orphans = responders();
    is($s->stop('responders', 'KILL'), 128 + 9, 'a master that is killed');
    wait_until { !grep { kill 0, $_ } @orphans } 'its responders to end with it';
}
$watch->close;
$s->finish;
undef $s;    # subs above hold it, and it must go before what it stands on
done_testing;
