#!/usr/bin/perl
# make bench-start: how long a responder takes from its exec to the first answer out of nginx; several programs in turn, so that
# what else the machine does hits them alike. Ratios in pairs to the first of them.
#   BUILDS     folders with an oriel-fcgi, separated by blanks; the one that is built here
#   CONTRACTS  100
#   ROUNDS     30
use strict;
use warnings;
use Oriel::Bench qw(median show_range);
use Oriel::Stack;
use Oriel::Test;

my ($contracts, $rounds) = ($ENV{CONTRACTS} // 100, $ENV{ROUNDS} // 30);
my $s      = Oriel::Stack->new(domain => Oriel::Bench::things($contracts, 1), start => [], responders => 1);
my @builds = $ENV{BUILDS} ? split ' ', $ENV{BUILDS} : $s->{build};
my %times;
$s->start('nginx');
for my $round (0 .. $rounds) {
    for my $build (@builds) {
        $s->{build} = $build;
        my $ms = Oriel::Bench::cold_start($s, "/v1/things$contracts/1");
        push @{ $times{$build} }, $ms if $round;    # the first warms up
    }
}
print "$contracts contracts, $rounds rounds; medians (least to most)\n";
for my $build (@builds) {
    my @mine = @{ $times{$build} };
    printf "  %s ms, %.2f of the first  %s\n", show_range('%.1f', @mine), median(map { $mine[$_] / $times{ $builds[0] }[$_] } 0 .. $#mine), $build;
}
$s->{finished} = 1;
