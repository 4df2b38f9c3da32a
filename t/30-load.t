# The worker from file to table: what is taken, what is rejected and why, what waits, and that neither kills nor restarts
# lose or repeat anything.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use POSIX ();
use Test::More;

my $json = JSON::PP->new->canonical;
my %field = (
    id   => { name => 'external_id', from => '/id', type => 'string', constraints => { required => \1 } },
    name => { name => 'name', from => '/name', type => 'string', constraints => { required => \1 } },
);
my $table = 'id bigint PRIMARY KEY, client text NOT NULL, external_id text NOT NULL, name text NOT NULL';
my $rest  = 'raw_batch bigint NOT NULL, raw_line integer NOT NULL, UNIQUE (client, external_id)';
my %head  = (primaryKey => [qw(client external_id)], id => 'id');
my %pace  = (kind => 'file', client => 'c', pattern => '*.ndjson', format => 'ndjson', poll => '20ms', settle => '20ms');
my %domain = (
    'sql/changes/0001-shop/expand.sql' => <<"END",
CREATE TABLE dp.vendor ($table, $rest);
CREATE TABLE dp.product ($table, weight integer CHECK (weight < 1000), code text UNIQUE, vendor_id bigint REFERENCES dp.vendor,
    parent_id bigint REFERENCES dp.product, gone_at timestamptz, $rest);
CREATE TABLE dp.note ($table, rev integer, $rest);
CREATE VIEW api.v_products_v1 WITH (security_barrier) AS SELECT p.id, p.name FROM dp.product p;
COMMENT ON VIEW api.v_products_v1 IS E'Products.\\n\@primaryKey id';
GRANT SELECT ON api.v_products_v1 TO oriel_ds;
END
    'entities/vendor.json' => $json->encode({ entity => 'vendor', table => 'dp.vendor', %head, fields => [@field{qw(id name)}] }),
    'entities/product.json' => $json->encode({
        entity => 'product', table => 'dp.product', %head, limits => { rejectPercent => 50 },
        fields => [
            @field{qw(id name)},
            { name => 'weight', from => '/weight', type => 'integer' },
            { name => 'code', from => '/code', type => 'string' },
            { name => 'vendor_id', from => '/vendor', type => 'string', reference => 'vendor', onMissing => 'park' },
            { name => 'parent_id', from => '/parent', type => 'string', reference => 'product', onMissing => 'null' },
        ],
    }),
    'entities/note.json' => $json->encode({
        entity => 'note', table => 'dp.note', %head, orderBy => 'rev',
        fields => [@field{qw(id name)}, { name => 'rev', from => '/rev', type => 'integer' }],
    }),
    map { ("sources/${_}s.json" => $json->encode({ %pace, folder => $_, entities => [$_], batchRecords => 50 })) } qw(vendor product note),
);

my $s = Oriel::Stack->new(domain => {%domain}, start => ['worker']);
my $deliveries = 0;

sub lines { return join '', map { (ref $_ ? $json->encode($_) : $_) . "\n" } @_ }

# Delivers records and waits until they are loaded.
sub load {
    my ($source, $name, @records) = @_;
    $s->drop_file($source, $name, lines(@records));
    $s->wait_for_deliveries(++$deliveries);
}

# What became of the records of the last batch of an entity: inserted updated unchanged rejected parked.
sub counts {
    my ($entity) = @_;
    return $s->sql("SELECT concat_ws(' ', inserted, updated, unchanged, rejected, parked) FROM raw.batch_entity "
            . "WHERE entity = '$entity' ORDER BY batch DESC LIMIT 1");
}

sub rejects {
    my ($entity) = @_;
    return $s->sql("SELECT string_agg(concat_ws(' ', line, field, rule, reason, action), ', ' ORDER BY line, id) FROM raw.reject "
            . "WHERE entity = '$entity' AND batch = (SELECT max(batch) FROM raw.batch_entity WHERE entity = '$entity')");
}

sub products { return $s->sql("SELECT string_agg(external_id || '=' || name, ' ' ORDER BY id) FROM dp.product") }

subtest 'a dirty file' => sub {
    load('vendors', '1.ndjson', { id => 'V1', name => 'One' }, { id => 'V2', name => 'Two' });
    load('products', '1.ndjson',
        { id => 'P1', name => 'Hammer', vendor => 'V1', weight => 5 },
        { id => 'P2', vendor => 'V1' },
        '{"id": "P3", "name": ',
        { id => 'P4', name => 'Anvil', vendor => 'V2', weight => 5000 },
        { id => 'P5', name => 'Saw', vendor => 'V1', code => 'X' },
        { id => 'P6', name => 'Axe', vendor => 'V2', code => 'X' },
        { id => 'P7', name => 'Nail', vendor => 'V2' });
    is(counts('product'), '3 0 0 4 0', 'what can be taken is taken');
    is(rejects('product'), '2 name required missing reject, 3 json malformed reject, '
            . '4 product_weight_check constraint reject, 6 product_code_key constraint reject',
        'what Postgres refuses is found by halves, down to the record');
    is(products(), 'P1=Hammer P5=Saw P7=Nail', 'ids are given in the order of the file, without gaps');
    is($s->sql('SELECT max(id) FROM dp.product'), 3, 'the greatest is the number of rows');
    like($s->sql("SELECT message FROM raw.reject WHERE rule = 'product_weight_check'"),
        qr/violates check constraint "product_weight_check"/, 'with the words of Postgres');
    is($s->sql("SELECT text FROM raw.record WHERE delivery = '1.ndjson' AND source = 'products' AND record = 3"),
        '{"id": "P3", "name": ', 'every record is kept as it came, also what cannot be parsed');
    is($s->sql("SELECT data_version FROM oriel.entity WHERE name = 'product'"), 1, 'the data version counts batches that change rows');
};

subtest 'the same again' => sub {
    my $before = $s->sql('SELECT count(*) FROM raw.batch');
    $s->drop_file('vendors', 'again.ndjson', lines({ id => 'V1', name => 'One' }, { id => 'V2', name => 'Two' }));
    load('vendors', 'more.ndjson', { id => 'V1', name => 'One' }, { id => 'V2', name => 'Zwei' });
    is($s->sql('SELECT count(*) FROM raw.batch') - $before, 1, 'the same contents under another name are no work');
    is(counts('vendor'), '0 1 1 0 0', 'an unchanged record is not written');
    is($s->sql("SELECT raw_line || ' ' || (raw_batch < (SELECT max(id) FROM raw.batch)) FROM dp.vendor WHERE external_id = 'V1'"),
        '1 true', 'not even its lineage');
    load('vendors', '1.ndjson', { id => 'V3', name => 'Three' });
    is(counts('vendor'), '1 0 0 0 0', 'other contents under a known name are a delivery');
};

subtest 'duplicates in a batch' => sub {
    load('vendors', 'twice.ndjson',
        { id => 'D1', name => 'first' }, { id => 'D2', name => 'same' }, { id => 'D1', name => 'second' }, { id => 'D2', name => 'same' });
    is(counts('vendor'), '2 0 1 1 0', 'identical ones are no work, of different ones the later stays');
    is(rejects('vendor'), '1 primaryKey duplicate_in_batch reject', 'the loser is told');
    is($s->sql("SELECT name FROM dp.vendor WHERE external_id = 'D1'"), 'second', 'the later line');
    load('notes', 'twice.ndjson', map { { id => 'N1', name => "rev $_", rev => $_ } } 3, 7, 5);
    is(counts('note'), '1 0 0 2 0', 'with orderBy');
    is($s->sql("SELECT name FROM dp.note WHERE external_id = 'N1'"), 'rev 7', 'the greatest stays, wherever it stands');
    is($s->sql("SELECT raw_line FROM dp.note WHERE external_id = 'N1'"), 2, 'and the row says which line it was');
};

subtest 'older versions' => sub {
    load('notes', 'old.ndjson', { id => 'N1', name => 'late', rev => 6 }, { id => 'N2', name => 'new', rev => 1 });
    is(counts('note'), '1 0 0 1 0', 'an older version never overwrites a newer one');
    is(rejects('note'), '1 rev orderBy stale reject', 'and says so');
    is($s->sql("SELECT name FROM dp.note WHERE external_id = 'N1'"), 'rev 7', 'the row stays');
};

subtest 'parked records' => sub {
    load('products', 'early.ndjson',
        { id => 'P8', name => 'Drill', vendor => 'V8' }, { id => 'P9', name => 'Old bit', vendor => 'V8', parent => 'P8' }, { id => 'P10', name => 'Awl', vendor => 'V2' });
    is(counts('product'), '1 0 0 0 2', 'what refers to nothing waits');
    my $parked = $s->sql('SELECT max(id) FROM raw.batch');
    is($s->sql('SELECT string_agg(concat_ws(\' \', line, field, client, target, key), \', \' ORDER BY line) FROM raw.parked'),
        '1 vendor_id c vendor V8, 2 vendor_id c vendor V8', 'for a named record');
    load('products', 'newer.ndjson', { id => 'P9', name => 'New bit', vendor => 'V1' });
    load('vendors', 'late.ndjson', { id => 'V8', name => 'Eight' });
    is($s->sql('SELECT count(*) FROM raw.parked'), 0, 'it is taken up when that one comes');
    is($s->sql("SELECT concat_ws(' ', inserted, updated, unchanged, rejected, parked) FROM raw.batch_entity WHERE batch = $parked"),
        '2 0 0 1 0', 'and is counted where it came');
    is($s->sql("SELECT concat_ws(' ', line, rule, reason) FROM raw.reject WHERE batch = $parked"), '2 arrival stale',
        'what came later meanwhile is not overwritten');
    is($s->sql("SELECT string_agg(p.name || '/' || v.name, ', ' ORDER BY p.id) FROM dp.product p JOIN dp.vendor v ON v.id = p.vendor_id WHERE p.external_id IN ('P8', 'P9')"),
        'New bit/One, Drill/Eight', 'the rows are those of the newest records');
    is($s->sql("SELECT raw_batch = $parked FROM dp.product WHERE external_id = 'P8'"), 't', 'with the lineage of the record itself');
};

subtest 'references inside an entity' => sub {
    load('products', 'tree.ndjson',
        { id => 'T3', name => 'leaf', parent => 'T2' }, { id => 'T2', name => 'branch', parent => 'T1' }, { id => 'T1', name => 'root' },
        { id => 'T4', name => 'orphan', parent => 'T9' }, { id => 'T5', name => 'a', parent => 'T6' }, { id => 'T6', name => 'b', parent => 'T5' });
    is(counts('product'), '6 0 0 0 0', 'children may stand before their parents');
    is($s->sql("SELECT string_agg(c.external_id || '<' || p.external_id, ' ' ORDER BY c.external_id) FROM dp.product c JOIN dp.product p ON p.id = c.parent_id WHERE c.external_id LIKE 'T%'"),
        'T2<T1 T3<T2', 'each has its own');
    is(rejects('product'), '4 parent_id reference unresolved_reference null, 5 parent_id reference unresolved_reference null, '
            . '6 parent_id reference unresolved_reference null', 'what leads nowhere, or in a circle, is null and told');
};

subtest 'a row that was gone comes back' => sub {
    $s->sql("UPDATE dp.product SET gone_at = now() WHERE external_id = 'T1'");
    load('products', 'back.ndjson', { id => 'T1', name => 'root' });
    is(counts('product'), '0 1 0 0 0', 'although nothing else has changed');
    is($s->sql("SELECT gone_at IS NULL FROM dp.product WHERE external_id = 'T1'"), 't', 'it is not gone any more');
};

subtest 'files that are not complete' => sub {
    my $folder = "$s->{folder}/drop/vendor";
    write_file("$folder/$_", lines({ id => 'X1', name => 'x' })) for qw(x.ndjson.part x.ndjson.tmp .x.ndjson x.csv);
    mkdir "$folder/dir.ndjson";
    load('vendors', 'whole.ndjson', { id => 'W1', name => 'whole' });
    write_file("$folder/empty.ndjson", '');
    $s->wait_for_deliveries(++$deliveries);
    is($s->sql("SELECT count(*) FROM oriel.delivery WHERE name ~ 'x'"), 0, 'parts, dot files, folders and other names are left alone');
    is($s->sql("SELECT records FROM oriel.delivery WHERE name = 'empty.ndjson'"), 0, 'an empty file is done');
};

subtest 'too many rejects' => sub {
    my @good = map { { id => "L$_", name => "l$_" } } 1 .. 49;
    $s->drop_file('products', 'many.ndjson', lines(@good, (map { { id => "B$_" } } 1 .. 60)));
    wait_until { $s->sql("SELECT state FROM oriel.source WHERE name = 'products'") eq 'stopped' } 'the source to stop';
    like($s->sql("SELECT message FROM oriel.source WHERE name = 'products'"),
        qr/many\.ndjson: 50 of 50 records would be rejected for product.*50 x name missing \(required\)/, 'the source stops and says why');
    is($s->sql("SELECT count(*) FROM dp.product WHERE name LIKE 'l%'"), 49 + 1, 'batches before stay');
    is($s->sql("SELECT concat_ws(' ', next_offset > 0, records, finished_at IS NULL) FROM oriel.delivery WHERE name = 'many.ndjson'"),
        't 50 t', 'and so does the position');
    load('vendors', 'others.ndjson', { id => 'W2', name => 'go on' });
    my (undef, $out) = $s->oriel('status');
    like($out, qr/^products +stopped /m, 'status shows it');
    like($out, qr/^products is stopped: many\.ndjson: 50 of 50/m, 'with the message');
};

subtest 'the configuration is read again' => sub {
    my $file = $s->domain_path('entities') . '/product.json';
    my $good = read_file($file);
    my $log  = "$s->{folder}/log/worker.log";
    for my $wrong ($good =~ s/"from"/"form"/r, $good =~ s/"name":"weight"/"name":"mass"/r) {
        my $before = () = read_file($log) =~ /configuration was not taken/g;
        write_file($file, $wrong);
        kill 'HUP', $s->pid('worker');
        wait_until { (() = read_file($log) =~ /configuration was not taken/g) > $before } 'the worker to refuse it';
        load('vendors', "hup$before.ndjson", { id => "H$before", name => 'still here' });
    }
    like(read_file($log), qr/product\.json:\d+: .*unknown key; did you mean "from"/, 'a wrong file is told');
    like(read_file($log), qr/table dp\.product: has no column "mass"/, 'and what does not fit the table');
    my (undef, undef, $err) = $s->oriel('work');
    like($err, qr/not started/, 'a worker does not start with it');
    write_file($file, $good =~ s/"rejectPercent":50/"rejectPercent":100/r);
    kill 'HUP', $s->pid('worker');
    $s->wait_for_deliveries(++$deliveries);
    is($s->sql("SELECT records FROM oriel.delivery WHERE name = 'many.ndjson'"), 109, 'a right one lets the source go on where it stopped');
    is($s->sql("SELECT state || coalesce(message, '') FROM oriel.source WHERE name = 'products'"), 'ready', 'and it is ready again');
};

# Holds the table of an entity so that a batch of it cannot go on; returns when one waits for it.
sub hold {
    my ($entity) = @_;
    $s->{children}->start('holder', {}, Oriel::Cluster::bin() . '/psql', '-XqAt', '-d', $s->{db}->conninfo . ' user=postgres',
        '-c', "BEGIN; LOCK TABLE dp.$entity IN EXCLUSIVE MODE; SELECT pg_sleep(600)");
    wait_until { $s->sql("SELECT count(*) FROM pg_locks WHERE granted AND mode = 'ExclusiveLock' AND relation = 'dp.$entity'::regclass") } 'the lock';
}

sub release {
    $s->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%LOCK TABLE%' AND pid <> pg_backend_pid()");
    $s->stop('holder');
}

sub wait_for_waiter { wait_until { $s->sql('SELECT count(*) FROM pg_locks WHERE NOT granted') } 'a batch to wait' }

subtest 'a file that changes while it is read' => sub {
    hold('vendor');
    my $path = $s->drop_file('vendors', 'growing.ndjson', lines({ id => 'G1', name => 'g' }));
    wait_for_waiter();
    write_file($path, lines({ id => 'G1', name => 'g' }, { id => 'G2', name => 'g' }));
    release();
    $s->wait_for_deliveries(++$deliveries);
    is($s->sql("SELECT records FROM oriel.delivery WHERE name = 'growing.ndjson'"), 2, 'is loaded as it is in the end, and only so');
    like(read_file("$s->{folder}/log/worker.log"), qr/growing\.ndjson changed while it was read/, 'which is told');
};

subtest 'what is no file' => sub {
    my $log = "$s->{folder}/log/worker.log";
    my $folder = "$s->{folder}/drop/" . $s->source('vendors')->{folder};
    my $beside = write_file("$s->{folder}/beside.ndjson", lines({ id => 'L1', name => 'through a symlink' }));
    POSIX::mkfifo("$folder/aa-fifo.ndjson", 0600) or die "mkfifo: $!";
    symlink $beside, "$folder/aa-link.ndjson" or die "symlink: $!";
    wait_until { read_file($log) =~ /leaves aa-fifo\.ndjson in .*: it is no regular file/ && read_file($log) =~ /leaves aa-link\.ndjson/ } 'the worker to see it';
    load('vendors', 'beside-a-fifo.ndjson', { id => 'F1', name => 'f' });
    is(counts('vendor'), '1 0 0 0 0', 'the worker neither waits at a FIFO');
    is($s->sql("SELECT count(*) FROM dp.vendor WHERE external_id = 'L1'"), 0, 'nor follows a symlink');
    is(scalar(() = read_file($log) =~ /leaves aa-/g), 2, 'which is told once of each');
    unlink "$folder/aa-fifo.ndjson", "$folder/aa-link.ndjson";
};

subtest 'TERM' => sub {
    hold('vendor');
    $s->drop_file('vendors', 'term.ndjson', lines({ id => 'E1', name => 'e' }));
    wait_for_waiter();
    kill 'TERM', $s->pid('worker');
    release();
    is($s->stop('worker'), 0, 'the worker ends well');
    is($s->sql("SELECT name FROM dp.vendor WHERE external_id = 'E1'"), 'e', 'with the batch in hand stored');
    $deliveries++;
    $s->start_worker;
};

subtest 'Postgres goes and comes back' => sub {
    $s->{db}->stop('QUIT');
    $s->drop_file('vendors', 'meanwhile.ndjson', lines({ id => 'M1', name => 'm' }));
    $s->{db}->start;
    $s->wait_for_deliveries(++$deliveries);
    is($s->sql("SELECT name FROM dp.vendor WHERE external_id = 'M1'"), 'm', 'the worker connects again by itself');
};

subtest 'one leads' => sub {
    my $log = "$s->{folder}/log/second.log";
    $s->{children}->start('second', {}, "$s->{build}/oriel", '-c', $s->{config}, 'work');
    wait_until { read_file($log) =~ /another worker leads; standing by/ } 'the second to stand by';
    $s->stop('worker', 'KILL');
    wait_until { read_file($log) =~ /leading: 3 sources/ } 'the second to take over';
    load('vendors', 'taken-over.ndjson', { id => 'T1', name => 'second' });
    my $seen = -s "$s->{folder}/log/worker.log";
    $s->start_worker;
    wait_until { substr(read_file("$s->{folder}/log/worker.log"), $seen) =~ /standing by/ } 'the first to stand by now';
    is($s->stop('second'), 0, 'the second ends well');
    load('vendors', 'back.ndjson', { id => 'T2', name => 'first' });
    is(counts('vendor'), '1 0 0 0 0', 'the first leads again');
};

subtest 'rejects for people' => sub {
    my ($code, $out) = $s->oriel('rejects', '--source', 'products', '--reason', 'constraint');
    is($code, 0, 'the list');
    like($out, qr/^products +product +constraint +product_weight_check +reject +1 +\d+ +4$/m, 'with rule, count and where an example stands');
    unlike($out, qr/missing/, 'filtered');
    ok(!(grep { length > 100 } split /\n/, $out), 'in 100 columns');
    my ($batch) = $out =~ /product_weight_check +reject +1 +(\d+)/;
    ($code, $out) = $s->oriel('rejects', 'show', $batch, 4);
    like($out, qr/^1\.ndjson, record 4 .*\n\n\{.*"P4".*\}\n\n.*product_weight_check/s, 'a record with file, number, text and reasons');
    ($code, $out) = $s->oriel('rejects', 'show', $batch, 4, '--json');
    is(JSON::PP->new->decode($out)->{reasons}[0]{rule}, 'product_weight_check', 'as JSON');
    my ($of, $line) = split /\|/, $s->sql("SELECT batch, line FROM raw.reject WHERE entity = 'product' AND field = 'name' AND reason = 'missing' ORDER BY id LIMIT 1");
    ($code, $out) = $s->oriel('rejects', 'show', $of, $line);
    like($out, qr{>>>""<<<|^product\.name: there is no /name in this record$}m, 'what was not taken is marked, or it is told that it is not there') or diag $out;
    ($code, $out) = $s->oriel('rejects', 'records', '--source', 'products', '--reason', 'constraint');
    like($out, qr/^products +$batch +4 +product +constraint +reject/m, 'one by one');
    ($code, $out) = $s->oriel('rejects', 'deliveries', '--source', 'products');
    like($out, qr/^ *\d+ +products +1\.ndjson +product +\d+ +\d+ +\d+\.\d %/m, 'and per delivery, with their share') or diag $out;
    ok(!(grep { utf8::decode(my $line = $_); length $line > 100 } split /\n/, $out), 'in 100 columns') or diag $out;
    is(($s->oriel('rejects', 'show', $batch, 400))[0], 1, 'a record that is not there');
    is(($s->oriel('rejects', 'show', 'x', 4))[0], 2, 'a wrong number');
    ($code, $out) = $s->oriel('status', '--json');
    my %state = map { $_->{source} => $_ } @{ JSON::PP->new->decode($out)->{sources} };
    is($state{vendors}{files_done}, $s->sql("SELECT count(*) FROM oriel.delivery WHERE source = 'vendors'"), 'status as JSON');
};

subtest 'a terminal takes no orders from clients' => sub {
    load('vendors', "clear\x1b[2J\xc2\x9b.ndjson", qq({"id": "O1", "name": "\xc2\x9b2J\x7f", "x": "\xc2\x9b"}));
    my $batch = $s->sql('SELECT max(id) FROM raw.batch');
    my ($code, $out) = $s->oriel('rejects', 'show', $batch, 1);
    is($code, 0, 'a record with orders in its name and its text');
    like($out, qr/^clear\?\[2J\?\.ndjson, record 1 .*"name": "\?2J\?", "x": "\?"/s, 'is shown without them');
    unlike($out, qr/[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/, 'nor with any others');
};

subtest 'tables that change beneath the worker' => sub {
    $s->sql('ALTER TABLE dp.note ALTER rev TYPE bigint');
    load('notes', 'wide.ndjson', { id => 'N3', name => 'wide', rev => 3_000_000_000 });
    is(counts('note'), '1 0 0 0 0', 'a widened column takes what it takes now');
    $s->sql('ALTER TABLE dp.note DROP COLUMN rev');
    $s->drop_file('notes', 'narrow.ndjson', lines({ id => 'N4', name => 'n', rev => 1 }));
    wait_until { $s->sql("SELECT state FROM oriel.source WHERE name = 'notes'") eq 'stopped' } 'the source to stop';
    like($s->sql("SELECT message FROM oriel.source WHERE name = 'notes'"), qr/entity note: table dp\.note has no column "rev"/, 'a dropped column stops the source, with the reason');
    load('vendors', 'not-stopped.ndjson', { id => 'S1', name => 's' });
    is(counts('vendor'), '1 0 0 0 0', 'and no other');
};

is($s->sql('SELECT count(*) FROM raw.batch_entity e JOIN raw.batch b ON b.id = e.batch '
        . 'WHERE e.inserted + e.updated + e.unchanged + e.rejected + e.parked <> b.n_records'), 0, 'every count adds up');

# What is in the tables, without the numbers of batches, which a crash may skip.
sub contents {
    my ($stack) = @_;
    return map {
        $stack->sql("SELECT md5(string_agg(t::text, E'\\n' ORDER BY t.id)) FROM (SELECT id, external_id, name"
                . ($_ eq 'product' ? ', weight, vendor_id, parent_id' : '') . " FROM dp.$_) t")
    } qw(vendor product note);
}

subtest 'killed at any moment' => sub {
    srand 7;
    my @records = map { {
        id => 'K' . int rand 800, name => "name $_", weight => int rand 1004, (rand() < .8 ? (vendor => 'KV' . int rand 60) : ()),
        (rand() < .1 ? (parent => 'K' . int rand 800) : ()), (rand() < .02 ? (name => undef) : ()) } } 1 .. 3000;
    my %files = (products => lines(@records), vendors => lines(map { { id => "KV$_", name => "v$_" } } 0 .. 55));
    my @results;
    for my $kills (0, 6) {
        my $other = Oriel::Stack->new(domain => {%domain}, start => []);
        # in an order that does not hang on time: the vendors come when the products are there
        $other->drop_file('products', 'k.ndjson', $files{products});
        $other->start_worker;
        for my $n (1 .. $kills) {
            my $records = $n * 400;
            wait_until { $other->sql("SELECT coalesce(sum(records), 0) FROM oriel.delivery") >= $records } "$records records";
            $other->stop('worker', 'KILL');
            $other->start_worker;
        }
        $other->wait_for_deliveries(1);
        $other->drop_file('vendors', 'k.ndjson', $files{vendors});
        $other->wait_for_deliveries(2);
        push @results, [contents($other), $other->sql('SELECT md5(string_agg(text, E\'\\n\' ORDER BY source, record)) FROM raw.record'),
            $other->sql('SELECT string_agg(concat_ws(\' \', source, first_record, entity, inserted, updated, unchanged, rejected, parked), \', \' ORDER BY source, first_record) FROM raw.batch_entity e JOIN raw.batch b ON b.id = e.batch')];
        cmp_ok($other->sql('SELECT count(*) FROM raw.parked'), '>', 0, 'some records still wait') if !$kills;
        is($other->sql('SELECT max(id) - count(*) FROM dp.product'), 0, 'ids have no gaps');
        $other->finish;
    }
    is_deeply($results[1], $results[0], 'the result is the same as without');
};

$s->finish(qr/stopped|not taken|mass|unknown key|not started|connect|lost|terminating|shut|starting up|tried again|changed/);
done_testing;
