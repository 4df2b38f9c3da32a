# A fill gives way: it waits for a standby that lags behind, and names it; it makes pauses while readers' answers are slow. And
# a responder at that standby, which cannot hear the worker, finds out by itself what became of its contracts.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use POSIX ();
use Oriel::Test;
use Test::More;
use Time::HiRes qw(sleep);

# Readers' answers are as slow as the setting dp.knob says: a real query that takes its time.
my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' => <<'END',
CREATE TABLE dp.thing (id bigint PRIMARY KEY, name text NOT NULL, price numeric(12,2), price_cents bigint);
CREATE TABLE dp.knob (seconds double precision NOT NULL);
INSERT INTO dp.knob VALUES (0);
CREATE VIEW api.v_things_v1 AS SELECT t.id, t.name FROM dp.thing t, dp.knob k, LATERAL pg_sleep(k.seconds) z;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\n@primaryKey id';
GRANT SELECT ON api.v_things_v1 TO oriel_ds;
END
    'sql/changes/0002-cents/expand.sql' => "COMMENT ON TABLE dp.thing IS 'Things.';\n",
    'sql/changes/0002-cents/fill.sql'   => <<'END',
-- key: dp.thing.id
UPDATE dp.thing SET price_cents = (price * 100)::bigint WHERE id BETWEEN :lo AND :hi AND price_cents IS NULL;
END
});
my $name    = '0002-cents';
my $rows    = 300_000;
my $standby = $s->{db}->standby('second-hall');
$s->sql("INSERT INTO dp.thing SELECT n, 'thing ' || n, n * 1.01 FROM generate_series(1, $rows) n");

sub end_of {
    my ($job) = @_;
    wait_until { !$s->{children}->is_running($job) } "$job to end";
    return "$s->{children}{ended}{$job} " . log_of($job);
}

sub next_key { return $s->sql('SELECT coalesce(max(next_key), 0) FROM oriel.change_fill') }
sub behind { return $s->sql("SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_flush_lsn(), replay_lsn)), 1e9) FROM pg_stat_replication WHERE application_name = 'second-hall'") }
sub log_of { my ($part) = @_; return read_file("$s->{folder}/log/$part.log") }

# nginx before the responders of one of the two.
sub front {
    my ($socket) = @_;
    $s->stop('nginx') if $s->pid('nginx');
    $s->{upstream} = [$socket];
    $s->start('nginx');
    wait_until { my $r = $s->get('/v1/things?id=eq.1'); $r->{status} == 200 || $r->{json}{code} ne 'ORIEL153' } 'the responders to answer, and not nginx for them';
}

# ---- a responder at the standby ----

my $settings = JSON::PP->new->decode(read_file($s->{config}));
my $there    = "$s->{folder}/s/standby.sock";
$settings->{database} = $standby->conninfo;
$s->spawn_responders('there', $there, '-c', write_file("$s->{folder}/standby.json", JSON::PP->new->encode($settings)), '-n', 1);
wait_until { behind() < 1_000_000 } 'the standby to be there';
front($there);

subtest 'a responder at a standby' => sub {
    is($s->get('/v1/things?id=eq.7')->{body}, '[{"id":7,"name":"thing 7"}]', 'serves');
    like(log_of('there'), qr/this server takes no LISTEN \(a standby does not\); contracts are looked at every 30 s/, 'and says that it cannot be told of changes');
    $s->sql('REVOKE SELECT ON api.v_things_v1 FROM oriel_ds');
    is($s->wait_until_withheld('/v1/things?id=eq.7')->{json}{details}, 'reader_grant_lost', 'what it may not read any more is withheld');
    $s->sql('GRANT SELECT ON api.v_things_v1 TO oriel_ds');
};

# ---- the fill ----

$s->start('responders');
front($s->{fcgi});

subtest 'readers whose answers become slow' => sub {
    my $test   = $$;
    my $client = fork // die;
    if (!$client) {
        my $http = $s->client;
        while (getppid() == $test) { eval { $http->get('/v1/things?id=eq.7'); sleep 0.005; 1 } or $http = $s->client }
        POSIX::_exit(0);
    }
    my $fill = 'slow-readers';
    # for six seconds at least, however fast the machine is: it is to be under way when readers become slow, and some seconds longer
    $s->start_oriel($fill, 'change', 'fill', $name, '--rate', $rows / 6);
    wait_until { next_key() > 1 } 'the fill to be under way';
    $s->sql('UPDATE dp.knob SET seconds = 0.2');
    wait_until { log_of($fill) =~ /readers' statements are/ } 'the fill to see it';
    like(log_of($fill), qr/^oriel: fill $name: readers' statements are under way for [\d.]+ ms, and [\d.]+ ms before; it makes pauses while that is so$/m, 'it says so');
    my $at = next_key();
    sleep 2.5;    # of which it is to make pauses for one at least
    wait_until { next_key() > $at } 'it to go on all the same';
    pass('it goes on all the same');
    $s->sql('UPDATE dp.knob SET seconds = 0');
    my $said = end_of($fill);
    like($said, qr/^0 .*^filled $name: $rows rows in /ms, 'to its end');
    my ($pauses) = $said =~ /, ([\d.]+) s of it in pauses for readers/ or diag $said;
    cmp_ok($pauses // 0, '>=', 1, 'slowly: most of that time it made pauses');
    kill 'KILL', $client;
    waitpid $client, 0;
};

$s->sql("UPDATE dp.thing SET price_cents = NULL WHERE id <= 60000; DELETE FROM oriel.change_fill; DELETE FROM oriel.change_step WHERE step = 'fill'");

subtest 'a standby whose replay is paused' => sub {
    wait_until { behind() < 100_000 } 'the standby to have replayed what was';
    $standby->sql('SELECT pg_wal_replay_pause()', 'postgres');
    wait_until { $standby->sql('SELECT pg_get_wal_replay_pause_state()', 'postgres') eq 'paused' } 'its pause';
    my $fill = 'paused-standby';
    $s->start_oriel($fill, 'change', 'fill', $name, '--max-lag', '1MB');
    wait_until { log_of($fill) =~ /waits/ } 'the fill to wait';
    like(log_of($fill), qr/^oriel: fill $name: waits for the standby "second-hall" \(local\), which has [\d.]+ MB of WAL left to replay; 1\.0 MB are allowed \(--max-lag\)$/m,
        'the fill names the standby that it waits for, and how far it lags');
    my $at = next_key();
    cmp_ok($at, '<', 60000, "it waits at row $at");
    sleep 1;
    is(next_key(), $at, 'and goes no further');
    is(() = log_of($fill) =~ /waits/g, 1, 'which it says once');
    # autovacuum gives way only after a second
    like(($s->{db}->try('BEGIN; SET LOCAL lock_timeout = \'20s\'; LOCK TABLE dp.thing IN ACCESS EXCLUSIVE MODE; COMMIT'))[0], qr/^0$/, 'it keeps no lock meanwhile');
    $standby->sql('SELECT pg_wal_replay_resume()', 'postgres');
    like(end_of($fill), qr/^0 .*^oriel: fill $name: goes on; it waited [\d.]+ s for standbys\n.*^filled $name: 60000 rows in .*, [\d.]+ s waiting for standbys$/ms,
        'the replay goes on, and so does the fill, to its end');
    wait_until { $standby->sql('SELECT count(*) FROM dp.thing WHERE price_cents = price * 100', 'postgres') == $rows } 'the standby to have it all';
};

subtest 'what is allowed comes from the configuration' => sub {
    write_file("$s->{folder}/small.json", JSON::PP->new->encode({ %{ JSON::PP->new->decode(read_file($s->{config})) }, worker => { maxLag => '1 MB' } }));
    my ($code, undef, $err) = run_command("$s->{build}/oriel", '-c', "$s->{folder}/small.json", 'change', 'fill', $name);
    like("$code $err", qr/^2 .*small\.json:1: worker\.maxLag: a size such as "512kB", "64MB" or "2GB" was expected/, 'a size that is none is told');
    like(join(' ', ($s->oriel('change', 'fill', $name, '--max-lag', '5'))[0, 2]), qr/^2 .*--max-lag takes a size such as 64MB/, 'on the command line too');
};

subtest 'and the contract at the standby' => sub {
    front($there);
    wait_until { $s->get('/v1/things?id=eq.7')->{status} == 200 } 'the contract to come back by itself';
    is($s->get('/v1/things?id=eq.7')->{body}, '[{"id":7,"name":"thing 7"}]', 'it was given back to nobody who could be told, and is served');
};

is($s->stop('nginx'), 0, 'nginx ended well');
is($s->stop('there'), 0, 'the responder at the standby ended well');
is($standby->stop,    0, 'and the standby');
$s->finish;
done_testing;
