#!/usr/bin/perl
# make bench-fill: `oriel change fill`, unthrottled, against one plain UPDATE of the same rows, on the same cluster, in
# alternation. Prints the rows a second of each round, and the ratio of the medians, per size.
#   ROWS    sizes, "100000 1000000"
#   ROUNDS  of each size, 3
use strict;
use warnings;
use Oriel::Bench qw(median);
use Oriel::Stack;
use Oriel::Test;
use Time::HiRes qw(time);

my @sizes  = split ' ', $ENV{ROWS} // '100000 1000000';
my $rounds = $ENV{ROUNDS} // 3;
my $change = '0002-cents';
my $s      = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' => "CREATE TABLE dp.thing (id bigint PRIMARY KEY, name text NOT NULL, note text, price numeric(12,2));\n",
    "sql/changes/$change/expand.sql"     => "ALTER TABLE dp.thing ADD COLUMN price_cents bigint;\n",
    "sql/changes/$change/fill.sql"       => "-- key: dp.thing.id\nUPDATE dp.thing SET price_cents = (price * 100)::bigint WHERE id BETWEEN :lo AND :hi AND price_cents IS NULL;\n",
});
# as a server is set up, not as the tests want theirs
$s->sql("ALTER SYSTEM SET $_", 'postgres') for 'max_wal_size = \'4GB\'', 'checkpoint_timeout = \'30min\'', 'autovacuum = off';
$s->sql("ALTER SYSTEM SET shared_buffers = '256MB'");
$s->{db}->stop;
$s->{db}->start;

# The same rows, freshly written, none of them filled.
sub begin_again {
    my ($rows) = @_;
    $s->sql("TRUNCATE dp.thing; DELETE FROM oriel.change_fill; DELETE FROM oriel.change_step WHERE step = 'fill';
        INSERT INTO dp.thing (id, name, note, price) SELECT n, 'thing number ' || n, repeat('x', 60), n * 0.01 FROM generate_series(1, $rows) n");
    $s->sql('VACUUM ANALYZE dp.thing');
    $s->sql('CHECKPOINT');
}

sub seconds {
    my ($run) = @_;
    my $began = time;
    $run->();
    return time - $began;
}

my %ways = (
    fill   => sub { $s->must($s->oriel('change', 'fill', $change)) },
    update => sub { $s->sql('UPDATE dp.thing SET price_cents = (price * 100)::bigint WHERE price_cents IS NULL', 'oriel_dp') },
);
$| = 1;
for my $rows (@sizes) {
    my %rates;
    for my $round (1 .. $rounds) {
        for my $way ($round % 2 ? qw(update fill) : qw(fill update)) {
            begin_again($rows);
            push @{ $rates{$way} }, $rows / seconds($ways{$way});
            my $left = $s->sql('SELECT count(*) FROM dp.thing WHERE price_cents IS DISTINCT FROM (price * 100)::bigint');
            die "$way left $left rows\n" if $left;
        }
        printf "%9d rows, round %d: update %7.0f rows/s, fill %7.0f rows/s\n", $rows, $round, map { $rates{$_}[-1] } qw(update fill);
    }
    printf "%9d rows: update %.0f, fill %.0f rows/s; ratio %.2f\n", $rows, (map { median(@{ $rates{$_} }) } qw(update fill)),
        median(@{ $rates{fill} }) / median(@{ $rates{update} });
}
$s->{finished} = 1;
