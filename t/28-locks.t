# A change beside readers. Each phase while a reader keeps a transaction open on what the phase must lock: the phase gives up
# its try, never makes other readers wait longer than its lock_timeout, and gets through when the way is free. Then the races:
# two runners, a responder that comes while its contract is being dropped, one that is stopped and holds a lease.
use strict;
use warnings;
use List::Util qw(max);
use Oriel::Proxy;
use Oriel::Release;
use Oriel::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $s      = release_stack();
my $change = $Oriel::Release::Change;
my $proxy  = Oriel::Proxy->new($s, $s->{new});
my @oriel  = ("$s->{build}/oriel", '-c', $s->{new});

# The longest that one statement of other readers may take while somebody else is in the way for HELD seconds. A try of a
# phase waits 0.1 s for its lock, and readers behind it as long; what comes on top is this machine, which runs other tests.
use constant { HELD => 4, LONGEST => 1.5 };

$s->sql(q{INSERT INTO dp.vendor (id, client, external_id, name, raw_batch, raw_line) VALUES (1, 'acme', 'V', 'V', 1, 1);
    INSERT INTO dp.product (id, client, external_id, vendor_id, name, price, raw_batch, raw_line)
    SELECT n, 'acme', 'P' || n, 1, 'product', n * 1.01, 1, n FROM generate_series(1, 2500) n});

sub background {
    my (@command) = @_;
    my $out = File::Temp->new;
    my $pid = fork // die;
    if (!$pid) {
        open STDOUT, '>&', $out;
        open STDERR, '>&', $out;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    return { pid => $pid, out => $out };
}

sub result {
    my ($job) = @_;
    waitpid $job->{pid}, 0;
    return ($? & 127 ? 128 + ($? & 127) : $? >> 8) . ' ' . read_file($job->{out}->filename);
}

sub phase { my (@words) = @_; my ($code, $out, $err) = run_command(@oriel, 'change', $words[0], $change, @words[1 .. $#words]); return "$code $out$err" }

sub psql {
    my ($name, $sql) = @_;
    return background('psql', '-XAtq', '-d', $s->{db}->conninfo . " user=postgres application_name=$name", '-c', $sql);
}

sub canceled { return () = read_file("$s->{folder}/log/postgres.log") =~ /canceling statement due to lock timeout/g }

# It has its lock and keeps it; and it is not the one of before, whose session is about to end.
sub is_held { return $s->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'slow' AND wait_event = 'PgSleep'") }

# Other readers: one statement after the other on one session, each timed by the server's clock. Ends with the slow reader.
sub probe {
    my ($view) = @_;
    return psql('probe', qq{DO \$\$
        DECLARE began timestamptz; longest interval := '0'; n integer := 0;
        BEGIN
            LOOP
                began := clock_timestamp();
                PERFORM count(*) FROM api.$view WHERE id = 7;
                longest := greatest(longest, clock_timestamp() - began);
                n := n + 1;
                COMMIT;    -- each a reader of its own: it keeps no lock
                PERFORM pg_sleep(0.002);
                EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%the slow reader%' AND pid <> pg_backend_pid());
            END LOOP;
            RAISE NOTICE 'probed % times, longest %', n, extract(epoch FROM longest);
        END \$\$});
}

sub beside_a_reader {
    my ($phase, $view, $locks, @options) = @_;
    subtest "$phase beside a reader" => sub {
        my $canceled = canceled();
        my $reader   = psql('slow', "/* the slow reader */ BEGIN; SELECT count(*) FROM api.$view; SELECT pg_sleep(@{[HELD]}); COMMIT");
        wait_until { is_held() } 'the slow reader';
        my $probe = probe($view);
        wait_until { $s->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'probe' AND state = 'active'") } 'the probe';
        my $job = background(@oriel, 'change', $phase, $change, @options);
        like(result($reader), qr/^0 /, 'the slow reader is not disturbed');
        my $found = result($probe);
        my ($n, $longest) = $found =~ /probed (\d+) times, longest ([\d.]+)/ or diag $found;
        cmp_ok($n // 0, '>', 20, "others went on reading ($n times)");
        cmp_ok($longest // 99, '<', LONGEST, "and none waited longer than a try (longest $longest s)");
        like(result($job), qr/^0 /, 'the phase got through');
        $locks ? cmp_ok(canceled() - $canceled, '>=', 1, 'it had given up a try') : is(canceled() - $canceled, 0, 'it needed no lock that was taken');
    };
}

beside_a_reader('expand', 'v_products_v1', 1);
beside_a_reader('revert', 'v_products_v1', 1);
phase('expand');
beside_a_reader('fill',     'v_products_v1', 0);
beside_a_reader('prove',    'v_products_v1', 0);
# it runs contract and rolls it back, to see what contract would take away; so this stands for contract's locks too
beside_a_reader('brownout', 'v_products_v1', 1, '--for', '1s');

# ---- races ----

sub start_responders { my ($name, $config) = @_; $s->spawn_responders($name, "$s->{folder}/s/$name.sock", '-c', $config, '-n', 1) }

sub leases { my ($view) = @_; return $s->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND mode = 'ShareLock' AND objid = hashtext('$view')::bit(32)::bigint::oid") }

subtest 'two runners' => sub {
    my $first = background(@oriel, 'change', 'brownout', $change, '--for', '600s');
    wait_until { $s->sql('SELECT count(*) FROM oriel.brownout') } 'the first runner to be at work';
    like(phase('prove'), qr/^1 .*another `oriel change` is at work in this database/, 'the second is told');
    is($s->sql('SELECT count(*) FROM oriel.brownout'), 1, 'and does not end the brown-out of the first');
    kill 'INT', $first->{pid};
    like(result($first), qr/^1 .*interrupted/s, 'the first goes on until it is told');
    my @both = map { background(@oriel, 'change', 'prove', $change) } 1, 2;
    my @said = sort map { result($_) } @both;
    like($said[0], qr/^0 .*proved/s, 'of two at once one does the work');
    like($said[1], qr/^(?:0 .*proved|1 .*another `oriel change`)/s, 'the other is told, or comes after it');
};

subtest 'a stopped responder holds its lease' => sub {
    start_responders('stopped', $s->{new});
    wait_until { leases('v_products_v1') == 1 } 'its lease';
    my ($pid) = grep { $_ != $s->pid('stopped') } map { $_->{pid} } grep { $_->{session} == $s->pid('stopped') } Oriel::Children::processes($s->{folder});
    kill 'STOP', $pid;
    my $began = time;
    like(phase('contract'), qr/^1 .*v_products_v1 is read by "oriel-fcgi/s, 'contract is refused');
    cmp_ok(time - $began, '<', 30, 'at once: it does not wait for a lock');
    kill 'CONT', $pid;
    is($s->stop('stopped'), 0, 'it goes on, and ends well');
    wait_until { leases('v_products_v1') == 0 } 'the lease to go';
};

my $contract = [$oriel[0], '-c', $proxy->{config}, 'change', 'contract', $change];

# An old worker's transaction that was open when contract began: contract waits for it, briefly and again, and then sees it.
subtest 'a writer is in the middle of a transaction' => sub {
    my $writer = psql('writer', q{BEGIN; UPDATE dp.product SET price = 77 WHERE id = 7; SELECT pg_sleep(1); COMMIT});
    wait_until { $s->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'writer' AND wait_event = 'PgSleep'") } 'the writer';
    like(phase('contract'), qr/^1 .*id=7 price=77\.00 price_cents=707\n?.*refused: what was proven on .* holds no more/s, 'contract sees what it wrote, and refuses');
    like(result($writer), qr/^0 /, 'the writer is not disturbed');
    like(phase('fill'), qr/^0 filled $change: 1 rows/, 'filled');
    like(phase('prove'), qr/^0 .*proved/s, 'and proven');
};

subtest 'a responder comes before the contract is dropped' => sub {
    my $r = $proxy->run($contract, before => [qr/pg_try_advisory_xact_lock/, sub {
        # its session takes the lease as a responder does; a real one would wait for the view, which is dropped already
        $s->{early} = psql("'oriel-fcgi early'", q{SELECT pg_try_advisory_lock_shared(1869770085, hashtext('v_products_v1')); SELECT pg_sleep(600)});
        wait_until { leases('v_products_v1') == 1 } 'the early reader';
    }]);
    like("$r->{code} $r->{text}", qr/^1 .*v_products_v1 is read by "oriel-fcgi early"/s, 'contract gives way, and names it');
    $s->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'oriel-fcgi early'");
    result($s->{early});
    is($s->sql("SELECT count(*) FROM pg_class WHERE relname = 'v_products_v1'"), 1, 'nothing was dropped');
};

subtest 'a responder comes while the contract is being dropped' => sub {
    my $r = $proxy->run($contract, before => [qr/COMMIT/, sub {
        start_responders('late', $s->{new});
        # it reads the catalog, and waits there for the view to be dropped or not
        wait_until { $s->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'oriel-fcgi%' AND wait_event_type = 'Lock'") } 'the late responder';
        is(leases('v_products_v1'), 0, 'it has no lease');
        # between the proof and the drop nobody can write what would be lost
        $s->{writer} = psql('writer', q{UPDATE dp.product SET price = 88 WHERE id = 8});
        wait_until { $s->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'writer' AND wait_event_type = 'Lock'") } 'the writer to wait';
    }]);
    like(result($s->{writer}), qr/^1 .*column "price" of relation "product" does not exist/s, 'a writer of the old way is told, and loses nothing in silence');
    like("$r->{code} $r->{text}", qr/^0 .*\ncontracted $change\n/, 'contract is not disturbed');
    $s->{upstream} = ["$s->{folder}/s/late.sock"];
    $s->start('nginx');
    wait_until { $s->get('/v2/products?limit=1')->{status} == 200 } 'the late responder to serve version 2';
    is($s->get('/v1/products?limit=1')->{json}{code}, 'ORIEL001', 'and it withholds what is gone');
    is(leases('v_products_v1'), 0, 'without a lease');
    is($s->stop('late'), 0, 'it ends well');
    # the view that its look waited for was dropped under it ("could not open relation with OID")
    my $log = read_file("$s->{folder}/log/late.log");
    is(() = $log =~ /connected to Postgres/g, 1, 'it needed no second connection');
    unlike($log, qr/could not open relation/, 'nor did it stumble over what was dropped under it');
};

$s->finish;
done_testing;
