# The benchmarks run, at sizes that say nothing about speed, and print what their documents quote; without any limit of time.
use strict;
use warnings;
use Oriel::Test;
use Test::More;

sub runs {
    my ($name, $size, @lines) = @_;
    local @ENV{ keys %$size } = values %$size;
    my ($code, $out, $err) = run_command($^X, '-It/lib', "t/bench/$name.pl");
    is($code, 0, "bench-$name runs") or diag($err);
    is($err, '', 'and has nothing to complain of');
    like($out, $_, "it prints $_") for @lines;
}

my $range = qr/\d+\.\d\d \(\d+\.\d\d to \d+\.\d\d\)/;
runs(fill => { ROWS => 1000, ROUNDS => 1 }, qr/^ +1000 rows: update \d+, fill \d+ rows\/s; ratio \d+\.\d\d$/m);
runs(expand => { ROWS => 1000, ROUNDS => 1, SECONDS => 1 }, map { qr/^$_: p99 \d+\.\d\d times that of a quiet round/m } qw(change gentle expand));
runs(fairness => { RESPONDERS => 2, CLIENTS => 2, SECONDS => 1, ROUNDS => 1 }, qr/^round 1, alone: .* 0 failed$/m,
    qr/^round 1, beside long queries: .* 0 failed$/m, qr/: p99 $range times; to be at most 3$/m);
runs(start => { CONTRACTS => 3, ROUNDS => 1 }, qr/^ +\d+\.\d \(\d+\.\d to \d+\.\d\) ms, 1\.00 of the first /m);
runs(pages => { ROWS => 2000, PAGE => 10, ROUNDS => 1, SECONDS => 1 }, qr/^ +page 10 by cursor \/ the first page +$range$/m);
runs(read => { ROWS => 2000, ROUNDS => 1, SECONDS => 1, CASES => 'key' }, qr/^ +Oriel \/ pgbench, the same SQL, 16 clients +$range +target 0\.5, (?:met|MISSED)$/m,
    qr/^ +Oriel, through nginx +\d+ \(\d+ to \d+\)\/s   p50 \d+ us, p99 \d+ us$/m);
done_testing;
