# Sources of kind postgres, against a second cluster: watermarks with ties, transactions that commit late, connections that
# go. Every row comes, and an unchanged one costs nothing.
use strict;
use warnings;
use Cwd ();
use JSON::PP ();
use Oriel::Cluster;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $json = JSON::PP->new->canonical;
my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' => 'CREATE TABLE dp.thing (client text NOT NULL, external_id text NOT NULL, name text NOT NULL,
        price numeric, raw_batch bigint NOT NULL, raw_line integer NOT NULL, PRIMARY KEY (client, external_id))',
    'entities/thing.json' => $json->encode({ entity => 'thing', table => 'dp.thing', primaryKey => [qw(client external_id)], fields => [
        { name => 'external_id', from => '/id', type => 'string', constraints => { required => \1 } },
        { name => 'name', from => '/name', type => 'string', constraints => { required => \1 } },
        { name => 'price', from => '/price', type => 'number' }] }),
});

# The client's: its own cluster, with its own numbers of transactions.
mkdir "$s->{folder}/theirs";
chmod 0755, "$s->{folder}/theirs";
my $children = Oriel::Children->new("$s->{folder}/theirs");
my $theirs   = Oriel::Cluster->new("$s->{folder}/theirs", $children);
sub there { my ($sql) = @_; return $theirs->sql($sql, 'postgres', 'postgres') }
there('CREATE ROLE stranger LOGIN; CREATE TABLE public.item (id bigint PRIMARY KEY, name text, price numeric, changed timestamptz, serial bigint); GRANT SELECT ON public.item TO stranger');
my $connection = $theirs->conninfo('postgres') . ' user=stranger';
my $log = "$s->{folder}/log/worker.log";

sub sources {
    my (%sources) = @_;
    my $folder = $s->domain_path('sources');
    unlink glob "'$folder'/*.json";
    for my $name (keys %sources) {
        write_file("$folder/$name.json", $json->encode({ kind => 'postgres', client => $name, entities => ['thing'],
            connection => $connection, table => 'public.item', key => 'id', every => '50ms', %{ $sources{$name} } }));
    }
    $s->stop('worker') if $s->pid('worker');
    $s->start_worker;
}

sub column { my ($source, $column) = @_; return $s->sql("SELECT coalesce($column\::text, '') FROM oriel.source WHERE name = '$source'") }
sub things { my ($client) = @_; return $s->sql("SELECT coalesce(string_agg(external_id || '=' || name, ' ' ORDER BY external_id::bigint), '') FROM dp.thing WHERE client = '$client'") }
sub wait_for_things { my ($client, $things) = @_; wait_until { things($client) eq $things } "$things of $client" }
sub wait_for_message { my ($source, $pattern) = @_; wait_until { column($source, 'message') =~ $pattern } "$source to say $pattern" }
sub wait_for_pulls { my ($source, $n) = @_; for (1 .. $n) { my $at = column($source, 'pulled_at'); wait_until { column($source, 'pulled_at') ne $at } "$source to be pulled again" } }
sub records { my ($source) = @_; return $s->sql("SELECT coalesce(sum(n_records), 0) FROM raw.batch WHERE source = '$source'") }

# A transaction of the client's that stays open until it is told to commit.
sub begin_there {
    my ($name, $sql) = @_;
    my $flag = "$s->{folder}/theirs/$name.commit";
    $children->start($name, {}, '/bin/sh', '-c', '{ printf "%s\n" "$1"; while [ ! -e "$2" ]; do sleep 0.05; done; echo "COMMIT;"; } | "$3" -XqAt -v ON_ERROR_STOP=1 -d "$4"',
        'sh', "BEGIN; $sql; SELECT pg_advisory_lock(42, $$);", $flag, Oriel::Cluster::bin() . '/psql', $theirs->conninfo('postgres') . ' user=postgres');
    wait_until { there("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 42 AND granted") } "$name to be under way";
    return $flag;
}

sub commit_there {
    my ($name, $flag) = @_;
    write_file($flag, '');
    wait_until { !$children->is_running($name) } "$name to commit";
    is($children->{ended}{$name}, 0, "$name has committed");
}

subtest 'by a watermark' => sub {
    there(q{INSERT INTO item SELECT n, 'n' || n, n * 1.10, '2026-01-01'::timestamptz + (n / 4) * interval '1 day', n FROM generate_series(1, 10) n});
    sources(time => { watermark => 'changed', batchRecords => 3 }, number => { watermark => 'serial', batchRecords => 3 });
    my $all = join ' ', map { "$_=n$_" } 1 .. 10;
    wait_for_things($_, $all) for qw(time number);
    wait_for_pulls($_, 2) for qw(time number);
    is($s->sql(q{SELECT string_agg(DISTINCT price::text, ' ') FROM dp.thing WHERE external_id = '7'}), '7.70', 'numbers keep their digits');
    cmp_ok(records($_), '<=', 20, "$_: equal watermarks are told apart by the key") for qw(time number);
    my %before = map { $_ => records($_) } qw(time number);
    wait_for_pulls($_, 3) for qw(time number);
    is(records($_), $before{$_}, "$_: what is unchanged is not stored again") for qw(time number);
    there(q{UPDATE item SET name = 'new', changed = '2026-02-01', serial = 100 WHERE id = 2; INSERT INTO item VALUES (11, 'n11', NULL, '2026-02-01', 101)});
    my $now = $all =~ s/\b2=n2/2=new/r . ' 11=n11';
    wait_for_things($_, $now) for qw(time number);
    pass('what changed, and what is new, comes');
};

# The heart of it: B begins later than A, takes a higher watermark and commits first; a pull reads B; then A commits.
subtest 'transactions that commit late' => sub {
    my $a = begin_there('late', q{INSERT INTO item VALUES (20, 'late', NULL, '2026-03-01', 200)});
    there(q{INSERT INTO item VALUES (21, 'early', NULL, '2026-03-05', 210)});
    wait_until { things($_) =~ / 21=early$/ } "$_: the one that committed first" for qw(time number);
    wait_for_pulls($_, 3) for qw(time number);
    there(q{INSERT INTO item VALUES (22, 'later', NULL, '2026-03-06', 220)});
    wait_until { things($_) =~ / 22=later$/ } "$_: one more" for qw(time number);
    unlike(things('time'), qr/20=late/, 'the other is still open');
    commit_there('late', $a);
    wait_until { things($_) =~ / 20=late 21=early 22=later$/ } "$_: the one that committed late" for qw(time number);
    wait_for_pulls('time', 3);
    my $before = records('time');
    wait_for_pulls('time', 3);
    is(records('time'), $before, 'and then there is nothing more to read again');
};

subtest 'an overlap' => sub {
    there(q{DELETE FROM item; INSERT INTO item VALUES (30, 'first', NULL, '2026-04-01 12:00', 300)});
    sources(over => { watermark => 'changed', overlap => '1 hour' }, digits => { watermark => 'serial', overlap => '10' }, exact => { watermark => 'changed' });
    wait_for_things($_, '30=first') for qw(over digits exact);
    wait_for_pulls($_, 1) for qw(over digits exact);
    there(q{INSERT INTO item VALUES (31, 'back', NULL, '2026-04-01 11:30', 295), (32, 'too far', NULL, '2026-04-01 10:30', 280)});
    wait_for_things($_, '30=first 31=back') for qw(over digits);
    wait_for_pulls($_, 2) for qw(over digits exact);
    is(things($_), '30=first 31=back', "$_: goes back by so much, and no further") for qw(over digits);
    is(things('exact'), '30=first', 'without one, not at all');
};

subtest 'whole, and by a query' => sub {
    there(q{DELETE FROM item; INSERT INTO item SELECT n, 'w' || n, NULL, NULL, NULL FROM generate_series(40, 44) n});
    sources(whole => { batchRecords => 2 }, query => { table => undef, query => 'SELECT id, upper(name) AS name FROM public.item WHERE id % 2 = 0 -- those' });
    wait_for_things('whole', '40=w40 41=w41 42=w42 43=w43 44=w44');
    wait_for_things('query', '40=W40 42=W42 44=W44');
    there(q{UPDATE item SET name = 'x' WHERE id = 41});
    wait_until { things('whole') =~ /41=x/ } 'a change anywhere';
    wait_for_pulls('whole', 2);
    is(records('whole'), 5 + 2, 'is found, and of the rest nothing is stored again');
};

subtest 'killed, and cut off' => sub {
    there(q{DELETE FROM item; INSERT INTO item SELECT n, 'k' || n, n, '2026-05-01'::timestamptz + (n / 7) * interval '1 minute', n FROM generate_series(1, 3000) n});
    sources(killed => { watermark => 'changed', batchRecords => 100, every => '1h' });
    for my $n (1 .. 4) {
        wait_until { $s->sql("SELECT coalesce(sum(records), 0) FROM oriel.delivery WHERE source = 'killed'") >= $n * 500 } 'some records';
        if ($n % 2) {
            $s->stop('worker', 'KILL');
            $s->start_worker;
        }
        else { there(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'stranger'}) }
    }
    wait_until { column('killed', 'pulled_at') } 'the end';
    is($s->sql(q{SELECT count(*) FROM dp.thing WHERE client = 'killed'}), 3000, 'every row');
    is(records('killed'), 3000, 'each once, also in raw');
};

subtest 'their server goes and comes back' => sub {
    there(q{DELETE FROM item; INSERT INTO item VALUES (50, 'before', NULL, '2026-06-01', 1)});
    sources(gone => { watermark => 'changed' });
    wait_for_things('gone', '50=before');
    $theirs->stop('QUIT');
    wait_until { column('gone', 'state') eq 'waiting' } 'the source to wait';
    $s->{children}->is_running('worker') or fail('the worker runs on');
    $theirs->start;
    there(q{INSERT INTO item VALUES (51, 'after', NULL, '2026-06-02', 2)});
    wait_for_things('gone', '50=before 51=after');
    wait_until { column('gone', 'state') eq 'ready' } 'the source to be ready';
    pass('it connects again by itself');
};

subtest 'what cannot be asked' => sub {
    write_file("$s->{folder}/secret", "pw\n");
    sources(absent => { table => 'public.nothing' }, column => { watermark => 'nothing' }, refused => { connection => $theirs->conninfo('nowhere') . ' user=stranger' },
        writes => { table => undef, query => q{SELECT id, name, setval('s', 1) FROM public.item} }, slow => { table => undef, query => 'SELECT id, name, pg_sleep(60) FROM public.item', statementTimeout => '100ms' },
        password => { password => { file => "$s->{folder}/secret" }, every => '1h' }, unread => { password => { file => "$s->{folder}/none" } });
    wait_for_message('absent',  qr/^public\.nothing: relation "public\.nothing" does not exist \(SQLSTATE 42P01\)/);
    wait_for_message('column',  qr/column q\.nothing does not exist \(SQLSTATE 42703\)/);
    wait_for_message('refused', qr/database "nowhere" does not exist/);
    wait_for_message('writes',  qr/SQLSTATE 42P01|SQLSTATE 25006/);
    wait_for_message('slow',    qr/statement timeout/);
    wait_for_message('unread',  qr{theirs|/none, which holds its secret, cannot be read});
    is(column($_, 'state'), 'stopped', "$_: a person is needed") for qw(absent column);
    is(column($_, 'state'), 'waiting', "$_: is tried again") for qw(refused slow unread);
    wait_until { column('password', 'pulled_at') } 'a source with a password';
    pass('the others go on');
};

subtest 'mistakes in a source file' => sub {
    for (
        [{ connection => 'host=x password=y' }, qr/connection: the password must not stand here/], [{ connection => 'hots=x' }, qr/connection: libpq does not take it: .*hots/],
        [{ table => 'item' }, qr/table: schema and table were expected/], [{ query => 'SELECT 1' }, qr/either "table" or "query"/],
        [{ overlap => '5min' }, qr/overlap: means nothing without "watermark"/], [{ key => undef }, qr/"key" is missing/], [{ format => 'csv' }, qr/format: a database has none/],
        [{ password => 'secret' }, qr/password: /],
    ) {
        my ($keys, $says) = @$_;
        write_file($s->domain_path('sources') . '/wrong.json', $json->encode({ kind => 'postgres', client => 'c', entities => ['thing'],
            connection => 'host=x', table => 'public.item', key => 'id', %$keys }));
        my ($code, undef, $err) = $s->oriel('check');
        like($err, qr/wrong\.json:1: .*$says/, $json->encode($keys));
    }
    unlink $s->domain_path('sources') . '/wrong.json';
};

$s->stop('worker');
$theirs->stop;
$s->finish;
done_testing;
