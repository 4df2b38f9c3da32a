# conf/run, as `make run` calls it: from a checkout and in a folder with a space in their paths, beside whatever else runs
# on this machine.
use strict;
use warnings;
use IO::Socket::INET;
use JSON::PP ();
use Oriel::Children;
use Oriel::Http;
use Oriel::Test;
use Test::More;

my $folder = Oriel::Test::new_folder();
my $top    = "$folder/check out";
mkdir $top;
run_command('cp', '-R', 'conf', 'sql', $top);
my $run  = "$folder/a b";
my $port = free_port();
my $base = "127.0.0.1:$port";
my $n    = 0;

# What runs: conf/run, started as the children of Oriel::Children are, so that nothing outlives this test.
my $children = Oriel::Children->new($folder);

sub free_port {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "no port: $!";
    return $s->sockport;
}

sub start {
    my (%environment) = @_;
    my $name = 'run' . ++$n;
    $children->start($name, { environment => { TMPDIR => $folder, BUILD => build_folder(), RUN => $run, PORT => $port, %environment } },
        "$top/conf/run");
    return $name;
}

sub output { my ($name) = @_; return read_file("$folder/log/$name.log") }

# Starts and waits until all is said.
sub start_up {
    my $name = start(@_);
    wait_until { output($name) =~ /^Ctrl-C stops it\.$/m && output($name) =~ /^(?:Loaded|Source)/m || !$children->is_running($name) } 'conf/run to be up';
    ok($children->is_running($name), "$name is up") or diag(output($name));
    return $name;
}

# Starts one that is to end by itself: (exit code, output).
sub start_in_vain {
    my $name = start(@_);
    wait_until { !$children->is_running($name) } 'conf/run to end';
    return ($children->{ended}{$name}, output($name));
}

# Everything that a run started is in a session of its own and works in its folder.
sub nothing_is_left {
    my ($what) = @_;
    my @left;
    eval { wait_until { !(@left = grep { $_->{traces} } Oriel::Children::processes($folder)) } 'all to end'; 1 };
    is_deeply([map { $_->{name} } @left], [], "nothing is left running after $what");
    ok(!-S "$run/sock/pg/.s.PGSQL.5432", "nor a socket that is listened to after $what");
}

sub child_pids {
    my ($argument) = @_;
    return map { $_->{pid} } grep { read_file("/proc/$_->{pid}/cmdline") =~ $argument } grep { $_->{traces} } Oriel::Children::processes($folder);
}

# A first run.
my $first = start_up();
my @urls  = output($first) =~ m{^    http://\Q$base\E(/v\d+/\w+)$}mg;
my $lock  = JSON::PP->new->utf8->decode(read_file('sql/contract.json'));
is(scalar @urls, scalar keys %{ $lock->{contracts} }, 'every contract of the lock file is named');
my %rows;
for my $url (@urls) {
    my $r = Oriel::Http->new($base)->get($url);
    is($r->{status}, 200, "$url answers");
    ok(@{ $r->{json} }, 'with rows of the sample');
    $rows{$url} = $r->{body};
}
my @lines = output($first) =~ /^    (curl .*)$/mg;
is(scalar @lines, 3, 'three lines to try');
for my $line (@lines) {
    my ($code, $out) = run_command('sh', '-c', "$line -q -sS --fail --noproxy '*'");
    is($code, 0, $line) && like($out, qr/\[\{"/, 'shows rows');
}

# nginx holds files of its cache open beside its connections; and each worker has a core of its own, where there are two.
my $conf = read_file("$run/nginx/nginx.conf");
my ($connections) = $conf =~ /worker_connections (\d+)/;
my ($nginx) = child_pids(qr/^nginx: master/);
my (@workers, %limit, %cores);
wait_until { 2 == (@workers = grep { (eval { read_file("/proc/$_/cmdline") } // '') =~ /worker process/ } split ' ', read_file("/proc/$nginx/task/$nginx/children")) } 'nginx to have two workers';
for my $pid (@workers) {
    ($limit{$pid}) = read_file("/proc/$pid/limits") =~ /^Max open files +(\d+)/m;
    ($cores{$pid}) = read_file("/proc/$pid/status") =~ /^Cpus_allowed_list:\s*(.*)/m;
}
for (@limit{@workers}) {
    cmp_ok($_, '>=', $connections + 150, 'with descriptors for both');
    like($conf, qr/worker_rlimit_nofile $_;/, 'which it asks for itself');
}
my ($mine) = read_file('/proc/self/status') =~ /^Cpus_allowed_list:\s*(.*)/m;
my @each = $mine eq '0-1' && `nproc --all` == 2 ? (0, 1) : ($mine, $mine);
is(join(' ', sort values %cores), "@each", 'on a core each, where there are two, or wherever it may');

# Another at the same time.
my ($code, $out) = start_in_vain();
is($code, 1, 'a second one on the same data ends');
like($out, qr/Another `make run` is at work in \Q$run\E/, 'and says why');
($code, $out) = start_in_vain(RUN => "$folder/other");
is($code, 1, 'a port that is taken');
like($out, qr/Port $port on 127\.0\.0\.1 is taken.*PORT=\d+/, 'is told, with what to type');
ok(!-e "$folder/other/pg", 'before anything was made');

# The end, and going on with what is there.
is($children->stop($first, 'TERM'), 0, 'TERM ends it well');
nothing_is_left('TERM');
my $second = start_up();
is(Oriel::Http->new($base)->get($_)->{body}, $rows{$_}, "$_ has the same rows, ids included, in a second run") for @urls;

# A part that dies takes the rest along.
my ($master) = grep { read_file("/proc/$_/task/$_/children") } child_pids(qr/oriel-fcgi/);    # the first may be a responder: numbers begin anew
kill 'KILL', $master;
wait_until { !$children->is_running($second) } 'conf/run to notice';
is($children->{ended}{$second}, 1, 'when a part dies, all ends with 1');
like(output($second), qr{^fcgi has ended by itself \(exit code 137\).*log/fcgi\.log}m, 'and names the part and its log');
nothing_is_left('the death of a part');

# However conf/run itself ends.
($code, $out) = start_in_vain(ORIGINS => 'https://app.example/');
is($code, 1, 'an origin that is none');
like($out, qr{^ORIGINS: https://app\.example/ is no origin}m, 'is told');
my $third = start_up(ORIGINS => 'https://app.example http://localhost:3000');
for (['a responder', $urls[0]], ['nginx', '/nginx-answer/404']) {
    my ($who, $path) = @$_;
    is(Oriel::Http->new($base)->get($path, Origin => $_)->{headers}{'access-control-allow-origin'}, $_, "what $who says may be read by $_")
        for 'https://app.example', 'http://localhost:3000';
    is(Oriel::Http->new($base)->get($path, Origin => 'https://other.example')->{headers}{'access-control-allow-origin'}, undef, 'not by others');
}
my $sockets = readlink "$run/sock";
$children->stop($third, 'KILL');
nothing_is_left('KILL');
my $fourth = start_up();
ok($sockets && !-e $sockets, 'a run cleans up what a killed one left');
is($children->stop($fourth, 'HUP'), 0, 'a closed terminal ends it');
nothing_is_left('HUP');

# Root runs the parts as users who cannot reach everything that root can.
SKIP: {
    skip 'only root has this problem', 4 unless $> == 0;
    mkdir "$folder/closed", 0700;
    my $closed = start_up(RUN => "$folder/closed/run");
    my ($elsewhere) = output($closed) =~ m{cannot reach \Q$folder\E/closed/run, so the data are in (/var/lib/oriel-run/\S+)\.};
    ok($elsewhere && -d "$elsewhere/pg", 'a folder that its users cannot reach: the data are elsewhere, and it says so');
    is(Oriel::Http->new($base)->get($urls[0])->{status}, 200, 'and it works');
    is($children->stop($closed, 'TERM'), 0, 'and ends well');
    run_command('rm', '-rf', $elsewhere) if $elsewhere;
}

my @bad = map { my $log = $_; map { "$log: $_" } grep { /Sanitizer|runtime error:|PANIC/ } split /\n/, read_file($log) } glob "'$run/log/'*";
is_deeply(\@bad, [], 'the logs hold no alarm');
done_testing;
