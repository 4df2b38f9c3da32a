# Nobody gets another's answer, whatever happens: several clients ask at once, each for what it can tell by itself is right,
# while sessions are cancelled and terminated, views and the functions of versions replaced, data written, responders
# replaced and held up, and Postgres is started again. Besides what is right, only 503, 504 and a stream that breaks off may
# come.
#
#   REQUESTS=100000 CLIENTS=8 SEED=42 prove -It/lib t/44-crossed.t     # the seed is printed; the requests and troubles are
#                                                                      # the same again, not the moments at which they meet
use strict;
use warnings;
use JSON::PP ();
use List::Util qw(shuffle sum0);
use Oriel::RandomWorld qw(pick chance);
use Oriel::Stack;
use Oriel::Test;
use Oriel::Token;
use POSIX ();
use Test::More;
use Time::HiRes 'time';

my $requests = $ENV{REQUESTS} // 2000;
my $clients  = $ENV{CLIENTS} // 4;
my $seed     = $ENV{SEED} // int rand 1e9;
my $items    = 1000;
my $blocks   = 1500;             # of a kilobyte: more than is gathered
my $holds    = 0.102;            # seconds for which a version that was read may be given out, and what rounding adds
my $secret   = 'a secret of this test' . 'x' x 32;
note "REQUESTS=$requests CLIENTS=$clients SEED=$seed";
srand $seed;

my $expand = <<"END";
CREATE TABLE dp.item (id integer PRIMARY KEY, name text NOT NULL, kind integer NOT NULL, owner text NOT NULL);
INSERT INTO dp.item SELECT i, 'item ' || i, i % 7, 'u' || i % 10 FROM generate_series(1, $items) i;
CREATE VIEW api.v_items_v1 AS SELECT i.id, i.name, i.kind FROM dp.item i;
COMMENT ON VIEW api.v_items_v1 IS E'Items.\\n\@primaryKey id\\n\@foreignKey (kind) references v_kinds_v1 (id)';
CREATE VIEW api.v_kinds_v1 AS SELECT k AS id, 'kind ' || k AS title FROM generate_series(0, 6) k;
COMMENT ON VIEW api.v_kinds_v1 IS E'Kinds.\\n\@primaryKey id';
CREATE VIEW api.v_mine_v1 WITH (security_barrier) AS SELECT i.id, i.owner FROM dp.item i
    WHERE i.owner = NULLIF(current_setting('request.jwt.claims', true), '')::json ->> 'sub';
COMMENT ON VIEW api.v_mine_v1 IS E'Items of who asks.\\n\@primaryKey id';
CREATE VIEW api.v_times_v1 AS SELECT i AS id, '2026-01-01 00:00Z'::timestamptz + i * interval '1 minute' AS at FROM generate_series(0, 59) i;
COMMENT ON VIEW api.v_times_v1 IS E'Times.\\n\@primaryKey id';
CREATE VIEW api.v_blocks_v1 AS SELECT i AS id, i || repeat('x', 1000) AS block FROM generate_series(1, $blocks) i;
COMMENT ON VIEW api.v_blocks_v1 IS E'Much.\\n\@primaryKey id';
CREATE VIEW api.v_naps_v1 AS SELECT i.id, pg_catalog.pg_sleep(0.02)::text AS nap FROM dp.item i;
COMMENT ON VIEW api.v_naps_v1 IS E'Slow rows.\\n\@primaryKey id';
CREATE TABLE dp.stock (id integer PRIMARY KEY, generation bigint NOT NULL);
INSERT INTO dp.stock SELECT i, 0 FROM generate_series(1, 20) i;
CREATE VIEW api.v_stock_v1 AS SELECT s.id, s.generation FROM dp.stock s;
COMMENT ON VIEW api.v_stock_v1 IS E'All rows of one generation.\\n\@primaryKey id';
INSERT INTO oriel.entity (name, table_schema, table_name) VALUES ('stock', 'dp', 'stock');
GRANT SELECT ON api.v_items_v1, api.v_kinds_v1, api.v_mine_v1, api.v_times_v1, api.v_blocks_v1, api.v_naps_v1, api.v_stock_v1 TO oriel_ds;
END
my $s = Oriel::Stack->new(
    domain   => { 'sql/changes/0001-all/expand.sql' => $expand },
    settings => { responder => { statementTimeout => '2s', maxRows => 0,
        tokens => { anonymous => JSON::PP::true, keys => [{ file => 'key', algorithm => 'HS256' }] } } },
    start    => [],
);
write_file("$s->{folder}/key", $secret);
chmod 0600, "$s->{folder}/key";
$s->start($_) for qw(responders nginx);
my $master = $s->pid('responders');
my $log    = "$s->{folder}/log/responders.log";
my %token  = map { $_ => Oriel::Token::sign('HS256', $secret, { sub => $_, exp => time + 3600 }) } map { "u$_" } 0 .. 9;

sub children { my ($pid) = @_; return split ' ', read_file("/proc/$pid/task/$pid/children") }
sub responders { return children($master) }
sub serves { return (grep { (eval { $s->get('/v1/stock')->{headers}{etag} } // '') =~ m{^W/} } 1 .. 6) == 6 }
wait_until { serves() } 'the responders to serve, and to know of versions';

# --- what is asked, and what is right ---
#
# Each gives the target, the headers, what tells of an answer what is wrong with it ('' for nothing), and the method, if it is
# not GET.

sub is_text { my ($is, $should) = @_; return $is eq $should ? '' : "should be $should" }
sub an_item { return 1 + int rand $items }
sub item    { my ($id) = @_; return qq({"id":$id,"name":"item $id","kind":) . $id % 7 . '}' }
sub a_range { my $low = 1 + int rand $items - 40; return ($low, $low + int rand 40) }
sub list    { return '[' . join(',', @_) . ']' }

sub by_key {
    my ($id) = @_ ? @_ : an_item();
    return ("/v1/items/$id", [], sub { is_text($_[0]{body}, item($id)) });
}

sub of_a_list {
    my %ids = map { an_item() => 1 } 1 .. 1 + int rand 9;
    my @ids = sort { $a <=> $b } keys %ids;
    return ('/v1/items?order=id&id=in.(' . join(',', @ids) . ')', [], sub { is_text($_[0]{body}, list(map { item($_) } @ids)) });
}

# More of them than stay prepared.
sub of_its_own_shape {
    my ($id, $alias) = (an_item(), 's' . int rand 400);
    return ("/v1/items?id=eq.$id&select=$alias:name", [], sub { is_text($_[0]{body}, qq([{"$alias":"item $id"}])) });
}

sub embedded {
    my $id = an_item();
    return ("/v1/items?id=eq.$id&select=id,kinds(title)", [], sub { is_text($_[0]{body} =~ s/ //gr, qq([{"id":$id,"kinds":{"title":"kind) . $id % 7 . '"}}]') });
}

sub counted {
    my ($low, $high) = a_range();
    my ($total, $limit) = ($high - $low + 1, 1 + int rand 5);
    my $last = $low + ($total < $limit ? $total : $limit) - 1;
    my $should = '0-' . ($last - $low) . "/$total " . list(map { item($_) } $low .. $last);
    return ("/v1/items?id=gte.$low&id=lte.$high&order=id&limit=$limit", [Prefer => 'count=exact'],
        sub { is_text(($_[0]{headers}{'content-range'} // '') . " $_[0]{body}", $should) });
}

sub as_csv {
    my ($low, $high) = a_range();
    return ("/v1/items?id=gte.$low&id=lte.$high&order=id&select=name,id", [Accept => 'text/csv'],
        sub { is_text($_[0]{body}, join '', "name,id\r\n", map { "item $_,$_\r\n" } $low .. $high) });
}

sub wrong {
    my $value = 'v' . int rand 1e6;
    return ("/v1/items?id=eq.$value", [], sub { $_[0]{status} == 400 && $_[0]{body} =~ /\\"$value\\"/ ? '' : "should be a 400 of $value" });
}

sub own {
    my $user = pick('', sort keys %token);
    return ('/v1/mine?limit=20&select=owner', [$user ? (Authorization => "Bearer $token{$user}") : ()],
        sub { is_text($_[0]{body}, list($user ? (qq({"owner":"$user"})) x 20 : ())) });
}

sub planned {
    my ($low, $high) = a_range();
    return ("/v1/items?id=gte.$low&id=lte.$high&order=id&limit=3", [Prefer => 'count=' . pick('planned', 'estimated')],
        sub { is_text($_[0]{body}, list(map { item($_) } $low .. ($high > $low + 2 ? $low + 2 : $high))) });
}

sub zoned {
    my $id   = int rand 60;
    my %zone = ('Asia/Tokyo' => ['09', '+09:00'], UTC => ['00', '+00:00'], 'Asia/Kathmandu' => ['05', '+05:45']);
    my $name = pick(sort keys %zone);
    my $at   = sprintf '%s:%02d:00%s', $zone{$name}[0] + ($name =~ /Kath/ && $id >= 15), ($id + 45 * ($name =~ /Kath/)) % 60, $zone{$name}[1];
    return ("/v1/times/$id?select=at", [Prefer => "timezone=$name"], sub { is_text($_[0]{body}, sprintf '{"at":"2026-01-01T%s"}', $at =~ s/^(\d):/0$1:/r) });
}

# Up to a tenth of a second, after which a responder sheds.
sub napping {
    my $low = an_item();
    my $high = $low + int rand 5;
    $high = $items if $high > $items;
    return ("/v1/naps?id=gte.$low&id=lte.$high&order=id&select=id", [], sub { is_text($_[0]{body}, list(map { qq({"id":$_}) } $low .. $high)) });
}

sub streamed {
    my $low = 1 + int rand 20;
    return ("/v1/blocks?order=id&id=gte.$low", [], sub {
        my @ids = $_[0]{body} =~ /[\[,]\{"id":(\d+),"block":"\1x{1000}"\}/g;
        return "@ids" eq join(' ', $low .. $blocks) && $_[0]{body} =~ /\]\z/ ? '' : 'has other rows';
    });
}

sub headed {
    my ($target) = pick(\&streamed, \&by_key)->();
    return ($target, [], sub { is_text("$_[0]{status} $_[0]{body}", '200 ') }, 'HEAD');
}

my %known;    # of a target: the tag that this client has got for it; and the generation, where it has one

# The rows do not change.
sub tagged {
    my ($target, undef, $right) = by_key(1 + int rand 20);
    my $tag = chance(0.8) && $known{$target} || '"another"';
    return ($target, ['If-None-Match' => $tag], sub {
        my ($r) = @_;
        return $tag eq '"another"' ? 'nobody has this tag' : '' if $r->{status} == 304;
        $known{$target} = $r->{headers}{etag} if $r->{status} == 200;
        return $right->($r);
    });
}

my $seen;    # where it is written down what of the rows that change was seen when: only the end tells what was right then

sub changing {
    my $n      = 1 + int rand 5;
    my $target = "/v1/stock?select=generation&id=lte.$n";
    my ($generation, $tag) = chance(0.7) && $known{$target} ? @{ $known{$target} } : ();
    my $asked  = time;
    return ($target, [$tag ? ('If-None-Match' => $tag) : ()], sub {
        my ($r) = @_;
        if ($r->{status} == 200) {
            ($generation) = $r->{body} =~ /"generation":(\d+)/ or return 'has no rows';
            $known{$target} = [$generation, $r->{headers}{etag}];
        }
        return 'has no tag' unless defined $generation && $known{$target}[1];
        print $seen "$r->{status} $asked $generation\n";
        return $r->{status} == 304 ? '' : is_text($r->{body}, list((qq({"generation":$generation})) x $n));
    });
}

my %kinds = (
    by_key => [8, \&by_key], of_a_list => [4, \&of_a_list], of_its_own_shape => [6, \&of_its_own_shape], embedded => [3, \&embedded],
    counted => [3, \&counted], as_csv => [3, \&as_csv], wrong => [3, \&wrong], own => [4, \&own], napping => [1, \&napping],
    planned => [2, \&planned], zoned => [3, \&zoned], streamed => [1, \&streamed], headed => [1, \&headed], tagged => [3, \&tagged], changing => [8, \&changing],
);
my @kinds = map { ($_) x $kinds{$_}[0] } sort keys %kinds;

# --- who asks ---

my ($told, $tell);    # a pipe: "+3" for three more answers that are no refusals, "! …" for a wrong one, "= kind status n" at the end
my %count;

sub complain {
    my ($ask, $r, $what) = @_;
    my $text = sprintf '%s %s: %.300s; it is: %s', $ask->{kind}, $ask->{target}, $what, $r ? sprintf('%s %.300s', @$r{qw(status body)}) : 'none';
    syswrite $tell, '! ' . $text =~ s/\s+/ /gr . "\n";
    return 'wrong';
}

# What an answer is counted as.
sub judge {
    my ($ask, $r, $error) = @_;
    return 'broken' if !$r && $ask->{kind} eq 'streamed' && $error =~ /closed the connection/;
    return $r->{status} if $r && $r->{status} =~ /^50[34]$/;
    my $wrong = $r ? $ask->{right}($r) : $error;
    return $wrong ? complain($ask, $r, $wrong) : $r->{status};
}

sub send_one {
    my ($http, $kind) = @_;
    my ($target, $headers, $right, $method) = $kinds{$kind}[1]->();
    my @headers = @$headers;
    my $text = ($method // 'GET') . " $target HTTP/1.1\r\nHost: x\r\n";
    while (my ($name, $value) = splice @headers, 0, 2) { $text .= "$name: $value\r\n" }
    $http->send("$text\r\n");
    return { http => $http, kind => $kind, target => $target, right => $right, method => $method // 'GET' };
}

# Now and then a client does not wait for the answer, or not for all of it.
sub take_one {
    my ($ask) = @_;
    my ($http, $left) = ($ask->{http}, chance($ask->{kind} =~ /napping|streamed/ ? 0.3 : 0.05));
    alarm $Oriel::Test::Patience;
    sysread $http->{socket}, my $some, 10 if $left && chance(0.3);
    my $r = $left ? undef : eval { $http->response($ask->{method}) };
    my $error = $@;
    alarm 0;
    $http->close unless $r;
    return $left ? 'left' : judge($ask, $r, $error);
}

sub be_client {
    my ($n) = @_;
    local $SIG{ALRM} = sub { die "no answer\n" };
    my @http = map { $s->client } 1 .. 8;
    $_->{plain} = 1 for @http;
    my $served_at = time;
    while ($n > 0 && time - $served_at < $Oriel::Test::Patience) {
        my @asked   = map { send_one($_, pick(@kinds)) } @http[0 .. int rand @http];
        my @answers = map { "$_->{kind} " . take_one($_) } shuffle(@asked);
        my $served  = grep { / [234]\d\d\z/ } @answers;
        $count{$_}++ for @answers;
        $n -= $served;
        $served_at = time if $served;
        syswrite $tell, "+$served\n";
    }
    syswrite $tell, "= $_ $count{$_}\n" for sort keys %count;
}

pipe $told, $tell or die "pipe: $!";
my @pids = map {
    my $number = $_;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        srand $seed + $number;
        open $seen, '>', "$s->{folder}/seen.$number" or die "seen: $!";
        be_client($requests / $clients);
        close $seen;
        POSIX::_exit(0);
    }
    $pid;
} 1 .. $clients;
close $tell;

# --- what goes wrong meanwhile ---

sub sql { return $s->sql($_[0], 'postgres') }

sub at_a_session { sql("SELECT $_[0](pid) FROM pg_stat_activity WHERE usename = 'oriel_ds' ORDER BY random() LIMIT 1") }

my @generations = ([0, 0, 0]);    # with the moments between which each was committed

# Rows and their version together. Responders are told, or find out.
sub write_data {
    my ($generation, $begun) = (scalar @generations, time);
    sql("UPDATE dp.stock SET generation = $generation; UPDATE oriel.entity SET data_version = data_version + 1, changed_at = clock_timestamp() WHERE name = 'stock'"
            . (chance(0.7) ? '; NOTIFY oriel_data' : ''));
    push @generations, [$generation, $begun, time];
}

my $columns = 0;

sub append_column {
    $columns++ if $columns < 20;
    sql('CREATE OR REPLACE VIEW api.v_items_v1 AS SELECT i.id, i.name, i.kind' . join('', map { ", $_ AS more_$_" } 1 .. $columns) . ' FROM dp.item i; NOTIFY oriel_contract');
}

sub make_view_anew {
    sql(q{DROP VIEW api.v_kinds_v1; CREATE VIEW api.v_kinds_v1 AS SELECT k AS id, 'kind ' || k AS title FROM generate_series(0, 6) k;
        COMMENT ON VIEW api.v_kinds_v1 IS E'Kinds.\n@primaryKey id'; ALTER VIEW api.v_kinds_v1 OWNER TO oriel_owner;
        GRANT SELECT ON api.v_kinds_v1 TO oriel_ds; NOTIFY oriel_contract});
}

# Functions that responders have prepared statements of: the same with a result of another type, and slower; and back.
my %other = (
    'oriel_data_version(integer[])' => q{CREATE FUNCTION api.oriel_data_version(sources integer[], OUT version varchar, OUT changed_at timestamptz)
        LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
            PERFORM pg_catalog.pg_sleep(0.01);
            SELECT v.version, v.changed_at INTO version, changed_at FROM api.kept_oriel_data_version(sources) v;
        END $$},
    'oriel_data_sources()' => q{CREATE FUNCTION api.oriel_data_sources() RETURNS TABLE (view text, sources integer[])
        LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT s.view::text, s.sources FROM api.kept_oriel_data_sources() s'},
);
my %is_other;

sub change_function {
    my ($function) = @_ ? @_ : pick(sort keys %other);
    my ($name) = $function =~ /(\w+)/;
    $is_other{$function} = !$is_other{$function};
    sql($is_other{$function} ? "ALTER FUNCTION api.$function RENAME TO kept_$name; $other{$function}; GRANT EXECUTE ON FUNCTION api.$function TO oriel_ds; NOTIFY oriel_contract"
        : "DROP FUNCTION api.$function; ALTER FUNCTION api.kept_$function RENAME TO $name; NOTIFY oriel_contract");
    sql('NOTIFY oriel_contract') for 1 .. int rand 3;
}

# A responder, or nginx, while something else happens: so that many requests and notifications come at once, and streams wait.
sub hold_up {
    my @held = chance(0.5) ? pick(responders()) // () : children($s->pid('nginx'));
    kill 'STOP', @held;
    write_data() for 1 .. 2;
    append_column();
    kill 'CONT', @held;
}

my @troubles = (
    (sub { at_a_session('pg_cancel_backend') }) x 4, sub { at_a_session('pg_terminate_backend') }, (\&write_data) x 6, \&append_column, \&make_view_anew,
    (\&change_function) x 3, (\&hold_up) x 2, sub { kill 'HUP', $master },
);

sub start_postgres_again { $s->{db}->stop; $s->{db}->start }

my (@wrong, %sum);
my ($answered, $next_trouble, $restarted) = (0, 0, 0);

sub hear {
    my ($line) = @_;
    $answered += $1 if $line =~ /^\+(\d+)/;
    push @wrong, $1 if $line =~ /^! (.*)/;
    $sum{$1}{$2} += $3 if $line =~ /^= (\S+) (\S+) (\d+)/;
    return if $answered < $next_trouble;
    $next_trouble = $answered + 60;
    pick(@troubles)->();
    start_postgres_again() if !$restarted && $answered > $requests / 2 && ++$restarted;
}

while (defined(my $line = <$told>)) { hear($line) }
for (@pids) { waitpid $_, 0; is($?, 0, 'a client has come to its end') }

# --- what comes of it ---

cmp_ok($answered, '>=', $requests, 'all was answered');
is(scalar @wrong, 0, "$answered answers, each to its own request (SEED=$seed)") or diag(join "\n", @wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]);
note join "\n", map { my $kind = $_; "$kind: " . join ', ', map { "$sum{$kind}{$_} $_" } sort keys %{ $sum{$kind} } } sort keys %sum;
for my $kind (sort keys %kinds) {
    my %of = %{ $sum{$kind} // {} };
    cmp_ok(sum0(map { $of{$_} } grep { /^[234]/ } keys %of), '>', 0, "$kind: there were answers");
}

# Rows are no older than the request; a 304 says so of rows that were not when a version could last have been read for it.
{
    my @late;
    for (map { split /\n/, read_file($_) } glob "$s->{folder}/seen.*") {
        my ($status, $asked, $generation) = split ' ';
        my $since = $status == 304 ? $asked - $holds : $asked;
        my $least = (grep { $_->[2] < $since } @generations)[-1][0];
        push @late, "$status of generation $generation, asked at $asked, when $least was committed" if $generation < $least;
    }
    is(scalar @late, 0, scalar(@generations) . ' generations, none given out too late') or diag(join "\n", @late[0 .. ($#late < 9 ? $#late : 9)]);
}

change_function($_) for grep { $is_other{$_} } sort keys %other;
sub metric { my ($name) = @_; return (eval { $s->get('/metrics')->{body} } // '') =~ /^\Q$name\E (\d+)$/m ? $1 : -1 }
sub sessions { return sql("SELECT count(*) || ' ' || count(*) FILTER (WHERE state = 'active') FROM pg_stat_activity WHERE usename = 'oriel_ds'") }
wait_until { responders() == 2 && metric('oriel_responders') == 2 && metric('oriel_responders_open') == 2 } 'two responders to be there, and open';
wait_until { sessions() eq '2 0' } 'a session for each, which rests';
wait_until { metric('oriel_requests_in_flight') == 0 } 'no request to be under way';
wait_until { serves() } 'all to serve, with versions';
is(metric('oriel_responder_deaths_total'), 0, 'none has died');
# a look that a view's replacement overtakes finds it without its grant, until the next one
my $expected   = qr/canceling statement due to user request| 504 for a request to \S+: canceling statement due to statement timeout |terminating connection|connection to Postgres is lost|cannot connect to database|differs from the lock file|broke off after|v_kinds_v1: reader_grant_lost/;
my @unexpected = grep { / (?:warning|error): / && $_ !~ $expected } split /\n/, read_file($log);
is(scalar @unexpected, 0, 'nothing unexpected is logged') or diag(join "\n", @unexpected[0 .. ($#unexpected < 19 ? $#unexpected : 19)]);
$s->finish;
done_testing;
