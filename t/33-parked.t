# A parked record that is taken up late is as old as its arrival: it overwrites what came before it, not what came later, also
# where what came later only said again what stood there.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $json = JSON::PP->new->canonical;
my %code = (name => 'code', from => '/code', type => 'string', constraints => { required => \1 });
my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' => <<'END',
CREATE TABLE dp.box (id bigint PRIMARY KEY, client text NOT NULL, code text NOT NULL, raw_batch bigint NOT NULL, raw_line integer NOT NULL, UNIQUE (client, code));
CREATE TABLE dp.thing (id bigint PRIMARY KEY, client text NOT NULL, code text NOT NULL, size integer, box_id bigint REFERENCES dp.box, gone_at timestamptz,
    raw_batch bigint NOT NULL, raw_line integer NOT NULL, UNIQUE (client, code));
CREATE VIEW api.v_things_v1 AS SELECT t.id, t.code, t.size, t.box_id FROM dp.thing t WHERE t.gone_at IS NULL;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id';
GRANT SELECT ON api.v_things_v1 TO oriel_ds;
END
    'entities/box.json'   => $json->encode({ entity => 'box', table => 'dp.box', primaryKey => [qw(client code)], id => 'id', fields => [\%code] }),
    'entities/thing.json' => $json->encode({ entity => 'thing', table => 'dp.thing', primaryKey => [qw(client code)], id => 'id', fields => [
        \%code, { name => 'size', from => '/size', type => 'integer' }, { name => 'box_id', from => '/box', type => 'string', reference => 'box', onMissing => 'park' } ] }),
    map { ("sources/$_.json" => $json->encode({ kind => 'file', client => 'c', folder => $_, pattern => '*', format => 'ndjson', poll => '20ms', settle => '20ms',
        batchRecords => 20, entities => [$_] })) } qw(box thing),
});
write_file("$s->{folder}/drop/$_/.keep", '') for qw(box thing);
$s->start_worker;

my $n = 0;
sub load {
    my ($source, @records) = @_;
    $s->drop_file($source, ++$n . '.ndjson', join '', map { $json->encode($_) . "\n" } @records);
    $s->wait_for_deliveries($n);
}
sub thing { my ($code, $size, $box) = @_; return { code => $code, size => $size, box => $box } }
sub size_of { return $s->sql("SELECT size FROM dp.thing WHERE code = '$_[0]'") }

load('thing', map { thing($_, 1) } 'confirmed', 'untouched', 'changed', 'restarted', 'twice');
load('thing', thing('other', 1), map { thing($_, 2, 'late') } 'confirmed', 'untouched', 'changed', 'new', 'restarted', 'twice');
is($s->sql('SELECT count(*) FROM raw.parked'), 6, 'they wait');
load('thing', thing('confirmed', 1), thing('changed', 3), thing('filler', 0));
is($s->sql("SELECT raw_batch > 1 FROM dp.thing WHERE code = 'confirmed'"), 't', 'what is confirmed meanwhile counts as arrived now');
$s->stop('worker');
$s->start_worker;
load('thing', thing('restarted', 1), map { thing("more$_", $_) } 1 .. 60);
load('thing', thing('restarted', 1), thing('twice', 1));
load('thing', thing('twice', 5, 'later still'));
is($s->sql('SELECT count(*) FROM raw.parked'), 7, 'a record may wait twice, in two versions');
load('box', { code => 'late' });
is($s->sql(q{SELECT string_agg(code || '=' || size, ' ' ORDER BY code) FROM dp.thing WHERE code !~ 'more|other|filler'}), 'changed=3 confirmed=1 new=2 restarted=1 twice=1 untouched=2',
    'taken up, they overwrite what was there before them, and nothing that came later');
is($s->sql(q{SELECT count(*) FROM raw.reject WHERE reason = 'stale'}), 4, 'what came too late is told');
load('box', { code => 'later still' });
is(size_of('twice'), 5, 'the later version of the two is the newest');
is($s->sql('SELECT count(*) FROM raw.batch_entity e JOIN raw.batch b ON b.id = e.batch WHERE inserted + updated + unchanged + rejected + parked <> n_records'), 0, 'every count adds up');

my $view = sub { $s->sql('SELECT * FROM api.v_things_v1 ORDER BY id') };
my $before = $view->();
my ($code, $out, $err) = $s->oriel('replay', '--all');
is($code, 0, 'a replay') or diag $err;
is($view->(), $before, 'gives the same');
$s->stop('worker');
$s->sql('TRUNCATE dp.thing, dp.box');
is(($s->oriel('replay', '--all'))[0], 0, 'a replay of emptied tables');
is($view->(), $before, 'gives the same');
$s->finish;
done_testing;
