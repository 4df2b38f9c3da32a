# Deliveries that contain everything: what is missing from one is gone, unless too much would be; then a person decides.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $json  = JSON::PP->new->canonical;
my %id    = (name => 'external_id', from => '/id', type => 'string', constraints => { required => \1, maxLength => 9 });
my %head  = (primaryKey => [qw(client external_id)], id => 'id');
my $table = 'id bigint PRIMARY KEY, client text NOT NULL, external_id text NOT NULL, raw_batch bigint NOT NULL, raw_line integer NOT NULL, gone_at timestamptz, UNIQUE (client, external_id)';
my %pace  = (kind => 'file', client => 'c', pattern => '*.ndjson', format => 'ndjson', poll => '20ms', settle => '20ms', batchRecords => 10);
my $s = Oriel::Stack->new(start => ['worker'], domain => {
    'sql/changes/0001-shop/expand.sql' => <<"END",
CREATE TABLE dp.maker ($table, name text);
CREATE TABLE dp.item ($table, price integer CHECK (price < 1000), maker_id bigint REFERENCES dp.maker);
CREATE VIEW api.v_items_v1 AS SELECT i.id, i.external_id, i.price, i.maker_id FROM dp.item i WHERE i.gone_at IS NULL;
COMMENT ON VIEW api.v_items_v1 IS E'Items.\\n\@primaryKey id';
GRANT SELECT ON api.v_items_v1 TO oriel_ds;
CREATE VIEW api.v_makers_v1 AS SELECT m.id, m.external_id, m.name FROM dp.maker m WHERE m.gone_at IS NULL;
COMMENT ON VIEW api.v_makers_v1 IS E'Makers.\\n\@primaryKey id';
GRANT SELECT ON api.v_makers_v1 TO oriel_ds;
END
    'entities/maker.json' => $json->encode({ entity => 'maker', table => 'dp.maker', %head, fields => [
        { %id, from => '/maker' }, { name => 'name', from => '/maker', type => 'string' }] }),
    'entities/item.json' => $json->encode({ entity => 'item', table => 'dp.item', %head, fields => [
        \%id, { name => 'price', from => '/price', type => 'integer' },
        { name => 'maker_id', from => '/maker', type => 'string', reference => 'maker', onMissing => 'park' }] }),
    'sources/full.json' => $json->encode({ %pace, folder => 'full', entities => [qw(maker item)], complete => \1, maxGonePercent => 20 }),
    'sources/other.json' => $json->encode({ %pace, folder => 'other', entities => [qw(maker item)] }),
});

my $n = 0;
sub item { my ($id, %more) = @_; return $json->encode({ id => $id, price => 1, maker => 'M' . ($id =~ /(\d)$/)[0], %more }) . "\n" }

sub deliver {
    my ($source, @lines) = @_;
    $s->drop_file($source, ++$n . '.ndjson', join('', @lines) . qq({"id": "last$n", "maker": "M1", "price": $n}\n));
    $s->wait_for_deliveries($n);
    return $s->sql('SELECT gone FROM oriel.delivery ORDER BY id DESC LIMIT 1');
}

sub gone { return $s->sql("SELECT coalesce(string_agg(external_id, ' ' ORDER BY external_id), '') FROM dp.item WHERE gone_at IS NOT NULL AND external_id !~ 'last'") }
sub views { return $s->sql('SELECT * FROM api.v_items_v1 ORDER BY id') . "\n" . $s->sql('SELECT * FROM api.v_makers_v1 ORDER BY id') }

my @all = map { "A$_" } 10 .. 69;
is(deliver('full', map { item($_) } @all), 'marked', 'a first complete delivery');
is(gone(), '', 'takes nothing away');
deliver('other', item('B10'), item('B11'));

subtest 'what is missing' => sub {
    is(deliver('full', map { item($_) } grep { !/A1[0-3]/ } @all), 'marked', 'a few are missing');
    is(gone(), 'A10 A11 A12 A13', 'these are marked gone, those of another source are not');
    is($s->sql('SELECT count(*) FROM api.v_items_v1 WHERE external_id ~ \'A1[0-3]\''), 0, 'readers do not see them');
    is($s->sql('SELECT count(*) FROM raw.seen'), 0, 'no keys are kept');
    deliver('full', map { item($_) } @all);
    is(gone(), '', 'they come back as they were');
    is($s->sql("SELECT count(*) FROM raw.batch_entity e JOIN raw.batch b ON b.id = e.batch WHERE inserted + updated + unchanged + rejected + parked <> n_records"), 0, 'the sums hold');
};

subtest 'what was rejected was there' => sub {
    is(deliver('full', item('A10', price => 'much'), item('A11', price => 2000), (map { item($_) } grep { !/A1[0-2]/ } @all)), 'marked', 'rejected by a field and by a constraint');
    is(gone(), 'A12', 'only what is not there is gone');
    is(deliver('full', item('A10'), item('A11'), item('A13', maker => 'M99'), item('A14', maker => undef), (map { item($_) } grep { !/A1[0-4]/ } @all)), 'marked', 'one that waits for nobody');
    is(gone(), 'A12', 'is there');
};

subtest 'what cannot be read may be what is missing' => sub {
    is(deliver('full', "{broken\n", map { item($_) } grep { !/A1[24]/ } @all), 'waiting', 'it waits');
    is(gone(), 'A12', 'nothing is marked');
    like($s->sql("SELECT gone_message FROM oriel.delivery WHERE gone = 'waiting'"), qr/rows of \w+ are missing, and 1 records have keys that cannot be read/, 'and says why');
    is(deliver('full', map { item($_) } grep { !/A12/ } @all), 'marked', 'the next one');
    is($s->sql("SELECT count(*) FROM oriel.delivery WHERE gone = 'superseded'"), 1, 'takes its place');
};

subtest 'too much' => sub {
    my $versions = $s->sql('SELECT sum(data_version) FROM oriel.entity');
    is(deliver('full', map { item($_) } grep { !/A[2-5]/ } @all), 'waiting', 'more than a fifth is missing');
    is(gone(), '', 'nothing is marked');
    my $delivery = $s->sql('SELECT max(id) FROM oriel.delivery');
    my ($code, $out) = $s->oriel('status');
    like($out, qr/^ +$delivery +full +$n\.ndjson +\d+ +\d+ of \d+ rows of/m, 'status shows it');
    ok(!(grep { length > 100 } split /\n/, $out =~ s/…/./gr), 'in 100 columns') or diag $out;
    ($code, $out) = $s->oriel('refuse', $delivery);
    is("$code $out", "0 refused delivery $delivery: no row is marked gone\n", 'refused');
    is(gone(), '', 'nothing is marked');
    is(($s->oriel('release', $delivery))[0], 1, 'what was refused cannot be released');
    is(($s->oriel('release', 999))[0], 1, 'nor what is not there');
    is(($s->oriel('release', 'x'))[0], 2, 'nor what is no number');
    is(deliver('full', map { item($_) } grep { !/A[2-5]/ } @all), 'waiting', 'again');
    $delivery = $s->sql('SELECT max(id) FROM oriel.delivery');
    deliver('other', item('A30', price => 7));
    ($code, $out) = $s->oriel('release', $delivery);
    is($code, 0, 'released');
    is(scalar(split / /, gone()), 39, 'they are gone, but for one that another source has brought since');
};

subtest 'replayed' => sub {
    my $before = views();
    my ($code, $out, $err) = $s->oriel('replay', '--all');
    is($code, 0, 'a replay') or diag $err;
    ok(views() eq $before, 'marks the same rows gone') or diag $out;
    $s->stop('worker');
    $s->sql('TRUNCATE dp.maker, dp.item');
    is(($s->oriel('replay', '--all'))[0], 0, 'of empty tables');
    ok(views() eq $before, 'gives the same');
    is($s->sql('SELECT count(*) FROM raw.seen'), 0, 'no keys are kept');
    $s->start_worker;
};

subtest 'cut off' => sub {
    my $before = $s->sql('SELECT sum(records) FROM oriel.delivery');
    $s->drop_file('full', ++$n . '.ndjson', join '', map { item($_) } grep { !/A1[5-7]/ } @all);
    for my $at (20, 40) {
        wait_until { $s->sql('SELECT sum(records) FROM oriel.delivery') - $before >= $at } "$at records";
        $s->stop('worker', 'KILL');
        $s->start_worker;
    }
    $s->wait_for_deliveries($n);
    is(gone(), 'A15 A16 A17', 'a delivery that was cut off twice knows what it has named');
};

# It stays a delivery that is known, and no work: what must not be is that nobody learns of it.
subtest 'the content of an older delivery' => sub {
    my $log  = "$s->{folder}/log/worker.log";
    my $seen = read_file($log);
    my $path = "$s->{folder}/drop/full";
    my $told = sub { return substr(read_file($log), length $seen) };
    $s->drop_file('full', 'again.ndjson', read_file("$path/$n.ndjson"));
    wait_until { $told->() =~ /info: source full: again\.ndjson has the content of $n\.ndjson, which is loaded, so it is no work$/m } 'the last one once more to be told';
    $s->drop_file('full', 'older.ndjson', read_file("$path/1.ndjson"));
    wait_until { $told->() =~ /warning: source full: older\.ndjson has the content of 1\.ndjson, so it is no work, and what came after that stays; .*change a byte/m } 'an older one';
    $s->drop_file('full', '1.ndjson', read_file("$path/3.ndjson") . "\n");
    $s->wait_for_deliveries($n + 1);
    $s->drop_file('full', '1.ndjson', read_file("$path/older.ndjson"));
    wait_until { $told->() =~ /warning: source full: 1\.ndjson has the content of 1\.ndjson/ } 'one that went away and came back under its name';
    is($s->sql('SELECT count(*) FROM oriel.delivery'), $n + 1, 'none of these is a delivery');
    unlike($told->(), qr/source full: 4\.ndjson/, 'what simply lies there is not told');
};

$s->finish;
done_testing;
