# `oriel check`: entity files against their tests, their tables, and the contracts that read those tables.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $json   = JSON::PP->new->canonical;
my @fields = (
    { name => 'code', from => '/code', type => 'string', constraints => { required => \1 } },
    { name => 'size', from => '/size', type => 'integer' },
    { name => 'note', from => '/note', type => 'string' },
    { name => 'box_id', from => '/box', type => 'string', reference => 'box', onMissing => 'null' },
);
my %thing = (entity => 'thing', table => 'dp.thing', primaryKey => [qw(client code)], id => 'id', fields => \@fields);
my %box   = (entity => 'box', table => 'dp.box', primaryKey => [qw(client code)], id => 'id', fields => [ $fields[0] ]);
my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' => <<'END',
CREATE TABLE dp.box (id bigint PRIMARY KEY, client text NOT NULL, code text NOT NULL, raw_batch bigint NOT NULL, raw_line integer NOT NULL, UNIQUE (client, code));
CREATE TABLE dp.thing (id bigint PRIMARY KEY, client text NOT NULL, code text NOT NULL, size integer, note text, box_id bigint,
    made_at timestamptz NOT NULL DEFAULT now(), raw_batch bigint NOT NULL, raw_line integer NOT NULL, UNIQUE (code, client));
CREATE VIEW dp.thing_view AS SELECT t.id, t.code, t.note FROM dp.thing t WHERE t.size > 0;
CREATE VIEW api.v_things_v1 WITH (security_barrier) AS SELECT v.id, v.code, v.note FROM dp.thing_view v;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id';
GRANT SELECT ON api.v_things_v1 TO oriel_ds;
END
    'entities/box.json'   => $json->encode(\%box),
    'entities/thing.json' => $json->encode(\%thing),
    'entities/thing.test.json' => $json->encode({ tests => [{ name => 'a size', document => { code => 'a', size => '7' }, row => { size => '7' } }] }),
});
my $entities = $s->domain_path('entities');

sub check { return $s->oriel('check', @_) }

# Writes thing.json with some keys, or some fields by name, in place of its own; an undefined field is left out.
sub thing {
    my ($keys, %by_name) = @_;
    my @changed = map { exists $by_name{ $_->{name} } ? $by_name{ $_->{name} } : $_ } @fields;
    write_file("$entities/thing.json", $json->encode({ %thing, %{ $keys // {} }, fields => [grep { defined } @changed] }));
}

my ($code, $out, $err) = check();
is($code, 0, 'all is in order') or diag $out, $err;
like($out, qr/^ok +entity thing: 1 tests$/m,                      'tests are run');
like($out, qr/^ok +entity box: has no tests \(.*box\.test\.json\)$/m, 'none is told as none');
like($out, qr/^ok +entity thing: fits table dp\.thing$/m,         'tables are compared');
like($out, qr/^ok +contract v_things_v1: reads only/m,            'and contracts');

subtest 'tests' => sub {
    my $file = "$entities/thing.test.json";
    my $good = read_file($file);
    write_file($file, $good =~ s/"row":\{"size":"7"\}/"row":{"size":"8"}/r);
    ($code, $out, $err) = check('--no-database');
    is($code, 1, 'a test that does not hold');
    like($out, qr/^NOT OK entity thing: 1 tests, not all of them hold$/m, 'is told');
    like($err, qr/thing\.test\.json:\d+: .*8/, 'with its place and what was expected');
    unlike($out, qr/fits table/, 'without the database tables are left out');
    write_file($file, $good);
};

subtest 'tables' => sub {
    my %wrong = (
        'ALTER TABLE dp.thing RENAME size TO width' => qr/has no column "size" \(a field\)/,
        'ALTER TABLE dp.thing ALTER size TYPE text' => qr/column "size" is text, which does not take a field of type integer/,
        'ALTER TABLE dp.thing ALTER note TYPE json USING note::json' => qr/column "note" is json, .*make it jsonb/,
        'ALTER TABLE dp.thing ALTER box_id TYPE text' => qr/column "box_id" \(the id of what it refers to\) is text/,
        'ALTER TABLE dp.thing ALTER code DROP NOT NULL' => qr/column "code" of the natural key can be null/,
        'ALTER TABLE dp.thing DROP CONSTRAINT thing_code_client_key' => qr/has no unique index on the natural key \(client,code\)/,
        'ALTER TABLE dp.thing DROP CONSTRAINT thing_code_client_key; CREATE UNIQUE INDEX i ON dp.thing (client, code) WHERE size > 0' =>
            qr/has no unique index on the natural key/,
        'ALTER TABLE dp.thing DROP CONSTRAINT thing_pkey' => qr/has no unique index on the id \(id\)/,
        'ALTER TABLE dp.thing ADD owner text NOT NULL' => qr/column "owner" is NOT NULL without a default, and no field writes it/,
        'ALTER TABLE dp.thing DROP note; ALTER TABLE dp.thing ADD note text GENERATED ALWAYS AS (code) STORED' =>
            qr/column "note" \(a field\) is made by Postgres/,
        'ALTER TABLE dp.thing DROP raw_line' => qr/has no column "raw_line" \(lineage\)/,
        'DROP TABLE dp.thing CASCADE' => qr/there is no such table; `oriel change expand`/,
    );
    for my $sql (sort keys %wrong) {
        # in a copy of the database, which then goes away
        $s->sql('CREATE DATABASE copy TEMPLATE oriel OWNER oriel_owner', 'postgres', 'postgres');
        $s->sql("DROP VIEW api.v_things_v1, dp.thing_view; $sql", 'postgres', 'copy');
        ($code, $out, $err) = run_command("$s->{build}/oriel", '-c', $s->{config}, '-d', $s->{db}->conninfo('copy'), 'check');
        is($code, 1, $sql);
        like($out, qr/^NOT OK entity thing, table dp\.thing: $wrong{$sql}/m, 'is found');
        $s->sql('DROP DATABASE copy', 'postgres', 'postgres');
    }
};

subtest 'contracts' => sub {
    thing(undef, note => undef);
    ($code, $out) = check();
    is($code, 1, 'a contract reads what is not written any more');
    like($out, qr/^NOT OK contract v_things_v1 reads dp\.thing\.note, which entity thing does not write/m, 'through a private view');
    my $log = ($s->oriel('work'))[2];
    like($log, qr/v_things_v1 reads dp\.thing\.note/, 'the worker does not start with it');
    like($log, qr/error: not started/, 'and says so');
    is(($s->oriel('work'))[0], 2, 'with its own exit code');
    thing(undef, size => undef);
    ($code, $out) = check();
    like($out, qr/reads dp\.thing\.size/, 'a filter reads too');
    thing(undef, note => { name => 'note', from => undef, type => 'string' });
    is((check())[0], 0, 'that this source has none can be said');
    thing();
    is((check())[0], 0, 'as before');
};

subtest 'bookkeeping' => sub {
    $s->sql('UPDATE oriel.bookkeeping SET version = version + 100');
    my ($status, undef, $log) = $s->oriel('work');
    is($status, 2, 'the worker does not start with a bookkeeping of another version');
    like($log, qr/is of version 10\d and this program .* knows no more than \d+\. What to do: use the newer program/, 'and says what to do');
    $s->sql('UPDATE oriel.bookkeeping SET version = version - 100');
};

subtest 'no database' => sub {
    $s->{db}->stop;
    ($code, $out, $err) = check();
    is($code, 1, 'is a failure');
    like($err, qr/cannot connect .*--no-database leaves them out/s, 'that says what to do');
    is((check('--no-database'))[0], 0, 'which is enough to run the tests');
    thing({ primarykey => ['code'] });
    is((check('--no-database'))[0], 2, 'a configuration that cannot be read is another thing');
};

$s->finish;
done_testing;
