# oriel new: from a client's file to a served contract, with nothing written by hand.
use strict;
use warnings;
use feature 'state';
use utf8;
use Encode ();
use IO::Compress::Gzip 'gzip';
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use POSIX ();
use Test::More;

my $s = Oriel::Stack->new(start => [], domain => { 'sql/changes/0001-start/expand.sql' => 'CREATE TABLE dp.other (x integer);' });
my $domain = "$s->{folder}/domain";

my $orders = join '', map { JSON::PP->new->canonical->utf8->encode($_) . "\n" } (
    { id => 'A-1', Group => 'Tea', price => '1.234,50', placed => '31/01/2026', paid => 'ja', buyer => { id => 7, name => 'Müller &amp; Söhne' }, tags => ['x'] },
    { id => 'A-2', Group => 'Tea', price => '9,50', placed => '01/02/2026', paid => 'nein', buyer => { id => 8, name => 'Thé' }, tags => [] },
    { id => 'A-3', Group => '-', price => '', placed => '28/02/2026', paid => 'ja', buyer => undef, tags => ['y', 'z'] },
);
# Latin-1, semicolons, a decimal comma, codes with zeros, a quoted line end, a name that stands twice
my $lots = Encode::encode('ISO-8859-1', <<'END');
Nr;Größe;Note;Note;Packed
007;1,5;"one
two";a;April 4th, 2026
008;2,25;;b;May 1st, 2026
009;3;x;c;June 30th, 2026
END
my $stops = "Oslo,1,2026-01-01 10:00\nOslo,2,2026-01-01 10:05\nBergen,1,2026-01-01 10:00\n";
my %file = map { $_->[0] => write_file("$s->{folder}/in/$_->[0]", $_->[1]) }
    ['orders.ndjson', $orders], ['lots.csv', $lots], ['stops.csv', $stops];

# A page of an API as it came, and a gzip with an array in it.
sub gzipped { my ($bytes) = @_; gzip(\$bytes, \my $packed) or die 'gzip'; return $packed }
my $ports = qq({ "count": 2,\n  "data": { "ports": [\n    { "code": "NOBGO", "depth": 11.5 },\n    { "code": "NOOSL", "depth": 9 }\n  ] } }\n);
my $ships = gzipped('[{"imo": 9074729, "name": "Aurora"}, {"imo": 9395044, "name": "Kong \\u00d8ystein"}]');
$file{$_->[0]} = write_file("$s->{folder}/in/$_->[0]", $_->[1]) for ['ports.json', $ports], ['ships.json.gz', $ships];

sub pipe_of { my ($path) = @_; POSIX::mkfifo($path, 0600) or die "$path: $!\n"; return $path }
sub files_now { return join ' ', sort map { s{^\Q$domain\E/}{}r } split /\n/, `find $domain -type f` }

my ($code, $out, $err) = $s->oriel('new', '--client', 'acme', 'acme-order', $file{'orders.ndjson'});
is($code, 0, 'oriel new, of NDJSON') or diag $err;
is($err, '', 'nothing is complained of');
like($out, qr/orders\.ndjson: NDJSON, one document a line; UTF-8/, 'the form is told');
like($out, qr/^price +number, point ",".* 100 % +1 +2 +8 +1\.234,50 \| 9,50$/m, 'the evidence: type, share that fits, missing, distinct, longest, examples');
like($out, qr/^Key: external_id: never missing, and no two records are alike in it\.$/m, 'the key');
like($out, qr/would be loaded of the sample: 3 records: 3 rows, 0 rejected$/m, 'what will become of the records');
like($out, qr/oriel change expand && oriel contract lock && oriel check/, 'the next commands');
ok(!(grep { length(Encode::decode('UTF-8', $_)) > 100 } $out =~ /^(?:column|\S+ +(?:string|number|date|boolean|array|integer)\b).*$/mg), 'the table fits 100 columns');

($code, $out) = $s->oriel('new', 'lot', $file{'lots.csv'});
is($code, 0, 'of CSV');
like($out, qr/CSV with ";" between 5 columns .*, a header; ISO-8859-1/, 'its dialect and encoding');
($code, $out) = $s->oriel('new', 'stop', $file{'stops.csv'});
is($code, 0, 'without a header');
like($out, qr/, no header; .*^Key: column_1, column_2: never missing/ms, 'a key of two columns');
($code, $out, $err) = $s->oriel('new', 'port', $file{'ports.json'});
is($code, 0, 'of a JSON document') or diag $err;
like($out, qr{JSON, an array of 2 documents at "/data/ports"; UTF-8}, 'where its records are');
# Records that share a key: what a load would make of them, and below, what it made.
my $twice = "no,say\n" . (join '', map { "$_,t$_\n" } 1 .. 150) . "7,another\n8,t8\n9,another\n";
$file{'twice.csv'} = write_file("$s->{folder}/in/twice.csv", $twice);
($code, $out, $err) = $s->oriel('new', '--key', 'no', 'twice', $file{'twice.csv'});
is($code, 0, 'records with one key') or diag $err;
my $foreseen = qr/153 records: 150 rows, 1 that say the same again, 2 rejected\n +2  reject   record: duplicate_in_batch, primaryKey, such as "7"\n/;
like($out, qr/would be loaded of the sample: $foreseen/, 'are told as a load takes them');
($code, $out) = $s->oriel('try', '--limit', 0, 'twice', $file{'twice.csv'});
like($out, qr/^$foreseen/, 'and by oriel try, too');
($code, $out, $err) = $s->oriel('new', 'ship', $file{'ships.json.gz'});
is($code, 0, 'of a gzip') or diag $err;
like($out, qr/gzip; JSON, an array of 2 documents; UTF-8/, 'what is in it');
like(read_file("$domain/sources/ship.json"), qr/"pattern": "\*\.json\.gz"/, 'and what its files are called');
is_deeply([map { s{.*/}{}r } sort glob "$domain/sql/changes/*"], [qw(0001-start 0002-acme-order 0003-lot 0004-stop 0005-port 0006-twice 0007-ship)], 'changes are numbered on');

# Quotes far behind the lines by which the format is guessed: letters, or quotes of which one is broken.
my $texts = join '', map { "$_\tt$_\n" } 1 .. 2500;
for (
    ['a quote that is a letter'     => 1, 2502, "no\tsay\n$texts" . qq(2501\tsays "a" word\n2502\tend\n)],
    ['two that join lines'          => 1, 2502, "no\tsay\n$texts" . qq(2501\t"9 inch\n2502\t9"\n)],
    ['the same without a header'    => 1, 2502, $texts . qq(2501\t"9 inch\n2502\t9"\n)],
    ['a line end in quotes'         => 0, 2502, "no\tsay\n$texts" . qq(2501\t"one\ntwo"\n2502\tend\n)],
    ['the same without a header'    => 0, 2502, $texts . qq(2501\t"one\ntwo"\n2502\tend\n)],
    ['one column'                   => 0, 2502, "say\n" . $texts =~ s/.*\t//gr . qq("one\ntwo"\nend\n)],
    ['one broken, and the header'   => 0, 2501, qq("no"\t"say"\n$texts) . qq(2501\tsays "a" word\n2502\tend\n)],
    ['one broken among many quoted' => 0, 2501, qq("no"\t"say"\n) . $texts =~ s/(\d+)\t(.*)/"$1"\t"$2"/gr . qq("2501"\t"says "a" word"\n"2502"\t"end"\n)],
) {
    my ($what, $letters, $rows, $bytes) = @$_;
    state $n = 0;
    my $name = 'quote' . ++$n;
    ($code, $out, $err) = $s->oriel('new', $name, write_file("$s->{folder}/in/$name.tsv", $bytes));
    is($code, 0, $what) or diag $err;
    my $source = read_file("$domain/sources/$name.json");
    my $found = $source =~ /"quoteChar": null/;
    ok($letters ? $found : !$found, $letters ? 'quotes are letters' : 'quotes are quotes') or diag $source;
    is(scalar($out =~ /quotes are letters like others \(else they break 1 records/), $letters ? 1 : '', 'which is told with what it is known by');
    like($out, qr/would be loaded of the sample: 2502 records: $rows rows, @{[2502 - $rows]} rejected/, 'and what will be loaded');
    system 'rm', '-r', "$domain/sources/$name.json", "$domain/entities/$name.json", "$domain/entities/$name.test.json", glob "$domain/sql/changes/*-$name";
}

# Another file is another delivery.
($code, $out, $err) = $s->oriel('new', '--key', 'no', 'thrice', $file{'twice.csv'}, write_file("$s->{folder}/in/more.csv", "no,say\n7,another\n10,another\n11,t11\n151,t151\n"));
like($out, qr/157 records: 151 rows, 1 updates of these, 3 that say the same again, 2 rejected\n/, 'records that share a key with those of a file before') or diag $err;
system 'rm', '-r', "$domain/sources/thrice.json", "$domain/entities/thrice.json", "$domain/entities/thrice.test.json", glob "$domain/sql/changes/*-thrice";

# Overwrites nothing, and leaves nothing half done.
my $after = files_now();
($code, $out, $err) = $s->oriel('new', 'lot', $file{'lots.csv'});
is($code, 1, 'the same again');
like($err, qr{entities/lot\.json feeds the entity "lot" already}, 'is refused');
write_file("$domain/sources/gone.json", '{}');
($code, $out, $err) = $s->oriel('new', 'gone', $file{'lots.csv'});
is($code, 1, 'one file that is there');
like($err, qr{sources/gone\.json is there already, so nothing was written}, 'is named');
unlink "$domain/sources/gone.json";
is(files_now(), $after, 'and nothing was written');
for (
    ['no such file'   => qr/cannot read .*none\.csv/, 1, 'x', "$s->{folder}/in/none.csv"],
    ['a pipe'         => qr/pipe\.csv is no regular file/, 1, 'x', pipe_of("$s->{folder}/in/pipe.csv")],
    ['an empty file'  => qr/empty\.csv: it is empty/, 1, 'x', write_file("$s->{folder}/in/empty.csv", '')],
    ['no text'        => qr/it has NUL bytes, so it is no text/, 1, 'x', write_file("$s->{folder}/in/bin", "a\0b")],
    ['one document over many lines' => qr/without an array of objects/, 1, 'x', write_file("$s->{folder}/in/doc.json", "{\n\"a\": 1\n}\n")],
    ['a broken gzip' => qr/its gzip is cut off/, 1, 'x', write_file("$s->{folder}/in/cut.csv.gz", substr(gzipped("a,b\n1,2\n"), 0, -4))],
    ['two forms'      => qr/are not of one form/, 1, 'x', @file{'lots.csv', 'stops.csv'}],
    ['a wrong name'   => qr/"X" cannot be a name/, 2, 'X', $file{'lots.csv'}],
    ['no such column' => qr/there is no column "weight"/, 1, '--key', 'weight', 'x', $file{'lots.csv'}],
    ['no key at all'  => qr/no key, so nothing was written: every column .* is missing somewhere\. .*--key COLUMNS/, 1, 'x', write_file("$s->{folder}/in/holes.csv", "a,b\n1,\n,2\n")],
    ['a key of four'  => qr/no key, so nothing was written: .*Nearest comes "a, b, c": 1 of 5 records are alike in it to another\. .*--key COLUMNS/, 1, 'x',
        write_file("$s->{folder}/in/four.csv", "a,b,c,d\n0,0,0,0\n0,0,0,1\n0,0,1,0\n0,1,0,0\n1,0,0,0\n")],
) {
    my ($what, $message, $expected, @arguments) = @$_;
    ($code, $out, $err) = $s->oriel('new', @arguments);
    is($code, $expected, $what);
    like($err, $message, 'is told');
}
is(files_now(), $after, 'and writes nothing');

# What it wrote is a domain that works.
($code, $out, $err) = $s->oriel('change', 'expand');
is($code, 0, 'change expand') or diag $err;
is($s->sql("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'dp'::regnamespace AND reloptions @> '{fillfactor=90}'"),
    'lot order_record port ship stop twice', 'each table leaves room on its pages for new versions of rows');
($code, $out, $err) = $s->oriel('contract', 'lock');
is($code, 0, 'contract lock') or diag $out, $err;
($code, $out, $err) = $s->oriel('check');
is($code, 0, 'check') or diag $out, $err;
like($out, qr/^ok +entity $_: 2 tests$/m, "tests of $_ came with it") for qw(acme-order lot stop port ship);
$s->start($_) for qw(worker responders nginx);
for (['acme-order', 'orders.ndjson'], ['lot', 'lots.csv'], ['stop', 'stops.csv'], ['port', 'ports.json'], ['twice', 'twice.csv'], ['ship', 'ships.json.gz']) {
    $s->drop_file($_->[0], $_->[1], read_file($file{$_->[1]}));
}
$s->wait_for_deliveries(6);
is($s->sql("SELECT count(*) FROM raw.reject WHERE entity <> 'twice'"), 0, 'nothing else is rejected than was foreseen');
is($s->sql("SELECT inserted, updated, unchanged, rejected FROM raw.batch_entity WHERE entity = 'twice'"), '150|0|1|2', 'and of that as many');
is($s->sql("SELECT string_agg(value, ' ' ORDER BY value) FROM raw.reject WHERE entity = 'twice' AND reason = 'duplicate_in_batch'"), 'twice, 7 twice, 9', 'by the same keys');
is($s->get('/v1/orders?select=client,external_id,group_value,price,placed,paid,buyer_id,buyer_name,tags&order=external_id')->{body},
    Encode::encode('UTF-8', '[{"client":"acme","external_id":"A-1","group_value":"Tea","price":1234.50,"placed":"2026-01-31","paid":true,"buyer_id":7,"buyer_name":"Müller & Söhne","tags":["x"]},'
    . '{"client":"acme","external_id":"A-2","group_value":"Tea","price":9.50,"placed":"2026-02-01","paid":false,"buyer_id":8,"buyer_name":"Thé","tags":[]},'
    . '{"client":"acme","external_id":"A-3","group_value":null,"price":null,"placed":"2026-02-28","paid":true,"buyer_id":null,"buyer_name":null,"tags":["y", "z"]}]'),
    'documents, served');
is($s->get('/v1/lots?select=nr,grosse,note,note_2,packed&order=nr')->{body},
    '[{"nr":"007","grosse":1.5,"note":"one\ntwo","note_2":"a","packed":"2026-04-04"},{"nr":"008","grosse":2.25,"note":null,"note_2":"b","packed":"2026-05-01"},{"nr":"009","grosse":3,"note":"x","note_2":"c","packed":"2026-06-30"}]',
    'a table, served');
is($s->get('/v1/stops?select=column_1,column_2,column_3&column_1=eq.Bergen')->{body},
    '[{"column_1":"Bergen","column_2":1,"column_3":"2026-01-01T10:00:00+00:00"}]', 'and one without a header');
is($s->get('/v1/ports?select=code,depth&order=code')->{body}, '[{"code":"NOBGO","depth":11.5},{"code":"NOOSL","depth":9}]', 'records inside of a document, served');
is($s->get('/v1/ships?select=imo,name&order=imo')->{body}, Encode::encode('UTF-8', '[{"imo":9074729,"name":"Aurora"},{"imo":9395044,"name":"Kong Øystein"}]'), 'and those of a gzip');

# And back.
$s->stop($_) for qw(nginx responders worker);
($code, $out, $err) = $s->oriel('change', 'revert', '0007-ship');
is($code, 0, 'the change can be reverted') or diag $err;
is($s->sql("SELECT to_regclass('dp.ship') IS NULL"), 't', 'and its table is gone');
$s->finish;
done_testing;
