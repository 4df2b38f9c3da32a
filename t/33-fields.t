# Fields that no entity file asks for, and fields that are missing: counted with their batch, told once, shown by status.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;
use Time::HiRes ();

my $json  = JSON::PP->new->canonical;
my %thing = (entity => 'thing', table => 'dp.thing', primaryKey => [qw(client code)], id => 'id', limits => { rejectPercent => 50 }, fields => [
    { name => 'code', from => '/code', type => 'string', constraints => { required => \1 } },
    { name => 'product_name', from => '/product_name', type => 'string' },
    { name => 'unit', from => '/size/unit', type => 'string' } ]);
sub source {
    my ($name, %more) = @_;
    return $json->encode({ kind => 'file', client => $name, folder => $name, pattern => '*', format => 'ndjson', poll => '20ms', settle => '20ms', entities => ['thing'], %more });
}
my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' =>
        'CREATE TABLE dp.thing (id bigint PRIMARY KEY, client text NOT NULL, code text NOT NULL, product_name text, unit text, raw_batch bigint NOT NULL, raw_line integer NOT NULL, UNIQUE (client, code));',
    'entities/thing.json' => $json->encode(\%thing),
    map({ ("sources/$_.json" => source($_)) } qw(acme limited wild)),
    'sources/often.json' => source('often', batchRecords => 10),
    'sources/sheet.json' => source('sheet', format => 'csv'),
});
write_file("$s->{folder}/drop/$_/.keep", '') for qw(acme limited wild often sheet);
$s->start_worker;
sub lines { return join '', map { $json->encode($_) . "\n" } @_ }
sub fields {
    my ($source, $columns) = @_;
    return $s->sql("SELECT place, asked, records, last_records FROM oriel.source_field WHERE source = '$source' ORDER BY 2, 1");
}
sub told { my ($what) = @_; return scalar(() = read_file("$s->{folder}/log/worker.log") =~ /$what/g) }
# The worker tells of a batch when it is committed, and so when others can know of it.
sub told_once { my ($what, $name) = @_; wait_until { told($what) } "the log to say $what"; is(told($what), 1, $name) }

# one delivery with a bad record, nested fields, and a field that some records lack
$s->drop_file('acme', '1.ndjson', lines(map { { code => "c$_", product_name => "n$_", size => { unit => 'kg', net => $_ }, ($_ % 2 ? (extra => $_) : ()) } } 1 .. 10) . qq({"broken\n));
$s->wait_for_deliveries(1);
is(fields('acme'), "/extra|f|5|5\n/size/net|f|10|10", 'unknown fields, in how many records; what could not be parsed has none');
told_once('source acme: fields that no entity file asks for, kept in raw only: /extra, /size/net ', 'the log says so');

# one of them renamed
$s->drop_file('acme', '2.ndjson', lines(map { { code => "c$_", prod_name => "n$_", size => { unit => 'kg' } } } 1 .. 20));
$s->wait_for_deliveries(2);
is(fields('acme'), "/extra|f|5|5\n/prod_name|f|20|20\n/size/net|f|10|10\n/product_name|t|20|20", 'a renamed field is one unknown and one missing');
my ($code, $out, $err) = $s->oriel('status');
is($code, 0, 'oriel status') or diag $err;
like($out, qr/^source +field +is +share +records +since +perhaps$/m, 'shows them');
like($out, qr{^acme +/prod_name +unknown +100 % +20 +\d{4}-\d\d-\d\d$}m, 'what is unknown, with its share of the last delivery');
like($out, qr{^acme +/product_name +missing +100 % +20 +\d{4}-\d\d-\d\d +renamed to /prod_name\?$}m, 'what is missing, and what it may be called now');
like($out, qr{^acme +/extra +unknown +0 % +5 }m, 'and what came in an earlier delivery');
ok(!(grep { length > 100 } split /\n/, $out), 'all fits 100 columns') or diag $out;
($code, $out) = $s->oriel('status', '--json');
my ($missing) = grep { $_->{field} eq '/product_name' } @{ $json->decode($out)->{fields} };
is_deeply([@$missing{qw(source is records last_records last_delivery_records perhaps)}], ['acme', 'missing', 20, 20, 20, 'renamed to /prod_name?'], 'the same for programs');

# told once: not by another delivery, nor by another worker
$s->stop('worker');
$s->start_worker;
$s->drop_file('acme', '3.ndjson', lines({ code => 'x', prod_name => 1, extra => 1, product_name => 'n', size => { unit => 'g', gross => 1 } }));
$s->wait_for_deliveries(3);
told_once('source acme: fields.*only: /size/gross ', 'a new one by itself');
is(told('/prod_name'), 1, 'told once');
($code, $out) = $s->oriel('status');
unlike($out, qr/missing/, 'what is there again is not missing any more');

# the sheet's columns
$s->drop_file('sheet', '1.csv', "code,product_name,Colour\n" . join '', map { "s$_,n,red\n" } 1 .. 7);
$s->wait_for_deliveries(4);
is(fields('sheet'), "Colour|f|7|7\n/size/unit|t|7|7", 'columns of a CSV');

# a source that stops says what may be the reason, and counts nothing
$s->drop_file('limited', '1.ndjson', lines(map { { kode => "l$_", product_name => 'n', size => { unit => 'g' } } } 1 .. 30));
wait_until { $s->sql("SELECT state FROM oriel.source WHERE name = 'limited'") eq 'stopped' } 'the source to stop';
like($s->sql("SELECT message FROM oriel.source WHERE name = 'limited'"), qr{30 of 30 records would be rejected for thing.* 30 records lack /code: was it renamed to /kode, which no entity file asks for\?},
    'a source that stops says what was renamed');
is(fields('limited'), '', 'and counts nothing');

# a file of a hostile client
$s->drop_file('wild', '1.ndjson', lines(map { my $n = $_; +{ code => "w$n", product_name => 'n', size => { unit => 'g' }, map { ("k$n-$_" => 1) } 1 .. 20 } } 1 .. 500));
$s->drop_file('wild', '2.ndjson', lines(map { +{ code => "w$_", product_name => 'n', size => { unit => 'g' }, "other$_" => 1, 'x' x 5000 => 1 } } 1 .. 5));
$s->wait_for_deliveries(6);
is($s->sql("SELECT count(*) || ' ' || sum(records) FROM oriel.source_field WHERE source = 'wild'"), '201 10010', 'so many are told apart, and every one is counted');
is($s->sql("SELECT records, last_records FROM oriel.source_field WHERE source = 'wild' AND place = ''"), '9810|10', 'those that are not, together');
($code, $out) = $s->oriel('status');
like($out, qr/^wild +\(others\) +unknown +9810 /m, 'status says so');
like($out, qr/^wild +\(189 more: --json\)$/m, 'and stays readable');
like(read_file("$s->{folder}/log/worker.log"), qr/source wild: fields.* and 190 more \(told once/, 'and so does the log');

# killed again and again, each record is counted once
my @text = map { my $file = $_; lines(map { +{ code => "o$file-$_", size => { unit => 'g' }, u => 1, ($_ % 4 ? () : (v => 1)) } } 1 .. 400) } 1 .. 4;
for my $n (1 .. 4) {
    $s->drop_file('often', "$n.ndjson", $text[ $n - 1 ]);
    Time::HiRes::sleep(rand .15);
    $n % 2 ? $s->stop('worker', 'KILL') : $s->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'oriel work%'});
    $s->start_worker unless $s->{children}->is_running('worker');
}
$s->wait_for_deliveries(10);
is(fields('often'), "/u|f|1600|400\n/v|f|400|100\n/product_name|t|1600|400", 'whatever is killed, each record is counted once');
$s->finish(qr/would be rejected|lost|terminat|connect|tried again/);
done_testing;
