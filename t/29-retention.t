# How long raw is kept: months that are old enough go when nothing needs them, or when a replay is given up; and a replay
# leaves alone what it can no longer clean anew.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Cluster;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my %fields = (
    maker => '{ "name": "external_id", "from": "/maker/id", "type": "string", "constraints": { "required": true } }, { "name": "name", "from": "/maker/name", "type": "string", "constraints": { "required": true } }',
    thing => '{ "name": "external_id", "from": "/id", "type": "string", "constraints": { "required": true } }, { "name": "name", "from": "/name", "type": "string" },
        { "name": "price", "from": "/price", "type": "number" }, { "name": "maker_id", "from": "/maker/id", "type": "string", "reference": "maker", "onMissing": "park" }',
    maker_alone => '{ "name": "external_id", "from": "/only", "type": "string", "constraints": { "required": true } }, { "name": "name", "from": "/name", "type": "string" }',
    item => '{ "name": "external_id", "from": "/id", "type": "string", "constraints": { "required": true } }, { "name": "name", "from": "/name", "type": "string" }',
);
sub entity { my ($name, $fields) = @_; return qq({ "entity": "$name", "table": "dp.$name", "primaryKey": ["client", "external_id"], "id": "id", "fields": [ $fields ] }) }
my %source = (kind => 'file', client => 'acme', pattern => '*.ndjson', format => 'ndjson', poll => '20ms', settle => '20ms');
my $columns = 'id bigint PRIMARY KEY, client text NOT NULL, external_id text NOT NULL, name text, raw_batch bigint NOT NULL, raw_line integer NOT NULL, gone_at timestamptz, UNIQUE (client, external_id)';
my $s = Oriel::Stack->new(start => ['worker'], domain => {
    'sql/changes/0001-things/expand.sql' => "CREATE TABLE dp.maker ($columns);\nCREATE TABLE dp.item ($columns);\n"
        . "CREATE TABLE dp.thing ($columns, price numeric, maker_id bigint);\n"
        . "CREATE VIEW api.v_things_v1 AS SELECT id, name FROM dp.thing WHERE gone_at IS NULL;\nCOMMENT ON VIEW api.v_things_v1 IS E'Things.\\n\@primaryKey id';\nGRANT SELECT ON api.v_things_v1 TO oriel_ds;\n",
    'entities/maker.json' => entity('maker', $fields{maker}),
    'entities/maker-alone.json' => entity('maker', $fields{maker_alone}),
    'entities/thing.json' => entity('thing', $fields{thing}),
    'entities/item.json' => entity('item', $fields{item}),
    map { ("sources/$_->{folder}.json" => JSON::PP->new->encode({ %source, %$_ })) }
        { folder => 'things', entities => ['maker', 'thing'] }, { folder => 'makers', entities => ['maker-alone'] },
        { folder => 'items', entities => ['item'], complete => JSON::PP::true, maxGonePercent => 50 },
});

# The name of the month n months ago, made where it is not there.
sub month {
    my ($n) = @_;
    my ($name, $since, $until) = split /\|/, $s->sql("SELECT 'payload_' || to_char(m, 'YYYY_MM'), m AT TIME ZONE 'UTC', (m + interval '1 month') AT TIME ZONE 'UTC'
        FROM (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') - $n * interval '1 month' AS m) d");
    $s->sql("SET ROLE oriel_owner; CREATE TABLE raw.$name (LIKE raw.payload INCLUDING ALL); ALTER TABLE raw.payload ATTACH PARTITION raw.$name FOR VALUES FROM ('$since') TO ('$until');
        INSERT INTO raw.month (name, since, until) VALUES ('$name', '$since', '$until')") if !$s->sql("SELECT count(*) FROM raw.month WHERE name = '$name'");
    return $name;
}

my ($files, $aged) = (0, 0);

# Delivers records, and sets what was received since the last time n months back.
sub deliver {
    my ($source, $n, @records) = @_;
    $s->drop_file($source, ++$files . '.ndjson', join '', map { s/\}$/,"file":$files}/r . "\n" } @records);    # the same content again is no delivery
    $s->wait_for_deliveries($files);
    my $name = month($n);
    $s->sql("UPDATE raw.payload SET received_at = m.since + interval '10 days' FROM raw.month m WHERE m.name = '$name' AND batch > $aged;
        UPDATE raw.batch SET received_at = m.since + interval '10 days' FROM raw.month m WHERE m.name = '$name' AND id > $aged") if $n;
    $aged = $s->sql('SELECT max(id) FROM raw.batch');
    return $aged;
}

sub thing { my ($id, $name, $maker, %more) = @_; return JSON::PP->new->canonical->encode({ id => $id, name => $name, maker => { id => $maker, name => $more{maker} // "Maker $maker" }, price => $more{price} // 1 }) }
sub contents { return join "\n", map { $s->sql("SELECT '$_', id, external_id, name, " . ($_ eq 'thing' ? 'price, maker_id, ' : '') . "gone_at IS NULL FROM dp.$_ ORDER BY id") } qw(maker thing item) }
sub lineage { return join "\n", map { $s->sql("SELECT external_id, raw_batch, raw_line FROM dp.$_ ORDER BY 1") } qw(maker thing item) }
sub kept { return $s->sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'raw.payload'::regclass") }
sub settings { my ($change) = @_; write_file($s->{config}, JSON::PP->new->canonical->pretty->encode($change->(JSON::PP->new->decode(read_file($s->{config}))))) }
sub retention { my ($value) = @_; settings(sub { $_[0]{retention} = $value; delete $_[0]{retention} if !defined $value; $_[0] }) }

# month => "can go: …" or "must stay: …"
sub prunable {
    my $all = $s->prunable;
    return { map { (s/^raw\.//r => $all->{$_} =~ s/: month /: /r) } grep { /^raw\./ } keys %$all };
}

sub replayed {
    my (@arguments) = @_;
    my ($code, $out, $err) = $s->oriel('replay', @arguments);
    diag $out, $err if $code;
    return $code ? "exit code $code" : $out . $err;
}

my @m = map { month($_) } 0 .. 6;
deliver('things', 6, (map { thing("P$_", "first $_", 'M' . ($_ % 3)) } 1 .. 10), thing('BAD', 'bad', 'M1', price => 'on request'));
deliver('items', 6, map { qq({"id":"I$_","name":"item $_"}) } 1 .. 10);
deliver('things', 5, (map { thing("P$_", "second $_", 'M' . ($_ % 3)) } 1 .. 8), thing('W', 'waits', 'M9', maker => ''));
deliver('items', 5, map { qq({"id":"I$_","name":"item $_"}) } 1 .. 9);
my $third = deliver('things', 4, (map { thing("P$_", "third $_", 'M' . ($_ % 3)) } 1 .. 3), thing('P11', 'eleven', 'M5'), thing('OLD', 'old', 'M1', price => 'none'));
deliver('items', 4, map { qq({"id":"I$_","name":"item $_"}) } 1 .. 9, 11);
deliver('things', 0, thing('P12', 'twelve', 'M2'), thing('P13', 'thirteen', 'M5', maker => ''));

subtest 'how long' => sub {
    like(prunable()->{$m[6]}, qr/^must stay: no retention is given in oriel\.json, so raw is kept for ever/, 'without a retention for ever');
    for (['"5"', '5'], ['"12h"', '12h'], ['"36h"', '36h'], ['30', 30], ['"soon"', 'soon'], ['"-3d"', '-3d'], ['"99999999999999d"', '99999999999999d']) {
        retention($_->[1]);
        my ($code, undef, $err) = $s->oriel('prunable');
        is($code, 2, "refused: $_->[0]");
        like($err, qr/retention.*(?:in days such as "400d"; without this key it is kept for ever|expected)/, 'with what is expected');
    }
    retention('80d');
    my $found = prunable();
    like($found->{$m[0]}, qr/^must stay: it is kept until \d{4}-\d\d-\d\d, by the retention of 80d/, 'with one, what is younger stays, and it says until when');
    ok(!exists $found->{ (month(-1), '')[0] }, 'months to come are not told');
};

subtest 'why they stay' => sub {
    my $found = prunable();
    like($found->{$m[6]}, qr/^must stay: 9 rows of item came from it, 3 rows of maker came from it, 2 rows of thing came from it, 1 rejects of thing point into it \(\d+ kB\)$/, 'rows and rejects, by name')
        or diag explain $found;
    like($found->{$m[5]}, qr/^must stay: .*1 records of thing in it are parked/, 'a record that waits') or diag explain $found;
    like($found->{$m[5]}, qr/^must stay: .*5 rows of thing came from it.*an older month stays, and a replay goes on from there/, 'an older month that stays');
    my ($code, $out, $err) = $s->oriel('prune', '--yes', 'raw');
    is("$code$out", "0nothing can go\n", 'so nothing goes') or diag $err;
    ($code, $out, $err) = $s->oriel('prune', '--yes', "raw.$m[6]");
    is($code, 1, 'by name it is refused');
    like($err, qr/raw\.$m[6]: 9 rows of item.*With --force it goes, and what it is needed for stays as it is/, 'with the reasons, and what can be done');
    is(kept(), 9, 'nothing is gone');
};

subtest 'what nothing may give up' => sub {
    my $must = sub {
        my ($pattern, $what) = @_;
        my $found = prunable();
        like($found->{$m[6]}, qr/^must stay: .*$pattern/, $what) or diag explain $found;
        my ($code, undef, $err) = $s->oriel('prune', '--yes', '--force', "raw.$m[6]");
        is($code, 1, 'not by force either');
        like($err, $pattern, 'and why');
        unlike($err, qr/With --force/, 'without a promise');
    };
    $s->sql("INSERT INTO oriel.replay (plan, entities) VALUES ('x', '{thing,maker}')");
    $must->(qr/a replay of thing maker is not finished/, 'a replay that was interrupted');
    $s->sql('DELETE FROM oriel.replay');

    my $entities = $s->domain_path('entities');
    write_file("$entities/thing.json", entity('thing', $fields{thing} =~ s/"park"/"null"/r));
    $must->(qr/thing says onMissing null of maker_id, so each record needs the maker before it/, 'a reference that is dropped where it leads nowhere');
    write_file("$entities/thing.json", entity('thing', $fields{thing}));
    write_file("$entities/maker-alone.json", entity('maker', $fields{maker_alone} =~ s/, \{ "name": "name".*//r));
    $must->(qr/maker may have written name of any row that came from maker-alone/, 'rows that were written by several files, each its part');
    write_file("$entities/maker-alone.json", entity('maker', $fields{maker_alone}));

    my $change = $s->domain_path('changes') . '/0002-by-replay';
    write_file("$change/expand.sql",   "ALTER TABLE dp.thing ADD COLUMN later text;\n");
    write_file("$change/fill.sql",     "-- replay: thing\n");
    write_file("$change/contract.sql", "SELECT 1;\n");
    is(($s->oriel('change', 'expand'))[0], 0, 'a change that is to be filled by a replay');
    $must->(qr/0002-by-replay is filled by a replay and is not finished/, 'needs it');
    $s->sql("ALTER TABLE dp.thing DROP COLUMN later; DELETE FROM oriel.change_step WHERE change LIKE '0002%'");
    unlink glob "$change/*";
    rmdir $change;

    write_file("$s->{folder}/before.json", read_file($s->domain_path('contract.json')) =~ s/"v_things_v1"/"v_things_v9"/r);
    settings(sub { $_[0]{rollback} = 'before.json'; $_[0] });
    $must->(qr/the release that one would roll back to has v_things_v9, which is not here/, 'a release to roll back to');
    settings(sub { delete $_[0]{rollback}; $_[0] });

    my $holder = $s->{children}->start('holder', {}, Oriel::Cluster::bin() . '/psql', '-XqAt', '-d', $s->{db}->conninfo . ' user=postgres',
        '-c', 'SELECT pg_advisory_lock(1869769068, 3); SELECT pg_sleep(600)');
    wait_until { $s->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 3 AND granted") } 'the holder';
    my ($code, undef, $err) = $s->oriel('prune', '--yes', '--force', "raw.$m[6]");
    is($code, 1, 'beside a replay');
    like($err, qr/a replay is at work/, 'nothing goes');
    $s->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()");
    $s->stop('holder');
    is(kept(), 9, 'nothing is gone');
};


# All that came from the oldest month comes anew.
$s->drop_file('makers', ++$files . '.ndjson', join '', map { qq({"only":"M$_","name":"Maker M$_ now"}\n) } 0, 1, 2, 9);
$s->wait_for_deliveries($files);
write_file($s->domain_path('entities') . '/thing.json', entity('thing', $fields{thing} =~ s/("type": "number")/$1, "onError": "null"/r));
kill 'HUP', $s->pid('worker');
wait_until { read_file("$s->{folder}/log/worker.log") =~ /configuration read again/ } 'the configuration to be read';
is(($s->oriel('rejects', 'retry', '--entity', 'thing'))[0], 0, 'rejects are tried again');
deliver('things', 0, thing('P9', 'ninth', 'M0'), thing('P10', 'tenth', 'M1'), thing('BAD', 'good', 'M1'));
deliver('items', 0, (map { qq({"id":"I$_","name":"now $_"}) } 1 .. 9), '{"id":"I11","name":"item 11"}');
my ($contents, $lineage) = (contents(), lineage());
my $status = sub { (($s->oriel('status'))[1] =~ s/.*?(?=\nWhat became)//sr) };
my $counts = $status->();

subtest 'what nothing needs' => sub {
    like(prunable()->{$m[6]}, qr/^can go: older than the retention of 80d, and nothing needs it \(\d+ kB\)$/, 'is told, with its size');
    # beside somebody who reads raw, and a worker that loads
    my $holder = $s->{children}->start('holder', {}, Oriel::Cluster::bin() . '/psql', '-XqAt', '-d', $s->{db}->conninfo . ' user=postgres',
        '-c', "BEGIN; SELECT count(*) FROM raw.record; SELECT pg_sleep(1.5); COMMIT");
    wait_until { $s->sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1.5)%' AND wait_event = 'PgSleep'") } 'somebody who reads raw';
    my ($code, $out, $err) = $s->oriel('prune', '--yes', 'raw');
    is("$code$out", "0removed raw.$m[6]\n", 'it goes') or diag $err;
    wait_until { !$s->{children}->is_running('holder') } 'the reader to end by itself';
    is($s->stop('holder'), 0, 'the reader was not disturbed');
    is($s->sql("SELECT concat_ws(' ', pruned_at <= now(), pruned_by) FROM raw.month WHERE name = '$m[6]'"), 't oriel_dp', 'who did it, and when, is kept');
    is($s->sql("SELECT to_regclass('raw.$m[6]') IS NULL AND count(*) = 2 FROM raw.batch b JOIN raw.month m ON b.received_at >= m.since AND b.received_at < m.until WHERE m.name = '$m[6]'"), 't',
        'the records are gone, and what is known of their batches is not');
    is($status->(), $counts, 'no count is another');
    ok(!exists prunable()->{$m[6]}, 'it is told no more');
    my $told = replayed('--all');
    like($told, qr/warning: the raw of 21 records, received until \d{4}-\d\d-11, was pruned\. Rows that came from it stay as they are \(there are none\); what is in the tables no more, of that raw, cannot be rebuilt/, 'a replay says what it has not')
        or diag $told;
    like($told, qr/: 0 rows written/, 'and changes nothing');
    is(contents(), $contents, 'so all is as it was, also what is gone');
    is(lineage(), $lineage, 'and comes from where it came from');
};

subtest 'by force' => sub {
    my ($code, $out, $err) = $s->oriel('prune', '--yes', '--force', "raw.$m[4]");
    is($code, 1, 'a younger month alone');
    like($err, qr/raw\.$m[5] is older and has to go first; name it too/, 'is not pruned');
    ($code, $out, $err) = $s->oriel('prune', '--yes', '--force', "raw.$m[5]", "raw.$m[4]");
    is("$code$out", "0removed raw.$m[5]\nremoved raw.$m[4]\n", 'both') or diag $err;
    is(contents(), $contents, 'touches no row');

    ($code, $out, $err) = $s->oriel('replay', '--dry-run', '--all');
    like($out, qr/^maker +5 +5 +0 +0 +0$/m, 'a replay takes nothing away: makers') or diag $out, $err;
    like($out, qr/^thing +16 +16 +0 +0 +0$/m, 'things, also those whose maker is not in raw any more');
    like($out, qr/^item +10 +10 +0 +0 +0$/m, 'items');
    like($out, qr/^Rows that stay as they are, since the raw that they came from was pruned\nentity +rows\nitem +1\nmaker +1\nthing +11\n/m, 'and says what stays');
    is_deeply(JSON::PP->new->decode(($s->oriel('replay', '--dry-run', '--json', '--all'))[1])->{pruned}, [{ entity => 'item', rows => 1 }, { entity => 'maker', rows => 1 }, { entity => 'thing', rows => 11 }],
        'for programs too');
    like(replayed('--all'), qr/\(1 of item, 1 of maker, 11 of thing\)/, 'in earnest');
    is(contents(), $contents, 'nothing is another');
    is(lineage(), $lineage, 'nor comes from elsewhere');
    is($s->sql(q{SELECT m.external_id FROM dp.thing t JOIN dp.maker m ON m.id = t.maker_id WHERE t.external_id = 'P13'}), 'M5', 'a row that is kept refers to one whose raw is gone');

    ($code, $out, $err) = $s->oriel('replay', '--batch', $third, 'thing');
    is($code, 1, 'a batch that was pruned cannot be replayed');
    like($err, qr/the raw of batch $third was pruned at \d{4}-\S+Z by oriel_dp, so nothing can be cleaned anew from it/, 'and it is said when it went');
    my ($batch, $line) = split /\|/, $s->sql("SELECT r.batch, r.line FROM raw.reject r JOIN raw.batch b ON b.id = r.batch JOIN raw.month m ON b.received_at >= m.since AND b.received_at < m.until
        WHERE r.entity = 'maker' AND m.name = '$m[5]'");
    ($code, $out, $err) = $s->oriel('rejects', 'show', $batch, $line);
    like($out, qr/^3\.ndjson, record 9 \(client acme, .*\n\n\(Its raw was pruned at \S+Z by oriel_dp: what it said is not known any more, and it cannot be tried again\.\)\n\n.*maker +name +missing/s, 'a reject says that its raw is gone')
        or diag $err;
    ok(JSON::PP->new->decode(($s->oriel('rejects', 'show', '--json', $batch, $line))[1])->{record}[0]{pruned_at}, 'for programs too');
    like(($s->oriel('rejects', 'retry', '--entity', 'maker'))[1], qr/^The raw of 1 of these records was pruned; they cannot be tried again and stay rejected\.$/m, 'and cannot be tried again');
    is(contents(), $contents, 'which changes nothing');
};

subtest 'a file that was mended' => sub {
    write_file($s->domain_path('entities') . '/thing.json', entity('thing', $fields{thing} =~ s/("from": "\/name", "type": "string")/$1, "clean": ["upper"]/r =~ s/("type": "number")/$1, "onError": "null"/r));
    kill 'HUP', $s->pid('worker');
    wait_until { (() = read_file("$s->{folder}/log/worker.log") =~ /configuration read again/g) == 2 } 'the configuration to be read';
    replayed('thing');
    is($s->sql(q{SELECT string_agg(external_id, ' ' ORDER BY external_id) FROM dp.thing WHERE name = upper(name) AND gone_at IS NULL}), 'BAD P10 P12 P13 P9', 'rows whose raw is there are cleaned anew');
    is($s->sql(q{SELECT count(*) FROM dp.thing WHERE name <> upper(name) AND gone_at IS NULL}), 11, 'the others stay');
    is($s->sql(q{SELECT count(*) FROM dp.thing WHERE gone_at IS NOT NULL}), 0, 'none is gone');
};

subtest 'deliveries that come after' => sub {
    deliver('items', 0, map { qq({"id":"I$_","name":"now $_"}) } 1 .. 9);
    is($s->sql(q{SELECT gone_at IS NOT NULL FROM dp.item WHERE external_id = 'I11'}), 't', 'what is missing from a complete one is marked, though its raw is gone');
    my $before = contents();
    replayed('item');
    is(contents(), $before, 'and stays so in a replay');
    is($s->sql(q{SELECT p.batch IS NOT NULL FROM dp.item i LEFT JOIN raw.payload p ON p.batch = i.raw_batch WHERE external_id = 'I11'}), 't', 'which finds it in raw that is younger');
    deliver('things', 0, thing('P4', 'fourth again', 'M1'));
    is($s->sql(q{SELECT name FROM dp.thing WHERE external_id = 'P4'}), 'FOURTH AGAIN', 'a row is updated');
    my $next = $s->sql(q{SELECT next_id FROM oriel.entity WHERE name = 'thing'});
    $s->sql('TRUNCATE dp.thing');
    like(replayed('thing'), qr/warning: the raw of \d+ records.*cannot be rebuilt/, 'of a table that is spoilt, what is kept comes back');
    is($s->sql(q{SELECT string_agg(external_id, ' ' ORDER BY external_id) FROM dp.thing}), 'BAD P10 P12 P13 P4 P9', 'and no more');
    is($s->sql(qq{SELECT min(id) >= $next FROM dp.thing}), 't', 'by ids that nothing else had');
};

subtest 'what was removed by hand' => sub {
    my ($batch, $line) = split /\|/, $s->sql("SELECT batch, line FROM raw.parked");
    ok(!$batch, 'nothing is parked');
    $batch = deliver('things', 0, thing('X', 'waits', 'M77', maker => ''));
    my ($now) = $s->sql("SELECT tableoid::regclass FROM raw.payload WHERE batch = $batch");
    $s->sql("BEGIN; CREATE TABLE raw.held AS SELECT * FROM raw.payload WHERE batch = $batch; DELETE FROM raw.payload WHERE batch = $batch; COMMIT");
    my ($code, undef, $err) = $s->oriel('replay', 'thing');
    is($code, 1, 'a replay stops at it');
    like($err, qr/the raw of batch $batch is not there, though nothing says that it was pruned/, 'and says so');
    $s->drop_file('makers', 'late.ndjson', qq({"only":"M77","name":"late"}\n));
    wait_until { $s->sql("SELECT state FROM oriel.source WHERE name = 'makers'") eq 'stopped' } 'the source to stop';
    like($s->sql("SELECT message FROM oriel.source WHERE name = 'makers'"), qr/the raw of batch $batch, in which records are parked, is not there/, 'as does what a parked record waits for');
    is($s->sql("SELECT count(*) FROM raw.parked"), 1, 'which goes on waiting');
    $s->sql("INSERT INTO raw.payload SELECT * FROM raw.held; DROP TABLE raw.held");
    kill 'HUP', $s->pid('worker');
    wait_until { $s->sql("SELECT count(*) FROM dp.thing WHERE external_id = 'X'") } 'it to be taken up';
    is($s->sql("SELECT count(*) FROM raw.parked"), 0, 'it is taken up when its raw is there again');
};

$s->finish(qr/makers.*stopped|the raw of batch|terminating connection|cannot read its folder|the raw of \d+ records/);
done_testing;
