#!/usr/bin/perl
# make bench-pages: key-set pages of 100 rows, the first against one deep inside, by cursor and by offset, in alternating
# rounds. Ratios first; absolute figures belong to the machine.
#   ROWS     products, 1000000
#   PAGE     the deep page's number, 10000 (of a million rows: the last but one)
#   ORDER    id; or another one, for which an index is made: updated_at.nullsfirst,id
#   ROUNDS   5
#   SECONDS  of each measurement, 2
use strict;
use warnings;
use Oriel::Bench qw(median show_range);
use Oriel::Test;

my ($rows, $page, $rounds, $seconds) = ($ENV{ROWS} // 1_000_000, $ENV{PAGE} // 10_000, $ENV{ROUNDS} // 5, $ENV{SECONDS} // 2);
$page = int($rows / 100) if $page * 100 > $rows;
my $order = $ENV{ORDER} // 'id';
my $base  = "/v1/products?order=$order&limit=100";
$| = 1;

my $b = Oriel::Bench->new(rows => $rows);
$b->sql('CREATE INDEX ON dp.product (' . join(', ', map { s/\.desc/ DESC/r =~ s/\.nulls(\w+)/ NULLS \U$1/r =~ s/\.asc//r } split /,/, $order) . ')', 'postgres')
    if $order ne 'id';
$b->sql('VACUUM ANALYZE dp.product', 'postgres');
$b->start('responders');
$b->start('nginx');
wait_until { eval { $b->get('/v1/products/1')->{status} == 200 } } 'Oriel to answer';

# The link of the page before the deep one; that page is found by an offset, once.
my $before = ($page - 2) * 100;
my ($deep) = ($b->get("$base&offset=$before")->{headers}{link} // '') =~ /<([^>]+)>; rel="next"/ or die "no link to the next page\n";
my ($second) = ($b->get($base)->{headers}{link} // '') =~ /<([^>]+)>; rel="next"/ or die "no link to the next page\n";
die "the cursor leads elsewhere than the offset\n" if $b->get($deep)->{body} ne $b->get("$base&offset=" . ($before + 100))->{body};

my %path = (first => $base, second => $second, deep => $deep, offset => "$base&offset=" . ($before + 100));
my %file = map { $_ => write_file("$b->{folder}/$_.paths", "$path{$_}\n") } keys %path;
# By offset it takes a large part of a second, so that one of its own on one connection says enough.
my %ways = map { my $name = $_; $name => sub { $b->load('oriel', $file{$name}, seconds => $seconds, $name eq 'offset' ? (connections => 1) : ()) } } keys %path;
my $results = $b->rounds($rounds, \%ways);
print "$rows rows, pages of 100 by $order, $rounds rounds of $seconds s; medians (least to most)\n";
for (['deep', 'first'], ['deep', 'second'], ['deep', 'offset']) {
    my ($one, $other) = @$_;
    printf "  page $page by cursor / %-24s %s\n", $other eq 'offset' ? 'the same page by offset' : "the $other page",
        show_range('%.2f', Oriel::Bench::ratios($results, $one, $other));
}
printf "    %-8s %s/s\n", $_, show_range('%.0f', map { $_->{rate} } @{ $results->{$_} }) for qw(first second deep offset);
$b->{finished} = 1;
