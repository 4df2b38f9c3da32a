# What goes wrong round the worker: Postgres is stopped in each of its modes, crashes, drops the connection in the middle of
# a COPY, has no room left on its disk. The batch in hand is dropped and read again: nothing is lost, nothing comes twice.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Cluster;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $json = JSON::PP->new->canonical;
my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' => 'CREATE TABLE dp.thing (client text NOT NULL, external_id text NOT NULL, name text NOT NULL,
        raw_batch bigint NOT NULL, raw_line integer NOT NULL, PRIMARY KEY (client, external_id))',
    'entities/thing.json' => $json->encode({ entity => 'thing', table => 'dp.thing', primaryKey => [qw(client external_id)], limits => { rejectPercent => 100 }, fields => [
        map { { name => $_->[0], from => $_->[1], type => 'string', constraints => { required => \1 } } } ['external_id', '/id'], ['name', '/name']] }),
    'sources/things.json' => $json->encode({ kind => 'file', client => 'c', folder => 'things', pattern => '*.ndjson', format => 'ndjson',
        entities => ['thing'], poll => '20ms', settle => '0s', batchRecords => 100 }),
});
my $log = "$s->{folder}/log/worker.log";
my $delivered = 0;

# A file of which each record is either a row or a reject.
sub deliver {
    my ($name, $n) = @_;
    $s->drop_file('things', "$name.ndjson", join '', map { $json->encode({ id => "$name-$_", ($_ % 4 ? (name => "n$_") : ()) }) . "\n" } 1 .. $n);
    $delivered++;
}

sub is_whole {
    my ($name, $n) = @_;
    $s->wait_for_deliveries($delivered);
    my $rejects = int $n / 4;
    is($s->sql("SELECT count(*) FROM dp.thing WHERE external_id LIKE '$name-%'"), $n - $rejects, "$name: every row");
    is($s->sql("SELECT count(*) || ' ' || count(DISTINCT text) FROM raw.record WHERE delivery = '$name.ndjson'"), "$n $n", "$name: each record is kept once");
    is($s->sql("SELECT count(*) FROM raw.reject r JOIN raw.batch b ON b.id = r.batch JOIN oriel.delivery d ON d.id = b.delivery WHERE d.name = '$name.ndjson'"), $rejects,
        "$name: and each reject told once");
}

# Whoever copies rejects waits in the middle of the COPY as long as somebody holds the lock.
$s->sql(q{CREATE SCHEMA gate; CREATE FUNCTION gate.wait() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF NEW.line % 8 = 0 THEN PERFORM pg_catalog.pg_advisory_xact_lock(77, 7); END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER gate BEFORE INSERT ON raw.reject FOR EACH ROW EXECUTE FUNCTION gate.wait()});

my $gate;    # the process that holds it

sub shut_gate {
    $s->{children}->start('gate', {}, Oriel::Cluster::bin() . '/psql', '-XqAt', '-d', $s->{db}->conninfo . ' user=postgres', '-c', 'SELECT pg_advisory_lock(77, 7), pg_sleep(600)');
    $gate = wait_until { $s->sql('SELECT pid FROM pg_locks WHERE classid = 77 AND granted') } 'the gate to shut';
}

# The backend that stands at it, inside of the COPY.
sub stalled {
    return wait_until { $s->sql(q{SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.classid = 77 AND NOT l.granted AND a.query LIKE 'COPY%'}) } 'a COPY to stand still';
}

# The lock goes with its session, which may be gone already. Its process is told directly: a server that shuts down takes no
# new session in which that could be asked for.
sub open_gate {
    kill 'TERM', $gate if $s->{children}->is_running('postgres') && (eval { read_file("/proc/$gate/cmdline") } // '') =~ /^postgres/;
    $s->stop('gate');
}
sub leads     { return scalar(() = read_file($log) =~ /leading: 1 sources/g) }

$s->start_worker;
deliver('plain', 250);
is_whole('plain', 250);

my %fault = (
    'terminated' => sub { $s->sql("SELECT pg_terminate_backend($_[0])"); open_gate() },
    'cancelled'  => sub { $s->sql("SELECT pg_cancel_backend($_[0])"); open_gate() },
    'crashed'    => sub {
        my ($pid) = @_;
        kill 'KILL', $pid;
        # gone from the list of processes, it was missed: before that Postgres still takes sessions, which end when it begins to recover
        wait_until { !-e "/proc/$pid" && ($s->{db}->try('SELECT 1', 'postgres', 'postgres'))[0] == 0 } 'Postgres to recover';
        open_gate();
    },
    'fast'       => sub { $s->{db}->stop('INT');  open_gate(); $s->{db}->start },
    'immediate'  => sub { $s->{db}->stop('QUIT'); open_gate(); $s->{db}->start },
    'killed'     => sub { $s->stop('worker', 'KILL'); open_gate(); $s->start_worker },
);

for my $name (sort keys %fault) {
    subtest "$name in the middle of a COPY" => sub {
        shut_gate();
        my $before = leads();
        deliver($name, 250);
        my $pid = stalled();
        $fault{$name}->($pid);
        wait_until { leads() > $before } 'the worker to lead again';
        is_whole($name, 250);
    };
}

subtest 'smart shutdown' => sub {
    shut_gate();
    deliver('smart', 250);
    stalled();
    kill 'TERM', $s->pid('postgres');
    wait_until { ($s->{db}->try('SELECT 1', 'postgres', 'postgres'))[0] } 'Postgres to refuse new sessions';
    ok($s->{children}->is_running('postgres'), 'Postgres waits for the session that is there');
    open_gate();
    wait_until { read_file($log) =~ /finished smart\.ndjson/ } 'the delivery to be finished';
    is($s->stop('worker'), 0, 'the worker ends well');
    wait_until { !$s->{children}->is_running('postgres') } 'Postgres to end';
    $s->{db}->start;
    is_whole('smart', 250);
    $s->start_worker;
};

# A disk of its own for what grows.
subtest 'no room on the disk' => sub {
    plan skip_all => 'only root may mount a small disk' if $> != 0;
    my $disk = "$s->{folder}/disk";
    mkdir $disk;
    my ($code, undef, $err) = run_command('mount', '-t', 'tmpfs', '-o', 'size=6m,mode=0777', 'oriel-test', $disk);
    plan skip_all => "a small disk cannot be mounted here: $err" if $code;
    my $umount = sub { run_command('umount', '-l', $disk) };
    my $ok = eval {
        mkdir "$disk/t";
        chown +(getpwnam Oriel::Cluster::user())[2, 3], "$disk/t";
        $s->sql("CREATE TABLESPACE small LOCATION '$disk/t'");
        $s->sql('GRANT CREATE ON TABLESPACE small TO oriel_owner');
        $s->sql('ALTER TABLE dp.thing SET TABLESPACE small');
        $s->drop_file('things', 'full.ndjson', join '', map { $json->encode({ id => "full-$_", name => join '', map { chr 35 + int rand 57 } 1 .. 1500 }) . "\n" } 1 .. 6000);
        $delivered++;
        wait_until { read_file($log) =~ /SQLSTATE 53100/ } 'the disk to be full';
        like(read_file($log), qr/No space left on device.*SQLSTATE 53100\); the batch in hand is dropped and tried again in/, 'is said, with what is done about it');
        # both at one moment: the worker goes on trying, and may find a little room
        my ($stored, $rows) = split /\|/, $s->sql(q{SELECT records, (SELECT count(*) FROM dp.thing WHERE external_id LIKE 'full-%') FROM oriel.delivery WHERE name = 'full.ndjson'});
        is($rows, $stored, 'what was stored stays');
        cmp_ok($stored, '<', 6000, 'and the rest is not');
        ok($s->{children}->is_running('worker'), 'the worker runs on');
        is((run_command('mount', '-o', 'remount,size=64m', $disk))[0], 0, 'the disk gets room');
        $s->wait_for_deliveries($delivered);
        is($s->sql(q{SELECT count(*) || ' ' || count(DISTINCT text) FROM raw.record WHERE delivery = 'full.ndjson'}), '6000 6000', 'it goes on by itself, each record once');
        is($s->sql('SELECT count(*) FROM dp.thing WHERE external_id LIKE \'full-%\''), 6000, 'every row');
        1;
    };
    my $why = $@;
    $s->stop('worker');
    $s->{db}->stop('INT');
    $umount->();
    $ok or die $why;
};

$s->finish;
done_testing;
