# Replay: all that is kept, cleaned anew with today's entity files. Rebuilding gives the same views byte for byte, ids
# included; a mended file changes what it should and nothing else; nothing newer is overwritten; it can be killed.
use strict;
use warnings;
use utf8;
use JSON::PP ();
use Oriel::Cluster;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

# A copy of the sample's domain, whose entity files may be edited.
sub sample {
    my %files = map { (s{^conf/}{}r => read_file($_)) } glob('sql/changes/*/*.sql'), 'sql/contract.json', glob('conf/entities/*.json');
    for my $source (qw(acme globex)) {
        $files{"sources/$source.json"} = read_file("conf/sources/$source.json") =~ s/"kind"/"poll": "20ms", "settle": "20ms", "batchRecords": 50, "kind"/r;
    }
    return \%files;
}

my $s = Oriel::Stack->new(domain => sample(), start => ['worker']);

# All contracts as text: what readers can see.
sub views {
    return join "\n", map { $s->sql("SELECT '$_', v::text FROM api.$_ v ORDER BY v.id") }
        split /\n/, $s->sql("SELECT viewname FROM pg_views WHERE schemaname = 'api' ORDER BY 1");
}

sub ledger {
    return $s->sql("SELECT batch, entity, inserted, updated, unchanged, rejected, parked FROM raw.batch_entity ORDER BY 1, 2")
        . $s->sql("SELECT batch, line, entity, field, rule, value, reason, action, message FROM raw.reject ORDER BY 1, 2, 3, 4, 5, 6, 7")
        . $s->sql("SELECT batch, line, entity, field, client, target, key FROM raw.parked ORDER BY 1, 2, 3, 4");
}

sub replay {
    my (@arguments) = @_;
    my ($code, $out, $err) = $s->oriel('replay', @arguments);
    diag $out, $err if $code;
    return $code ? "exit code $code" : $out;
}

sub edit {
    my ($file, $change) = @_;
    my $path = $s->domain_path('entities') . "/$file.json";
    local $_ = read_file($path);
    $change->();
    write_file($path, $_);
}

sub reload {
    my $log    = "$s->{folder}/log/worker.log";
    my $before = () = read_file($log) =~ /configuration read again/g;
    kill 'HUP', $s->pid('worker');
    wait_until { (() = read_file($log) =~ /configuration read again/g) > $before } 'the configuration to be read';
}

my $acme = read_file('conf/sample/acme-products.ndjson');
$s->drop_file('acme', 'one.ndjson', $acme);
$s->drop_file('globex', 'articles.csv', read_file('conf/sample/globex-articles.csv'));
$s->wait_for_deliveries(2);
$s->drop_file('acme', 'two.ndjson', join '', map { s/"price": ?"?(\d)/"price": ${\($1 % 9 + 1)}/r } reverse((split /^/, $acme)[20 .. 120]));
$s->drop_file('acme', 'late.ndjson', qq({"id":"P-2000","name":"Late","category":"tools","modified":"2026-01-01T00:00:00Z","vendor":{"id":"V-14","name":"Very Late"},"batch":{"id":"B-2000"}}\n));
$s->wait_for_deliveries(4);
my ($views, $ledger) = (views(), ledger());

subtest 'nothing to do' => sub {
    my $versions = $s->sql('SELECT name, data_version, next_id FROM oriel.entity ORDER BY 1');
    like(replay('--all'), qr/^replayed \d+ records: 0 rows written$/, 'no row is written');
    ok(views() eq $views, 'the views are the same');
    ok(ledger() eq $ledger, 'and so is what became of each record');
    is($s->sql('SELECT name, data_version, next_id FROM oriel.entity ORDER BY 1'), $versions, 'no version and no id was counted up');
    is($s->sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'replay'::regnamespace"), 0, 'nothing is left behind');
};

subtest 'what was spoilt by hand' => sub {
    $s->sql(q{UPDATE dp.product SET name = 'spoilt', price = NULL WHERE id % 3 = 0; UPDATE dp.vendor SET gone_at = now() WHERE id % 5 = 0;
        UPDATE dp.batch SET gone_at = now(), lot = NULL WHERE id % 4 = 0; INSERT INTO dp.vendor (id, client, external_id, name, raw_batch, raw_line) VALUES (5000, 'acme', 'X', 'x', 1, 1)});
    my ($code, $out) = $s->oriel('replay', '--dry-run', '--all');
    is($code, 0, 'a dry run');
    my $n = $s->sql(q{SELECT count(*) FROM dp.product WHERE name = 'spoilt'});
    like($out, qr/^product +\d+ +\d+ +0 +$n +0$/m, 'says how many rows would change');
    like($out, qr/^product +name +$n +spoilt/m, 'and in which columns, with an example');
    like($out, qr/^vendor +\d+ +\d+ +[1-9]\d* +0 +1$/m, 'how many would come and go');
    is($s->sql(q{SELECT count(*) FROM dp.product WHERE name = 'spoilt'}), $n, 'and changes nothing');
    ok(!(grep { length > 100 } split /\n/, $out), 'in 100 columns');
    ok(eval { JSON::PP->new->utf8->decode(($s->oriel('replay', '--dry-run', '--json', 'product'))[1])->{columns}[0] }, 'or as JSON');
    replay('--all');
    ok(views() eq $views, 'a replay brings it back');
};

subtest 'rebuilt from nothing' => sub {
    $s->stop('worker');
    $s->sql('TRUNCATE dp.vendor, dp.product, dp.batch');
    like(replay('--all'), qr/[1-9]\d* rows written/, 'the tables were empty');
    ok(views() eq $views, 'the views are the same, byte for byte, ids included');
    ok(ledger() eq $ledger, 'and so is what became of each record');
    $s->start_worker;
};

subtest 'one entity' => sub {
    replay('product');
    ok(views() eq $views, 'gives the same rows with the same ids');
};

subtest 'a mended entity file' => sub {
    edit('acme-product', sub { s/("name": "category".*?)"clean": \["trim", "lower"\]/$1"clean": ["trim", "upper"]/; s/\["tools", "lighting", "furniture", "measuring"\]/["TOOLS", "LIGHTING", "FURNITURE", "MEASURING", "MISC"]/ });
    unlink $s->domain_path('entities') . '/acme-product.test.json';
    reload();
    my $ids = $s->sql(q{SELECT string_agg(external_id || id, ' ' ORDER BY id) FROM dp.product});
    my (undef, $dry) = $s->oriel('replay', '--dry-run', 'product');
    like($dry, qr/^product +category +\d+ +tools +TOOLS$|^product +category +\d+ +lighting +LIGHTING$|^product +category +\d+ +(?:furniture|measuring) +(?:FURNITURE|MEASURING)$/m, 'the dry run shows what it does to a column');
    like($dry, qr/^acme-product +category +not_in_enum +enum +reject +[1-9]\d* +0$/m, 'and to the rejects');
    replay('product');
    is($s->sql(q{SELECT count(*) FROM dp.product WHERE client = 'acme' AND category <> upper(category)}), 0, 'the rows are as the file says today');
    cmp_ok($s->sql(q{SELECT count(*) FROM dp.product WHERE category = 'MISC'}), '>', 0, 'what was rejected is there now');
    is($s->sql(q{SELECT count(*) FROM raw.reject WHERE reason = 'not_in_enum'}), 0, 'and no reject any more');
    is(substr($s->sql(q{SELECT string_agg(external_id || id, ' ' ORDER BY id) FROM dp.product}), 0, length $ids), $ids, 'no id has changed');
    is($s->sql(q{SELECT count(*) FROM raw.batch b JOIN raw.batch_entity e ON e.batch = b.id WHERE inserted + updated + unchanged + rejected + parked <> n_records}), 0, 'the sums hold');
    my $before = views();
    replay('--all');
    ok(views() eq $before, 'a replay of all says the same');
};

subtest 'rows that come from nothing any more' => sub {
    edit('acme-product', sub { s/"constraints": \{ "required": true, "maxLength": 200 \}/"constraints": { "required": true, "maxLength": 200, "pattern": "[^Q].*" }/ });
    reload();
    my $quiet = $s->sql(q{SELECT count(*) FROM dp.product WHERE client = 'acme' AND name LIKE 'Q%'});
    replay('product');
    is($s->sql(q{SELECT count(*) FROM dp.product WHERE client = 'acme' AND name LIKE 'Q%' AND gone_at IS NOT NULL}), $quiet, 'are marked gone');
    is($s->sql(q{SELECT count(*) FROM api.v_products_v1 WHERE client = 'acme' AND name LIKE 'Q%'}), 0, 'and no reader sees them');
    edit('acme-product', sub { s/, "pattern": "\[\^Q\]\.\*"// });
    reload();
    replay('product');
    is($s->sql(q{SELECT count(*) FROM dp.product WHERE gone_at IS NOT NULL}), 0, 'they come back with the rule gone');
};

subtest 'a part' => sub {
    edit('acme-product', sub { s/"squeeze", "trim"\]/"squeeze", "trim", "upper"]/ });
    reload();
    my $batch = $s->sql('SELECT min(id) FROM raw.batch WHERE delivery = (SELECT id FROM oriel.delivery WHERE name = \'two.ndjson\')');
    replay('--batch', $batch, 'product');
    is($s->sql("SELECT count(*) FROM dp.product WHERE raw_batch = $batch AND name <> upper(name)"), 0, 'the rows of a batch');
    cmp_ok($s->sql("SELECT count(*) FROM dp.product WHERE client = 'acme' AND raw_batch <> $batch AND name <> upper(name)"), '>', 50, 'and no others');
    replay('--since', '2020-01-01', 'product');
    is($s->sql("SELECT count(*) FROM dp.product WHERE client = 'acme' AND name <> upper(name)"), 0, 'since a time');
};

subtest 'rejects that are tried again' => sub {
    edit('acme-vendor', sub { s/("from": "\/vendor\/country".*?)"pattern": "\[A-Z\]\{2\}" \}, "onError": "null"/$1"pattern": "[A-Z]{2}" }/ });
    unlink $s->domain_path('entities') . '/acme-vendor.test.json';
    reload();
    $s->drop_file('acme', 'bad.ndjson', qq({"id":"P-3000","name":"Bad","category":"TOOLS","modified":"2026-01-01T00:00:00Z","vendor":{"id":"V-77","name":"Bad","country":"Freedonia"}}\n));
    wait_until { $s->sql("SELECT count(*) FROM oriel.delivery WHERE name = 'bad.ndjson' AND finished_at IS NOT NULL") } 'the delivery';
    is($s->sql(q{SELECT concat_ws(' ', reason, action) FROM raw.reject WHERE entity = 'acme-vendor' AND value = 'Freedonia'}), 'pattern reject', 'one is rejected');
    is($s->sql(q{SELECT key FROM raw.parked WHERE target = 'vendor' AND key = 'V-77'}), 'V-77', 'and another waits for it');
    edit('acme-vendor', sub { s/"pattern": "\[A-Z\]\{2\}"/"pattern": "[A-Z]+"/ });
    reload();
    my ($code, $out, $err) = $s->oriel('rejects', 'retry', '--reason', 'pattern', '--source', 'acme');
    is($code, 0, 'retry') or diag $err;
    is($s->sql(q{SELECT country FROM dp.vendor WHERE external_id = 'V-77'}), 'FREEDONIA', 'takes it');
    is($s->sql(q{SELECT count(*) FROM raw.reject WHERE entity = 'acme-vendor' AND reason = 'pattern'}), 0, 'it is no reject any more');
    is($s->sql(q{SELECT v.external_id FROM dp.product p JOIN dp.vendor v ON v.id = p.vendor_id WHERE p.external_id = 'P-3000'}), 'V-77', 'and what waited for it is there');
    is($s->sql(q{SELECT count(*) FROM raw.batch b JOIN raw.batch_entity e ON e.batch = b.id WHERE inserted + updated + unchanged + rejected + parked <> n_records}), 0, 'the sums hold');
    like(($s->oriel('rejects', 'retry', '--reason', 'too_long', '--source', 'globex'))[1], qr/^Nothing was rejected/, 'where there is nothing, it says so');
};

subtest 'killed' => sub {
    edit('acme-product', sub { s/"trim", "upper"\]/"trim", "lower"]/ });
    reload();
    my $sessions = sub { $s->sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'oriel' AND application_name LIKE 'oriel work%'") };
    # a batch takes a tenth of a second, so that it can be seen at its work, however fast the machine is
    $s->sql(q{CREATE FUNCTION oriel.linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(0.1); RETURN NULL; END';
        CREATE TRIGGER linger AFTER INSERT OR UPDATE ON oriel.replay FOR EACH STATEMENT EXECUTE FUNCTION oriel.linger()}, 'postgres');
    for my $at (2, 4, 7, 'applying', 'terminated') {
        my $before = $s->sql('SELECT coalesce(max(batches), 0) FROM oriel.replay');
        $s->sql(q{UPDATE dp.product SET name = 'spoilt'}) if $at !~ /\d/;    # so that there is something to apply
        # an uncommitted change of a row stands in the way of what applies, and of what terminates
        my $holder = $at =~ /\d/ ? undef : $s->{children}->start('holder', {}, Oriel::Cluster::bin() . '/psql', '-XqAt', '-d', $s->{db}->conninfo . ' user=postgres',
            '-c', 'BEGIN; UPDATE dp.product SET raw_line = raw_line; SELECT pg_sleep(600)');
        wait_until { $s->sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND wait_event = 'PgSleep'") } 'the holder' if $holder;
        $s->start_oriel('replay', 'replay', 'product');
        wait_until { $holder ? $s->sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE "dp"."product"%'})
            : $s->sql('SELECT coalesce(max(batches), 0) FROM oriel.replay') >= $at } "the replay to be at $at";
        if ($at eq 'terminated') {
            $s->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE "dp"."product"%'});
            wait_until { !$s->{children}->is_running('replay') } 'the replay to end';
            is($s->stop('replay'), 1, 'its session is terminated, and it says so');
        }
        else { is($s->stop('replay', 'KILL'), 137, "killed at $at") }
        if ($holder) {
            $s->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()");
            $s->stop('holder');
        }
        wait_until { $sessions->() <= 1 } 'the sessions to end';
        cmp_ok($s->sql('SELECT batches FROM oriel.replay'), '>=', $before, 'nothing is loaded twice');
    }
    $s->sql('DROP FUNCTION oriel.linger() CASCADE', 'postgres');
    replay('product');
    is($s->sql('SELECT count(*) FROM oriel.replay'), 0, 'it ends');
    is($s->sql(q{SELECT count(*) FROM dp.product WHERE client = 'acme' AND name <> lower(name)}), 0, 'and yet it came to its end');
    my $before = views();
    replay('--all');
    ok(views() eq $before, 'with what a replay in one go gives');
};

subtest 'what cannot be' => sub {
    edit('acme-product', sub { s/"id": "id",/"id": "id", "limits": { "rejectPercent": 5 },/; s/"maxLength": 200/"maxLength": 3/ });
    my $before = views();
    my ($code, undef, $err) = $s->oriel('replay', 'product');
    my $left = $s->sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'replay'::regnamespace");
    is($code, 1, 'more rejects than the limit allows');
    like($err, qr/records of batch \d+ \(source acme\) would be rejected for acme-product, more than limits\.rejectPercent \(5\) allows\. Nothing was changed/, 'are refused');
    ok(views() eq $before, 'and nothing was changed');
    for (['produkt'], [], ['--all', 'product'], ['--batch', 'x', 'product']) {
        ($code, undef, $err) = $s->oriel('replay', @$_);
        isnt($code, 0, "refused: replay @$_");
    }
    for (
        [qr/error: there is no batch 999999$/m, '--batch', 999999],
        [qr/error: --since: invalid input syntax .*"yesteryear"$/m, '--since', 'yesteryear'],
    ) {
        my ($message, @scope) = @$_;
        ($code, undef, $err) = $s->oriel('replay', @scope, 'product');
        is($code, 1, "refused: replay @scope");
        like($err, $message, 'with the reason');
        is($s->sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'replay'::regnamespace"), $left, 'before anything is loaded');
    }
};

$s->finish;
done_testing;
