#!/usr/bin/perl
# Draws what `make bench` printed: t/bench/plot.pl CASE <report >file.svg, CASE being the title of one of its cases, such as "row by
# key". A bar for each server, as long as the median of its answers a second, with the range of the rounds on it.
use strict;
use warnings;
use List::Util 'max';

my $case = shift // die "usage: $0 CASE <report >file.svg\n";
my ($here, @bars);
while (<STDIN>) {
    my $bar = /^ {4,}(\S.*?)\s{2,}(\d+) \((\d+) to (\d+)\)\/s/ && { name => $1, median => $2, least => $3, most => $4 };
    push @bars, $bar if $here && $bar;
    $here = $1 eq $case if !$bar && /^(?: {4})?(\S.*)$/; # RESULTS.md has it four columns to the right
}
@bars or die "the report has no case \"$case\"\n";
@bars = sort { $b->{median} <=> $a->{median} || $a->{name} cmp $b->{name} } @bars;

my ($left, $width, $high, $gap, $top) = (290, 400, 22, 10, 40);
my $scale  = $width / max(map { $_->{most} } @bars);
my $height = $top + @bars * ($high + $gap) + 10;
my $total  = $left + $width + 90;
sub xml { my ($s) = @_; $s =~ s/&/&amp;/g; $s =~ s/</&lt;/g; return $s }
sub thousands { my ($n) = @_; 1 while $n =~ s/^(\d+)(\d{3})/$1,$2/; return $n }

# Text and lines in a grey that can be read on white and on black.
print <<"END";
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $total $height" width="$total" height="$height" font-family="sans-serif" font-size="14" fill="#777">
<title>@{[xml($case)]}: answers a second</title>
<text x="0" y="20" font-weight="bold">@{[xml(ucfirst $case)]}: answers a second</text>
END
for my $i (0 .. $#bars) {
    my $bar = $bars[$i];
    my $y   = $top + $i * ($high + $gap);
    my ($middle, $text) = ($y + $high / 2, $y + $high / 2 + 5);
    my ($w, $from, $to) = map { sprintf '%.1f', $_ * $scale } @$bar{qw(median least most)};
    my $color = $bar->{name} =~ /^Oriel/ ? '#d2691e' : '#9db2bf';
    printf qq(<text x="%d" y="%.1f" text-anchor="end">%s</text>\n), $left - 10, $text, xml($bar->{name});
    printf qq(<rect x="%d" y="%d" width="%s" height="%d" fill="%s"/>\n), $left, $y, $w, $high, $color;
    printf qq(<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#333" stroke-width="1.5"/>\n), $left + $from, $middle, $left + $to, $middle;
    printf qq(<text x="%.1f" y="%.1f">%s</text>\n), $left + max($to, $w) + 8, $text, thousands($bar->{median});
}
print "</svg>\n";
