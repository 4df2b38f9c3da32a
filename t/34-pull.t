# When sources are pulled: by an interval, at times of day, and now, by `oriel pull`, with and without a worker.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Oriel::Web;
use Test::More;

my $json = JSON::PP->new->canonical;
my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' => 'CREATE TABLE dp.thing (client text NOT NULL, external_id text NOT NULL, name text NOT NULL,
        gone_at timestamptz, raw_batch bigint NOT NULL, raw_line integer NOT NULL, PRIMARY KEY (client, external_id))',
    'entities/thing.json' => $json->encode({ entity => 'thing', table => 'dp.thing', primaryKey => [qw(client external_id)], fields => [
        map { { name => $_->[0], from => $_->[1], type => 'string', constraints => { required => \1 } } } ['external_id', '/id'], ['name', '/name']] }),
});
my $web = Oriel::Web->new($s->{children}, $s->{folder});
my $url = "http://$web->{address}";
$web->answer(q{ return { status => 503 } if $path eq '/down'; return { body => qq([{"id": "$path$n", "name": "x"}]) } });

sub source {
    my ($name, %keys) = @_;
    write_file($s->domain_path('sources') . "/$name.json", $json->encode({ client => $name, entities => ['thing'], format => 'json',
        ($keys{folder} ? () : (kind => 'http', url => "$url/$name")), %keys }));
}

# Starts a worker, which leads when it returns. Who holds the lock would not tell: the session of the one before may, for a moment.
sub start_leading {
    my $log    = "$s->{folder}/log/worker.log";
    my $before = -s $log // 0;
    $s->start_worker;
    wait_until { substr(read_file($log), $before) =~ / leading: / } 'the worker to lead';
}

sub leaders { return $s->sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}) }
sub things { my ($client) = @_; return $s->sql("SELECT count(*) FROM dp.thing WHERE client = '$client'") }
sub asked  { my ($path) = @_; return scalar grep { $_->{path} eq $path } $web->requests }

source('rare', every => '1d');
source('down', every => '1d');
source('files', kind => 'file', folder => 'files', pattern => '*.json*', poll => '1h', settle => '0s');
mkdir "$s->{folder}/drop/files";

subtest 'without a worker' => sub {
    my ($code, $out, $err) = $s->oriel('pull', 'rare');
    is($code, 0, 'a pull') or diag $err;
    is($out, "rare: records=1; thing: inserted=1 updated=0 unchanged=0 rejected=0 parked=0\n", 'says what it brought');
    is(asked('/down'), 0, 'and looks at no other source');
    ($code, $out, $err) = $s->oriel('pull', 'down');
    is($code, 1, 'one that fails');
    like($err, qr{source down is waiting: \Q$url\E/down: status 503: the server failed$}m, 'says why');
    ($code, $out, $err) = $s->oriel('pull', 'files');
    is("$code $out", "0 files: nothing new\n", 'an empty folder') or diag $err;
    $s->drop_file('files', 'a.json', '[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]');
    ($code, $out, $err) = $s->oriel('pull', 'files');
    like("$code $out", qr/^0 files: records=2; thing: inserted=2 /, 'a folder with a file') or diag $err;
    is(($s->oriel('pull', 'none'))[0], 2, 'a source that is not there');
    wait_until { leaders() == 0 } 'its session to end';
    pass('nobody leads afterwards');
};

subtest 'beside a worker' => sub {
    start_leading();
    my $before = asked('/rare');
    my ($code, $out, $err) = $s->oriel('pull', 'rare');
    like("$code $out", qr/^0 rare: records=1; thing: inserted=1 /, 'the worker pulls at once') or diag $err;
    is(asked('/rare'), $before + 1, 'once');
    ($code, $out, $err) = $s->oriel('pull', 'down');
    like("$code $err", qr/^1 .*status 503/s, 'a failure is told');
    $web->answer(q{ return { body => qq([{"id": "$path$n", "name": "x"}]) } });
    ($code, $out, $err) = $s->oriel('pull', 'down');
    like("$code $out", qr/^0 down: records=1/, 'what waits after a failure is pulled at once') or diag $err;
    require IO::Compress::Gzip;
    my $text = $json->encode([map { { id => "z$_", name => 'z' } } 1 .. 30]);
    IO::Compress::Gzip::gzip(\$text => \my $packed);
    $s->drop_file('files', 'cut.json.gz', substr $packed, 0, -5);
    $s->drop_file('files', 'whole.json.gz', $packed);
    ($code, $out, $err) = $s->oriel('pull', 'files');
    is($code, 0, 'a folder that is looked at once an hour') or diag $err;
    is(things('files'), 2 + 30, 'with a gzip');
    like(read_file("$s->{folder}/log/worker.log"), qr/leaves .*cut\.json\.gz out until it changes: its gzip is cut off/, 'one that does not end well is left');
};

subtest 'a restart forgets no schedule' => sub {
    my $before = asked('/rare');
    $s->stop('worker');
    source('often', every => '50ms');
    $s->start_worker;
    wait_until { asked('/often') >= 3 } 'an interval of 50 ms';
    is(asked('/rare'), $before, 'what is due once a day is not pulled at each start');
    $s->sql(q{UPDATE oriel.source SET pulled_at = now() - interval '25 hours' WHERE name = 'rare'});
    kill 'HUP', $s->pid('worker');
    wait_until { asked('/rare') == $before + 1 } 'what was missed';
    pass('is made up for, once');
    $s->stop('worker');
};

# That a pull is over is stored with its last records: nothing can come in between and have it made once more.
subtest 'cut off behind the last batch' => sub {
    $s->sql(q{CREATE FUNCTION oriel.cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60); RETURN NEW; END $$;
        CREATE TRIGGER cut BEFORE UPDATE ON oriel.source FOR EACH ROW
            WHEN (NEW.name = 'once' AND OLD.records > 0 AND NEW.records = OLD.records AND NEW.pulled_at IS DISTINCT FROM OLD.pulled_at) EXECUTE FUNCTION oriel.cut()}, 'postgres');
    my $log    = "$s->{folder}/log/worker.log";
    my $seen   = length read_file($log);
    source('once', every => '1d');
    $s->start_worker;
    wait_until { substr(read_file($log), $seen) =~ /noting that a source was pulled: .*(?:.*\n)*.* leading: / } 'the session to be lost there, and made anew';
    my $now = asked('/often');
    wait_until { asked('/often') >= $now + 2 } 'sources to be looked at again';
    is(asked('/once'), 1, 'the pull is not made again');
    is($s->sql("SELECT count(*) FROM oriel.delivery WHERE source = 'once'"), 1, 'and is one delivery');
    is($s->sql("SELECT state FROM oriel.source WHERE name = 'once'"), 'ready', 'of a source that is ready');
    $s->stop('worker');
    $s->sql('DROP FUNCTION oriel.cut CASCADE', 'postgres');
    unlink $s->domain_path('sources') . '/once.json';
};

subtest 'what is renamed in is taken at once, and moved when it is loaded' => sub {
    source('moved', kind => 'file', folder => 'moved', pattern => '*.json', poll => '1h', settle => '1h', done => 'loaded');
    my $folder = "$s->{folder}/drop/moved";
    mkdir $folder;
    start_leading();
    is(($s->oriel('pull', 'moved'))[1], "moved: nothing new\n", 'the folder is watched');
    write_file("$folder/slow.json", '[{"id": 1, "name": "may still be written"}]');
    write_file("$folder/quick.json.part", '[{"id": 2, "name": "complete"}]');
    rename "$folder/quick.json.part", "$folder/quick.json" or die $!;
    wait_until { -e "$folder/loaded/quick.json" } 'the file to be moved';
    is($s->sql(q{SELECT string_agg(external_id, ' ') FROM dp.thing WHERE client = 'moved'}), '2', 'a renamed file is complete, one that is written there is waited for');
    ok(-e "$folder/slow.json", 'which stays');
    $s->drop_file('moved', 'quick.json', '[{"id": 3, "name": "another of that name"}]');
    wait_until { () = glob "$folder/loaded/quick.json.*" } 'the other file to be moved';
    is(read_file("$folder/loaded/quick.json"), '[{"id": 2, "name": "complete"}]', 'nothing is overwritten');
    $s->drop_file('moved', 'again.json', '[{"id": 2, "name": "complete"}]');
    wait_until { -e "$folder/loaded/again.json" } 'the same content to be moved, too';
    is($s->sql(q{SELECT count(*) FROM oriel.delivery WHERE source = 'moved'}), 2, 'without being loaded again');
    $s->stop('worker');
};

# The clock is Postgres': what was pulled then and then, is it due now?
subtest 'times of day' => sub {
    my $zone = 'Pacific/Kiritimati';    # 14 hours ahead, without summer time
    my $now  = $s->sql("SELECT to_char(now() AT TIME ZONE '$zone', 'HH24:MI')");
    my ($past, $coming) = map { $s->sql("SELECT to_char(time '$now' + interval '$_ minutes', 'HH24:MI')") } -90, 90;
    source('daily', at => [$past, $coming], zone => $zone);
    my ($code, $out, $err) = $s->oriel('pull', 'daily');
    is($code, 0, 'pulled') or diag $err;
    for (['10 minutes', 0, 'after the last time it is not due'], ['80 minutes', 0, 'nor long after it'], ['100 minutes', 1, 'before it, it is']) {
        my ($ago, $due, $what) = @$_;
        my $before = asked('/daily');
        $s->sql("UPDATE oriel.source SET pulled_at = now() - interval '$ago' WHERE name = 'daily'");
        my $seen = asked('/often');
        $s->start_worker;
        wait_until { asked('/often') >= $seen + 3 && asked('/daily') >= $before + $due } 'the worker to work';
        is(asked('/daily') - $before, $due, $what);
        $s->stop('worker');
    }
};

subtest 'a complete pull of several pages' => sub {
    my $pages = q{ my $p = $query->{p}; return { body => JSON::PP->new->canonical->encode([map { { id => "c$_", name => 'x' } } @{ { 1 => [1, 2], 2 => [SECOND] }->{$p} || [] }]) } };
    my $there = sub { $s->sql(q{SELECT coalesce(string_agg(external_id, ' ' ORDER BY external_id), '') FROM dp.thing WHERE client = 'whole' AND gone_at IS NULL}) };
    source('whole', every => '1d', complete => \1, maxGonePercent => 100, paging => { by => 'page', parameter => 'p' });
    for (['3, 4', 'c1 c2 c3 c4'], ['3', 'c1 c2 c3']) {
        my ($second, $all) = @$_;
        $web->answer($pages =~ s/SECOND/$second/r);
        my ($code, undef, $err) = $s->oriel('pull', 'whole');
        is($code, 0, 'a pull') or diag $err;
        is($there->(), $all, 'what no page of it has is gone');
    }
    $web->answer(q{ return { body => '[]' } });
    is(($s->oriel('pull', 'whole'))[0], 0, 'a pull that brings nothing');
    is($there->(), '', 'means that nothing is there');
    source('whole', every => '1d', complete => \1, paging => { by => 'offset', parameter => 'p', keep => \1 });
    like(($s->oriel('check'))[2], qr/paging\.keep: a pull that goes on where the last one ended is not complete/, 'a pull of what is new is not complete');
    unlink $s->domain_path('sources') . '/whole.json';
};

subtest 'one that hangs does not hold up the others' => sub {
    $web->answer(q{ return { silent => 1 } if $path eq '/hangs'; return { body => qq([{"id": "$path$n", "name": "x"}]) } });
    source('hangs', every => '1h', timeout => '10min');
    my $before = asked('/often');
    $s->start_worker;
    wait_until { asked('/hangs') } 'one to hang';
    wait_until { asked('/often') >= $before + 5 } 'another to go on';
    pass('they do not wait for it');
    is($s->stop('worker'), 0, 'and it does not keep the worker from ending');
};

$s->stop('web');
$s->finish;
done_testing;
