# The sample, end to end: dirty files in, clean JSON out, and nothing lost without a reason.
use strict;
use warnings;
use utf8;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $s = Oriel::Stack->new;
is(($s->oriel('contract', 'check'))[0], 0, 'all changes, replayed on an empty database, give the lock file');
my $acme   = read_file('conf/sample/acme-products.ndjson');
my $globex = read_file('conf/sample/globex-articles.csv');
$s->drop_file('acme',   'acme-products.ndjson', $acme);
$s->wait_for_deliveries(1);    # so that its batch is number 1
$s->drop_file('globex', 'globex-articles.csv',  $globex);
$s->wait_for_deliveries(2);

# Rows of the API, all of them.
sub rows {
    my ($target) = @_;
    my $r = $s->get($target);
    return $r->{json} if ref $r->{json} eq 'ARRAY';
    diag "$target: $r->{status} $r->{body}";
    return [];
}

sub product {
    my ($external_id, $columns) = @_;
    return rows("/v1/products?select=$columns&external_id=eq.$external_id")->[0];
}

subtest 'nothing is lost' => sub {
    my $sums = $s->sql(q{SELECT count(*) || ' ' || count(*) FILTER (WHERE e.inserted + e.updated + e.unchanged + e.rejected + e.parked = b.n_records)
        FROM raw.batch b JOIN raw.batch_entity e ON e.batch = b.id});
    is($sums, '6 6', 'records = inserted + updated + unchanged + rejected + parked, for each batch and entity');
    is($s->sql('SELECT sum(n_records) FROM raw.batch'), 424, 'every record came in');
    is($s->sql(q{SELECT count(*) FROM raw.batch_entity e WHERE e.rejected <>
        (SELECT count(DISTINCT r.line) FROM raw.reject r WHERE r.batch = e.batch AND r.entity = e.entity AND r.action = 'reject')}), 0,
        'every rejected record has its reasons');
    is($s->sql(q{SELECT count(*) FROM raw.batch_entity e WHERE e.parked <>
        (SELECT count(DISTINCT p.line) FROM raw.parked p WHERE p.batch = e.batch AND p.entity = e.entity)}), 0, 'every parked one says what it waits for');
    my %tables = (vendor => 20, product => 308, batch => 401);
    is($s->sql("SELECT count(*) FROM dp.$_"), $tables{$_}, "rows of $_") for sort keys %tables;
};

subtest 'raw is what came, byte for byte' => sub {
    for ([acme => $acme], [globex => $globex]) {
        my ($source, $file) = @$_;
        my $got = $s->sql("SELECT string_agg(encode(bytes, 'hex'), ' ' ORDER BY batch, line) FROM raw.record WHERE source = '$source'");
        my @kept = map { pack 'H*', $_ } split / /, $got;
        my $at = 0;
        my $missing = 0;
        for my $record (@kept) {    # in order, with nothing but line ends, comments and the header between them
            my $found = index $file, $record, $at;
            $missing++ if $found < 0;
            $at = $found + length $record;
        }
        is($missing, 0, "$source: every record stands in the file as it was kept");
        cmp_ok(length($file) - length(join '', @kept), '<', 800, "$source: and little else does");
    }
};

subtest 'what dirt becomes' => sub {
    my @cases = (
        ['P-1005', 'name',     'Folding Lamp No. 6'],
        ['P-1009', 'name',     'Hammer & Tongs – café set'],
        ['P-1013', 'name',     'Oak Stool No. 14'],
        ['P-1073', 'name',     'Table ronde vénérable'],
        ['P-1017', 'price',    undef],
        ['P-1021', 'price',    undef],
        ['P-1097', 'price',    undef],
        ['P-1025', 'in_stock', undef],
        ['P-1053', 'category', 'lighting'],
        ['P-1105', 'tags',     undef],
        ['P-1030', 'name',     'Newer name of P-1030'],
        ['P-1020', 'name',     'Double Vice No. 21'],
        ['1045',   'external_id', '1045'],
        ['G003',   'name',     'Gyokuro "Kaiserin"; erste Ernte'],
        ['G006',   'name',     "Earl Grey mit Bergamotte"],
        ['G045',   'price',    1049],
        ['G018',   'price',    undef],
    );
    for my $case (@cases) {
        my ($id, $column, $expected) = @$case;
        my $row = product($id, $column);
        ok($row && exists $row->{$column}, "$id is there") or next;
        is($row->{$column}, $expected, "$id: $column");
    }
    is(rows('/v1/products?select=id&external_id=in.(P-1041,P-1057,P-1077,P-1089,P-1121)')->@*, 0, 'what cannot be taken is not there');
    my %kg = ('B-70000' => 6, 'B-70001' => 2.5, 'B-70002' => 18.144, 'B-70003' => 2.041, 'B-70006' => 3, 'LOT-5004' => 280, 'LOT-5002' => 6);
    my %got = map { $_->{external_id} => $_->{weight_kg} } @{ rows('/v1/batches?select=external_id,weight_kg&external_id=in.(' . join(',', keys %kg) . ')') };
    is_deeply(\%got, \%kg, 'weights, whatever their unit');
    is_deeply(rows('/v1/batches?select=produced_on,expires_on&external_id=eq.LOT-5002'), [{ produced_on => '2026-03-03', expires_on => '2028-03-03' }], 'days with ordinals');
    is_deeply(product('G001', 'updated_at'), { updated_at => '2026-02-02T00:00:00+00:00' }, 'local time of the source');
    is(rows('/v1/vendors?name=eq.M%C3%BCller%20%26%20S%C3%B6hne&select=external_id')->[0]{external_id}, '4711', 'Latin-1 became UTF-8, space was squeezed');
};

subtest 'every reason that a file can give' => sub {
    my $reasons = $s->sql('SELECT string_agg(DISTINCT reason, \' \' ORDER BY reason) FROM raw.reject');
    is($reasons, 'bad_encoding bad_unit duplicate_in_batch malformed missing not_in_enum out_of_range pattern too_long', 'is there');
    my ($code, $out) = $s->oriel('rejects', '--source', 'acme', '--entity', 'acme-product', '--json');
    my $list = eval { JSON::PP->new->utf8->decode($out) };
    ok($list && @{ ref $list eq 'ARRAY' ? $list : $list->{rejects} // [] } > 10, 'oriel rejects lists them') or diag $out;
    ($code, $out) = $s->oriel('rejects', 'show', 1, 90);
    is($code, 0, 'oriel rejects show') or diag $out;
    like($out, qr/P-1089/, 'shows the record');
    like($out, qr/name.*missing/, 'and the reason');
};

subtest 'what waits, and what is taken up' => sub {
    is($s->sql(q{SELECT string_agg(DISTINCT target || ' ' || key, ', ' ORDER BY target || ' ' || key) FROM raw.parked WHERE target = 'vendor'}), 'vendor V-14', 'V-13 has come, V-14 has not');
    is(product('P-1061', 'external_id')->{external_id}, 'P-1061', 'what waited for V-13 is there');
    my $before = $s->sql(q{SELECT parked FROM raw.batch_entity WHERE batch = 1 AND entity = 'acme-product'});
    $s->drop_file('acme', 'late.ndjson', qq({"id":"P-2000","name":"Late","category":"tools","modified":"2026-01-01T00:00:00Z","vendor":{"id":"V-14","name":"Very Late"},"batch":{"id":"B-2000"}}\n));
    $s->wait_for_deliveries(3);
    my $row = product('P-1065', 'external_id,vendor_id');
    ok($row && $row->{vendor_id}, 'what waited for V-14 is there now');
    is($s->sql(q{SELECT parked FROM raw.batch_entity WHERE batch = 1 AND entity = 'acme-product'}), $before - 1, 'and counted in its own batch');
    is($s->sql(q{SELECT count(*) FROM raw.batch b JOIN raw.batch_entity e ON e.batch = b.id WHERE e.inserted + e.updated + e.unchanged + e.rejected + e.parked <> b.n_records}), 0, 'the sums hold');
};

subtest 'again, older, and wrong' => sub {
    my $version = $s->sql('SELECT string_agg(data_version::text, \' \' ORDER BY name) FROM oriel.entity');
    $s->drop_file('acme', 'again.ndjson', $acme);
    $s->drop_file('acme', 'old.ndjson', qq({"id":"P-1000","name":"Old name","category":"tools","modified":"2020-01-01T00:00:00Z"}\n));
    $s->wait_for_deliveries(4);
    is($s->sql(q{SELECT reason FROM raw.reject WHERE batch = (SELECT max(id) FROM raw.batch) AND entity = 'acme-product'}), 'stale', 'an older version is stale');
    isnt(product('P-1000', 'name')->{name}, 'Old name', 'and does not overwrite');
    is($s->sql(q{SELECT count(*) FROM oriel.delivery}), 4, 'the same content under another name is no delivery');
    is($s->sql('SELECT string_agg(data_version::text, \' \' ORDER BY name) FROM oriel.entity'), $version, 'no data version was counted up, since no row changed');
    my ($code, $out) = $s->oriel('status');
    is($code, 0, 'status');
    cmp_ok((sort { $b <=> $a } map { length } split /\n/, $out)[0], '<=', 100, 'fits 100 columns');
    ok(eval { JSON::PP->new->utf8->decode(($s->oriel('status', '--json'))[1]) }, 'and is JSON where asked for');
};
$s->finish;
undef $s;
done_testing;
