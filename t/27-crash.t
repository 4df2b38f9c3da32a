# The crash matrix: a change's phases, each cut off after each of its statements, once by SIGKILL, once by
# pg_terminate_backend, and after each DDL statement inside of its file. The phase is run again, and then the catalog, the
# bookkeeping and the data are, to the byte, what they are without a crash.
#
#   ORIEL_FULL=1                 all points of each phase; otherwise some
#   PHASES=brownout,contract     cuts these off, and runs the others
use strict;
use warnings;
use List::Util qw(max uniq);
use Oriel::Cluster;
use Oriel::Proxy;
use Oriel::Psql;
use Oriel::Release;
use Oriel::Test;
use Test::More;
use Time::HiRes qw(time);

my $s      = release_stack();
my $change = $Oriel::Release::Change;
my $proxy  = Oriel::Proxy->new($s, $s->{new});
my $admin  = Oriel::Psql->new($s->{db}, 'postgres', 'postgres');
my %only   = map { $_ => 1 } split /,/, $ENV{PHASES} // '';

sub admin { my ($sql) = @_; return $admin->ask($sql) }

sub nobody_is_in {
    my ($database) = @_;
    wait_until { admin("SELECT count(*) FROM pg_stat_activity WHERE datname = '$database'") == 0 } "sessions in $database to end";
}

sub copy_database {
    my ($from, $to) = @_;
    nobody_is_in($from) if $from eq 'oriel';
    admin("DROP DATABASE IF EXISTS $to WITH (FORCE)");
    admin("CREATE DATABASE $to TEMPLATE $from STRATEGY file_copy");
}

# Everything that a phase can change, as text.
sub state {
    my ($code, $out, $err) = run_command(Oriel::Cluster::bin() . '/pg_dump', '-s', '-n', 'dp', '-n', 'api', '-n', 'oriel', '-n', 'raw',
        '-d', $s->{db}->conninfo . ' user=postgres');
    die $err if $code;
    $out =~ s/^\\(?:un)?restrict .*\n//mg;    # a random word of pg_dump's own
    return $out . admin(q{\c oriel
        SELECT (SELECT string_agg(x::text, E'\n' ORDER BY change, step) FROM (SELECT change, step, sha256, sql FROM oriel.change_step) x)
        || (SELECT coalesce(string_agg(f.change || ' ' || next_key || ' ' || last_key || ' ' || rows, ' '), '') FROM oriel.change_fill f)
        || (SELECT count(*) FROM oriel.brownout);
        \c postgres});
}

# A superuser's trap: ends the session after the nth DDL statement. A sequence counts, since a rollback does not reset it.
sub set_trap {
    $s->sql(q{CREATE SCHEMA crash; CREATE SEQUENCE crash.n;
        CREATE FUNCTION crash.trap() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            IF pg_catalog.nextval('crash.n') = current_setting('crash.at', true)::bigint THEN
                PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());
            END IF;
        END $$;
        CREATE EVENT TRIGGER trap ON ddl_command_end EXECUTE FUNCTION crash.trap()});
}

my @command;

sub again {
    my ($point) = @_;
    nobody_is_in('oriel');
    my ($code, $out, $err) = run_command("$s->{build}/oriel", '-c', $s->{new}, @command);
    is($code, 0, "$point: run again") or diag $out, $err;
}

# Of the n statements of a phase all, or those at which something is most likely to go wrong: the middle and the end, where
# the COMMIT is.
sub some {
    my ($how, $n) = @_;
    return 1 .. $n if $ENV{ORIEL_FULL};
    my %some = (kill => [int($n / 2), $n - 1], terminate => [$n - 1], ddl => [$n]);
    return uniq map { max(1, $_) } @{ $some{$how} };
}

my %crash = (kill => 'kill', terminate => sub { my ($backend) = @_; admin("SELECT pg_terminate_backend($backend, 10000)") });

# A fill's ranges grow as the machine lets them, so one run may have fewer statements than another and be over before the one
# at which it is to be cut off: then it is cut off earlier.
sub cut_off {
    my ($how, $at) = @_;
    for (1 .. 10) {
        copy_database('before', 'oriel');
        my $r = $proxy->run(["$s->{build}/oriel", '-c', $proxy->{config}, @command], at => $at, crash => $crash{$how});
        return ($r, $at) unless $r->{code} == 0 && $r->{trips} < $at;
        $at = $r->{trips} - 1;
    }
    die "$command[1] was never cut off";
}

sub same_in_the_end {
    my ($point, $want) = @_;
    my @is   = split /\n/, state();
    my @want = split /\n/, $want;
    my ($at) = grep { ($is[$_] // '') ne ($want[$_] // '') } 0 .. max($#is, $#want);
    ok(!defined $at, "$point: the same in the end") or diag "is:     $is[$at]\nwanted: $want[$at]";
}

$s->sql(q{INSERT INTO dp.vendor (id, client, external_id, name, raw_batch, raw_line) VALUES (1, 'acme', 'V', 'V', 1, 1);
    INSERT INTO dp.product (id, client, external_id, vendor_id, name, price, raw_batch, raw_line)
    SELECT n, 'acme', 'P' || n, 1, 'product', CASE WHEN n % 3 > 0 THEN n * 1.01 END, 1, n FROM generate_series(1, 2500) n});
set_trap();

my @phases = (['expand'], ['revert'], ['expand'], ['fill'], ['prove'], ['brownout', '--for', '100ms'], ['contract']);
my %tried;
for (@phases) {
    my ($phase, @options) = @$_;
    @command = ('change', $phase, $change, @options);
    $s->sql(q{SELECT setval('crash.n', 1, false)});
    copy_database('oriel', 'before');
    my $plain = $proxy->run(["$s->{build}/oriel", '-c', $proxy->{config}, @command]);
    is($plain->{code}, 0, "$phase") or diag $plain->{text};
    my $ddl  = $s->sql('SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM crash.n');
    my $want = state();
    copy_database('oriel', 'behind');
    next if $tried{$phase}++ || (%only && !$only{$phase});
    my $began = time;
    subtest "$phase: $plain->{trips} statements, $ddl of DDL" => sub {
        for my $how (qw(kill terminate)) {
            for my $at (some($how, $plain->{trips})) {
                my ($r, $here) = cut_off($how, $at);
                my $point = "$how after statement $here";
                $how eq 'kill' ? is($r->{code}, 137, $point) : like($r->{code}, qr/^[01]$/, $point);
                again($point);
                same_in_the_end($point, $want);
            }
        }
        for my $at ($ddl ? some('ddl', $ddl) : ()) {
            copy_database('before', 'oriel');
            admin("ALTER DATABASE oriel SET crash.at = '$at'");
            my ($code) = run_command("$s->{build}/oriel", '-c', $s->{new}, @command);
            is($code, 1, "terminated after DDL statement $at");
            admin('ALTER DATABASE oriel RESET crash.at');
            again("DDL statement $at");
            same_in_the_end("DDL statement $at", $want);
        }
    };
    diag(sprintf '%s: %.0f s', $phase, time - $began) if $ENV{ORIEL_FULL};
    copy_database('behind', 'oriel');
}

nobody_is_in('oriel');
$admin->close;
$s->finish;
done_testing;
