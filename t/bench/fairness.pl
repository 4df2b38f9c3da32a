#!/usr/bin/perl
# make bench-fairness: row-by-key reads alone, and beside a client that runs back-to-back one-second queries on as many
# connections as there are responders minus one; in alternation. The p99 beside it should be at most three times the other.
#   RESPONDERS  3
#   CLIENTS     of row-by-key reads, each asking again at once, 8
#   SECONDS     of each measurement, 5
#   ROUNDS      3
use strict;
use warnings;
use Oriel::Bench qw(percentile show_range);
use Oriel::Stack;
use Oriel::Test;
use POSIX ();
use Time::HiRes qw(time);

my ($responders, $clients, $seconds, $rounds) = ($ENV{RESPONDERS} // 3, $ENV{CLIENTS} // 8, $ENV{SECONDS} // 5, $ENV{ROUNDS} // 3);
my $s = Oriel::Stack->new(domain => { 'sql/changes/0001-items/expand.sql' => <<'END' }, start => [qw(responders nginx)], responders => $responders);
CREATE TABLE dp.item (id integer PRIMARY KEY, name text);
INSERT INTO dp.item SELECT i, 'item ' || i FROM generate_series(1, 100000) i;
CREATE VIEW api.v_items_v1 AS SELECT i.id, i.name FROM dp.item i;
COMMENT ON VIEW api.v_items_v1 IS E'Items.\n@primaryKey id';
CREATE VIEW api.v_naps_v1 AS SELECT i.id, pg_catalog.pg_sleep(1)::text AS nap FROM dp.item i;
COMMENT ON VIEW api.v_naps_v1 IS E'A second a row.\n@primaryKey id';
GRANT SELECT ON api.v_items_v1, api.v_naps_v1 TO oriel_ds;
END
my $log = "$s->{folder}/log/responders.log";
wait_until { (() = read_file($log) =~ /connected to Postgres/g) == $responders } 'all responders to be ready';
$| = 1;

# Runs code in n processes until the time is over; every line that they print.
sub in_parallel {
    my ($n, $until, $ask) = @_;
    my @readers;
    for my $i (1 .. $n) {
        my $pid = open(my $reader, '-|') // die "fork: $!";
        if (!$pid) {
            my $http = $s->client;
            while (time < $until) { print $ask->($http), "\n" }
            close STDOUT;
            POSIX::_exit(0);
        }
        push @readers, $reader;
    }
    return @readers;
}

sub short {
    my ($http) = @_;
    my $began = time;
    my $r     = $http->get('/v1/items/' . (1 + int rand 100_000));
    return sprintf '%d %.3f', $r->{status}, 1000 * (time - $began);
}

sub long { my ($http) = @_; return $http->get('/v1/naps?id=eq.1')->{status} }

# (p50, p99, longest, requests, failures) in ms.
sub measure {
    my ($n_long) = @_;
    my $until  = time + $seconds;
    my @long   = in_parallel($n_long, $until, \&long);
    my @short  = in_parallel($clients, $until, \&short);
    my ($failed, @ms) = 0;
    for my $reader (@short) {
        while (my $line = <$reader>) { my ($status, $ms) = split " ", $line; $status == 200 ? push @ms, $ms : $failed++ }
        close $reader;
    }
    for my $reader (@long) { 1 while readline $reader; close $reader }
    @ms = sort { $a <=> $b } @ms;
    return (percentile(\@ms, 50), percentile(\@ms, 99), $ms[-1], scalar @ms, $failed);
}

my @ratios;
for my $round (1 .. $rounds) {
    my %of;
    for my $long ($round % 2 ? (0, 1) : (1, 0)) { $of{$long} = [measure($long ? $responders - 1 : 0)] }
    push @ratios, $of{1}[1] / $of{0}[1];
    printf "round $round, %-22s p50 %6.2f ms, p99 %7.2f ms, longest %8.2f ms, %6d requests, %d failed\n", @$_
        for ['alone:', @{ $of{0} }], ['beside long queries:', @{ $of{1} }];
    printf "round %d: p99 %.2f times\n", $round, $ratios[-1];
}
printf "%d responders, %d clients, %d long queries at a time: p99 %s times; to be at most 3\n", $responders, $clients, $responders - 1,
    show_range('%.2f', @ratios);
$s->{finished} = 1;
