# What nobody needs any more: told with the reasons why the rest must stay, and removed when that is wanted.
use strict;
use warnings;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' => <<'EOF',
CREATE TABLE dp.thing (
    id bigint PRIMARY KEY, client text NOT NULL, external_id text NOT NULL, name text, old text, "Odd ""name""" text,
    base integer, twice integer GENERATED ALWAYS AS (base * 2) STORED, counted integer, hidden text, low integer, high integer,
    later text, raw_batch bigint NOT NULL, raw_line integer NOT NULL,
    UNIQUE (client, external_id), CHECK (low < high));
CREATE TABLE dp.forgotten (id bigint PRIMARY KEY, note text);
CREATE TABLE dp.leaf (id bigint PRIMARY KEY, forgotten_id bigint REFERENCES dp.forgotten);
CREATE VIEW dp.helper AS SELECT t.id, t.hidden FROM dp.thing t;
CREATE VIEW dp.idle AS SELECT t.id FROM dp.thing t;
CREATE FUNCTION dp.counts() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT sum(t.counted) FROM dp.thing t; END;
CREATE VIEW api.v_things_v1 AS SELECT t.id, t.name, t.twice, h.hidden FROM dp.thing t JOIN dp.helper h ON h.id = t.id;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id';
GRANT SELECT ON api.v_things_v1 TO oriel_ds;
EOF
    'sql/changes/0002-later/expand.sql'   => "SELECT 1;\n",
    'sql/changes/0002-later/contract.sql' => "ALTER TABLE dp.thing DROP COLUMN later;\n",
    'entities/thing.json' => '{ "entity": "thing", "table": "dp.thing", "primaryKey": ["client", "external_id"], "id": "id",
        "fields": [ { "name": "external_id", "from": "/id", "type": "string", "constraints": { "required": true } }, { "name": "name", "from": "/name", "type": "string" },
                    { "name": "base", "from": "/base", "type": "integer" } ] }',
});

sub tables { return $s->sql(q{SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'dp'::regnamespace AND relkind IN ('r', 'v')}) }
sub columns { return $s->sql(q{SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'dp.thing'::regclass AND attnum > 0 AND NOT attisdropped}) }

my $found = $s->prunable;
is_deeply([sort grep { $found->{$_} =~ /^can go/ } keys %$found], ['dp.forgotten.note', 'dp.idle', 'dp.leaf', 'dp.thing.Odd "name"', 'dp.thing.old'], 'what can go');
like($found->{'dp.thing.old'}, qr/^can go: column no contract reads it, no entity file writes it, no open change names it$/, 'and why');
like($found->{'dp.leaf'}, qr/^can go: table .*\(\d+ (?:bytes|kB)\)$/, 'how large a table is');
my %stays = (
    'dp.thing.id'       => qr/part of the key thing_pkey, read by dp\.helper, read by dp\.idle, read by v_things_v1, written by entity thing/,
    'dp.thing.name'     => qr/read by v_things_v1, written by entity thing/,
    'dp.thing.raw_line' => qr/written by entity thing/,
    'dp.thing.base'     => qr/column twice is computed from it/,
    'dp.thing.twice'    => qr/read by v_things_v1/,
    'dp.thing.hidden'   => qr/read by dp\.helper, read by v_things_v1/,
    'dp.thing.counted'  => qr/used by function dp\.counts\(\)/,
    'dp.thing.low'      => qr/part of the constraint thing_check/,
    'dp.thing.later'    => qr/named by contract of 0002-later, which has not run/,
    'dp.helper'         => qr/read by v_things_v1/,
);
for (sort keys %stays) {
    like($found->{$_} // '', qr/^must stay: .*$stays{$_}/, "$_ must stay");
}
like($found->{'dp.forgotten.id'} // '', qr/^must stay/, 'dp.forgotten stays while dp.leaf refers to it');

my ($code, $out, $err) = $s->oriel('prune');
is($code, 1, 'without a terminal nothing is removed');
like("$out$err", qr/can go:.*dp\.thing\.old.*there is no terminal to ask at.*--yes/s, 'it shows what it would remove, and how');
is(tables(), 'forgotten helper idle leaf thing', 'nothing is gone');
for (['dp.thing.name', qr/dp\.thing\.name: read by v_things_v1, written by entity thing/], ['dp.thing.nmae', qr/there is no such thing/]) {
    ($code, $out, $err) = $s->oriel('prune', '--yes', $_->[0]);
    is($code, 1, "$_->[0] is refused");
    like($err, $_->[1], 'and why');
}
($code, $out) = $s->oriel('prune', '--yes', 'dp.thing.old');
is("$code$out", "0removed dp.thing.old\n", 'one by name');
unlike(columns(), qr/\bold\b/, 'it is gone');

# beside a reader that is in the way for a moment
my $reader = fork // die;
if (!$reader) {
    exec 'psql', '-q', '-d', $s->{db}->conninfo . ' user=postgres', '-c', 'BEGIN; LOCK dp.leaf IN ACCESS SHARE MODE; SELECT pg_catalog.pg_sleep(1.5); COMMIT' or POSIX::_exit(1);
}
wait_until { $s->sql("SELECT count(*) FROM pg_locks WHERE relation = 'dp.leaf'::regclass AND pid <> pg_backend_pid()") } 'the reader';
($code, $out, $err) = $s->oriel('prune', '--yes');
is($code, 0, 'all that can go') or diag $err;
waitpid $reader, 0;
is($?, 0, 'the reader was not disturbed');
is(tables(), 'forgotten helper thing', 'tables and views');
is(columns(), 'id client external_id name base twice counted hidden low high later raw_batch raw_line', 'columns, an odd name too');
($code, $out) = $s->oriel('prune', '--yes');
is("$code$out" =~ /^0can go:\n  dp\.forgotten .*\nremoved dp\.forgotten\n$/ ? 1 : $out, 1, 'again: what only that had needed');
is_deeply([$s->oriel('prune', '--yes')], [0, "nothing can go\n", ''], 'and then nothing');
is(($s->oriel('contract', 'check'))[0], 0, 'the contracts hold');

my $lock = read_file($s->domain_path('contract.json'));
write_file("$s->{folder}/before.json", $lock =~ s/"v_things_v1"/"v_things_v9"/r);
write_file($s->{config}, read_file($s->{config}) =~ s/\{/{ "rollback": "before.json",/r);
$s->sql('ALTER TABLE dp.thing ADD COLUMN lone text');
like($s->prunable->{'dp.thing.lone'}, qr/^must stay: .*the release that one would roll back to has v_things_v9, which is not here/, 'the rollback target counts');

$s->finish;
done_testing;
