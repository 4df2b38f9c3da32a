#!/usr/bin/perl
# make bench-expand: what readers notice of a change. One client after the other reads single products of version 1 through
# nginx, at a set pace, on kept connections, in alternating rounds:
#   quiet    while nothing else happens
#   change   from the start of the worked example's expand to the end of its fill, as fast as it goes; the bound is 1.3
#   gentle   the same, with so many rows a second
#   expand   while it is expanded and reverted again and again without a pause, which nobody does: so the p99 is what a
#            reader waits who comes while the change holds its locks
# Prints p50 and p99 of each, and the ratios of p99 to that of the quiet round.
#   ROWS     products, 1000000
#   ROUNDS   of each, 3
#   SECONDS  of a quiet round and of one with expand, 12, which is about what a change takes: a shorter one has too few slow requests
#            to compare with
#   RATE     requests a second, 400
#   GENTLE   rows a second of a gentle fill, 50000
use strict;
use warnings;
use Oriel::Bench qw(median percentile);
use Oriel::Release;
use Oriel::Stack;
use Oriel::Test;
use Time::HiRes qw(sleep time);

my ($rows, $rounds, $seconds, $rate) = ($ENV{ROWS} // 1_000_000, $ENV{ROUNDS} // 3, $ENV{SECONDS} // 12, $ENV{RATE} // 400);
my $gentle = $ENV{GENTLE} // 50_000;
my $change = $Oriel::Release::Change;
my $s      = release_stack();
# as a server is set up, not as the tests want theirs
$s->sql("ALTER SYSTEM SET $_", 'postgres')
    for "max_wal_size = '4GB'", "checkpoint_timeout = '30min'", 'autovacuum = off', "shared_buffers = '256MB'";
$s->{db}->stop;
$s->{db}->start;
$s->sql("INSERT INTO dp.vendor (id, client, external_id, name, raw_batch, raw_line) VALUES (1, 'acme', 'V', 'V', 1, 1);
    INSERT INTO dp.product (id, client, external_id, vendor_id, name, category, price, raw_batch, raw_line)
    SELECT n, 'acme', 'P' || n, 1, 'product number ' || n, 'tools', n % 100000 * 0.01, 1, n FROM generate_series(1, $rows) n");
$s->sql('VACUUM ANALYZE dp.product');
$s->start('responders');
$s->start('nginx');
wait_until { $s->get('/v1/products/1')->{status} == 200 } 'the responders to answer';

sub oriel {
    my ($phase, @options) = @_;
    my ($code, $out, $err) = run_command("$s->{build}/oriel", '-c', $s->{new}, 'change', $phase, @options, $change);
    die "$phase failed: $out$err" if $code;
}

# Reads in a process of its own while `run` runs: latencies in milliseconds, sorted. Each request has its time, whether the one
# before came late or not, and its latency counts from there: a stall is not forgotten for the requests that it kept waiting.
sub latencies {
    my ($run) = @_;
    my $file = "$s->{folder}/latencies";
    my $pid  = fork // die "fork: $!\n";
    if (!$pid) {
        my $stop;
        local $SIG{TERM} = sub { $stop = 1 };
        open my $out, '>', $file or POSIX::_exit(1);
        my $client = $s->client;
        for (my $due = time; !$stop; $due += 1 / $rate) {
            my $early = $due - time;
            sleep $early if $early > 0;
            last if $stop;
            my $status = eval { $client->get('/v1/products/' . (1 + int rand $rows))->{status} } // "none: $@";
            printf $out "%s %.6f\n", $status =~ s/\s.*//sr, 1000 * (time - $due) unless $stop;
        }
        close $out;
        POSIX::_exit(0);
    }
    sleep 0.2;
    $run->();
    kill 'TERM', $pid;
    waitpid $pid, 0;
    my @all = map { [split ' '] } split /\n/, read_file($file);
    my @failed = grep { $_->[0] ne '200' } @all;
    die @failed . ' of ' . @all . " requests failed: $failed[0][0]\n" if @failed;
    return [sort { $a <=> $b } map { $_->[1] } @all];
}

my %ways = (
    quiet  => sub { sleep $seconds },
    expand => sub { my $end = time + $seconds; while (time < $end) { oriel('expand'); oriel('revert') } },
    change => sub { oriel('expand'); oriel('fill') },
    gentle => sub { oriel('expand'); oriel('fill', '--rate', $gentle) },
);
my $again = sub { oriel('revert'); $s->sql('VACUUM FULL dp.product'); $s->sql('ANALYZE dp.product') };
my %after = (change => $again, gentle => $again);

$| = 1;
my (%p99, %ratio);
for my $round (1 .. $rounds) {
    for my $way ($round % 2 ? qw(quiet expand change gentle) : qw(gentle change expand quiet)) {
        my $times = latencies($ways{$way});
        $after{$way}->() if $after{$way};
        push @{ $p99{$way} }, percentile($times, 99);
        printf "round %d, %-6s: %6d requests, p50 %6.2f ms, p99 %6.2f ms, longest %7.2f ms\n", $round, $way, scalar @$times,
            percentile($times, 50), percentile($times, 99), $times->[-1];
    }
    push @{ $ratio{$_} }, $p99{$_}[-1] / $p99{quiet}[-1] for qw(change gentle expand);
}
printf "%s: p99 %.2f times that of a quiet round (median of %d%s)\n", $_, median(@{ $ratio{$_} }), $rounds, $_ eq 'expand' ? '' : '; bound 1.3'
    for qw(change gentle expand);
$s->stop($_) for qw(nginx responders);
$s->{finished} = 1;
