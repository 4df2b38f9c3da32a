#!/usr/bin/perl
# make bench: the read path against its peers and its two limits (the database alone, a static file alone), in one run, in
# alternating rounds, on one machine with the load generator. Ratios first; absolute figures belong to the machine.
#   ROWS     products, 1000000
#   ROUNDS   of each case, 5
#   SECONDS  of each measurement, 3
#   CASES    only these: key range embed vendor count 304 cached stream latency start
use strict;
use warnings;
use JSON::PP ();
use Oriel::Bench qw(median show_range);
use Oriel::Test;
use Time::HiRes qw(time sleep);

my ($rows, $rounds, $seconds) = ($ENV{ROWS} // 1_000_000, $ENV{ROUNDS} // 5, $ENV{SECONDS} // 3);
my $vendors = int($rows / 100);
my %wanted  = map { $_ => 1 } split ' ', $ENV{CASES} // 'key range embed vendor count 304 cached stream latency start';
my $columns = 'id, client, external_id, vendor_id, name, category, price, in_stock, tags, updated_at';
my $failed  = 0;
$| = 1;

# What each asks for; `oriel` by its grammar, the others by a path of their own with the same query behind it. targets: the
# least ratio of Oriel to each.
my @cases = (
    { name => 'key', title => 'row by key', most => $rows, oriel => '/v1/products/%d', peer => '/products/%d',
      sql => "SELECT $columns FROM api.v_products_v1 WHERE id = \$1",
      targets => { node => 2, node_nginx => 3, php => 4, plain => 2, pgbench => 0.5 } },
    { name => 'range', title => '100 rows by key range', most => $rows - 100, oriel => '/v1/products?id=gte.%d&order=id&limit=100', peer => '/range/%d',
      sql => "SELECT $columns FROM api.v_products_v1 WHERE id >= \$1 ORDER BY id LIMIT 100",
      targets => { node => 2.2, php => 3, pgbench => 0.6 } },
    { name => 'embed', title => '20 rows with a to-one embed', most => $rows - 20, oriel => '/v1/products?select=id,name,price,vendor:vendors(id,name)&id=gte.%d&order=id&limit=20',
      peer => '/embed/%d', sql => 'SELECT p.id, p.name, p.price, v.id, v.name FROM api.v_products_v1 p LEFT JOIN api.v_vendors_v1 v ON v.id = p.vendor_id WHERE p.id >= $1 ORDER BY p.id LIMIT 20',
      targets => { node => 2 } },
    { name => 'vendor', title => 'filter, order and limit on an index, 20 rows', most => $vendors, oriel => '/v1/products?vendor_id=eq.%d&order=id&limit=20', peer => '/vendor/%d',
      sql => "SELECT $columns FROM api.v_products_v1 WHERE vendor_id = \$1 ORDER BY id LIMIT 20", targets => {} },
    { name => 'count', title => 'the same with count=exact', most => $vendors, oriel => '/v1/products?vendor_id=eq.%d&order=id&limit=20', peer => '/count/%d',
      headers => ['Prefer: count=exact'], without => { plain => 1 },
      sql => "SELECT $columns, count(*) OVER () FROM api.v_products_v1 WHERE vendor_id = \$1 ORDER BY id LIMIT 20", targets => {} },
);
my %label = (oriel => 'Oriel, through nginx', node => 'Node, without nginx', node_nginx => 'Node, through nginx', php => 'PHP-FPM, through nginx',
    plain => 'plain libfcgi, through nginx', pgbench => 'pgbench, the same SQL', static => 'nginx, a static file');

my $b = Oriel::Bench->new(rows => $rows);
$b->start('responders');
$b->start_peers;
$b->start('nginx');
wait_until { eval { $b->get('/v1/products/1')->{status} == 200 } } 'Oriel to answer';
print_machine();

sub print_machine {
    my ($cpu) = (eval { read_file('/proc/cpuinfo') } // '') =~ /^model name\s*: (.*)$/m;
    my $cores = () = (eval { read_file('/proc/cpuinfo') } // '') =~ /^processor/mg;
    my ($load) = split ' ', read_file('/proc/loadavg');
    my ($y, $m, $d) = (localtime)[5, 4, 3];
    printf "%04d-%02d-%02d; %d cores, %s; load before: %s\n", $y + 1900, $m + 1, $d, $cores, $cpu // 'unknown', $load;
    for my $command ([Oriel::Cluster::bin() . '/postgres', '--version'], ['nginx', '-v'], ['node', '--version'], ['php', '--version'], ['wrk', '-v']) {
        my (undef, $out, $err) = run_command(@$command);
        my ($line) = split /\n/, $out . $err;
        print "  ", $command->[0] =~ s{.*/}{}r, ": $line\n";
    }
    printf "  %d products, 2 responders, 2 nginx workers, 16 connections, %d round(s) of %s s; medians (least to most)\n", $rows, $rounds, $seconds;
    print "  missing: $label{$_}: $b->{missing}{$_}\n" for sort keys %{ $b->{missing} };
}

# The answers, as far as all peers write them alike: the same rows.
sub same_answer {
    my ($case, $server) = @_;
    my ($code, $out) = run_command('curl', '-sf', $b->url($server) . sprintf($server eq 'oriel' ? $case->{oriel} : $case->{peer}, 42));
    die "$server does not answer $case->{name}\n" if $code;
    my $answer = JSON::PP->new->utf8->decode($out);
    return join "\n", map { join '|', $_->{id}, $_->{name}, 0 + ($_->{price} // 0), $_->{vendor} ? "$_->{vendor}{id} $_->{vendor}{name}" : '' } ref $answer eq 'ARRAY' ? @$answer : $answer;
}

sub report {
    my ($title, $results, $targets) = @_;
    print "\n$title\n";
    for my $name (sort { ($targets->{$b} // 0) <=> ($targets->{$a} // 0) || $a cmp $b } grep { $_ ne 'oriel' } keys %$results) {
        my @ratios = Oriel::Bench::ratios($results, 'oriel', $name);
        my $target = $targets->{$name};
        my $met    = !defined $target ? '' : median(@ratios) >= $target ? "target $target, met" : "target $target, MISSED";
        $failed++ if $met =~ /MISSED/;
        printf "  %-38s %-24s %s\n", "Oriel / $label{$name}", show_range('%.2f', @ratios), $met;
    }
    for my $name (sort keys %$results) {
        my @r = @{ $results->{$name} };
        printf "    %-36s %s/s%s\n", $label{$name}, show_range('%.0f', map { $_->{rate} } @r),
            defined $r[0]{p50} ? sprintf('   p50 %d us, p99 %d us', median(map { $_->{p50} } @r), median(map { $_->{p99} } @r)) : '';
    }
}

sub run_case {
    my ($case) = @_;
    my @servers = grep { !$b->{missing}{ s/_nginx//r } && !$case->{without}{$_} } qw(oriel node node_nginx php plain);
    my $expected = same_answer($case, 'oriel');
    for my $server (@servers) {
        my $answer = wait_until { eval { same_answer($case, $server) } } "$server to answer $case->{name}";
        die "$server answers $case->{name} otherwise than Oriel:\n$answer\n$expected\n" if $answer ne $expected;
    }
    my %paths = map { $_ => $b->paths_file($case->{$_ eq 'oriel' ? 'oriel' : 'peer'}, $case->{most}) } @servers;
    my %ways  = map { my $s = $_; $s => sub { $b->load($s, $paths{$s}, seconds => $seconds, headers => $s eq 'oriel' ? $case->{headers} : []) } } @servers;
    $ways{pgbench} = sub { $b->pgbench($case->{sql}, $case->{most}, seconds => $seconds) };
    $b->load($_, $paths{$_}, seconds => 1) for @servers;    # warm
    report($case->{title}, $b->rounds($rounds, \%ways), $case->{targets});
}

$wanted{ $_->{name} } && run_case($_) for @cases;
print "\n$failed targets missed\n";
$b->{finished} = 1;
