# Long statements and short ones side by side: what a responder does while it is held up, so that others are not. No time is
# measured: a short request that had to wait for a long one would find it gone.
use strict;
use warnings;
use IO::Select;
use Oriel::Psql;
use Oriel::Fcgi;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $expand = <<'END';
CREATE TABLE dp.item (id integer PRIMARY KEY, name text);
INSERT INTO dp.item SELECT i, 'item ' || i FROM generate_series(1, 60000) i;
CREATE VIEW api.v_items_v1 AS SELECT i.id, i.name FROM dp.item i;
COMMENT ON VIEW api.v_items_v1 IS E'Items.\n@primaryKey id';
CREATE VIEW api.v_naps_v1 AS SELECT i.id, pg_catalog.pg_sleep(0.1)::text AS nap FROM dp.item i;
COMMENT ON VIEW api.v_naps_v1 IS E'A tenth of a second a row.\n@primaryKey id';
CREATE TABLE dp.note (id integer PRIMARY KEY);
INSERT INTO oriel.entity (name, table_schema, table_name) VALUES ('note', 'dp', 'note');
CREATE VIEW api.v_notes_v1 AS SELECT n.id FROM dp.note n;
COMMENT ON VIEW api.v_notes_v1 IS E'They have a version.\n@primaryKey id';
GRANT SELECT ON api.v_items_v1, api.v_naps_v1, api.v_notes_v1 TO oriel_ds;
END
my $s = Oriel::Stack->new(
    domain     => { 'sql/changes/0001-items/expand.sql' => $expand },
    settings   => { responder => { statementTimeout => '120s', maxRows => 0 } },
    start      => [qw(responders nginx)],
    responders => 3,
    connections => 2048,
);
my $log = "$s->{folder}/log/responders.log";
wait_until { (() = read_file($log) =~ /connected to Postgres/g) == 3 } 'all responders to be ready';

sub ask { my ($target) = @_; my $c = $s->client; $c->send("GET $target HTTP/1.1\r\nHost: x\r\n\r\n"); return $c }
sub active { return $s->sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'oriel_ds' AND state = 'active'", 'postgres') }

# Of what /metrics says, one value.
sub metric {
    my ($name) = @_;
    return $s->get('/metrics')->{body} =~ /^\Q$name\E (\d+)$/m ? $1 : undef;
}

# Short requests by several clients at once; how many were answered rightly.
sub short {
    my ($rounds) = @_;
    my @clients = map { $s->client } 1 .. 8;
    my $right   = 0;
    for my $round (1 .. $rounds) {
        $clients[$_ - 1]->send("GET /v1/items/$_ HTTP/1.1\r\nHost: x\r\n\r\n") for 1 .. @clients;
        $right += ($clients[$_ - 1]->response('GET')->{json}{id} // 0) == $_ for 1 .. @clients;
    }
    return $right;
}

is(short(30), 240, 'short requests');
wait_until { metric('oriel_responders_open') == 3 } 'all responders to be open';

# --- as many long statements as there are responders, but one ---
{
    my @long = map { ask('/v1/naps?id=lte.1000') } 1 .. 2;
    wait_until { active() == 2 } 'two long statements to run, each in a responder of its own';
    wait_until { metric('oriel_responders_open') == 1 } 'the two to take nothing more';
    is(short(40), 320, 'the third one takes all short requests');
    is(active(), 2, 'none waited for a long one: both are still running');
    my @more = map { ask('/v1/naps?id=lte.1000') } 1 .. 2;
    wait_until { active() == 3 } 'the third to be held up, too';
    cmp_ok(metric('oriel_responders_open'), '>=', 1, 'somebody stays open') for 1 .. 5;
    $_->close for @long, @more;
    wait_until { active() == 0 } 'the long ones to be cancelled';
    wait_until { metric('oriel_responders_open') == 3 } 'all to be open again';
    is(short(10), 80, 'and to serve');
    cmp_ok(metric('oriel_shed_total'), '>=', 2, 'it was counted');
}

# --- those that came to a responder just before it was held up ---
{
    my $before = metric('oriel_handed_back_total');
    for my $round (1 .. 10) {
        my @clients = map { $s->client } 1 .. 8;
        $_->get('/v1/items/1') for @clients;    # kept connections, to all responders
        my @long = map { ask('/v1/naps?id=lte.1000') } 1 .. 2;
        $_->send("GET /v1/items/2 HTTP/1.1\r\nHost: x\r\n\r\n") for @clients;
        is(scalar(grep { ($_->response('GET')->{json}{id} // 0) == 2 } @clients), 8, "sent together with long ones: answered ($round)");
        cmp_ok(active(), '>=', 1, 'before those');
        $_->close for @long;
        wait_until { active() == 0 } 'the long ones to be cancelled';
        last if metric('oriel_handed_back_total') > $before;
    }
    cmp_ok(metric('oriel_handed_back_total'), '>', $before, 'what waited behind was handed back');
}

# --- an answer that streams to somebody who does not read ---
{
    my $socket = Oriel::Fcgi::ask($s->{fcgi}, 1, REQUEST_METHOD => 'GET', REQUEST_URI => '/v1/items');
    wait_until { metric('oriel_responders_streaming') } 'an answer to stream';
    wait_until { metric('oriel_responders_open') == 2 } 'its responder to take nothing more';
    is(short(20), 160, 'the others serve');
    is(metric('oriel_responders_streaming'), 1, 'while it is still on its way');
    close $socket;
    wait_until { metric('oriel_responders_open') == 3 } 'it to be open again';
    is(metric('oriel_streams_total') . metric('oriel_streams_broken_total'), '11', 'both was counted');
}

# --- more at once than nginx lets through ---
{
    my @clients = map { ask('/v1/naps?id=lte.1000') } 1 .. 320;
    my %by = map { $_->{socket} => $_ } @clients;
    my @refused;
    wait_until {
        push @refused, grep { $_->{json}{code} eq 'ORIEL156' } map { (delete $by{$_})->response('GET') } IO::Select->new(map { $_->{socket} } values %by)->can_read(0.1);
        @refused;
    } 'those beyond 256 to be refused while all others wait';
    is("$refused[0]{status} $refused[0]{headers}{'retry-after'}", '503 1', 'with the time to come again');
    ok(defined metric('oriel_responders'), 'who watches is not refused');
    $_->close for @clients;
    wait_until { active() == 0 } 'all to be cancelled';
    wait_until { metric('oriel_responders_open') == 3 } 'all to be open again';
    is(short(10), 80, 'and to serve');
}

# --- a responder that dies while the others count on it ---
{
    my $master = $s->pid('responders');
    kill 'KILL', split ' ', read_file("/proc/$master/task/$master/children");
    wait_until { (eval { metric('oriel_responders_open') } // 0) == 3 } 'three others to come';
    is(metric('oriel_responder_deaths_total'), 3, 'three deaths are counted');
    is(metric('oriel_responders'), 3, 'and nobody who is dead');
}
$s->finish(qr/ended by signal 9|prematurely closed|Connection reset|Broken pipe/);

# --- a single responder: nobody else is there, and nobody waits for ever ---
{
    my $alone = Oriel::Stack->new(
        domain     => { 'sql/changes/0001-items/expand.sql' => $expand },
        settings   => { responder => { statementTimeout => '1s', maxRows => 0 } },
        start      => [qw(responders nginx)],
        responders => 1,
    );
    wait_until { $alone->get('/v1/items/1')->{status} == 200 } 'the responder to serve';
    # each for less than half of what a statement may run, so that the first has time on a busy machine, too; in all for longer
    my @clients = map { $alone->client } 1 .. 6;
    $_->send("GET /v1/naps?id=lte.4 HTTP/1.1\r\nHost: x\r\n\r\n") for @clients;
    my @answers = map { $_->response('GET') } @clients;
    is($answers[0]{status}, 200, 'the first is answered');
    my @late = grep { $_->{status} == 503 } @answers;
    cmp_ok(scalar @late, '>=', 1, 'who would have to wait for longer than a statement may run is refused');
    is("$late[0]{json}{code} $late[0]{headers}{'retry-after'}", 'ORIEL004 1', 'and told when to come again') if @late;
    is($alone->get('/v1/items/3')->{json}{id}, 3, 'the next one gets its own answer') for 1 .. 3;

    # who leaves while a version is read had no stream, though somebody had before
    wait_until { ($alone->get('/v1/notes')->{headers}{etag} // '') =~ m{^W/} } 'versions to be known';
    is(scalar @{ $alone->get('/v1/items?select=id,name')->{json} }, 60000, 'a stream that reaches its end');
    open my $locker, '|-', 'psql', '-Xq', '-d', $alone->{db}->conninfo . ' user=postgres' or die "psql: $!";
    $locker->autoflush(1);
    print $locker "BEGIN; LOCK TABLE oriel.entity IN ACCESS EXCLUSIVE MODE;\n";
    wait_until { $alone->sql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'oriel.entity'::regclass", 'postgres') } 'the lock';
    my $watch   = Oriel::Psql->new($alone->{db}, 'postgres');    # for a second at most, so the one who asks for it is connected before
    my $leaving = $alone->client;
    $leaving->send(qq(GET /v1/notes HTTP/1.1\r\nHost: x\r\nIf-None-Match: "x"\r\n\r\n));
    wait_until { $watch->ask("SELECT count(*) FROM pg_stat_activity WHERE usename = 'oriel_ds' AND wait_event_type = 'Lock'") } 'a version to be waited for';
    $watch->close;
    $leaving->close;
    print $locker "ROLLBACK;\n";
    close $locker;
    wait_until { $alone->get('/metrics')->{body} =~ /^oriel_requests_in_flight 0$/m } 'it to be over';
    like($alone->get('/metrics')->{body}, qr/^oriel_streams_total 1\n(?:.*\n)*oriel_streams_broken_total 0$/m, 'is counted as none that broke off');
    $alone->finish;
}
done_testing;
