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
use Oriel::Bench qw(median percentile show_range);
use Oriel::Stack;
use Oriel::Test;
use Time::HiRes 'time';

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
      targets => { node => 2, node_nginx => 3, php => 4, plain => 2, pgbench => 0.5, pgbench_2 => 0.5 } },
    { name => 'range', title => '100 rows by key range', most => $rows - 100, oriel => '/v1/products?id=gte.%d&order=id&limit=100', peer => '/range/%d',
      sql => "SELECT $columns FROM api.v_products_v1 WHERE id >= \$1 ORDER BY id LIMIT 100",
      targets => { node => 2.2, php => 3, pgbench => 0.6, pgbench_2 => 0.6 } },
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
    plain => 'plain libfcgi, through nginx', pgbench => 'pgbench, the same SQL, 16 clients', pgbench_2 => 'pgbench, the same SQL, 2 clients', static => 'nginx, a static file', full => 'the row in full',
    copy => 'psql \\copy');

my $bench = Oriel::Bench->new(rows => $rows);
$bench->start('responders');
$bench->start_peers;
$bench->start('nginx');
wait_until { eval { $bench->get('/v1/products/1')->{status} == 200 } } 'Oriel to answer';
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
    print "  missing: $label{$_}: $bench->{missing}{$_}\n" for sort keys %{ $bench->{missing} };
}

# The answers, as far as all peers write them alike: the same rows.
sub same_answer {
    my ($case, $server) = @_;
    my ($code, $out) = run_command('curl', '-sf', $bench->url($server) . sprintf($server eq 'oriel' ? $case->{oriel} : $case->{peer}, 42));
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
    my @servers = grep { !$bench->{missing}{ s/_nginx//r } && !$case->{without}{$_} } qw(oriel node node_nginx php plain);
    my $expected = same_answer($case, 'oriel');
    for my $server (@servers) {
        my $answer = wait_until { eval { same_answer($case, $server) } } "$server to answer $case->{name}";
        die "$server answers $case->{name} otherwise than Oriel:\n$answer\n$expected\n" if $answer ne $expected;
    }
    my %paths = map { $_ => $bench->paths_file($case->{$_ eq 'oriel' ? 'oriel' : 'peer'}, $case->{most}) } @servers;
    my %ways  = map { my $s = $_; $s => sub { $bench->load($s, $paths{$s}, seconds => $seconds, headers => $s eq 'oriel' ? $case->{headers} : []) } } @servers;
    # as many clients as wrk has, and as many as Oriel has connections to Postgres: the one or the other does better
    for (['pgbench', 16], ['pgbench_2', 2]) {
        my ($name, $clients) = @$_;
        $ways{$name} = sub { $bench->pgbench($case->{sql}, $case->{most}, seconds => $seconds, clients => $clients) };
    }
    $bench->load($_, $paths{$_}, seconds => 1) for @servers;    # warm
    report($case->{title}, $bench->rounds($rounds, \%ways), $case->{targets});
}

# A page that the client holds already, against asking for it anew.
sub run_304 {
    my $path = '/v1/products/42';
    my $etag = $bench->version_tag($path);
    my $file = $bench->paths_file($path, 1, 1);
    my %ways = (
        oriel => sub { $bench->load('oriel', $file, seconds => $seconds, headers => ["If-None-Match: $etag"]) },
        full  => sub { $bench->load('oriel', $file, seconds => $seconds) },
    );
    report('304, against the row in full', $bench->rounds($rounds, \%ways), { full => 1.3 });
}

# A page that nginx holds, against a file of the same bytes.
sub run_cached {
    my $path = '/v1/products?id=gte.42&order=id&limit=20';
    write_file("$bench->{folder}/static/file.json", $bench->get($path)->{body});
    my $file = $bench->paths_file($path, 1, 1);
    my %ways = map { my $server = $_; $server => sub { $bench->load($server, $file, seconds => $seconds) } } qw(cached static);
    $bench->load('cached', $file, seconds => 1);
    my $results = $bench->rounds($rounds, \%ways);
    report('20 rows from the cache of nginx', { oriel => $results->{cached}, static => $results->{static} }, { static => 0.9 });
}

# Every row of the contract as CSV, against psql's copy of the same. What memory it takes is held by t/42-stream.t.
sub run_stream {
    my $sql  = "SELECT $columns FROM api.v_products_v1";
    my %ways = (
        oriel => sub { timed('curl', '-sf', '-o', '/dev/null', '-H', 'Accept: text/csv', $bench->url('oriel') . '/v1/products') },
        copy  => sub { timed(Oriel::Cluster::bin() . '/psql', '-XqAt', '-d', $bench->conninfo, '-c', "\\copy ($sql) to /dev/null csv") },
    );
    report("$rows rows as CSV", $bench->rounds($rounds, \%ways), { copy => 0.5 });
}

sub timed {
    my @command = @_;
    my $began = time;
    my ($code, undef, $err) = run_command(@command);
    die "$command[0] failed: $err\n" if $code;
    return { rate => $rows / (time - $began) };
}

sub verdict {
    my ($what, $met) = @_;
    $failed++ unless $met;
    print "  $what: ", $met ? 'met' : 'MISSED', "\n";
}

# At half of what it can do, and at four times that: what is accepted stays quick, the rest is refused at once. Twice: for rows
# by key the load generator, on the same two cores, cannot ask so much, and what it measures is how it and the server
# share them; for requests that cost more it can.
sub run_latency {
    run_overload('row by key', $cases[0]{oriel}, $rows);
    run_overload('1000 rows', '/v1/products?id=gte.%d&order=id&limit=1000', $rows - 1000);
}

sub run_overload {
    my ($title, $form, $most) = @_;
    my $file    = $bench->paths_file($form, $most);
    my @rounds  = map { overload_round($file) } 1 .. $rounds;
    my $all     = sub { my ($what) = @_; return grep { defined } map { $_->{$what} } @rounds };
    my $show    = sub { my ($form, $what) = @_; return $all->($what) ? show_range($form, $all->($what)) : 'none' };
    my $typical = sub { my ($what) = @_; return $all->($what) ? median($all->($what)) : undef };
    printf "\nlatency of %s; capacity %s/s\n", $title, $show->('%.0f', 'capacity');
    my %seen = map { $_ => 1 } map { /^(.* \d+) n$/ } map { keys %$_ } @rounds;
    for my $what (sort keys %seen) {
        printf "  %s: %s answers, p50 %s ms, p99 %s ms\n", $what, $show->('%.0f', "$what n"), $show->('%.1f', "$what p50"), $show->('%.1f', "$what p99");
    }
    printf "  overload: the generator asked %s times the capacity, and was late by %s ms (p50), %s ms (p99)\n",
        $show->('%.2f', 'asked'), $show->('%.1f', 'late p50'), $show->('%.1f', 'late p99');
    verdict("overload: accepted requests' p99 under 10 x p50: " . $show->('%.1f', 'spread'), $typical->('spread') < 10);
    verdict('overload: the rest is 503 within 10 ms (p99)', ($typical->('overload 503 p99') // 0) < 10 && !grep { !/ (200|503)$/ } keys %seen);
    verdict('overload: no collapse, at least 0.7 of the capacity is accepted: ' . $show->('%.2f', 'kept'), $typical->('kept') >= 0.7);
}

# Its capacity is what it can do in the same moment as what it is overloaded in.
sub overload_round {
    my ($file)   = @_;
    my $capacity = $bench->load('oriel', $file, seconds => $seconds)->{rate};
    my $half     = $bench->paced_load('oriel', $file, rate => $capacity / 2, connections => 16, seconds => $seconds);
    my $over     = $bench->paced_load('oriel', $file, rate => $capacity * 4, connections => 2048, seconds => $seconds);
    my %times    = (late => $over->{late});
    for (['half load', $half], ['overload', $over]) {
        my ($load, $answers) = @$_;
        $times{"$load $_"} = $answers->{$_} for grep { /^\d/ } keys %$answers;
    }
    my %round    = (capacity => $capacity, asked => @{ $over->{late} } / $seconds / $capacity, kept => $over->{in_time} / $seconds / $capacity);
    for my $what (keys %times) {
        $round{"$what n"} = @{ $times{$what} };
        $round{"$what p$_"} = percentile($times{$what}, $_) for 50, 99;
    }
    $round{spread} = $over->{200} ? $round{'overload 200 p99'} / $round{'overload 200 p50'} : 9**9**9;
    return \%round;
}

# From the exec of oriel-fcgi to the first row out of nginx, with a hundred contracts and one responder.
sub run_start {
    my $s = Oriel::Stack->new(domain => Oriel::Bench::things(100, 1), start => [], responders => 1);
    $s->start('nginx');
    my @times = map { Oriel::Bench::cold_start($s, '/v1/things100/1') } 1 .. 3 * $rounds;
    $s->{finished} = 1;
    printf "\ncold start with 100 contracts, from exec to the first answer: %s ms\n", show_range('%.0f', @times);
    verdict('under 50 ms', median(@times) < 50);
}

$wanted{ $_->{name} } && run_case($_) for @cases;
run_304()     if $wanted{304};
run_cached()  if $wanted{cached};
run_stream()  if $wanted{stream};
run_latency() if $wanted{latency};
run_start()   if $wanted{start};
print "\n$failed targets missed\n";
$bench->{finished} = 1;
