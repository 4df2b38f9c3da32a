# Every order of a deployment, with the worked example: workers and responders of the release before the change and of the
# one with it, at each point between the phases, forwards and back, while clients read both versions through nginx.
#
# What counts as a failed request: any answer to version 1 that is not 200, and any such answer to version 2 from the moment
# when it is expanded and no responder of the old release is left. Before that version 2 may be unknown (404, of an old
# responder) or withheld (503 ORIEL001, of a new one): it has not been published yet. Nothing else is allowed at any time.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Release;
use Oriel::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $s       = release_stack();
my $change  = $Oriel::Release::Change;
my @masters = qw(a b);
$s->{upstream} = [map { "$s->{folder}/s/$_.sock" } @masters];

# ---- responders: two masters, each on a release of its own ----

my %serves;

sub configure {
    my ($master, $release) = @_;
    $serves{$master} = $release;
    write_file("$s->{folder}/$master.json", read_file($s->{$release}));
}

sub start_master {
    my ($master) = @_;
    $s->{children}->start("responders-$master", {}, 'spawn-fcgi', '-n', '-s', "$s->{folder}/s/$master.sock", '-M', '0660', '--',
        "$s->{build}/oriel-fcgi", '-c', "$s->{folder}/$master.json", '-n', 1);
    wait_until { -S "$s->{folder}/s/$master.sock" } 'spawn-fcgi to bind the socket';
}

# Waits until exactly one responder of each master is connected, and each holds the leases that its release wants now.
sub wait_for_responders {
    my $v2 = $s->sql("SELECT count(*) FROM pg_class WHERE relname = 'v_products_v2'");
    my $wanted = join ' ', sort map { $serves{$_} eq 'old' ? '3/3' : $serves{$_} eq 'next' ? '3/3' : $v2 ? '4/4' : '3/4' } @masters;
    wait_until { $wanted eq $s->sql(q{SELECT coalesce(string_agg(replace(substring(application_name FROM '\((\d+ of \d+) '), ' of ', '/'), ' ' ORDER BY application_name), '')
        FROM pg_stat_activity WHERE application_name LIKE 'oriel-fcgi%'}) } "responders that serve $wanted";
}

sub set_responders {
    my (@releases) = @_;
    for my $i (0 .. $#masters) {
        next if $serves{ $masters[$i] } eq $releases[$i];
        configure($masters[$i], $releases[$i]);
        kill 'HUP', $s->pid("responders-$masters[$i]");
    }
    wait_for_responders();
}

# ---- workers ----

my %leads;    # how often each has begun to lead

sub times_led { my ($release) = @_; return () = read_file("$s->{folder}/log/worker-$release.log") =~ /leading:/g }

sub start_worker {
    my ($release) = @_;
    $s->{children}->start("worker-$release", {}, "$s->{build}/oriel", '-c', $s->{$release}, 'work');
}

# These and no others run; the first one leads.
sub set_workers {
    my (@releases) = @_;
    stop_workers();
    for my $release (@releases) {
        start_worker($release);
        next if $release ne $releases[0];
        wait_until { times_led($release) > ($leads{$release} // 0) } "the $release worker to lead";
        $leads{$release} = times_led($release);
    }
}

sub stop_workers {
    for my $release (qw(new old)) {
        $s->stop("worker-$release") if $s->{children}->is_running("worker-$release");
    }
}

# ---- data ----

my ($delivery, $day, %price) = (0, '2026-01-01');
my $expanded;    # version 2 is in the database

# The client changes the price of one product and gives it none of another, in turn.
sub deliver {
    $delivery++;
    my @prices = ("$delivery,25", $delivery % 2 ? '-' : '7');
    $price{"P$_"} = $prices[$_] =~ s/,/./r for 0, 1;
    my $modified = sprintf '%sT%02d:%02d:%02dZ', $day, $delivery / 3600, $delivery / 60 % 60, $delivery % 60;
    $s->drop_file('acme', "d$delivery.ndjson", join '', map {
        qq({"id":"P$_","name":"product $_","price":"$prices[$_]","modified":"$modified","vendor":{"id":"V1","name":"One"}}\n)
    } 0, 1);
    $s->wait_for_deliveries($delivery);
}

sub v1_body {
    return '[' . join(',', map { my $p = $price{"P$_"} eq '-' ? 'null' : sprintf '%.2f', $price{"P$_"};
        qq({"external_id":"P$_","name":"product $_","price":$p}) } 0, 1) . ']';
}

sub v2_body {
    return '[' . join(',', map { my $p = $price{"P$_"} eq '-' ? 'null' : sprintf '%.0f', $price{"P$_"} * 100;
        qq({"external_id":"P$_","name":"product $_","price_cents":$p,"currency":"EUR"}) } 0, 1) . ']';
}

my $v1 = '/v1/products?select=external_id,name,price&order=external_id';
my $v2 = '/v2/products?select=external_id,name,price_cents,currency&order=external_id';

# ---- traffic ----

my $log = "$s->{folder}/traffic.log";

sub start_traffic {
    my $pid = fork // die;
    return $pid if $pid;
    my $stop;
    local $SIG{TERM} = sub { $stop = 1 };
    open my $out, '>', $log or POSIX::_exit(1);
    $out->autoflush;
    my %client = (1 => $s->client, 2 => $s->client);
    while (!$stop) {
        for my $version (1, 2) {
            my $began = time;
            my $r = eval { $client{$version}->get($version == 1 ? $v1 : $v2) } // { status => "none: $@" =~ s/\s+$//r };
            last if $stop;    # the signal may have cut the wait for the answer
            my $code = ref $r->{json} eq 'HASH' ? $r->{json}{code} // '' : '';
            printf $out "%.6f %.6f %d %s %s\n", $began, time, $version, $r->{status}, $code;
            sleep 0.002;
        }
    }
    POSIX::_exit(0);
}

my @published;    # [from, to]: version 2 must be there

sub published {
    my ($run) = @_;
    my $from = time;
    $run->();
    push @published, [$from, time];
}

# ---- the walk ----

sub oriel_change {
    my ($phase, @options) = @_;
    my ($code, $out, $err) = run_command("$s->{build}/oriel", '-c', $s->{new}, 'change', $phase, $change, @options);
    $expanded = $phase eq 'expand' if $code == 0 && $phase =~ /expand|revert/;
    return "$code $out$err";
}

# Both versions, from both masters, over new connections: what the database should say.
sub same_bodies {
    my ($where) = @_;
    my %seen;
    $seen{ $s->get($v1)->{body} }++ for 1 .. 4;
    is_deeply(\%seen, { v1_body() => 4 }, "$where: version 1 says what was delivered");
    return if !$expanded || grep { $serves{$_} eq 'old' } @masters;
    %seen = ();
    $seen{ $s->get($v2)->{body} }++ for 1 .. 4;
    is_deeply(\%seen, { v2_body() => 4 }, "$where: and version 2 the same");
}

# What the workers of this row do at one point: each of them leads once and loads a delivery.
sub work {
    my ($where, @workers) = @_;
    for my $turn (@workers) {
        set_workers($turn, grep { $_ ne $turn } @workers);
        deliver();
        same_bodies("$where, written by the $turn worker");
    }
}

my %workers    = (old => ['old'], new => ['new'], both => ['new', 'old']);    # an old one may take over from a new one
my %responders = (old => ['old', 'old'], new => ['new', 'new'], mixed => ['old', 'new']);

configure($_, 'old') for @masters;
start_master($_) for @masters;
wait_for_responders();
set_workers('old');
deliver();
$s->start('nginx');
my $traffic = start_traffic();

for my $worker (qw(old new both)) {
    for my $responder (qw(old new mixed)) {
        my @now = @{ $workers{$worker} };
        subtest "worker $worker, responders $responder" => sub {
            set_responders(@{ $responders{$responder} });
            work('before', 'old');
            is(oriel_change('expand'), "0 expanded $change\n", 'expand');
            wait_for_responders();
            my $forward = sub {
                work('expanded', @now);
                like(oriel_change('fill'), qr/^0 filled/, 'fill');
                work('filled', @now);
                # who has seen no old worker at work since needs no second fill; the others are told to
                like(oriel_change('prove'), qr/^[01] /, 'prove') if $worker ne 'new';
                like(oriel_change('fill'),  qr/^0 filled/, 'fill again') if $worker ne 'new';
                like(oriel_change('prove'), qr/^0 v_products_v1 and v_products_v2 agree .*\nproved/, 'prove');
                work('proven', @now);
            };
            $responder eq 'new' ? published($forward) : $forward->();
            if ($responder ne 'old') {
                like(oriel_change('revert'), qr/^1 .*v_products_v2 is read by "oriel-fcgi/s, 'no way back while a responder reads version 2');
                same_bodies('the revert was refused');
            }
            set_responders(qw(old old));
            set_workers('old');
            is(oriel_change('revert'), "0 reverted $change\n", 'revert');
            work('reverted', 'old');
        };
    }
}

subtest 'a worker that is ahead of its database' => sub {
    stop_workers();
    start_worker('new');
    wait_until { !$s->{children}->is_running('worker-new') } 'the new worker to end';
    is($s->{children}{ended}{'worker-new'}, 2, 'does not start');
    like(read_file("$s->{folder}/log/worker-new.log"), qr/table dp\.product: has no column "price_cents"/, 'and says why');
    same_bodies('readers do not notice');
    is(oriel_change('expand'), "0 expanded $change\n", 'expanded');
    set_workers('new');
    is(oriel_change('revert'), "0 reverted $change\n", 'reverted under a new worker');
    $delivery++;
    $s->drop_file('acme', 'ahead.ndjson', qq({"id":"P0","name":"product 0","price":"99,25","modified":"2026-01-02T00:00:00Z","vendor":{"id":"V1","name":"One"}}\n));
    wait_until { $s->sql("SELECT state FROM oriel.source") eq 'stopped' } 'the source to be stopped';
    same_bodies('it publishes nothing');
    $price{P0} = '99.25';
    $day = '2026-01-03';    # whatever comes now is newer
    set_workers('old');
    $s->wait_for_deliveries($delivery);
    same_bodies('and nothing is lost: the old worker has loaded it');
};

subtest 'to the end: contract' => sub {
    is(oriel_change('expand'), "0 expanded $change\n", 'expand');
    set_responders(qw(new new));
    published(sub {
        set_workers('new');
        like(oriel_change('fill'), qr/^0 filled/, 'fill');
        like(oriel_change('prove'), qr/^0 .*proved/s, 'prove');
        like(oriel_change('contract'), qr/^1 .*no brown-out was done.*v_products_v1 is read by/s, 'not while version 1 is read');
        kill 'TERM', $traffic;
        waitpid $traffic, 0;
        rename $log, "$log.1";
        $traffic = start_traffic();    # from here on only version 2 counts
        like(oriel_change('brownout', '--for', '1s'), qr/^0 .*the grant is back/s, 'brown-out');
        # a worker of the release before takes over once more, after the proof
        work('proven', 'old');
        # the lock file of the release after: without version 1
        my $next = JSON::PP->new->decode(read_file("$s->{folder}/new/sql/contract.json"));
        delete $next->{contracts}{v_products_v1};
        write_file("$s->{folder}/next/contract.json", JSON::PP->new->canonical->pretty->encode($next));
        my $settings = JSON::PP->new->decode(read_file($s->{new}));
        $settings->{lock} = "$s->{folder}/next/contract.json";
        $s->{next} = write_file("$s->{folder}/next.json", JSON::PP->new->canonical->encode($settings));
        set_responders(qw(next next));
        like(oriel_change('contract'), qr/^1 .*prove\.sql: query 1 returned [12] rows.*refused: what was proven on .* holds no more.*`oriel change fill $change`/s,
            'not when an old worker has written since the proof');
        set_workers('new');
        like(oriel_change('fill'), qr/^0 filled $change: [12] rows/, 'its rows are filled');
        like(oriel_change('prove'), qr/^0 .*proved/s, 'and proven');
        like(oriel_change('contract'), qr/^0 .*agree .*\ncontracted $change\n/, 'contract');
        my %seen;
        $seen{ $s->get($v2)->{body} }++ for 1 .. 4;
        is_deeply(\%seen, { v2_body() => 4 }, 'version 2 says the same, from the other column');
        is($s->get($v1)->{status}, 404, 'version 1 is gone');
    });
};

kill 'TERM', $traffic;
waitpid $traffic, 0;
my (%answers, @failed);
for my $file ("$log.1", $log) {
    for (split /\n/, read_file($file)) {
        my ($began, $ended, $version, $answer) = /^(\S+) (\S+) (\d) (.*)$/;
        $answers{"v$version $answer"}++;
        next if $answer =~ /^200 /;
        # taken away on purpose: withheld, then unknown
        next if $version == 1 && $file eq $log && $answer =~ /^(?:503 ORIEL001|404 PGRST205)$/;
        my $must = grep { $began >= $_->[0] && $ended <= $_->[1] } @published;
        next if $version == 2 && !$must && $answer =~ /^(?:404 PGRST205|503 ORIEL001)$/;
        push @failed, $_;
    }
}
is_deeply(\@failed, [], 'no request failed') or diag explain \%answers;
cmp_ok($answers{'v1 200 '}, '>', 100, 'and there were many: ' . join ', ', map { "$answers{$_} x $_" } sort keys %answers);
cmp_ok($answers{'v2 200 '}, '>', 100, 'of both versions');

stop_workers();
is($s->stop("responders-$_"), 0, "responders-$_ ended well") for @masters;
$s->finish;
done_testing;
