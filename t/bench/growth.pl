#!/usr/bin/perl
# make bench-growth: what an answer costs as things grow, one at a time: rows of the table, contracts, connections, responders. Each
# table begins with what the others are compared with; rounds in alternation where one stack can serve them all.
#   ROWS         of the table, "10000 1000000"; 10000000 takes some minutes and 3 GB
#   CONTRACTS    "1 10 100 500"
#   CONNECTIONS  of the clients, "1 4 16 64 250 500": busy ones ask again as soon as they are answered (up to 250, since nginx refuses
#                what goes beyond 256 requests under way), slow ones wait, so that all together ask some 4,000 times a second
#   RESPONDERS   "1 2 4 8"
#   ROUNDS, SECONDS  3 of 2 s
#   TABLES       only these: rows contracts connections responders
use strict;
use warnings;
use List::Util 'max';
use Oriel::Children;
use Oriel::Bench qw(median show_range);
use Oriel::Test;

my ($rounds, $seconds) = ($ENV{ROUNDS} // 3, $ENV{SECONDS} // 2);
my %sizes = (
    rows        => [split ' ', $ENV{ROWS}        // '10000 1000000'],
    contracts   => [split ' ', $ENV{CONTRACTS}   // '1 10 100 500'],
    connections => [split ' ', $ENV{CONNECTIONS} // '1 4 16 64 250 500'],
    responders  => [split ' ', $ENV{RESPONDERS}  // '1 2 4 8'],
);
my %path = (key => '/v1/products/%d', range => '/v1/products?id=gte.%d&order=id&limit=100');
$| = 1;
my %table = (rows => \&grow_rows, contracts => \&grow_contracts, connections => \&grow_connections, responders => \&grow_responders);
$table{$_}->() for split ' ', $ENV{TABLES} // 'rows contracts connections responders';

sub start {
    my (%options) = @_;
    my $bench = Oriel::Bench->new(%options);
    $bench->start('responders');
    $bench->start('nginx');
    return $bench;
}

sub ready {
    my ($bench, $path) = @_;
    wait_until { eval { $bench->get($path)->{status} == 200 } } 'Oriel to answer';
}

sub memory {
    my ($bench) = @_;
    my @kib = map { (eval { read_file("/proc/$_->{pid}/smaps_rollup") } // '') =~ /^Pss:\s+(\d+)/m ? $1 : () }
        grep { $_->{name} eq 'oriel-fcgi' && $_->{traces} } Oriel::Children::processes($bench->{folder});
    return max(@kib) / 1024;
}

# ways: { size => { case => what measures it once } }, in alternating rounds. A line for each size: the rate of each case, and what
# that is of the first size's.
sub compare {
    my ($what, $ways, $tell) = @_;
    my %all;
    for my $size (keys %$ways) {
        $all{"$size $_"} = $ways->{$size}{$_} for keys %{ $ways->{$size} };
    }
    my $results = Oriel::Bench->rounds($rounds, \%all);
    my %first;
    for my $size (sort { $a <=> $b } keys %$ways) {
        printf "  %9s %s", $size, $what;
        for my $case (sort keys %{ $ways->{$size} }) {
            my @results = @{ $results->{"$size $case"} };
            my $rate    = median(map { $_->{rate} } @results);
            $first{$case} //= $rate;
            printf ';  %s %.0f/s, %.2f of the first, p99 %.1f ms', $case, $rate, $rate / $first{$case}, median(map { $_->{p99} } @results) / 1000;
        }
        print $tell ? ';  ' . $tell->($size) : '', "\n";
    }
}

# What loads a stack, warmed up. forms: { case => [path, greatest number in it] }
sub loads {
    my ($bench, %forms) = @_;
    return { map {
        my $file = $bench->paths_file(@{ $forms{$_} });
        $bench->load('oriel', $file, seconds => 1);
        ($_ => sub { $bench->load('oriel', $file, seconds => $seconds) });
    } keys %forms };
}

sub grow_rows {
    print "\nrows of the table; 16 connections, 2 responders\n";
    my %benches = map { $_ => start(rows => $_) } @{ $sizes{rows} };
    ready($_, '/v1/products/1') for values %benches;
    compare('rows', { map { $_ => loads($benches{$_}, key => [$path{key}, $_], range => [$path{range}, $_ - 100]) } keys %benches });
    $_->{finished} = 1 for values %benches;
}

# Asked for is the last of them; and how long it takes from the exec of oriel-fcgi to the first row.
sub grow_contracts {
    print "\ncontracts in the lock file; 16 connections, 2 responders\n";
    my (%benches, %start);
    for my $n (@{ $sizes{contracts} }) {
        my $bench = $benches{$n} = start(domain => Oriel::Bench::things($n, 1000));
        ready($bench, "/v1/things$n/1");
        $bench->stop('responders');
        $start{$n} = [map { Oriel::Bench::cold_start($bench, "/v1/things$n/1") } 1 .. $rounds];
        $bench->start('responders');
        ready($bench, "/v1/things$n/1");
    }
    compare('contracts', { map { $_ => loads($benches{$_}, key => ["/v1/things$_/%d", 1000]) } keys %benches },
        sub { my ($n) = @_; return sprintf 'first answer after %s ms, a responder takes %.1f MiB', show_range('%.0f', @{ $start{$n} }), memory($benches{$n}) });
    $_->{finished} = 1 for values %benches;
}

sub grow_connections {
    print "\nconnections of the clients; 2 responders\n";
    my $bench = start(rows => 100_000);
    ready($bench, '/v1/products/1');
    my $file = $bench->paths_file($path{key}, 100_000);
    $bench->load('oriel', $file, seconds => 1);
    my $ways = sub {
        my ($n) = @_;
        return {
            $n > 250 ? () : (busy => sub { $bench->load('oriel', $file, seconds => $seconds, connections => $n) }),
            $n < 16  ? () : (slow => sub { $bench->load('oriel', $file, seconds => $seconds, connections => $n, pause => $n / 4) }),
        };
    };
    compare('connections', { map { $_ => $ways->($_) } @{ $sizes{connections} } });
    $bench->{finished} = 1;
}

sub grow_responders {
    print "\nresponders; 16 connections\n";
    my %benches = map { $_ => start(rows => 100_000, responders => $_) } @{ $sizes{responders} };
    ready($_, '/v1/products/1') for values %benches;
    compare('responders', { map { $_ => loads($benches{$_}, key => [$path{key}, 100_000], range => [$path{range}, 99_900]) } keys %benches });
    $_->{finished} = 1 for values %benches;
}
