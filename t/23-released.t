# Databases of the field: built by replaying all changes from nothing, and from the dump of each released state. Each becomes
# the same database, holds the contracts of the lock file, and still says what it said.
use strict;
use warnings;
use Oriel::Cluster;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $s = Oriel::Stack->new(start => []);

# What a change or `oriel init` can make, as text; but for the months of raw, which depend on the day and on what there was.
sub schema {
    my ($code, $out, $err) = run_command(Oriel::Cluster::bin() . '/pg_dump', '-s', '-T', 'raw.payload_*', '-d', $s->{db}->conninfo . ' user=postgres');
    die $err if $code;
    return $out =~ s/^\\(?:un)?restrict .*\n//mgr;
}

# An upgrade that is cut off while raw becomes its months leaves all as it was.
sub cut_off {
    my $holder = $s->{children}->start('holder', {}, Oriel::Cluster::bin() . '/psql', '-XqAt', '-d', $s->{db}->conninfo . ' user=postgres',
        '-c', 'BEGIN; LOCK TABLE raw.parked IN ACCESS SHARE MODE; SELECT pg_sleep(600)');
    wait_until { $s->sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND wait_event = 'PgSleep'") } 'the holder';
    $s->{children}->start('init', {}, "$s->{build}/oriel", '-c', $s->{config}, 'init', '--admin', $s->{db}->conninfo('postgres') . ' user=postgres');
    wait_until { $s->sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'raw.parked'::regclass AND NOT granted") eq 't' } 'init to wait';
    wait_until { !$s->{children}->is_running('init') } 'init to end';
    is($s->stop('init'), 1, 'init is cut off');
    $s->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()");
    $s->stop('holder');
    is($s->sql('SELECT max(version) FROM oriel.bookkeeping'), 5, 'what it had not done whole is not done');
    is($s->sql('SELECT count(*) FROM raw.record'), 4, 'and raw is as it was');
}

my ($code, $out, $err) = $s->oriel('contract', 'check');
is($code, 0, 'all changes from nothing give the contracts of the lock file') or diag $out, $err;
my $schema = schema();

my @dumps = glob 't/released/*.sql';
cmp_ok(@dumps, '>=', 2, 'there are released states');
for my $dump (@dumps) {
    subtest $dump => sub {
        my ($version) = read_file($dump) =~ /^COPY oriel\.bookkeeping .*\n(?:.*\n)*?(\d+)\t.*\n\\\.$/m;
        $s->sql('DROP DATABASE oriel WITH (FORCE)', 'postgres', 'postgres');
        $s->sql('CREATE DATABASE oriel TEMPLATE template0', 'postgres', 'postgres');
        ($code, $out, $err) = run_command(Oriel::Cluster::bin() . '/psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-1', '-o', '/dev/null', '-d',
            $s->{db}->conninfo . ' user=postgres', '-f', $dump);
        is($code, 0, 'restored') or diag $err;
        ok($version, "bookkeeping of version $version");
        my $node = $s->sql("SELECT pg_relation_filenode('raw.batch')");
        cut_off();
        ($code, $out, $err) = $s->oriel('init', '--admin', $s->{db}->conninfo('postgres') . ' user=postgres');
        is($code, 0, 'init brings the bookkeeping up to date') or diag $err;
        ($code, $out, $err) = $s->oriel('change', 'expand');
        is($code, 0, 'what was not applied is applied') or diag $err;
        ($code, $out, $err) = $s->oriel('contract', 'check');
        is($code, 0, 'it holds the contracts of the lock file') or diag $out, $err;
        my $until = $s->sql("SELECT to_char(until AT TIME ZONE 'UTC' - interval '1 day', 'YYYY_MM') FROM raw.month WHERE since = '-infinity'");
        is($s->sql('SELECT string_agg(DISTINCT tableoid::regclass::text, \' \') FROM raw.payload'), "raw.payload_to_$until", 'raw is where it was, as the first month');
        is($s->sql("SELECT pg_relation_filenode('raw.payload_to_$until')"), $node, 'and no file was written anew');
        is($s->sql('SELECT count(*) FROM raw.record'), 4, 'all of it is there');
        is_deeply([$s->oriel('init', '--admin', $s->{db}->conninfo('postgres') . ' user=postgres')]->[0], 0, 'init may be repeated');
        is($s->sql("SELECT count(*) FROM raw.month WHERE until > now() + interval '1 month'"), 2, 'months are made ahead');
        my @is   = split /\n/, schema();
        my @want = split /\n/, $schema;
        my ($at) = grep { ($is[$_] // '') ne ($want[$_] // '') } 0 .. (@is > @want ? $#is : $#want);
        ok(!defined $at, 'and is the database that is built from nothing') or diag "is:     $is[$at]\nwanted: $want[$at]";
        is($s->sql('SELECT id, external_id, name, price FROM api.v_products_v1 ORDER BY id', 'oriel_ds'),
            "1|P-1|Oak Stool|12.50\n2|P-2|Plain Bench|", 'readers read what it held');
        is($s->sql('SELECT id, price_cents, currency FROM api.v_products_v2 ORDER BY id', 'oriel_ds'), "1|1250|EUR\n2||EUR", 'in the newer version too');
        like(($s->oriel('rejects', 'show', '1', '2'))[1], qr/P-2.*price.*malformed.*on request/s, 'what it had kept is still there to be looked at');
        ($code, $out, $err) = $s->oriel('status');
        like($out, qr/^acme +ready .* 4 +/m, 'and so is what became of it') or diag $err;
        for (['fill', qr{filled 0002-price-cents: [01] rows}], ['prove', qr/proved 0002-price-cents/]) {
            ($code, $out, $err) = $s->oriel('change', $_->[0], '0002-price-cents');
            like("$code $out", qr/^0 .*$_->[1]/s, "the next phase runs: $_->[0]") or diag $err;
        }
    };
}

# A worker goes on where the one of that day stopped: the record that waited for its vendor is taken up.
$s->start('worker');
$s->start('responders');
$s->start('nginx');
$s->drop_file('acme', 'later.ndjson', qq({"id":"P-9","name":"Lamp","price":"1","modified":"2026-02-02T03:04:05Z","vendor":{"id":"V-9","name":"Nine"}}\n));
$s->wait_for_deliveries(2);
is_deeply([map { "$_->{external_id} $_->{vendor}{name}" } @{ $s->get('/v1/products?select=external_id,vendor(name)&order=external_id')->{json} }],
    ['P-1 One & Sons', 'P-2 One & Sons', 'P-4 Nine', 'P-9 Nine'], 'and the whole stack goes on with it');

$s->finish(qr/FATAL|ERROR/);
done_testing;
