package Oriel::Rollout;

# The worked example while it is rolled out: a database, two masters of one responder each behind one nginx, workers, each on
# a release of its own (`old`: before the change; `new`: with it; `next`: after contract), and a client that reads both
# versions all the time. Oriel::Release has the releases' files.
#
# What counts as a failed request: any answer but 200, where the following does not say otherwise.
# - Version 2 before it is published: 404 of an old responder, which does not know it, 503 ORIEL001 of a new one, which
#   withholds it. It is published from the moment when it is expanded and all responders are of a release that knows it.
# - Version 1 in a brown-out: 503 ORIEL001, from the moment when all responders have seen it nothing else.
# - Version 1 where responders of the release after are: 404 of these.
# And every good answer is what was delivered: no other prices, and none older than what was read before, in either version.

use strict;
use warnings;
use JSON::PP ();
use Oriel::Fcgi;
use Oriel::Psql;
use Oriel::Release;
use Oriel::Test;
use Oriel::Traffic;
use Test::More;
use Time::HiRes qw(time);

our $Change = $Oriel::Release::Change;

my $good = qr/^200 /;
my %rules = (
    must    => $good,
    may     => qr/^(?:200 |404 PGRST205 |503 ORIEL001 )/,
    between => qr/^(?:200 |503 ORIEL001 )/,
    away    => qr/^503 ORIEL001 /,
);
my @contracts = (['v_products_v1', 'old', 'new'], ['v_products_v2', 'new', 'next'], ['v_batches_v1', 'old', 'new', 'next'], ['v_vendors_v1', 'old', 'new', 'next']);

sub new {
    my ($class) = @_;
    my $s    = release_stack();
    my $self = bless {
        s => $s, masters => ['a', 'b'], serves => {}, leads => {}, delivery => 0, bodies => { 1 => {}, 2 => {} },
        expanded => 0, away => 0, gone => 0, sessions => 0, url => {
            1 => '/v1/products?select=external_id,name,price&order=external_id',
            2 => '/v2/products?select=external_id,name,price_cents,currency&order=external_id' },
    }, $class;
    next_release($s);
    $s->{upstream} = [map { "$s->{folder}/s/$_.sock" } @{ $self->{masters} }];
    $self->{q}       = Oriel::Psql->new($s->{db}, 'postgres');
    $self->{traffic} = Oriel::Traffic->new($s, "$s->{folder}/traffic.log", $self->{url});
    for my $master (@{ $self->{masters} }) {
        $self->configure($master, 'old');
        $self->start_master($master);
    }
    $self->lead('old');
    $self->deliver;
    $s->start('nginx');
    $self->settle(2);
    $self->{traffic}->start;
    return $self;
}

# ---- responders ----

sub configure {
    my ($self, $master, $release) = @_;
    $self->{serves}{$master} = $release;
    write_file("$self->{s}{folder}/$master.json", read_file($self->{s}{$release}));
}

sub start_master {
    my ($self, $master) = @_;
    my $s = $self->{s};
    $s->spawn_responders("responders-$master", "$s->{folder}/s/$master.sock", '-c', "$s->{folder}/$master.json", '-n', 1);
}

sub responders { my ($self) = @_; return @{ $self->{serves} }{ @{ $self->{masters} } } }

# How many of the responders there are of these releases.
sub count { my ($self, @releases) = @_; return scalar grep { my $r = $_; grep { $_ eq $r } @releases } $self->responders }

sub is_there {
    my ($self, $view) = @_;
    return $view eq 'v_products_v1' ? !$self->{away} && !$self->{gone} : $view eq 'v_products_v2' ? $self->{expanded} : 1;
}

# Waits until exactly one responder of each master is connected, and each serves and has told all that its release wants now;
# this many of them since the last time.
sub wait_for_responders {
    my ($self, $new) = @_;
    my @wanted;
    for my $release ($self->responders) {
        my @mine = grep { grep { $_ eq $release } @$_[1 .. $#$_] } @contracts;
        push @wanted, (grep { $self->is_there($_->[0]) } @mine) . ' of ' . @mine . ' idle';
    }
    my $wanted = join ', ', sort(@wanted), "$new new";
    my $is     = '';
    eval { wait_until { $wanted eq ($is = $self->{q}->ask(qq{SELECT concat_ws(', ', string_agg(x, ', ' ORDER BY x), count(*) FILTER (WHERE pid NOT IN ($self->{sessions})) || ' new') FROM (
            SELECT concat_ws(' ', substring(application_name FROM '\\((\\d+ of \\d+) '), state) AS x, pid
            FROM pg_stat_activity WHERE application_name LIKE 'oriel-fcgi%') y})) } '' } or die "the responders serve $is, not $wanted\n";
    $self->{sessions} = $self->{q}->ask("SELECT string_agg(pid::text, ', ') FROM pg_stat_activity WHERE application_name LIKE 'oriel-fcgi%'");
}

# Each responder has read what Postgres had told it by now: its answer with rows comes behind that. A lease can be seen before the
# responder knows that it has it, and a request that comes in between is still told of a contract that is being taken away.
sub wait_until_read {
    my ($self) = @_;
    for my $master (@{ $self->{masters} }) {
        my $answer = Oriel::Fcgi::rest(Oriel::Fcgi::ask("$self->{s}{folder}/s/$master.sock", 0, REQUEST_METHOD => 'GET', REQUEST_URI => '/v1/vendors?limit=1', QUERY_STRING => 'limit=1'));
        $answer =~ /Status: 200/ or die "the responder of $master says: $answer\n";
    }
}

sub is_published { my ($self) = @_; return $self->{expanded} && !$self->count('old') }

# From here on the client may be told this as well, since something is being changed.
sub loosen {
    my ($self, %rule) = @_;
    $self->{traffic}->may($_ => $rules{ $rule{$_} }) for keys %rule;
}

# Waits until everybody knows how things stand; from here on the client must be told just that.
sub settle {
    my ($self, $new) = @_;
    $self->wait_for_responders($new // 0);
    $self->wait_until_read;
    my %rule = (1 => $self->{gone} || $self->count('next') ? 'may' : $self->{away} ? 'away' : 'must', 2 => $self->is_published ? 'must' : 'may');
    $self->loosen(%rule);
}

sub set_responders {
    my ($self, @releases) = @_;
    my $new = 0;
    $self->loosen(2 => 'may') if grep { $_ eq 'old' } @releases;
    $self->loosen(1 => 'may') if grep { $_ eq 'next' } @releases;
    for my $master (@{ $self->{masters} }) {
        my $release = shift @releases;
        next if $self->{serves}{$master} eq $release;
        $self->configure($master, $release);
        kill 'HUP', $self->{s}->pid("responders-$master");
        $new++;
    }
    $self->settle($new);
}

# ---- workers ----

sub worker_log { my ($self, $release) = @_; my $log = "$self->{s}{folder}/log/worker-$release.log"; return -e $log ? read_file($log) : '' }
sub times_led  { my ($self, $release) = @_; return () = $self->worker_log($release) =~ /leading:/g }
sub times_stood_by { my ($self, $release) = @_; return () = $self->worker_log($release) =~ /standing by/g }
sub runs       { my ($self, $release) = @_; return $self->{s}{children}->is_running("worker-$release") }

sub start_worker {
    my ($self, $release) = @_;
    $self->{s}{children}->start("worker-$release", {}, "$self->{s}{build}/oriel", '-c', $self->{s}{$release}, 'work');
}

sub stop_workers {
    my ($self) = @_;
    for my $release (qw(next new old)) {
        is($self->{s}->stop("worker-$release"), 0, "the $release worker ended well") if $self->runs($release);
    }
    $self->{leader} = '';
}

# This one leads, and the others stand by; no other runs.
sub lead {
    my ($self, $release, @standbys) = @_;
    $self->stop_workers;
    my $led = $self->times_led($release);
    $self->start_worker($release);
    wait_until { $self->times_led($release) > $led } "the $release worker to lead";
    $self->{leader} = $release;
    for my $standby (@standbys) {
        if (!$self->may_work($standby)) {
            $self->refuses_to_work($standby);
            next;
        }
        my $stood_by = $self->times_stood_by($standby);
        $self->start_worker($standby);
        wait_until { $self->times_stood_by($standby) > $stood_by } "the $standby worker to stand by";
    }
}

# Whether the database has the columns that this release's worker writes.
sub may_work {
    my ($self, $release) = @_;
    return $release eq 'old' ? !$self->{gone} : $release eq 'new' ? $self->{expanded} && !$self->{gone} : $self->{expanded};
}

sub refuses_to_work {
    my ($self, $release) = @_;
    my ($code, $out, $err) = run_command("$self->{s}{build}/oriel", '-c', $self->{s}{$release}, 'work');
    my $column = $self->{gone} ? 'price' : 'price_cents';
    like("$code $err", qr/^2 .*table dp\.product: has no column "$column"/s, "a worker of the $release release does not start, and says why");
}

# ---- data ----

# The client changes the price of one product, and gives it none of another, in turn.
sub drop {
    my ($self) = @_;
    my $n = ++$self->{delivery};
    my @price = ("$n,25", $n % 2 ? '-' : '7');
    my $modified = sprintf '2026-01-%02dT%02d:%02d:%02dZ', 1 + $n / 86400, $n / 3600 % 24, $n / 60 % 60, $n % 60;
    $self->{bodies}{1}{ body($n, sub { $_[0] eq '-' ? 'null' : sprintf '%.2f', $_[0] }, '"price":%s') } = $n;
    $self->{bodies}{2}{ body($n, sub { $_[0] eq '-' ? 'null' : sprintf '%.0f', $_[0] * 100 }, '"price_cents":%s,"currency":"EUR"') } = $n;
    $self->{s}->drop_file('acme', "d$n.ndjson", join '', map {
        qq({"id":"P$_","name":"product $_","price":"$price[$_]","modified":"$modified","vendor":{"id":"V1","name":"One"}}\n)
    } 0, 1);
}

sub body {
    my ($n, $price, $columns) = @_;
    my @price = ("$n.25", $n % 2 ? '-' : '7');
    return '[' . join(',', map { my $p = $price->($price[$_]); sprintf qq({"external_id":"P$_","name":"product $_",$columns}), $p } 0, 1) . ']';
}

sub deliver {
    my ($self) = @_;
    $self->drop;
    $self->wait_until_loaded;
}

sub wait_until_loaded {
    my ($self) = @_;
    wait_until { $self->{q}->ask('SELECT count(*) FROM oriel.delivery WHERE finished_at IS NOT NULL') >= $self->{delivery} } "$self->{delivery} deliveries to be loaded";
    $self->{loaded} = $self->{delivery};
    # a worker of the release before leaves a price_cents behind that is out of date
    $self->{stale} = $self->{leader} eq 'old' ? 1 : 0;
}

# A delivery that the leader cannot load, since a column that it writes is not there: it publishes nothing, and a worker that
# can takes it up later.
sub deliver_in_vain {
    my ($self, $where) = @_;
    $self->drop;
    wait_until { $self->{q}->ask("SELECT state FROM oriel.source WHERE name = 'acme'") eq 'stopped' } 'the source to be stopped';
    $self->same_bodies("$where: a worker that lacks a column publishes nothing");
}

sub get { my ($self, $version) = @_; return $self->{s}->get($self->{url}{$version}) }

# Both versions, from both masters, over new connections: which delivery they show.
sub same_bodies {
    my ($self, $where) = @_;
    for my $version (1, 2) {
        next if $version == 2 ? !$self->is_published : $self->{gone} || $self->count('next');
        my %seen;
        for (1 .. 4) {
            my $r = $self->get($version);
            $seen{ $r->{status} == 200 ? $self->{bodies}{$version}{ $r->{body} } // $r->{body} : "$r->{status} $r->{json}{code}" }++;
        }
        my $want = $version == 1 && $self->{away} ? '503 ORIEL001' : $self->{loaded};
        is_deeply(\%seen, { $want => 4 }, "$where: version $version says " . ($want =~ /^\d+$/ ? "what delivery $want brought" : $want));
    }
}

# ---- the change ----

sub change {
    my ($self, @words) = @_;
    my ($code, $out, $err) = run_command("$self->{s}{build}/oriel", '-c', $self->{s}{new}, 'change', $words[0], $Change, @words[1 .. $#words]);
    return "$code $out$err";
}

sub expand {
    my ($self) = @_;
    is($self->change('expand'), "0 expanded $Change\n", 'expand');
    $self->{expanded} = 1;
    $self->settle;
}

# Responders that read version 2 are in the way, each by its name.
sub revert {
    my ($self) = @_;
    my $text = $self->change('revert');
    if (my $n = $self->count('new', 'next')) {
        like($text, qr/^1 /, 'revert is refused');
        is($self->named($text, 'v_products_v2'), $n, "and names the $n responders that read version 2") or diag $text;
        return 0;
    }
    is($text, "0 reverted $Change\n", 'revert');
    $self->{expanded} = 0;
    $self->settle;
    return 1;
}

sub fill {
    my ($self) = @_;
    like($self->change('fill'), qr/^0 filled $Change: \d+ rows/, 'fill');
    $self->{stale} = 0;
}

# What an old worker has written since the fill is in the way.
sub prove {
    my ($self) = @_;
    if ($self->{stale}) {
        like($self->change('prove'), qr/^1 .*prove\.sql: query 1 returned [12] rows/s, 'prove names what an old worker has left');
        $self->fill;
    }
    like($self->change('prove'), qr/^0 v_products_v1 and v_products_v2 agree .*\nproved/s, 'prove');
}

# How many readers a refusal names for a contract.
sub named { my ($self, $text, $view) = @_; return () = $text =~ /refused: $view is read by "oriel-fcgi \S+ \(\d of \d contracts\)" \(local, since [^)]+, pid \d+\)/g }

# A contract for which these reasons are in the way, and these only.
sub contract_refused {
    my ($self, @reasons) = @_;
    my $text = $self->change('contract');
    my @told = $text =~ /oriel: error: $Change: refused: (it is not expanded|its fill is not done|it is not proven|no brown-out was done|what was proven)/g;
    like($text, qr/^1 /, 'contract is refused');
    is_deeply(\@told, \@reasons, 'for just these reasons: ' . join(', ', @reasons)) or diag $text;
    my $readers = $self->{expanded} ? $self->count('old', 'new') : 0;
    is($self->named($text, 'v_products_v1'), $readers, "and names the $readers responders that read version 1") or diag $text;
}

sub brownout {
    my ($self) = @_;
    $self->loosen(1 => 'between');
    like($self->change('brownout', '--for', '100ms'), qr/^0 .*the grant is back/s, 'brown-out');
    $self->settle;
}

# Begins one that lasts until it is ended.
sub begin_brownout {
    my ($self) = @_;
    my $s = $self->{s};
    $self->loosen(1 => 'between');
    $s->{children}->start('brownout', {}, "$s->{build}/oriel", '-c', $s->{new}, 'change', 'brownout', $Change, '--for', '1h');
    $self->{away} = 1;
    $self->settle;
}

# signal: TERM gives the grant back; after KILL whoever runs a change next does.
sub end_brownout {
    my ($self, $signal) = @_;
    my $s = $self->{s};
    $self->loosen(1 => 'between');
    is($s->stop('brownout', $signal), $signal eq 'KILL' ? 137 : 1, "the brown-out is ended by $signal");
    if ($signal eq 'KILL') {
        wait_until { $self->{q}->ask(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = hashtext('oriel change')::bigint & 4294967295}) == 0 } 'its session to end';
        like($self->change('expand'), qr/^0 .*the brown-out of v_products_v1 was not ended by who began it; the grant is given back now/s, 'and the next runner gives the grant back');
    }
    $self->{away} = 0;
    $self->settle;
}

sub contract {
    my ($self) = @_;
    like($self->change('contract'), qr/^0 .*agree .*\ncontracted $Change\n/s, 'contract');
    $self->{gone} = 1;
    $self->settle;
}

# ---- back to before contract, from which no command leads back ----

sub close_down {
    my ($self) = @_;
    $self->{traffic}->stop;
    $self->stop_workers;
    is($self->{s}->stop("responders-$_"), 0, "responders-$_ ended well") for @{ $self->{masters} };
    $self->{q}->close;
    wait_until { $self->{s}->sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'oriel'", 'postgres', 'postgres') == 0 } 'sessions to end';
}

# What was delivered since is still in the drop folder, and is loaded again.
sub open_up {
    my ($self) = @_;
    $self->{q} = Oriel::Psql->new($self->{s}{db}, 'postgres');
    for my $master (@{ $self->{masters} }) {
        $self->configure($master, 'new');
        $self->start_master($master);
    }
    $self->lead('old');
    $self->wait_until_loaded;
    $self->settle(2);
    $self->{traffic}->start;
}

# Keeps the database as it is now.
sub save {
    my ($self) = @_;
    $self->close_down;
    $self->{s}->sql('CREATE DATABASE saved TEMPLATE oriel STRATEGY file_copy', 'postgres', 'postgres');
    $self->{saved} = { map { $_ => $self->{$_} } qw(expanded away gone) };
    $self->open_up;
}

sub restore {
    my ($self) = @_;
    $self->close_down;
    $self->{s}->sql($_, 'postgres', 'postgres') for 'DROP DATABASE oriel', 'CREATE DATABASE oriel TEMPLATE saved STRATEGY file_copy';
    $self->{$_} = $self->{saved}{$_} for keys %{ $self->{saved} };
    $self->open_up;
}

# ---- the end ----

sub step { my ($self, $text) = @_; $self->{traffic}->step($text); note $text if $ENV{ORIEL_FULL} }

# No request has failed; says how many there were.
sub finish {
    my ($self) = @_;
    $self->{traffic}->stop;
    my $newest = 0;
    my ($failed, $answers) = $self->{traffic}->judge(sub {
        my ($version, $body) = @_;
        my $delivery = $self->{bodies}{$version}{$body} // return 'nobody delivered this';
        return "delivery $delivery, after $newest was read" if $delivery < $newest;
        $newest = $delivery;
        return;
    });
    my @first = @$failed > 20 ? @$failed[0 .. 19] : @$failed;
    is_deeply(\@first, [], 'no request failed, and each good answer is what was delivered') or diag scalar(@$failed) . ' did';
    cmp_ok($answers->{"$_: 200"} // 0, '>', 100, "many requests of version $_ were answered") for 1, 2;
    diag(join ', ', map { "$answers->{$_} x $_" } sort keys %$answers) if $ENV{ORIEL_FULL};
    $self->stop_workers;
    $self->{q}->close;
    is($self->{s}->stop("responders-$_"), 0, "responders-$_ ended well") for @{ $self->{masters} };
    $self->{s}->finish;
}

1;
