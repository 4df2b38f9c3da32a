#!/usr/bin/perl
# make bench-profile: where the processor's time goes when Oriel answers, by process, by kernel and program, and by function; and
# the system calls of a responder, or of a worker of nginx where that answers by itself. Needs perf and strace, and the right to look at all of the machine: root's, or
# kernel.perf_event_paranoid of 0 and less.
#   ROWS     products, 1000000
#   SECONDS  of each recording, 5
#   CASES    only these: key range embed 304 cached static
#   TOP      functions of each process that are named, 12
use strict;
use warnings;
use Oriel::Bench;
use Oriel::Children;
use Oriel::Test;

my ($rows, $seconds, $top) = ($ENV{ROWS} // 1_000_000, $ENV{SECONDS} // 5, $ENV{TOP} // 12);
my %path = (
    key   => '/v1/products/%d',
    range => '/v1/products?id=gte.%d&order=id&limit=100',
    embed => '/v1/products?select=id,name,price,vendor:vendors(id,name)&id=gte.%d&order=id&limit=20',
    304   => '/v1/products/42',
    cached => '/v1/products?id=gte.42&order=id&limit=20',
    static => '/file.json',
);
my @cases = split ' ', $ENV{CASES} // 'key range embed 304 cached static';
$| = 1;

for my $tool (qw(perf strace)) {
    die "$tool is not there; on Debian it is in the package ", $tool eq 'perf' ? 'linux-perf' : 'strace', "\n" unless Oriel::Bench::have($tool);
}
my $bench = Oriel::Bench->new(rows => $rows);
$bench->start('responders');
$bench->start('nginx');
wait_until { eval { $bench->get('/v1/products/1')->{status} == 200 } } 'Oriel to answer';
write_file("$bench->{folder}/static/file.json", $bench->get($path{cached})->{body});
profile($_) for @cases;
$bench->{finished} = 1;

# Runs the load while a tool looks on; what it answered a second.
sub under_load {
    my ($case, $look) = @_;
    my $etag = $case eq '304' ? $bench->version_tag($path{$case}) : undef;
    my $file = $bench->paths_file($path{$case}, $path{$case} =~ /%d/ ? $rows - 100 : (1, 1));
    my @ask  = (is_nginx($case) ? $case : 'oriel', $file, headers => $etag ? ["If-None-Match: $etag"] : []);
    $bench->load(@ask, seconds => 1);    # warm
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        my $r = eval { $bench->load(@ask, seconds => $seconds + 2) } or print STDERR $@;
        write_file("$bench->{folder}/rate", $r ? $r->{rate} : 0);
        exec 'true';    # nothing of this process is to be cleaned up twice
    }
    select undef, undef, undef, 0.5;
    $look->();
    waitpid $pid, 0;
    return read_file("$bench->{folder}/rate");
}

sub is_nginx { my ($case) = @_; return $case =~ /^(cached|static)$/ }

# The process of that name that is at work: no master, and of nginx' workers the one that has taken the connections.
sub busiest {
    my ($name) = @_;
    my @pids = map { $_->{pid} } grep { $_->{name} eq $name } $bench->{children}->left;
    my $ran  = sub { return map { $_ => (split ' ', read_file("/proc/$_/schedstat"))[0] } @pids };
    my %before = $ran->();
    select undef, undef, undef, 0.2;
    my %after = $ran->();
    my ($first) = sort { $after{$b} - $before{$b} <=> $after{$a} - $before{$a} } @pids;
    return $first;
}

sub perf {
    my (@command) = @_;
    my ($code, $out, $err) = run_command('perf', @command);
    die "perf $command[0] failed: $err\n" if $code;
    return $out;
}

sub profile {
    my ($case) = @_;
    my $data = "$bench->{folder}/perf.data";
    my $rate = under_load($case, sub {
        # All of the machine, by each core's clock, which goes on while a core is idle. To follow processes perf sets a timer whenever one of them gets a core, which in a
        # virtual machine costs more than what such a process then does, and shows as time of the kernel.
        perf('record', '-q', '-a', '-e', 'cpu-clock', '-F', 1999, '-o', $data, '--', 'sleep', $seconds);
    });
    my (%total, %kernel, %function, $all);
    for (split /\n/, perf('report', '-i', $data, '-q', '-n', '--sort', 'comm,dso,symbol', '-g', 'none', '-t', '|')) {
        my ($samples, $comm, $object, $symbol) = (split /\s*\|\s*/)[1 .. 4] or next;
        next unless defined $symbol;
        $comm =~ s/\s//g;
        $all += $samples;
        $total{$comm} += $samples;
        $kernel{$comm} += $samples if $symbol =~ /^\[k\]/;
        $symbol =~ s/^\[.\]\s*//;
        $symbol =~ s/\s.*//;
        $function{$comm}{"$symbol ($object)"} += $samples;
    }
    printf "\n%s: %.0f answers a second while it was looked at\n", $case, $rate;
    $total{idle} = delete $total{swapper} // 0;
    printf "  %-12s %4.1f %% of the time\n", 'idle', 100 * $total{idle} / $all;
    for my $comm (sort { $total{$b} <=> $total{$a} } grep { $_ ne 'idle' && $total{$_} >= $all / 100 } keys %total) {
        printf "  %-12s %4.1f %% of the time, %.0f %% of that in the kernel\n", $comm, 100 * $total{$comm} / $all, 100 * ($kernel{$comm} // 0) / $total{$comm};
        my $f = $function{$comm};
        my @first = grep { defined } (sort { $f->{$b} <=> $f->{$a} } keys %$f)[0 .. $top - 1];
        printf "      %4.1f %%  %s\n", 100 * $f->{$_} / $total{$comm}, $_ for @first;
    }
    my ($name, $log) = (is_nginx($case) ? 'nginx' : 'oriel-fcgi', "$bench->{folder}/strace.log");
    $rate = under_load($case, sub {
        run_command('timeout', '-s', 'INT', $seconds, 'strace', '-c', '-f', '-S', 'calls', '-o', $log, '-p', busiest($name));
    });
    print "  system calls of one $name:\n";
    print map { "      $_\n" } grep { /\d/ } split /\n/, read_file($log);
}
