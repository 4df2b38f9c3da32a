# The benchmark of loading runs, and both ways end with the same tables; without any limit of time.
use strict;
use warnings;
use Oriel::Test;
use Test::More;

local @ENV{qw(ROWS ROUNDS SIZES FSYNC FOLDER)} = (3000, 1, '1000', 'off', Oriel::Test::root());
my ($code, $out, $err) = run_command($^X, '-It/lib', 't/bench/ingest.pl');
is($code, 0, 'it runs') or diag($err);
is($err, '', 'and has nothing to complain of');

my %sum = $out =~ /^1 (\w+): both tables hold (.+)$/mg;
is_deeply([sort keys %sum], [qw(changed first unchanged)], 'after each step both tables are the same');
like($sum{first}, qr/^3000 rows /, 'and hold every record');
is($sum{unchanged}, $sum{first}, 'the second delivery says nothing new');
isnt($sum{changed}, $sum{first}, 'the third does');
like($out, qr/^1 unchanged +oriel .* of the table's +0\.000 MB$/m,     'what did not change is not written');
like($out, qr/^1 first +oriel .* of the table's +0\.[1-9]\d+ MB$/m,  'what is new is');
like($out, qr/^1 bad: 2970 rows, 30 reasons$/m,                        'one record in a hundred is rejected');
like($out, qr/^ratio of $_: +\d+\.\d\d$/m, "the ratio of $_") for qw(first unchanged changed);
like($out, qr/^1000 records: file 0 MiB, memory of the worker \d+\.\d MiB/m, 'and what a size costs');
done_testing;
