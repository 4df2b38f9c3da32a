# The rules of lib/contract_rule.c and the lint, each by the SQL that triggers it and the SQL next to it that does not, on a
# real catalog. Every rule must stand here.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

# What every case begins with.
my $start = <<'END';
CREATE TYPE dp.mood AS ENUM ('good', 'bad');
CREATE TABLE dp.maker (id bigint PRIMARY KEY, name text, mood dp.mood);
CREATE TABLE dp.thing (id bigint PRIMARY KEY, name varchar(20), size integer, amount numeric(8,2), maker_id bigint, note text);
CREATE VIEW api.v_makers_v1 AS SELECT m.id, m.name, m.mood FROM dp.maker m;
COMMENT ON VIEW api.v_makers_v1 IS E'Makers.\n@primaryKey id';
GRANT SELECT ON api.v_makers_v1 TO oriel_ds;
CREATE VIEW api.v_things_v1 WITH (security_barrier) AS SELECT t.id, t.name, t.size, t.amount, t.maker_id FROM dp.thing t;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id\n@unique name\n@foreignKey (maker_id) references v_makers_v1 (id)\n@deprecated\n@sunset 2090-06-01\n@successor v_things_v2\n@cache 60';
COMMENT ON COLUMN api.v_things_v1.id IS E'Number.\n@notNull';
GRANT SELECT ON api.v_things_v1 TO oriel_ds;
END

# The view again with other columns, its comments and grant as they were.
sub again {
    my ($columns, $from, $options) = @_;
    my ($rest) = $start =~ /(COMMENT ON VIEW api\.v_things_v1.*)/s;
    return 'DROP VIEW api.v_things_v1; CREATE VIEW api.v_things_v1 ' . ($options // 'WITH (security_barrier)') . " AS SELECT $columns FROM "
        . ($from // 'dp.thing t') . "; $rest";
}

# The view's comment with one line of it changed.
sub tags {
    my ($from, $to) = @_;
    my ($comment) = $start =~ /(COMMENT ON VIEW api\.v_things_v1 IS .*)/;
    my $changed = $comment =~ s/\Q$from\E/$to/r;
    die "no $from" if $changed eq $comment;
    return $changed;
}

my $all  = 't.id, t.name, t.size, t.amount, t.maker_id';
my $made = "CREATE VIEW api.v_more_v1 AS SELECT m.id FROM dp.maker m; COMMENT ON VIEW api.v_more_v1 IS E'More.\\n\@primaryKey id'; GRANT SELECT ON api.v_more_v1 TO oriel_ds";
my $makers2 = $made =~ s/v_more_v1/v_makers_v2/gr . '; ';

# rule, verdict, SQL that the start is locked with besides, SQL that triggers it, SQL beside it that does not
my @cases = (
    [contract_added    => 'ok',    '', $made, 'CREATE VIEW dp.more AS SELECT m.id FROM dp.maker m'],
    [contract_removed  => 'BREAK', '', 'DROP VIEW api.v_makers_v1', 'CREATE OR REPLACE VIEW api.v_makers_v1 AS SELECT m.id, m.name, m.mood FROM dp.maker m'],
    [tombstone_reused  => 'BREAK', 'tombstone v_more_v1', $made, $made =~ s/v_more_v1/v_more_v2/gr],
    [column_added      => 'ok',    '', again("$all, t.note"), 'ALTER TABLE dp.thing ADD COLUMN more text'],
    [column_removed    => 'BREAK', '', again('t.id, t.name, t.size, t.maker_id'), 'ALTER TABLE dp.thing DROP COLUMN note'],
    [column_renamed    => 'BREAK', '', 'ALTER VIEW api.v_things_v1 RENAME COLUMN size TO length', 'ALTER TABLE dp.thing RENAME COLUMN size TO length'],
    [column_moved      => 'BREAK', '', again('t.id, t.size, t.name, t.amount, t.maker_id'), again($all)],
    [type_changed      => 'BREAK', '', again('t.id, t.name, t.size::text AS size, t.amount, t.maker_id'), again('t.id, t.name, t.size::integer AS size, t.amount, t.maker_id')],
    [type_widened      => 'BREAK', '', again('t.id, t.name, t.size::bigint AS size, t.amount, t.maker_id'), again('t.id, t.name, t.size, t.amount::numeric(8,2) AS amount, t.maker_id')],
    [type_narrowed     => 'BREAK', '', again('t.id, t.name, t.size, t.amount::numeric(8,1) AS amount, t.maker_id'), again('t.id, t.name, t.size, t.amount::numeric(8,2) AS amount, t.maker_id')],
    [enum_value_added  => 'ACK',   '', q{ALTER TYPE dp.mood ADD VALUE 'so-so'}, q{CREATE TYPE dp.mode AS ENUM ('so-so')}],
    [enum_value_lost   => 'ACK',   '', q{ALTER TYPE dp.mood RENAME VALUE 'bad' TO 'awful'}, q{ALTER TYPE dp.mood ADD VALUE 'awful'}],
    [collation_changed => 'BREAK', '', again('t.id, t.name COLLATE pg_catalog."C" AS name, t.size, t.amount, t.maker_id'), again('t.id, t.name COLLATE pg_catalog."default" AS name, t.size, t.amount, t.maker_id')],
    [not_null_lost     => 'BREAK', '', "COMMENT ON COLUMN api.v_things_v1.id IS 'Number.'", 'ALTER TABLE dp.thing DROP CONSTRAINT thing_pkey; ALTER TABLE dp.thing ALTER id DROP NOT NULL'],
    [not_null_gained   => 'ok',    '', q{COMMENT ON COLUMN api.v_things_v1.size IS '@notNull'}, 'ALTER TABLE dp.thing ALTER size SET NOT NULL'],
    [key_lost          => 'BREAK', '', tags('@primaryKey id', '@noKey'), 'ALTER TABLE dp.thing DROP CONSTRAINT thing_pkey'],
    [key_gained        => 'ok',    q{COMMENT ON VIEW api.v_makers_v1 IS E'Makers.\n@noKey'}, q{COMMENT ON VIEW api.v_makers_v1 IS E'Makers.\n@primaryKey id'}, 'CREATE UNIQUE INDEX ON dp.maker (name)'],
    [key_changed       => 'BREAK', '', tags('@primaryKey id', '@primaryKey id, name'), tags('@primaryKey id', '@primaryKey "id"')],
    [sort_index_lost   => 'ACK',   '', 'ALTER TABLE dp.maker DROP CONSTRAINT maker_pkey', 'CREATE INDEX ON dp.maker (name)'],
    [sort_index_gained => 'ok',    'ALTER TABLE dp.maker DROP CONSTRAINT maker_pkey', 'CREATE INDEX ON dp.maker (id)', 'CREATE INDEX ON dp.maker (name, id)'],
    [unique_lost       => 'BREAK', '', tags('\n@unique name', ''), 'CREATE UNIQUE INDEX ON dp.thing (name)'],
    [unique_gained     => 'ok',    '', tags('@unique name', '@unique name\n@unique size'), 'CREATE UNIQUE INDEX ON dp.thing (size)'],
    [foreign_key_lost  => 'BREAK', '', tags('\n@foreignKey (maker_id) references v_makers_v1 (id)', ''), 'ALTER TABLE dp.thing ADD FOREIGN KEY (maker_id) REFERENCES dp.maker'],
    [foreign_key_gained => 'ok',   '', tags('@unique', '@foreignKey (id) references v_makers_v1 (id)\n@unique'), 'ALTER TABLE dp.thing ADD FOREIGN KEY (maker_id) REFERENCES dp.maker'],
    [foreign_key_moved => 'ACK',   '', $makers2 . tags('references v_makers_v1', 'references v_makers_v2'), $makers2 . tags('(maker_id) references v_makers_v1', '(size) references v_makers_v2')],
    [foreign_key_retired => 'ACK', '', 'DROP VIEW api.v_makers_v1; ' . tags('\n@foreignKey (maker_id) references v_makers_v1 (id)', ''), tags('\n@foreignKey (maker_id) references v_makers_v1 (id)', '')],
    [foreign_key_introduced => 'ok', '', "$made; " . tags('@unique', '@foreignKey (id) references v_more_v1 (id)\n@unique'), tags('@unique', '@foreignKey (id) references v_makers_v1 (id)\n@unique')],
    [reader_grant_lost => 'BREAK', '', 'REVOKE SELECT ON api.v_things_v1 FROM oriel_ds', 'GRANT SELECT ON api.v_things_v1 TO oriel_dp'],
    [reader_grant_gained => 'ok',  'unreadable', 'GRANT SELECT ON api.v_makers_v1 TO oriel_ds', 'GRANT SELECT ON api.v_makers_v1 TO oriel_dp'],
    [write_grant_gained => 'BREAK', '', 'GRANT UPDATE ON api.v_things_v1 TO oriel_ds', 'GRANT REFERENCES ON api.v_things_v1 TO oriel_ds'],
    [write_grant_lost  => 'ok',    'writable', 'REVOKE UPDATE ON api.v_makers_v1 FROM oriel_ds', 'REVOKE DELETE ON api.v_makers_v1 FROM oriel_ds'],
    [owner_rights_lost => 'BREAK', '', 'RESET ROLE; ALTER TABLE dp.maker OWNER TO postgres', 'RESET ROLE; ALTER TABLE dp.maker OWNER TO postgres; GRANT SELECT ON dp.maker TO oriel_owner'],
    [owner_rights_gained => 'ok',  'rightless', 'RESET ROLE; GRANT SELECT ON dp.maker TO oriel_owner', 'RESET ROLE; GRANT UPDATE ON dp.maker TO oriel_ds'],
    [security_invoker_on => 'BREAK', '', 'ALTER VIEW api.v_things_v1 SET (security_invoker)', 'ALTER VIEW api.v_things_v1 SET (security_invoker = false)'],
    [security_invoker_off => 'ok', 'invoker', 'ALTER VIEW api.v_makers_v1 RESET (security_invoker)', 'ALTER VIEW api.v_makers_v1 SET (security_invoker = on)'],
    [security_barrier_on => 'ACK', '', 'ALTER VIEW api.v_makers_v1 SET (security_barrier)', 'ALTER VIEW api.v_makers_v1 SET (security_barrier = off)'],
    [security_barrier_off => 'ACK', '', again($all, undef, ''), again($all)],
    [definition_changed => 'ACK',  '', again($all, 'dp.thing t WHERE t.size > 0'), again($all)],
    [comment_unreadable => 'BREAK', '', tags('@primaryKey id', '@primarykey id'), tags('Things.', 'All things.')],
    [comment_readable  => 'ok',    'unreadable comment', q{COMMENT ON VIEW api.v_makers_v1 IS E'Makers.\n@primaryKey id'}, q{COMMENT ON VIEW api.v_makers_v1 IS E'Makers!\n@primarykey id'}],
    [comment_changed   => 'ok',    '', tags('Things.', 'All things.'), q{COMMENT ON TABLE dp.thing IS 'All things.'}],
    [deprecation_set   => 'ok',    '', q{COMMENT ON VIEW api.v_makers_v1 IS E'Makers.\n@primaryKey id\n@deprecated'}, q{COMMENT ON VIEW api.v_makers_v1 IS E'Makers, deprecated.\n@primaryKey id'}],
    [deprecation_withdrawn => 'ok', '', tags('\n@deprecated', ''), tags('Things.', 'Not deprecated.')],
    [sunset_set        => 'ok',    '', q{COMMENT ON VIEW api.v_makers_v1 IS E'Makers.\n@primaryKey id\n@sunset 2090-01-01'}, q{COMMENT ON VIEW api.v_makers_v1 IS E'Makers until 2090.\n@primaryKey id'}],
    [sunset_withdrawn  => 'ok',    '', tags('\n@sunset 2090-06-01', ''), tags('\n@cache 60', '')],
    [sunset_earlier    => 'BREAK', '', tags('2090-06-01', '2090-05-31'), tags('2090-06-01', '2090-06-02')],
    [sunset_later      => 'ok',    '', tags('2090-06-01', '2090-06-02'), tags('2090-06-01', '2090-05-31')],
    [successor_changed => 'ok',    '', tags('v_things_v2', 'v_things_v3'), tags('@cache 60', '@cache 61')],
    [cache_changed     => 'ok',    '', tags('@cache 60', '@cache 61'), tags('v_things_v2', 'v_things_v3')],
);

# What a lock file cannot be written with, or can only be written by hand: the case's own state before.
my %states = (
    'unreadable'         => 'REVOKE SELECT ON api.v_makers_v1 FROM oriel_ds',
    'writable'           => 'GRANT UPDATE ON api.v_makers_v1 TO oriel_ds',
    'rightless'          => 'RESET ROLE; ALTER TABLE dp.maker OWNER TO postgres',
    'invoker'            => 'ALTER VIEW api.v_makers_v1 SET (security_invoker)',
    'unreadable comment' => q{COMMENT ON VIEW api.v_makers_v1 IS E'Makers.\n@primarykey id'},
);

my $s    = Oriel::Stack->new(domain => { 'sql/changes/0001-things/expand.sql' => $start }, start => []);
my $lock = $s->domain_path('contract.json');
my $agreed = read_file($lock);
my $clean = 'SET client_min_messages = error; DROP SCHEMA api, dp CASCADE; CREATE SCHEMA api AUTHORIZATION oriel_owner; CREATE SCHEMA dp AUTHORIZATION oriel_owner; '
    . "GRANT USAGE ON SCHEMA api TO oriel_ds; SET ROLE oriel_owner; $start; RESET ROLE;";
my $first = '';    # SQL to run before the next

sub owner { my ($sql) = @_; $s->sql("$first SET ROLE oriel_owner; $sql"); $first = '' }

# The next SQL finds a database and a lock file of the start.
sub begin_again { $first = $clean; write_file($lock, $agreed) }

# The rules that `contract check` finds, with their verdicts. A state that no lock file may hold is compared by `change
# expand`, which reads the catalog before and after; its plan shows every rule.
sub found {
    my ($state, $sql) = @_;
    if ($states{$state}) {
        owner($states{$state});
        write_file($s->domain_path('changes') . '/0002-next/expand.sql', "$sql;\n" =~ s/RESET ROLE; //r) if $sql !~ /RESET ROLE/;
        if ($sql !~ /RESET ROLE/) {
            my ($code, $out, $err) = $s->oriel('change', 'plan');
            diag $out, $err if $code;
            return { map { /^  (ok|ACK|BREAK) +\S+: (\w+)/ ? ($2 => $1) : () } split /\n/, $out };
        }
        # a right of the owner's is given by somebody else: the responder's way, which compares with the lock file
        my ($was) = check();
        owner($sql);
        my ($is) = check();
        return { $was->{owner_rights_lost} && !$is->{owner_rights_lost} ? (owner_rights_gained => 'ok') : () };
    }
    if (my ($view) = $state =~ /^tombstone (.*)/) { write_file($lock, $agreed =~ s/"tombstones": \[\]/"tombstones": ["$view"]/r) }
    elsif ($state) {
        owner($state);
        unlink $lock;
        $s->lock;
    }
    owner($sql);
    return check();
}

sub check {
    my (undef, $out, $err) = $s->oriel('contract', 'check', '--json');
    my $list = eval { JSON::PP->new->decode($out) } or diag $out, $err;
    return { map { $_->{rule} => $_->{verdict} } @{ $list // [] } };
}

# Types that keep their name: made anew, or altered.
my $money = 'CREATE DOMAIN dp.money AS numeric(8,2); ' . again("$all, t.amount::dp.money AS paid, ARRAY[t.amount::dp.money] AS all_paid");
my $place = 'CREATE TYPE dp.place AS (street text, town text); ' . again("$all, (t.name, t.note)::dp.place AS place");
my $drop  = 'DROP VIEW api.v_things_v1; DROP DOMAIN dp.money; ';
push @cases,
    [type_widened  => 'BREAK', $money, $drop . $money =~ s/DROP VIEW api\.v_things_v1; //r =~ s/8,2/8,3/r, $drop . $money =~ s/DROP VIEW api\.v_things_v1; //r],
    [type_narrowed => 'BREAK', $money, $drop . $money =~ s/DROP VIEW api\.v_things_v1; //r =~ s/8,2/8,1/r, 'ALTER DOMAIN dp.money SET DEFAULT 0'],
    [type_changed  => 'BREAK', $money, $drop . $money =~ s/DROP VIEW api\.v_things_v1; //r =~ s/numeric\(8,2\)/text/r, 'CREATE DOMAIN dp.more AS text'],
    [type_changed  => 'BREAK', $place, 'ALTER TYPE dp.place ADD ATTRIBUTE zip text', 'CREATE TYPE dp.more AS (zip text)'],
    [type_changed  => 'BREAK', $place, 'ALTER TYPE dp.place RENAME ATTRIBUTE town TO city', 'ALTER TABLE dp.thing RENAME COLUMN note TO remark'];

my %tested;
for (@cases) {
    my ($rule, $verdict, $state, $triggers, $does_not) = @$_;
    $tested{$rule} = 1;
    begin_again();
    is(found($state, $triggers)->{$rule}, $verdict, "$rule: $verdict") or diag "$state\n$triggers";
    begin_again();
    is(found($state, $does_not)->{$rule}, undef, "$rule: not by what stands beside it");
}
my @rules = read_file('lib/contract_rule.c') =~ /^    \[[A-Z_]+\] =\s+\{"(\w+)"/mg;
is_deeply([sort keys %tested], [sort @rules], 'every rule of the table stands here');

# ---- lint ----

my $function = 'CREATE FUNCTION dp.double(n integer) RETURNS integer LANGUAGE sql STABLE';
my @lints = (
    ['a whole row', again("$all, to_jsonb(t) AS everything"), again("$all, to_jsonb(t.note) AS everything"), qr/v_things_v1: it refers to a whole row/],
    ['a whole row among columns', again("$all, count(t.*) OVER () AS n"), again("$all, count(*) OVER () AS n"), qr/v_things_v1: it refers to a whole row/],
    ['a function whose body is a string', "$function AS 'SELECT n * 2'; " . again("$all, dp.double(t.size) AS twice"),
        "$function BEGIN ATOMIC SELECT n * 2; END; " . again("$all, dp.double(t.size) AS twice"), qr/v_things_v1: it calls dp\.double\(integer\), an SQL function whose body is a string/],
    ['a reference to no contract', tags('references v_makers_v1', 'references v_makers_v2'), tags('references v_makers_v1 (id)', 'references v_makers_v1 (id)|@name maker'),
        qr/v_things_v1: \@foreignKey \(maker_id\) references v_makers_v2 leads nowhere: there is no such contract\. What to do:/],
    ['a reference to no column', tags('references v_makers_v1 (id)', 'references v_makers_v1 (ident)'), tags('references v_makers_v1 (id)', 'references v_makers_v1 (name)'),
        qr/v_things_v1: \@foreignKey \(maker_id\) references v_makers_v1 leads nowhere: there is no such column "ident"/],
    ['a view that is not the owner\'s', 'RESET ROLE; ALTER VIEW api.v_makers_v1 OWNER TO postgres', 'RESET ROLE; ALTER TYPE dp.mood OWNER TO postgres',
        qr/v_makers_v1: it belongs to postgres, so no change can alter it; ALTER VIEW/],
    ['what is no view', 'CREATE MATERIALIZED VIEW api.v_more_v1 AS SELECT m.id FROM dp.maker m', 'CREATE MATERIALIZED VIEW dp.more AS SELECT m.id FROM dp.maker m',
        qr/v_more_v1: it is no view, so it cannot be a contract/],
    ['a view within that asks for the reader\'s rights',
        'CREATE VIEW dp.inside WITH (security_invoker) AS SELECT m.id FROM dp.maker m; CREATE VIEW api.v_some_v1 AS SELECT s.id FROM dp.inside s',
        'CREATE VIEW dp.inside AS SELECT m.id FROM dp.maker m; CREATE VIEW api.v_some_v1 AS SELECT s.id FROM dp.inside s',
        qr/v_some_v1: it reads dp\.inside, a view with security_invoker/],
    ['no description', tags('Things.\n', ''), tags('Things.', 'All.'), qr/v_things_v1: it has no description/],
    ['no key', tags('\n@primaryKey id', ''), tags('@primaryKey id', '@noKey'), qr/v_things_v1: it has no key/],
);
for (@lints) {
    my ($name, $wrong, $right, $text) = @$_;
    begin_again();
    owner($wrong);
    my ($code, $out, $err) = $s->oriel('contract', 'check');
    is($code, 3, "$name: refused by check");
    like($err, $text, "$name: told");
    is(($s->oriel('contract', 'lock', '--ack', 'x'))[0], 3, "$name: not to be locked");
    begin_again();
    owner($right);
    ($code, $out, $err) = $s->oriel('contract', 'check');
    unlike($err, $text, "$name: not told of what stands beside it");
}

$s->finish;
done_testing;
