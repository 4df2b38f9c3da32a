# A real browser on a page of another origin (t/browser), with the whole stack over TCP: what is preflighted, which headers
# and bodies a page can read, the browser's cache with ETag and 304, and an origin that is not allowed. The page reports to
# a server that is this test, which also does what the page asks for by POST /do/….
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Oriel::Release;
use Oriel::Stack;
use Oriel::Test;
use Test::More;
use Time::HiRes ();

my $pages = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 64, ReuseAddr => 1) or die "no port: $!";
my $page  = 'http://127.0.0.1:' . $pages->sockport;

my ($code, $version) = run_command('chromium', '--version');
is($code, 0, 'chromium is there') or BAIL_OUT('chromium cannot be run; `make packages` installs it');
note $version =~ s/\s+\z//r;

my $s = Oriel::Stack->new(
    domain   => release_files('new'),
    settings => { responder => { origins => [$page] } },
    tcp      => 1,
);
my $n_delivered = 0;
sub deliver {
    my @names = @_;
    $n_delivered++;
    $s->drop_file('acme', "d$n_delivered.ndjson", join '', map {
        JSON::PP->new->canonical->encode({ id => "P-$_", name => $_, price => 1.5, modified => '2026-01-01T00:00:00Z', vendor => { id => 'V1', name => 'One' } }) . "\n" } @names);
    $s->wait_for_deliveries($n_delivered);
}
deliver('one', 'two');
wait_until { my $r = $s->get('/v1/products'); $r->{status} == 200 && @{ $r->{json} } == 2 } 'the first rows to be served';

# --- the page's server ---

my ($report, $logged) = (undef, 0);
my %do = (
    log      => sub { $logged = length $s->access_log; 'null' },
    count304 => sub { scalar(() = substr($s->access_log, $logged) =~ m{"GET /v2/products\S* HTTP/1\.1" 304 }g) },
    deliver  => sub { deliver('three'); 'null' },
    report   => sub { ($report) = @_; 'null' },
);

sub response {
    my ($status, $type, $body) = @_;
    return "HTTP/1.1 $status\r\nContent-Type: $type\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\nCache-Control: no-store\r\n\r\n$body";
}

# The answer to a whole request; undef while it is not.
sub answer {
    my ($request) = @_;
    my ($method, $path, $headers, $body) = $request =~ m{\A(\S+) (\S+) HTTP/1\.1\r\n(.*?\r\n)\r\n(.*)\z}s or return;
    my ($length) = $headers =~ /^content-length:\s*(\d+)/mi;
    return if length $body < ($length // 0);
    return response('200 OK', 'application/json', $do{$1}->($body)) if $method eq 'POST' && $path =~ m{\A/do/(\w+)\z} && $do{$1};
    return response('200 OK', 'text/html; charset=utf-8', read_file("t/browser/$1")) if $method eq 'GET' && $path =~ m{\A/((?:page|stranger)\.html)\z};
    return response('404 Not Found', 'text/plain', 'nothing');
}

# Serves until the page has reported, or until the deadline.
sub serve {
    my $select   = IO::Select->new($pages);
    my $deadline = Time::HiRes::time() + 2 * $Oriel::Test::Patience;
    my %got;
    while (!$report && Time::HiRes::time() < $deadline && $s->{children}->is_running('browser')) {
        for my $socket ($select->can_read(0.2)) {
            if ($socket == $pages) { $select->add($pages->accept // next); next }
            my $n = sysread $socket, my $bytes, 1 << 16;
            $got{$socket} .= $bytes if $n;
            my $answer = $n ? answer($got{$socket}) // next : undef;
            syswrite $socket, $answer if $answer;
            delete $got{$socket};
            $select->remove($socket);
            close $socket;
        }
    }
}

# --- the browser ---

local $SIG{PIPE} = 'IGNORE';
my $profile = "$s->{folder}/browser";
mkdir $profile;
chown +(getpwnam 'www-data')[2, 3], $profile if $> == 0;
# Its sandbox needs what containers do not have; it reads nothing here but the test's own pages. It may reach nothing else:
# no name resolves, and what it would ask its maker for is switched off.
$s->{children}->start('browser', { user => 'www-data', death => 'KILL', environment => { HOME => $profile, TMPDIR => $profile, DBUS_SESSION_BUS_ADDRESS => 'disabled:' } },
    'chromium', '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-breakpad', '--disable-crash-reporter', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions', '--disable-default-apps', '--mute-audio',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost', "--user-data-dir=$profile", "$page/page.html#http://$s->{tcp}");
serve();
$s->{children}->stop('browser', 'KILL');
kill 'KILL', $_->{pid} for grep { $_->{traces} && $_->{name} =~ /chrom/ } Oriel::Children::processes($profile);

my $seen = $report && JSON::PP->new->utf8->decode($report);
ok($seen, 'the page has reported') or diag(read_file("$s->{folder}/log/browser.log") =~ s/\A.*(?=.{2000}\z)//sr);
ok($_->[1], $_->[0]) or diag("got $_->[2]") for @{ $seen // [] };
is(eval { $seen->[-1][0] }, 'and that is the end of the page', 'it went to its end');

# --- what the server saw of it ---

my @log = split /\n/, $s->access_log;
my $said = sub { my ($pattern) = @_; scalar grep { $_ =~ $pattern } @log };
cmp_ok($said->(qr{"OPTIONS /v1/products\?\S+ HTTP/1\.1" 200 }), '>=', 1, 'the browser asked first where it must');
is($said->(qr{"OPTIONS /v1/products\?select=name&order=id&limit=2 }), 0, 'and not where it need not');
is($said->(qr{"DELETE }), 0, 'what the preflight refused was not sent');
is(grep({ /"OPTIONS/ && !/" 200 / } @log), 0, 'no preflight fails') or diag join "\n", grep { /"OPTIONS/ } @log;

ok(eval { wait_until { !grep { $_->{traces} } Oriel::Children::processes($profile) } 'the browser to be gone'; 1 }, 'no process of the browser is left') or diag $@;
$s->finish;
done_testing;
