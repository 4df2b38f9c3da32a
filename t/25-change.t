# A change from expand to contract, and back: every phase, every refusal with the text that a person reads.
use strict;
use warnings;
use Oriel::Psql;
use Oriel::Stack;
use Oriel::Test;
use Test::More;
use Time::HiRes qw(time);

my %files = (
    'sql/changes/0001-things/expand.sql' => <<'END',
CREATE TABLE dp.thing (id bigint PRIMARY KEY, name text NOT NULL, price numeric(12,2));
CREATE VIEW api.v_things_v1 WITH (security_barrier) AS SELECT t.id, t.name, t.price FROM dp.thing t;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id';
GRANT SELECT ON api.v_things_v1 TO oriel_ds;
END
    'sql/changes/0002-cents/expand.sql' => <<'END',
ALTER TABLE dp.thing ADD COLUMN price_cents bigint;
CREATE VIEW api.v_things_v2 WITH (security_barrier) AS
SELECT t.id, t.name, coalesce(t.price_cents, (t.price * 100)::bigint) AS price_cents FROM dp.thing t;
COMMENT ON VIEW api.v_things_v2 IS E'Things.\n@primaryKey id';
GRANT SELECT ON api.v_things_v2 TO oriel_ds;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id\n@deprecated\n@successor v_things_v2';
END
    'sql/changes/0002-cents/fill.sql' => <<'END',
-- key: dp.thing.id
UPDATE dp.thing SET price_cents = (price * 100)::bigint WHERE id BETWEEN :lo AND :hi AND price_cents IS NULL AND price IS NOT NULL;
END
    'sql/changes/0002-cents/prove.sql' => <<'END',
SELECT id, price, price_cents FROM dp.thing WHERE price_cents IS DISTINCT FROM (price * 100)::bigint ORDER BY id;
END
    'sql/changes/0002-cents/contract.sql' => <<'END',
DROP VIEW api.v_things_v1;
CREATE OR REPLACE VIEW api.v_things_v2 WITH (security_barrier) AS SELECT t.id, t.name, t.price_cents FROM dp.thing t;
ALTER TABLE dp.thing DROP COLUMN price;
END
    'sql/changes/0002-cents/revert.sql' => <<'END',
DROP VIEW api.v_things_v2;
ALTER TABLE dp.thing DROP COLUMN price_cents;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id';
END
);
my $s = Oriel::Stack->new(domain => \%files, start => []);
my $name = '0002-cents';

# A phase of the change: exit code, and both streams together.
sub phase {
    my ($phase, @options) = @_;
    my ($code, $out, $err) = $s->oriel('change', $phase, $name, @options);
    return wantarray ? ($code, "$out$err") : "$code $out$err";
}

# The catalog as far as a change can alter it, as text.
sub catalog {
    return $s->sql(q{SELECT string_agg(x, E'\n' ORDER BY x) FROM (
        SELECT c.relname || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || coalesce(col_description(c.oid, a.attnum), '')
               || coalesce(c.relacl::text, '') AS x FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
          JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('api', 'dp') AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT relname || ' ' || pg_get_viewdef(c.oid) || coalesce(obj_description(c.oid, 'pg_class'), '') FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'api' AND relkind = 'v') y});
}

# A reader that holds a lease, as a responder does. Returns what ends it.
sub lease {
    my ($view) = @_;
    pipe my $read, my $write;
    my $pid = fork // die;
    if (!$pid) {
        close $write;
        open STDIN, '<&', $read;
        open STDOUT, '>', '/dev/null';
        $ENV{PGAPPNAME} = 'oriel-fcgi of the test';
        exec 'psql', '-XAtq', '-d', $s->{db}->conninfo . ' user=oriel_ds' or POSIX::_exit(1);
    }
    close $read;
    syswrite $write, "SELECT pg_try_advisory_lock_shared(1869770085, hashtext('$view'));\n";
    wait_until { $s->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2") >= 1 } 'the lease';
    return sub { close $write; waitpid $pid, 0 };
}

# A runner that was killed is gone from the database, too.
sub runner_gone { wait_until { $s->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = hashtext('oriel change')::bigint & 4294967295") == 0 } 'its session to end' }

# new() has expanded both; this test begins before the second
is((phase 'revert')[0], 0, 'the second change is taken back');
my $first = catalog();
$s->sql('INSERT INTO dp.thing SELECT n, \'thing \' || n, n * 1.01 FROM generate_series(1, 25000) n');

# A program ends a moment before its session; whoever comes right behind it waits that moment.
subtest 'a runner that has just ended' => sub {
    my ($before, $look) = map { Oriel::Psql->new($s->{db}, 'postgres') } 1, 2;
    my ($pid) = $before->ask(q{SELECT pg_backend_pid() FROM pg_advisory_lock(hashtext('oriel change'))});
    $s->start_oriel('next', 'change', 'plan', $name);
    wait_until { $look->ask(q{SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'oriel%' AND query LIKE '%pg_try_advisory_lock(%'}) } 'the next one to find it there';
    $look->ask("SELECT pg_terminate_backend($pid)");
    wait_until { !$s->{children}->is_running('next') } 'the next one to end';
    is($s->stop('next'), 0, 'is not taken for one at work') or diag read_file("$s->{folder}/log/next.log");
    $_->close for $before, $look;
};

subtest 'plan shows and changes nothing' => sub {
    my ($code, $text) = phase('plan');
    is($code, 0, 'it ran') or diag $text;
    like($text, qr/statements:\n  ALTER TABLE\n  CREATE VIEW\n  COMMENT\n  GRANT\n  COMMENT\n/, 'statements');
    like($text, qr/locks:\n.*  dp\.thing +AccessExclusiveLock\n/s, 'locks');
    like($text, qr/contracts:\n.*ok +v_things_v1: deprecation_set.*ok +v_things_v2: contract_added/s, 'contracts');
    is(catalog(), $first, 'the catalog is what it was');
};

subtest 'phases out of order are refused' => sub {
    for my $case (['fill', qr/expand it first/], ['prove', qr/expand it first/], ['contract', qr/it is not expanded/]) {
        my ($code, $text) = phase($case->[0]);
        is($code, 1, "$case->[0]");
        like($text, $case->[1], 'and why');
    }
    like(scalar phase('expnad'), qr/^2 .*did you mean "expand"/, 'a misspelt phase');
    like(($s->oriel('change', 'fill', '0002-cent'))[2], qr/no change "0002-cent"; did you mean "0002-cents"/, 'a misspelt change');
};

is(scalar phase('expand'), "0 expanded $name\n", 'expand');
my $second = catalog();
like(scalar phase('expand'), qr/^0 all 2 changes were expanded already/, 'again: nothing to do');
like(scalar phase('plan'), qr/^0 $name is expanded already \(\d{4}-/, 'nothing to plan either');
is((phase 'revert')[0], 0, 'and back');
is(catalog(), $first, 'the catalog is what it was before');
is(scalar phase('expand'), "0 expanded $name\n", 'and forward again');
is(catalog(), $second, 'to the same catalog');

subtest 'fill' => sub {
    like(scalar phase('contract'), qr/^1 .*its fill is not done.*it is not proven.*no brown-out was done.*v_things_v1 has no sunset/s,
        'contract names all that is missing');
    like(scalar phase('prove'), qr/fill it first/, 'prove waits for the fill');
    my $began = time;
    my $text = phase('fill', '--rate', '10000');
    cmp_ok(time - $began, '>=', 2, 'at the rate that was asked for');
    like($text, qr/^0 filled $name: 25000 rows in [\d.]+ s, \d+ rows\/s \(25000 in all runs\)/, 'all rows');
    is($s->sql('SELECT count(*) FROM dp.thing WHERE price_cents = price * 100'), 25000, 'are filled');
    like(scalar phase('fill'), qr/^0 filled $name: 0 rows/, 'again: nothing to do');
    $s->sql(q{INSERT INTO dp.thing VALUES (0, 'before', 0.07), (25001, 'behind', 0.08)});
    like(scalar phase('fill'), qr/^0 filled $name: 2 rows .*\(25002 in all runs\)/, 'rows that an old worker wrote since then are filled by another run');
    $s->sql('DELETE FROM dp.thing WHERE id IN (0, 25001)');
};

subtest 'prove' => sub {
    $s->sql('UPDATE dp.thing SET price_cents = 7 WHERE id = 3');
    like(scalar phase('prove'), qr/^1 .*prove\.sql: query 1 returned 1 rows.*\n +id=3 price=3\.03 price_cents=7.*is not proven/s, 'a wrong row is shown');
    $s->sql('UPDATE dp.thing SET price_cents = 303 WHERE id = 3');
    like(scalar phase('prove'), qr/^0 v_things_v1 and v_things_v2 agree in every key and in each of 2 columns.*\nproved/s, 'and both views are compared');
};

subtest 'a successor that differs is not proven' => sub {
    my $is = $s->sql("SELECT pg_get_viewdef('api.v_things_v2'::regclass)");
    $s->sql(q{CREATE OR REPLACE VIEW api.v_things_v2 WITH (security_barrier) AS SELECT t.id, CASE WHEN t.id = 5 THEN 'x' ELSE t.name END AS name,
              coalesce(t.price_cents, (t.price * 100)::bigint) AS price_cents FROM dp.thing t WHERE t.id <> 9});
    like(scalar phase('prove'), qr/^1 .*1 keys are lost.*1 values differ in column name/s, 'keys and values');
    my $other = $s->domain_path('changes') . '/0003-other';
    write_file("$other/expand.sql", "SELECT 1;\n");
    write_file("$other/prove.sql",  "SELECT 1 WHERE false;\n\nSELECT 1 / 0;\n");
    is(($s->oriel('change', 'expand'))[0], 0, 'another change');
    like(($s->oriel('change', 'prove', '0003-other'))[2], qr{0003-other/prove\.sql:3: division by zero \(SQLSTATE 22012\)}, 'SQL that fails is told with its line');
    write_file("$other/prove.sql", "SELECT 1 WHERE false;\n");
    is(($s->oriel('change', 'prove', '0003-other'))[1], "proved 0003-other\n", 'which does not name them is proven all the same');
    $s->sql(q{DELETE FROM oriel.change_step WHERE change = '0003-other'});
    File::Path::remove_tree($other);
    $s->sql("CREATE OR REPLACE VIEW api.v_things_v2 WITH (security_barrier) AS $is");
    is(catalog(), $second, 'put back');
};

subtest 'revert refuses, by name, while somebody reads what it takes away' => sub {
    my $end = lease('v_things_v2');
    like(scalar phase('revert'), qr/^1 .*refused: v_things_v2 is read by "oriel-fcgi of the test" \(local, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, pid \d+\)/s, 'a reader, and since when');
    is(catalog(), $second, 'nothing was changed');
    $end->();
    wait_until { ($s->oriel('readers'))[1] =~ /\(nobody\)/ } 'the lease to go';
};

subtest 'a lock that somebody holds' => sub {
    $s->{children}->start('holder', {}, Oriel::Cluster::bin() . '/psql', '-XqAt', '-d', $s->{db}->conninfo . ' user=postgres', '-c', 'BEGIN; LOCK dp.thing; SELECT pg_sleep(600)');
    wait_until { $s->sql(q{SELECT count(*) FROM pg_locks WHERE relation = 'dp.thing'::regclass AND mode = 'AccessExclusiveLock' AND granted}) == 1 } 'the lock to be held';
    like(scalar phase('revert', '--lock-timeout', '10ms', '--deadline', '2s'),
        qr/^1 .*revert\.sql: a lock that it needs was held through ([2-9]) tries of 10 ms each, in [0-9.]+ s; nothing was changed/s, 'is tried for as long as was said');
    like(scalar phase('revert', '--lock-timeout', '20ms', '--deadline', '1ms'), qr/^1 .*held through 1 tries of 20 ms each/s, 'once at least');
    like(scalar phase('revert', '--lock-timeout', '0s'), qr/^2 .*but not 0;/s, 'there is none without a limit');
    $s->stop('holder', 'INT');    # psql asks Postgres to cancel it
    is(catalog(), $second, 'the catalog is what it was');
};

subtest 'brown-out' => sub {
    my $pid = fork // die;
    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        exec "$s->{build}/oriel", '-c', $s->{config}, 'change', 'brownout', $name, '--for', '600s' or POSIX::_exit(1);
    }
    wait_until { $s->sql(q{SELECT has_table_privilege('oriel_ds', 'api.v_things_v1', 'SELECT')}) eq 'f' } 'the grant to go';
    is($s->sql(q{SELECT contract || ' ' || (until > now() + interval '500 s') FROM oriel.brownout}), 'v_things_v1 true', 'the word is left for others');
    kill 'KILL', $pid;
    waitpid $pid, 0;
    runner_gone();
    is(($s->oriel('change', 'status'))[0], 0, 'reading the status');
    is($s->sql('SELECT count(*) FROM oriel.brownout'), 1, 'changes nothing');
    like(scalar phase('brownout', '--for', '1s'), qr/the brown-out of v_things_v1 was not ended by who began it; the grant is given back now/, 'the next runner gives back');
    is($s->sql(q{SELECT has_table_privilege('oriel_ds', 'api.v_things_v1', 'SELECT')}), 't', 'the grant is there');
    is(catalog(), $second, 'the catalog is what it was');
    my $started = fork // die;
    if (!$started) {
        open STDOUT, '>', '/dev/null';
        exec "$s->{build}/oriel", '-c', $s->{config}, 'change', 'brownout', $name, '--for', '600s' or POSIX::_exit(1);
    }
    wait_until { $s->sql('SELECT count(*) FROM oriel.brownout') == 1 } 'the brown-out to begin';
    kill 'KILL', $started;
    waitpid $started, 0;
    runner_gone();
    is($s->sql('SELECT count(*) FROM oriel.brownout'), 1, 'killed, it has given nothing back');
    $s->sql(q{UPDATE oriel.brownout SET until = now() + interval '1 s'});    # a short one might end before it is killed
    $s->start('worker');
    wait_until { $s->sql(q{SELECT has_table_privilege('oriel_ds', 'api.v_things_v1', 'SELECT')}) eq 't' } 'the worker to give it back';
    is($s->sql('SELECT count(*) FROM oriel.brownout'), 0, 'the worker gives back when the time is over');
    is($s->stop('worker'), 0, 'and ends well');
    like(read_file("$s->{folder}/log/worker.log"), qr/the brown-out of v_things_v1 was not ended by who began it/, 'having said so');
    $s->sql(q{INSERT INTO oriel.brownout VALUES ('v_gone_v1', '0002-cents', now())});
    like(scalar phase('brownout', '--for', '20ms'), qr/^0 v_things_v1 is away for 0\.02 s\n.*the grant is back/s, 'a short one');
    like(scalar phase('brownout', '--for', '0s'), qr/^2 .*--for, .* take a duration such as 30s/s, 'but not none');
    my $interrupted = fork // die;
    if (!$interrupted) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec "$s->{build}/oriel", '-c', $s->{config}, 'change', 'brownout', $name, '--for', '600s' or POSIX::_exit(1);
    }
    wait_until { $s->sql(q{SELECT has_table_privilege('oriel_ds', 'api.v_things_v1', 'SELECT')}) eq 'f' } 'the grant to go';
    kill 'INT', $interrupted;
    waitpid $interrupted, 0;
    is($? >> 8, 1, 'interrupted, it ends');
    is($s->sql(q{SELECT has_table_privilege('oriel_ds', 'api.v_things_v1', 'SELECT')}), 't', 'and has given back');
};

subtest 'contract refuses, by name, while somebody needs it' => sub {
    like(scalar phase('contract'), qr/^1 .*v_things_v1 has no sunset/s, 'no sunset');
    $s->sql(q{COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id\n@deprecated\n@successor v_things_v2\n@sunset 2199-01-01'});
    like(scalar phase('contract'), qr/^1 .*v_things_v1 has its sunset still ahead, on 2199-01-01/s, 'a sunset ahead');
    $s->sql(q{COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id\n@deprecated\n@successor v_things_v2\n@sunset 2020-01-01'});
    my $end = lease('v_things_v1');
    like(scalar phase('contract'), qr/^1 .*refused: v_things_v1 is read by "oriel-fcgi of the test" \(local, since .*, pid \d+\)/s, 'a reader');
    like(($s->oriel('readers'))[1], qr/^v_things_v1 +oriel-fcgi of the test +local /m, 'oriel readers lists it');
    $end->();
    wait_until { ($s->oriel('readers'))[1] =~ /\(nobody\)/ } 'the lease to go';
    pass('until it goes');
    my $config = read_file($s->{config});
    write_file($s->{config}, $config =~ s/\{/{ "rollback": "domain\/sql\/contract.json",/r);
    like(scalar phase('contract'), qr/^1 .*the release that one would roll back to still reads v_things_v1/s, 'the rollback target');
    write_file($s->{config}, $config);
    $s->sql('CREATE VIEW api.v_prices_v1 WITH (security_barrier) AS SELECT t.id, t.price FROM dp.thing t; ALTER VIEW api.v_prices_v1 OWNER TO oriel_owner');
    like(scalar phase('contract'), qr/^1 .*contract\.sql:\d*:? ?cannot drop column price of table dp\.thing because other objects depend on it.*v_prices_v1/s, 'another view reads the column');
    $s->sql('DROP VIEW api.v_prices_v1');
    $s->sql(q{CREATE VIEW api.v_parts_v1 AS SELECT t.id FROM dp.thing t; ALTER VIEW api.v_parts_v1 OWNER TO oriel_owner;
              COMMENT ON VIEW api.v_parts_v1 IS E'Parts.\n@primaryKey id\n@foreignKey (id) references v_things_v1 (id)'});
    for my $phase (qw(brownout contract)) {
        like(scalar phase($phase), qr/^1 .*api\.v_parts_v1: \@foreignKey \(id\) references v_things_v1 leads nowhere: there is no such contract\. What to do: give it a comment.*contract\.sql: rolled back, since a reference would lead nowhere/s,
            "another contract refers to the one that goes: $phase");
    }
    $s->sql('DROP VIEW api.v_parts_v1');
    is(catalog() =~ s/\n?\@sunset 2020-01-01//r, $second, 'nothing was changed by all that');
};

subtest 'contract proves again what may have changed since' => sub {
    $s->sql(q{INSERT INTO dp.thing VALUES (25001, 'by an old worker', 0.08)});
    my $text = phase('contract');
    like($text, qr/^1 .*prove\.sql: query 1 returned 1 rows.*id=25001 price=0\.08 price_cents=null.*$name: refused: what was proven on [-\d: ]+ holds no more.*`oriel change fill $name`, `oriel change prove $name`/s,
        'a row that was written the old way after the proof is named, with what to do');
    is(catalog() =~ s/\n?\@sunset 2020-01-01//r, $second, 'nothing was dropped');
    like(scalar phase('fill'), qr/^0 filled $name: 1 rows/, 'it is filled');
    like(scalar phase('prove'), qr/^0 .*proved/s, 'and proven');
};

subtest 'contract' => sub {
    my ($code, $text) = phase('contract');
    is($code, 1, 'v2 without its coalesce wants an acknowledgement') or diag $text;
    like($text, qr/v_things_v2: definition_changed/, 'which it names');
    my ($fingerprint) = $s->sql("SELECT 1") && $text =~ /v_things_v2: definition_changed: (\w+ -> \w+)/;
    ok($fingerprint, 'with both definitions');
    # the developer's database goes first, and the lock file says so
    $s->sql('BEGIN; DROP VIEW api.v_things_v1; CREATE OR REPLACE VIEW api.v_things_v2 WITH (security_barrier) AS SELECT t.id, t.name, t.price_cents FROM dp.thing t; COMMIT');
    write_file($s->domain_path('contract.json'), read_file($s->domain_path('contract.json')) =~ s/"v_things_v1": \{/"v_things_v1": {\n      "sunset": "2020-01-01",/r);
    is(($s->oriel('contract', 'lock', '--ack', 'filled and proven'))[0], 0, 'locked');
    like(read_file($s->domain_path('contract.json')), qr/"tombstones": \[\n    "v_things_v1"\n/, 'with a tombstone for v1');
    $s->sql($s->sql(q{SELECT 'CREATE OR REPLACE VIEW api.v_things_v2 WITH (security_barrier) AS SELECT t.id, t.name, COALESCE(t.price_cents, (t.price * 100::numeric)::bigint) AS price_cents FROM dp.thing t'}));
    $s->sql(q{CREATE VIEW api.v_things_v1 WITH (security_barrier) AS SELECT t.id, t.name, t.price FROM dp.thing t; ALTER VIEW api.v_things_v1 OWNER TO oriel_owner;
              GRANT SELECT ON api.v_things_v1 TO oriel_ds; COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id\n@deprecated\n@successor v_things_v2\n@sunset 2020-01-01'});
    is(catalog() =~ s/\n?\@sunset 2020-01-01//r, $second, 'and the other database is where it was');
    like(scalar phase('contract'), qr/^0 .*agree .*\ncontracted $name\n/, 'contracted, after another proof');
    is($s->sql(q{SELECT count(*) FROM information_schema.columns WHERE table_schema = 'dp' AND column_name = 'price'}), 0, 'the column is gone');
    is(($s->oriel('contract', 'check'))[0], 0, 'the database is what the lock file says');
    like(scalar phase('contract'), qr/^0 .*contracted already/, 'again: nothing to do');
    like(scalar phase('revert'), qr/^1 .*refused: contract has run/, 'there is no way back from here');
    is($s->sql(q{SELECT string_agg(step, ' ' ORDER BY id) FROM oriel.change_log WHERE change = '0002-cents'}),
        'expand revert expand revert expand fill fill fill prove brownout brownout fill prove contract', 'the log holds every step');
};

$s->finish(qr/ERROR|STATEMENT|DETAIL|HINT|FATAL:  terminating/);
undef $s;
done_testing;
