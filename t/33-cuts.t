# How records were cut into batches does not show in the tables: the newest record of a key that can be stored is stored,
# whether those that cannot yet, or never, came in its batch or in others. Every sequence of three records of one key
# goes in as one batch, as three, as many small ones, and as one that Postgres refuses, so that it is halved.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $json = JSON::PP->new->canonical;
my $head = 'id bigint PRIMARY KEY, client text NOT NULL, code text NOT NULL';
my $tail = 'raw_batch bigint NOT NULL, raw_line integer NOT NULL, UNIQUE (client, code)';
my $both = 'rev integer, size integer CHECK (size < 900)';
my %code = (name => 'code', from => '/code', type => 'string', constraints => { required => \1 });
my %rev  = (name => 'rev', from => '/rev', type => 'integer');
my %size = (name => 'size', from => '/size', type => 'integer');
sub reference { my ($name, $to, $on_missing) = @_; return { name => "${name}_id", from => "/$name", type => 'string', reference => $to, onMissing => $on_missing } }
sub entity {
    my ($name, $order, @fields) = @_;
    return ("entities/$name.json" => $json->encode({ entity => $name, table => "dp.$name", primaryKey => [qw(client code)], id => 'id',
        $order ? (orderBy => $order) : (), fields => [\%code, @fields] }));
}
my %cut   = (whole => 100_000, parts => 100_000, small => 37, halved => 100_000);
my @kinds = qw(thing item node);
my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-cuts/expand.sql' => <<"END",
CREATE TABLE dp.box ($head, $tail);
CREATE TABLE dp.thing ($head, $both, box_id bigint REFERENCES dp.box, shelf_id bigint REFERENCES dp.box, $tail);
CREATE TABLE dp.item ($head, $both, box_id bigint REFERENCES dp.box, shelf_id bigint REFERENCES dp.box, $tail);
CREATE TABLE dp.node ($head, $both, parent_id bigint REFERENCES dp.node, $tail);
CREATE TABLE dp.ring ($head, parent_id bigint REFERENCES dp.ring, next_id bigint REFERENCES dp.ring, $tail);
CREATE VIEW api.v_things_v1 AS SELECT t.id, t.code, t.size FROM dp.thing t;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\\n\@primaryKey id';
GRANT SELECT ON api.v_things_v1 TO oriel_ds;
END
    entity('box'),
    entity('thing', undef, \%rev, \%size, reference('box', 'box', 'park'), reference('shelf', 'box', 'reject')),
    entity('item',  'rev', \%rev, \%size, reference('box', 'box', 'park'), reference('shelf', 'box', 'reject')),
    entity('node',  'rev', \%rev, \%size, reference('parent', 'node', 'park')),
    entity('ring', undef, reference('parent', 'ring', 'park'), reference('next', 'ring', 'null')),
    map { my $cut = $_; map { ("sources/$cut-$_.json" => $json->encode({ kind => 'file', client => $cut, folder => "$cut-$_", pattern => '*', format => 'ndjson',
        poll => '20ms', settle => '20ms', batchRecords => $cut{$cut}, entities => [$_] })) } 'box', 'ring', @kinds } keys %cut,
});
for my $cut (keys %cut) { write_file("$s->{folder}/drop/$cut-$_/.keep", '') for 'box', 'ring', @kinds }
$s->start_worker;

my $deliveries = 0;
sub deliver { my ($cut, $kind, @records) = @_; $s->drop_file("$cut-$kind", ++$deliveries . '.ndjson', join '', map { $json->encode($_) . "\n" } @records) }
sub all_stored { $s->wait_for_deliveries($deliveries) }

# What a record refers to, and when it can be stored: in its own delivery (1), when what it waits for comes (2), never (0).
my %state = (
    thing => { there => [1, box => 'there'], late => [2, box => 'late'], never => [0, box => 'never'], refused => [0, shelf => 'never'] },
    node  => { free => [1], staged => [1, parent => 'staged'], late => [2, parent => 'late'], never => [0, parent => 'never'] },
);
$state{item} = $state{thing};
my @orders = ([1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]);

my (%records, %expected);
sub add {
    my ($kind, $order, @three) = @_;
    my $code = join '-', @three, @$order;
    for my $n (0 .. 2) {
        my (undef, @refers) = @{ $state{$kind}{ $three[$n] } };
        push @{ $records{$kind}[$n] }, { code => $code, size => $n + 1, rev => $order->[$n], @refers };
    }
    for my $then (1, 2) {
        my ($newest) = sort { $order->[$b] <=> $order->[$a] } grep { my $at = $state{$kind}{ $three[$_] }[0]; $at && $at <= $then } 0 .. 2;
        $expected{$kind}[$then]{$code} = $newest + 1 if defined $newest;
    }
}
for my $kind (@kinds) {
    my @states = sort keys %{ $state{$kind} };
    for my $x (@states) { for my $y (@states) { for my $z (@states) { add($kind, $_, $x, $y, $z) for $kind eq 'thing' ? $orders[0] : @orders } } }
}
push @{ $records{node}[2] }, { code => 'staged' };

sub differs {
    my ($kind, $cut, $then) = @_;
    my %is    = map { split /\|/ } split /\n/, $s->sql("SELECT code || '|' || size FROM dp.$kind WHERE client = '$cut' AND size IS NOT NULL");
    my %to    = %{ $expected{$kind}[$then] };
    my @wrong = grep { ($is{$_} // 'none') ne ($to{$_} // 'none') } sort keys %{ { %is, %to } };
    return @wrong ? @wrong . " keys, such as $wrong[0]: " . ($is{ $wrong[0] } // 'none') . ' in the place of ' . ($to{ $wrong[0] } // 'none') : '';
}
sub check {
    my ($then, $when) = @_;
    for my $kind (@kinds) { is(differs($kind, $_, $then), '', "$when: $kind, $_") for sort keys %cut }
    is($s->sql('SELECT count(*) FROM raw.batch_entity e JOIN raw.batch b ON b.id = e.batch WHERE inserted + updated + unchanged + rejected + parked <> n_records'), 0, "$when: every count adds up");
}

deliver($_, 'box', { code => 'there' }) for keys %cut;
all_stored();
for my $kind (@kinds) {
    my @parts = @{ $records{$kind} };
    my @all   = map { @$_ } @parts;
    my $n     = 0;
    deliver($_, $kind, @all) for qw(whole small);
    deliver('halved', $kind, map { (++$n % 131 ? () : { code => "bad $n", size => 1000 }, $_) } @all);
    for my $part (@parts) {
        deliver('parts', $kind, @$part);
        all_stored();
    }
}
check(1, 'before what they wait for has come');
is($s->sql("SELECT count(*) > 0 FROM raw.reject WHERE reason = 'constraint'"), 't', 'Postgres refused some, and their batches were halved');
is($s->sql("SELECT count(*) FROM raw.batch WHERE source IN ('whole-thing', 'whole-item', 'whole-node')"), 3, 'the whole ones came in one batch each');

for my $cut (keys %cut) {
    deliver($cut, 'box', { code => 'late' });
    deliver($cut, 'node', { code => 'late' });
}
all_stored();
check(2, 'when it has come');

# Two that refer to each other: one does without the other, which waits for it, in whatever batch it is.
my @ring = ({ code => 'one', next => 'two' }, { code => 'two', parent => 'one' });
deliver('whole', 'ring', @ring);
for my $record (@ring) {
    deliver('parts', 'ring', $record);
    all_stored();
}
my $rings = sub { $s->sql("SELECT r.client, r.code, p.code, r.next_id FROM dp.ring r LEFT JOIN dp.ring p ON p.id = r.parent_id ORDER BY 1, 2") };
is($rings->(), "parts|one||\nparts|two|one|\nwhole|one||\nwhole|two|one|", 'a ring of two is stored, however it came');

# What the worker knows after such batches must be what stands there: first ones again are not taken for it.
deliver('whole', $_, @{ $records{$_}[0] }) for qw(item node);
all_stored();
check(2, 'after some of them once more');

my ($code, $out, $err) = $s->oriel('replay', '--all');
is($code, 0, 'a replay') or diag $err;
check(2, 'after a replay');
$s->stop('worker');
$s->sql('TRUNCATE dp.thing, dp.item, dp.node, dp.box');
is(($s->oriel('replay', '--all'))[0], 0, 'a replay of emptied tables');
check(2, 'after a replay of emptied tables');
$s->finish;
done_testing;
