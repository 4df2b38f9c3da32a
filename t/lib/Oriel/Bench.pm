package Oriel::Bench;

# What the benchmarks of the read path stand on: a stack with a million products, Oriel and its peers behind the same nginx
# over the same Postgres, load by wrk, rounds in alternation, medians and ranges. Servers listen at unix sockets and the
# loopback interface.
#
#   my $b = Oriel::Bench->new(rows => 1_000_000);
#   $b->start_peers;                                    # $b->{missing} says which could not be, and why
#   my $r = $b->rounds(3, { oriel => sub { … a number … }, … });
#   printf "%s\n", join ' ', $b->ratio($r, 'oriel', 'node');

use strict;
use warnings;
use parent 'Oriel::Stack';
use Cwd ();
use Exporter 'import';
use IO::Socket::UNIX;
use List::Util qw(max min shuffle);
use Oriel::Test;
use POSIX ();
use Time::HiRes ();

our @EXPORT_OK = qw(median percentile show_range);

my $peers = Cwd::getcwd() . '/t/bench/peers';

sub new {
    my ($class, %options) = @_;
    my $self = $class->SUPER::new(start => [], %options, settings => { responder => { responders => 2, maxRows => 0, %{ $options{responder} // {} } } });
    $self->{rows}  //= 1_000_000;
    $self->{ports} = {};
    $self->{missing} = {};
    $self->set_up_postgres;
    $self->fill unless $self->{domain};
    return $self;
}

# As a server is set up, not as the tests want theirs.
sub set_up_postgres {
    my ($self) = @_;
    $self->sql("ALTER SYSTEM SET $_", 'postgres')
        for "shared_buffers = '1GB'", "max_wal_size = '4GB'", "checkpoint_timeout = '30min'", 'max_connections = 100';
    $self->{db}->stop;
    $self->{db}->start;
}

sub fill {
    my ($self) = @_;
    my $rows    = $self->{rows};
    my $vendors = max(1, int($rows / 100));
    $self->sql(<<"END");
INSERT INTO dp.vendor (id, client, external_id, name, country, raw_batch, raw_line)
    SELECT n, 'acme', 'V-' || n, 'Vendor number ' || n, (ARRAY['DE', 'FR', 'IT', NULL])[n % 4 + 1], 1, n FROM generate_series(1, $vendors) n;
INSERT INTO dp.product (id, client, external_id, vendor_id, name, category, price, in_stock, tags, updated_at, raw_batch, raw_line)
    SELECT n, 'acme', 'P-' || n, n::bigint * 7919 % $vendors + 1, 'Product number ' || n || ', plain', (ARRAY['tools', 'lamps', 'benches'])[n % 3 + 1],
        (n % 100000) / 100.0, n % 5 <> 0, '["sale", "new"]', '2026-01-01Z'::timestamptz + n * interval '1 second', 1, n
    FROM generate_series(1, $rows) n;
-- as the worker does when it starts, so that answers carry the version of the data
INSERT INTO oriel.entity (name, data_version, changed_at, next_id, table_schema, table_name)
    VALUES ('vendor', 1, now(), $vendors + 1, 'dp', 'vendor'), ('product', 1, now(), $rows + 1, 'dp', 'product');
END
    $self->sql("VACUUM ANALYZE dp.$_") for qw(vendor product);
    $self->sql('CHECKPOINT');
}

# A domain of n contracts, /v1/things1 to n, each of a table with so many rows.
sub things {
    my ($n, $rows) = @_;
    return { 'sql/changes/0001-things/expand.sql' => join '', map { <<"END" } 1 .. $n };
CREATE TABLE dp.thing_$_ (id bigint PRIMARY KEY, name text, price numeric(12,2), made_on date);
INSERT INTO dp.thing_$_ SELECT n, 'thing ' || n, n, '2026-01-01' FROM generate_series(1, $rows) n;
CREATE VIEW api.v_things${_}_v1 AS SELECT t.id, t.name, t.price, t.made_on FROM dp.thing_$_ t;
COMMENT ON VIEW api.v_things${_}_v1 IS E'Things.\\n\@primaryKey id';
GRANT SELECT ON api.v_things${_}_v1 TO oriel_ds;
END
}

# --- servers ---

sub port {
    my ($self, $name) = @_;
    return $self->{ports}{$name} //= Oriel::Stack::free_address() =~ s/.*://r;
}

sub url { my ($self, $name) = @_; return 'http://127.0.0.1:' . $self->port($name) }

# The database for a peer: libpq's connection string, and its variables.
sub conninfo {
    my ($self) = @_;
    return $self->{db}->conninfo . ' user=oriel_ds';
}

sub variables {
    my ($self) = @_;
    return { PGHOST => $self->{db}{socket}, PGPORT => 5432, PGDATABASE => 'oriel', PGUSER => 'oriel_ds', BENCH_DATABASE => $self->conninfo };
}

sub have {
    my ($name) = @_;
    my ($found) = grep { -x } map { "$_/$name" } split /:/, $ENV{PATH};
    return $found;
}

my %peer = (node => \&start_node, php => \&start_php, plain => \&start_plain);

# Every peer that can be; a peer that cannot is named with the reason, and the rest goes on.
sub start_peers {
    my ($self) = @_;
    for my $name (sort keys %peer) {
        eval { $peer{$name}->($self); 1 } or chomp($self->{missing}{$name} = $@);
    }
}

# Two processes for two cores; a pool of 8 each for 16 connections.
sub start_node {
    my ($self) = @_;
    die "node is not installed\n" unless have('node') && have('npm');
    my $place = "$self->{build}/bench-node";
    my @files = map { "$peers/node/$_" } qw(package.json package-lock.json .npmrc server.mjs);
    my $now   = join '', map { read_file($_) } @files;
    if (!-e "$place/installed" || read_file("$place/installed") ne $now) {
        write_file("$place/" . s{.*/}{}r, read_file($_)) for @files;
        my ($code, $out, $err) = run_command('npm', 'ci', '--prefix', $place);
        die "npm cannot install its packages: $out$err\n" if $code;
        write_file("$place/installed", $now);
    }
    $self->{children}->start('node', { environment => { %{ $self->variables }, NODE_ENV => 'production' } }, 'node', "$place/server.mjs",
        $self->port('node'), 2, 8);
}

# As many children as there are connections, all there from the beginning.
sub start_php {
    my ($self) = @_;
    my ($fpm) = grep { -x } sort { $b cmp $a } glob '/usr/sbin/php-fpm*';
    die "php-fpm is not installed\n" unless $fpm;
    my $user = $> == 0 ? "user = root\ngroup = root\n" : '';
    my $database = $self->conninfo;
    write_file("$self->{folder}/php.conf", <<"END");
[global]
error_log = $self->{folder}/log/php-fpm.log
daemonize = no
[www]
${user}listen = $self->{folder}/s/php.sock
pm = static
pm.max_children = 16
env[BENCH_DATABASE] = "$database"
END
    $self->{children}->start('php', {}, $fpm, $> == 0 ? '-R' : (), '-y', "$self->{folder}/php.conf", '-d', 'opcache.enable=1');
}

# One process serves one connection of nginx, so there are as many as there are connections.
sub start_plain {
    my ($self) = @_;
    my $socket = "$self->{folder}/s/plain.sock";
    my $flags  = `pkg-config --cflags --libs fcgi libpq`;
    my ($code, $out, $err) = run_command(qw(gcc -O2 -o), "$self->{folder}/plain", "$peers/plain/plain.c", split ' ', $flags);
    die "gcc cannot build it: $err\n" if $code;
    for my $n (1 .. 16) {
        $self->{children}->start("plain$n", { environment => $self->variables }, 'spawn-fcgi', '-n', '-s', "$socket$n", '-M', '0660', '--', "$self->{folder}/plain");
    }
}

# nginx in front of all; a worker process on each core. Nothing is cached but in the server `cached`.
sub start_nginx {
    my ($self) = @_;
    my $php = $self->{missing}{php} ? '' : <<"END";
    upstream php { server unix:$self->{folder}/s/php.sock; keepalive 8; }
    server { listen 127.0.0.1:@{[$self->port('php')]};
        location / { include oriel/oriel-params.conf; fastcgi_param SCRIPT_FILENAME "$peers/php/index.php"; fastcgi_pass php; fastcgi_keep_conn on; } }
END
    my $plain_servers = join ' ', map { "server unix:$self->{folder}/s/plain.sock$_;" } 1 .. 16;
    $self->run_nginx(workers => 2, affinity => 'auto', connections => 8192, log => 'error', http => <<"END");
    access_log off; keepalive_requests 1000000;
    server { listen unix:$self->{http}; listen 127.0.0.1:@{[$self->port('oriel')]} backlog=8192; include oriel/oriel.conf; }
    server { listen 127.0.0.1:@{[$self->port('cached')]}; set \$oriel_cache on; include oriel/oriel.conf; }
    upstream node { server 127.0.0.1:@{[$self->port('node')]}; keepalive 16; }
    server { listen 127.0.0.1:@{[$self->port('node_nginx')]};
        location / { proxy_pass http://node; proxy_http_version 1.1; proxy_set_header Connection ""; } }
    $php
    upstream plain { least_conn; $plain_servers }
    server { listen 127.0.0.1:@{[$self->port('plain')]};
        location / { include oriel/oriel-params.conf; fastcgi_pass plain; } }
    server { listen 127.0.0.1:@{[$self->port('static')]};
        location / { root $self->{folder}/static; default_type application/json; try_files /file.json =404; } }
END
}

# --- load ---

# A file with n paths, "%d" in the form replaced by a number from 1 to most; the same for the same form.
sub paths_file {
    my ($self, $form, $most, $n) = @_;
    my $file = "$self->{folder}/paths-" . unpack('%32C*', $form) . "-$most";
    srand 42;
    write_file($file, join "", map { $form =~ s{%d}{1 + int rand $most}er . "\n" } 1 .. $n // 5000) unless -e $file;
    return $file;
}

# wrk: { rate, p50, p99 } of answers per second and microseconds. Dies when an answer was an error. pause: milliseconds that each
# connection waits on average before it asks.
sub load {
    my ($self, $server, $file, %options) = @_;
    local %ENV = (%ENV, $options{pause} ? (PAUSE => $options{pause}) : ());
    my ($code, $out, $err) = run_command('wrk', '-t1', '--timeout', '30s', '-c' . ($options{connections} // 16), '-d' . ($options{seconds} // 2) . 's', '--latency',
        (map { ('-H', $_) } @{ $options{headers} // [] }), '-s', 't/bench/requests.lua', $self->url($server), $file);
    die "wrk failed: $out$err\n" if $code;
    my ($requests, $seconds, $failures, $p50, $p99) = $out =~ /^result (\d+) ([\d.]+) (\d+) (\d+) (\d+)$/m or die "wrk said:\n$out$err\n";
    die "$failures of $requests answers of $server failed\n" if $failures;
    return { rate => $requests / $seconds, p50 => $p50, p99 => $p99 };
}

# t/bench/paced.c: requests at a set rate, at random moments, from its clock and not from the answers' coming, on so many
# connections: { 200 => [milliseconds from when it was sent, sorted], 503 => [...], late => [milliseconds from when it was
# meant to be sent to when it was, sorted], in_time => how many of 200 came while it was asking }.
sub paced_load {
    my ($self, $server, $file, %options) = @_;
    my $program = "$self->{folder}/paced";
    if (!-e $program) {
        my ($code, $out, $err) = run_command(qw(gcc -O2 -o), $program, 't/bench/paced.c', '-lm');
        die "gcc cannot build it: $err\n" if $code;
    }
    my ($code, $out, $err) = run_command($program, $self->port($server), $options{rate}, $options{seconds} // 3, $options{connections}, $file);
    die "paced failed: $err\n" if $code;
    my (%times, $in_time);
    for (map { [split /\t/] } split /\n/, $out) {
        my ($status, $since_meant, $since_sent, $since_begun) = @$_;
        $in_time++ if $status == 200 && $since_begun <= 1e6 * ($options{seconds} // 3);
        push @{ $times{$status} }, $since_sent / 1000;
        push @{ $times{late} }, ($since_meant - $since_sent) / 1000;
    }
    return { in_time => $in_time // 0, map { $_ => [sort { $a <=> $b } @{ $times{$_} }] } keys %times };
}

# The tag of an answer, once it is of the data's version, which no responder knows with its first answer; a 304 comes for it.
sub version_tag {
    my ($self, $path) = @_;
    my $tag;
    wait_until { ($tag = $self->get($path)->{headers}{etag}) =~ /^W/ && $self->get($path, 'If-None-Match' => $tag)->{status} == 304 } "a 304 of $path";
    return $tag;
}

# How long oriel-fcgi takes from its exec to its first answer through nginx, in ms. Its socket is there before, as
# spawn-fcgi makes it, and a request waits at it: nobody polls.
sub cold_start {
    my ($stack, $path) = @_;
    unlink $stack->{fcgi};
    my $socket = IO::Socket::UNIX->new(Local => $stack->{fcgi}, Listen => 128) or die "$stack->{fcgi}: $!\n";
    my $client = $stack->client;
    $client->send("GET $path HTTP/1.1\r\nHost: x\r\n\r\n");
    pipe my $from, my $to or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        POSIX::dup2(fileno $socket, 0);
        open STDERR, '>>', "$stack->{folder}/log/responders.log";
        syswrite $to, pack 'd', Time::HiRes::time();
        exec "$stack->{build}/oriel-fcgi", '-c', $stack->{config}, '-n', $stack->{responders} or POSIX::_exit(127);
    }
    close $_ for $to, $socket;
    my $answer = $client->response('GET');
    my $ms     = 1000 * (Time::HiRes::time() - unpack 'd', do { local $/; <$from> });    # any of its bytes may look like a newline
    kill 'TERM', $pid;
    waitpid $pid, 0;
    die "$path: $answer->{status}\n" if $answer->{status} != 200;
    return $ms;
}

sub percentile { my ($sorted, $p) = @_; return $sorted->[ min($#$sorted, int(@$sorted * $p / 100)) ] }

# pgbench with the same SQL, prepared, by so many clients: transactions per second.
sub pgbench {
    my ($self, $sql, $most, %options) = @_;
    my $script = write_file("$self->{folder}/pgbench.sql", "\\set id random(1, $most)\n" . ($sql =~ s/\$1/:id/gr) . ";\n");
    local %ENV = (%ENV, %{ $self->variables });
    my ($code, $out, $err) = run_command(Oriel::Cluster::bin() . '/pgbench', '-n', '-M', 'prepared', '-c', $options{clients}, '-j', 2, '-T', $options{seconds} // 2, '-f', $script);
    my ($tps) = $out =~ /^tps = ([\d.]+)/m or die "pgbench failed: $out$err\n";
    return { rate => $tps };
}

# --- rounds and ratios ---

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return @sorted % 2 ? $sorted[ $#sorted / 2 ] : ($sorted[ @sorted / 2 - 1 ] + $sorted[ @sorted / 2 ]) / 2;
}

sub show_range {
    my ($form, @values) = @_;
    return sprintf "$form (%s to %s)", median(@values), map { sprintf $form, $_ } min(@values), max(@values);
}

# Runs all of them `rounds` times, each round in another order: { name => [results] }.
sub rounds {
    my ($self, $rounds, $ways) = @_;
    my %results;
    for my $round (1 .. $rounds) {
        push @{ $results{$_} }, $ways->{$_}->() for shuffle sort keys %$ways;
    }
    return \%results;
}

# The ratios of two of them, round by round.
sub ratios {
    my ($results, $one, $other) = @_;
    return map { $results->{$one}[$_]{rate} / $results->{$other}[$_]{rate} } 0 .. $#{ $results->{$one} };
}

1;
