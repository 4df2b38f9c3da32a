#!/usr/bin/perl
# make bench-instructions: how many instructions a responder's program takes for an answer, by callgrind: without the kernel's part,
# but the same on a busy machine as on a quiet one, so that a small step shows. What a start takes cancels out.
#   REQUESTS counted, 500
#   CASES    only these: key range embed 304 csv
#   TOP      functions that are named, with what they call, 0
use strict;
use warnings;
use Oriel::Bench;
use Oriel::Test;

my ($requests, $top) = ($ENV{REQUESTS} // 500, $ENV{TOP} // 0);
my %target = (
    key   => sub { '/v1/products/' . shift },
    range => sub { '/v1/products?order=id&limit=100&id=gte.' . shift },
    embed => sub { '/v1/products?select=id,name,price,vendor:vendors(id,name)&order=id&limit=20&id=gte.' . shift },
    304   => sub { '/v1/products/42' },
    csv   => sub { '/v1/products?order=id&limit=100&id=gte.' . shift },
);
die "valgrind is not there; on Debian it is in the package valgrind\n" unless Oriel::Bench::have('valgrind');
my $bench = Oriel::Bench->new(rows => 10_000);
$bench->start('nginx');
for my $case (split ' ', $ENV{CASES} // 'key range embed 304 csv') {
    my ($less, $more) = map { count($case, $_) } 100, 100 + $requests;
    printf "%-6s %7.0f instructions an answer\n", $case, ($more->{instructions} - $less->{instructions}) / ($more->{answers} - $less->{answers});
    print functions() if $top;
}
$bench->{finished} = 1;

# Those of a responder's whole life with so many requests in it.
sub count {
    my ($case, $n) = @_;
    unlink glob "'$bench->{folder}'/callgrind.*";
    $bench->{children}->start('responders', {}, 'spawn-fcgi', '-n', '-s', $bench->{fcgi}, '-M', '0660', '--', Oriel::Bench::have('valgrind'), '-q', '--tool=callgrind',
        "--callgrind-out-file=$bench->{folder}/callgrind.%p", "$bench->{build}/oriel-fcgi", '-c', $bench->{config}, '-n', 1);
    wait_until { eval { $bench->get($target{$case}->(1))->{status} == 200 } } 'the responder to answer';
    my $client = $bench->client;
    my ($tag, $asked) = ('', 0);    # of the data's version, which is not known with the first answer
    wait_until { $asked++; ($tag = $client->get($target{$case}->(1))->{headers}{etag}) =~ /^W/ } 'the responder to know of versions';
    my @headers = $case eq '304' ? ('If-None-Match' => $tag) : $case eq 'csv' ? (Accept => 'text/csv') : ();
    for (1 .. $n) {
        my $status = $client->get($target{$case}->($_), @headers)->{status};
        die "$status instead of an answer\n" if $status != ($case eq '304' ? 304 : 200);
    }
    $bench->stop('responders');
    return { answers => $asked + $n, instructions => (read_file(responder()) =~ /^(?:summary|totals): (\d+)/m)[0] };
}

# The master's process has the lower number.
sub responder {
    my ($file) = sort { ($b =~ /(\d+)$/)[0] <=> ($a =~ /(\d+)$/)[0] } glob "'$bench->{folder}'/callgrind.*";
    return $file;
}

sub functions {
    my (undef, $out) = run_command('callgrind_annotate', '--inclusive=yes', '--threshold=100', responder());
    my @lines = grep { m{:\w} && !/libc_start|below main|rtld|dl-/ } grep { /^ *[\d,]+ \(/ } split /\n/, $out;
    return map { "$_\n" } grep { defined } @lines[0 .. $top - 1];
}
