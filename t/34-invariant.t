# The promise of the worker: a dirty corpus, loaded with random kills of the worker, of its session and of Postgres itself,
# with duplicate and reordered deliveries, gives the same entities as one clean run, and the same as a replay.
#
# KILLS=200 kills so often; SEED=7 chooses others.
use strict;
use warnings;
use JSON::PP ();
use List::Util qw(shuffle);
use Oriel::Stack;
use Oriel::Test;
use Test::More;
use Time::HiRes ();

my $kills = $ENV{KILLS} // 6;
my $seed  = $ENV{SEED} // 1;
my $files = $kills < 6 ? 6 : $kills;
srand $seed;

my $json = JSON::PP->new->canonical->latin1;
my %key  = (name => 'external_id', from => '/id', type => 'string', clean => ['trim'], constraints => { required => \1, maxLength => 12 });
my %rev  = (name => 'rev', from => '/rev', type => 'integer', constraints => { required => \1 });
my %head = (primaryKey => [qw(client external_id)], id => 'id', orderBy => 'rev');
my $head = 'id bigint PRIMARY KEY, client text NOT NULL, external_id text NOT NULL, rev integer NOT NULL, name text NOT NULL, gone_at timestamptz';
my $tail = 'raw_batch bigint NOT NULL, raw_line integer NOT NULL, UNIQUE (client, external_id)';
my %name = (name => 'name', from => '/name', type => 'string', clean => [qw(unescape_html nfc squeeze trim)], constraints => { required => \1, maxLength => 40 });
my %domain = (
    'sql/changes/0001-shop/expand.sql' => <<"END",
CREATE TABLE dp.vendor ($head, $tail);
CREATE TABLE dp.product ($head, weight numeric CHECK (weight < 900), kind text, made_on date, note text, vendor_id bigint REFERENCES dp.vendor, $tail);
CREATE VIEW api.v_vendors_v1 AS SELECT v.id, v.external_id, v.rev, v.name FROM dp.vendor v WHERE v.gone_at IS NULL;
COMMENT ON VIEW api.v_vendors_v1 IS E'Vendors.\\n\@primaryKey id';
GRANT SELECT ON api.v_vendors_v1 TO oriel_ds;
CREATE VIEW api.v_products_v1 AS SELECT p.id, p.external_id, p.rev, p.name, p.weight, p.kind, p.made_on, p.note, p.vendor_id FROM dp.product p WHERE p.gone_at IS NULL;
COMMENT ON VIEW api.v_products_v1 IS E'Products.\\n\@primaryKey id';
GRANT SELECT ON api.v_products_v1 TO oriel_ds;
END
    'entities/vendor.json' => $json->encode({ entity => 'vendor', table => 'dp.vendor', %head, fields => [\%key, \%rev, \%name] }),
    'entities/product.json' => $json->encode({ entity => 'product', table => 'dp.product', %head, fields => [
        \%key, \%rev, \%name,
        { name => 'weight', from => '/weight', type => 'number', clean => ['unit:kg'], constraints => { minimum => 0 } },
        { name => 'kind', from => '/kind', type => 'string', constraints => { enum => [qw(tool lamp)] } },
        { name => 'made_on', from => '/made', type => 'date', format => '%d/%m/%Y', onError => 'null' },
        { name => 'note', from => '/note', type => 'string', constraints => { pattern => '[A-Za-z ]+' }, onError => 'null' },
        { name => 'vendor_id', from => '/vendor', type => 'string', reference => 'vendor', onMissing => 'park' } ] }),
    map { ("sources/${_}s.json" => $json->encode({ kind => 'file', client => 'c', folder => $_, pattern => '*.ndjson', format => 'ndjson',
        poll => '20ms', settle => '20ms', entities => [$_], batchRecords => 25 })) } qw(vendor product),
);

# One record, and mostly some dirt in it: every reason that there is comes about.
my $rev = 0;
sub product {
    my $id = 'P' . int rand 300;
    my %r  = (id => $id, rev => ++$rev, name => "name $rev", weight => int(rand 800) . ' g', kind => 'tool', vendor => 'V' . int rand 60, made => '03/02/2026');
    my @dirt = (
        (sub { }) x 12,
        sub { $r{name} = "  M&uuml;ller \t &amp; $rev " }, sub { delete $r{name} }, sub { $r{id} = "$id-far-too-long" }, sub { delete $r{id} },
        sub { $r{weight} = '3 stone' }, sub { $r{weight} = '-4 kg' }, sub { $r{weight} = '2000 kg' }, sub { $r{kind} = 'misc' },
        sub { $r{made} = '31/02/2026' }, sub { $r{note} = 'no. 7!' }, sub { $r{rev} = 'new' }, sub { $r{vendor} = 'V' . (90 + int rand 5) },
        sub { $r{name} = 'x' x 60 }, sub { $r{id} = " $id " }, sub { $r{weight} = '12 x 500 g' });
    $dirt[rand @dirt]->();
    my $line = $json->encode(\%r);
    my $cut  = int rand 60;
    $line = substr $line, 0, length($line) / 2 if $cut == 0;
    $line =~ s/name/n\xffme/ if $cut == 1;
    return ($line, $cut == 2 ? $line : (), $cut == 3 ? '' : ());
}
sub vendor { my ($n) = @_; return $json->encode({ id => "V$n", rev => ++$rev, name => "vendor $rev" }) }

my %corpus = map { (sprintf('product/%04d', $_) => join '', map { "$_\n" } map { product() } 1 .. 45) } 1 .. $files;
# vendors come in between; those from 90 on never do
my @vendors = shuffle(0 .. 59);
$corpus{sprintf 'vendor/%04d', $_} = join '', map { vendor($_) . "\n" } splice(@vendors, 0, 10), int rand 60 for 1 .. 6;

my @entities = (
    'SELECT external_id, rev, name FROM dp.vendor ORDER BY external_id',
    'SELECT p.external_id, p.rev, p.name, p.weight, p.kind, p.made_on, p.note, v.external_id FROM dp.product p LEFT JOIN dp.vendor v ON v.id = p.vendor_id ORDER BY p.external_id',
);
sub entities { my ($s) = @_; return join "\n--\n", map { $s->sql($_) } @entities }
sub views { my ($s) = @_; return join "\n--\n", map { $s->sql("SELECT * FROM api.$_ ORDER BY id") } qw(v_vendors_v1 v_products_v1) }

sub drop {
    my ($s, $file, $name) = @_;
    my ($entity) = split m{/}, $file;
    $s->drop_file("${entity}s", ($name // $file =~ s{.*/}{}r) . '.ndjson', $corpus{$file});
}

sub check {
    my ($s, $what) = @_;
    is($s->sql('SELECT count(*) FROM raw.batch_entity e JOIN raw.batch b ON b.id = e.batch WHERE inserted + updated + unchanged + rejected + parked <> n_records'), 0, "$what: every count adds up");
    is($s->sql('SELECT sum((SELECT max(id) FROM dp.vendor) - (SELECT count(*) FROM dp.vendor) + (SELECT max(id) FROM dp.product) - (SELECT count(*) FROM dp.product))'), 0, "$what: no id was skipped");
    is($s->sql('SELECT count(DISTINCT (source, sha256, size)) - count(*) FROM oriel.delivery'), 0, "$what: no content was loaded twice");
    my $bytes = 0;
    $bytes += length s/\n//gr for values %corpus;
    is($s->sql('SELECT sum(length(bytes)) FROM raw.record'), $bytes, "$what: every byte is kept once");
}

my $clean = Oriel::Stack->new(domain => {%domain}, start => []);
drop($clean, $_) for sort keys %corpus;
$clean->start_worker;
$clean->wait_for_deliveries(scalar keys %corpus);
check($clean, 'a clean run');
my $entities = entities($clean);
is($clean->sql(q{SELECT string_agg(DISTINCT reason, ' ' ORDER BY reason) FROM raw.reject}),
    'bad_encoding bad_unit constraint duplicate_in_batch malformed missing not_in_enum out_of_range pattern stale too_long', 'every kind of dirt is in the corpus');
cmp_ok($clean->sql('SELECT count(*) FROM raw.parked'), '>', 0, 'and some records wait for ever');
$clean->finish;

my $s = Oriel::Stack->new(domain => {%domain}, start => ['worker']);
my %done;
my %how = (
    worker => sub { $s->stop('worker', 'KILL') },
    backend => sub { $s->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'oriel work%'}) },
    crash => sub {    # a backend that dies takes all of Postgres' memory with it; it recovers by itself
        my $pid = $s->sql(q{SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'oriel work%' LIMIT 1});
        kill 'KILL', $pid if $pid;
        # until it is missed, Postgres still takes sessions
        wait_until { !($pid && -e "/proc/$pid") && ($s->{db}->try('SELECT 1', 'postgres', 'postgres'))[0] == 0 } 'Postgres to recover';
    },
    postgres => sub { $s->{db}->stop('QUIT'); $s->{db}->start },
);
my @queue = shuffle(keys %corpus);
for my $n (1 .. $kills) {
    for my $file (splice @queue, 0, 1 + int(@queue / ($kills - $n + 1))) {
        drop($s, $file, "x$n-" . $file =~ s{.*/}{}r);
        $done{$file} = 1;
    }
    my @again = keys %done;
    drop($s, $again[rand @again], "again-$n") if rand() < .3;
    Time::HiRes::sleep(rand .4);
    my $kind = (qw(crash postgres backend backend backend), ('worker') x 5)[$n <= 3 ? $n - 1 : rand 10];
    $how{$kind}->();
    $s->start_worker unless $s->{children}->is_running('worker');
}
drop($s, $_) for @queue;
$s->wait_for_deliveries(scalar keys %corpus);
check($s, "after $kills kills");
ok(entities($s) eq $entities, "the entities are those of a clean run, after $kills kills, with the deliveries in another order");

my $views = views($s);
my ($code, $out, $err) = $s->oriel('replay', '--all');
is($code, 0, 'a replay') or diag $err;
ok(views($s) eq $views && entities($s) eq $entities, 'gives the same');
$s->stop('worker');
$s->sql('TRUNCATE dp.vendor, dp.product');
is(($s->oriel('replay', '--all'))[0], 0, 'a replay of emptied tables');
ok(views($s) eq $views, 'gives the same views, byte for byte');
$s->finish;
done_testing;
