# oriel status: what each source is about, for people and for programs.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $json = JSON::PP->new->canonical;
my %thing = (entity => 'thing', table => 'dp.thing', primaryKey => [qw(client code)], id => 'id', fields => [
    { name => 'code', from => '/code', type => 'string', constraints => { required => \1 } }, { name => 'size', from => '/size', type => 'integer', onError => 'null' } ]);
sub source { my ($name) = @_; return $json->encode({ kind => 'file', client => $name, folder => $name, pattern => '*.ndjson', format => 'ndjson', poll => '20ms', settle => '20ms', entities => ['thing'] }) }
my $s = Oriel::Stack->new(start => ['worker'], domain => {
    'sql/changes/0001-things/expand.sql' =>
        'CREATE TABLE dp.thing (id bigint PRIMARY KEY, client text NOT NULL, code text NOT NULL, size integer, raw_batch bigint NOT NULL, raw_line integer NOT NULL, UNIQUE (client, code));',
    'entities/thing.json' => $json->encode(\%thing),
    'sources/acme.json'   => source('acme'),
    'sources/old.json'    => source('old'),
});
$s->drop_file('acme', 'a.ndjson', qq({"code": "a", "size": 1}\n{"code": "b", "size": "x"}\n{"size": 2}\n));
$s->drop_file('old', 'o.ndjson', qq({"code": "o"}\n));
$s->wait_for_deliveries(2);

sub state_of {
    my ($name) = @_;
    my ($code, $out, $err) = $s->oriel('status', '--json');
    my ($one) = grep { $_->{source} eq $name } @{ $json->decode($out)->{sources} };
    return $one;
}
my ($code, $out, $err) = $s->oriel('status');
is($code, 0, 'oriel status') or diag $err;
like($out, qr/\Asource +state +last_pull +lag +position +records +per_min +rows +rejected +parked\nacme +ready +\d+ s +all read +3 +3 +2 +1 +0\nold +ready /,
    'a line for each source');
like($out, qr/^acme +thing +malformed +null +1$/m, 'why values were not taken');
like($out, qr/^acme +thing +missing +reject +1$/m, 'by reason');

# one that stopped in the middle, with a long name: shown by how far it is
my $name = 'a-file-' . 'x' x 100 . '.ndjson';
$s->stop('worker');
$s->sql("INSERT INTO oriel.delivery (source, name, sha256, size, next_offset, started_at) VALUES ('acme', '$name', 'x', 200, 50, now() - interval '5 min')");
$s->sql("UPDATE oriel.source SET state = 'waiting', message = 'the moon is full' WHERE name = 'acme'");
($code, $out) = $s->oriel('status');
like($out, qr/^acme +waiting +\d+ s +5 min +25 % of a-file-x+… +3 /m, 'an open delivery has a lag and a position');
like($out, qr/^acme is waiting: the moon is full$/m, 'the message stands below');
ok(!(grep { utf8::decode(my $line = $_); length $line > 100 } split /\n/, $out), 'all fits 100 columns') or diag $out;
my $acme = state_of('acme');
is_deeply([@$acme{qw(state files_done files_open records rejected)}], ['waiting', 1, 1, 3, 1], 'the same for programs');
ok($acme->{lag_seconds} >= 300 && $acme->{lag_seconds} < 900, 'with the lag as a number');

# configuration and database need not agree
unlink $s->domain_path('sources') . '/old.json';
write_file($s->domain_path('sources') . '/fresh "one".json', source('fresh'));
is(state_of('old')->{state}, 'removed', 'a source that is configured no more');
is(state_of('fresh "one"')->{state}, 'new', 'one that the worker has not seen');
is(state_of('fresh "one"')->{records}, 0, 'which has brought nothing');

# again and again: on a pipe, as JSON, on a terminal
my $log = "$s->{folder}/log/watch.log";
my @watch = ("$s->{build}/oriel", '-c', $s->{config}, 'status', '--watch', '--every', '100ms');
$s->{children}->start('watch', {}, @watch);
wait_until { (() = read_file($log) =~ /^source +state/mg) >= 3 } 'three pictures';
$s->{children}->stop('watch');
like(read_file($log), qr/\n\nsource +state/, 'an empty line between two');
unlike(read_file($log), qr/\e/, 'nothing for a terminal');
$s->{children}->start('watch-json', {}, @watch, '--json');
wait_until { (() = read_file("$s->{folder}/log/watch-json.log") =~ /^\{"sources"/mg) >= 3 } 'three documents';
$s->{children}->stop('watch-json');
my @documents = JSON::PP->new->incr_parse(read_file("$s->{folder}/log/watch-json.log"));
cmp_ok(scalar @documents, '>=', 2, 'JSON, one document behind the other');
$s->{children}->start('watch-terminal', {}, 'script', '-qfec', join(' ', map { "'$_'" } @watch), '/dev/null');
my $picture = qr/\e\[H\e\[2J\d\d:\d\d:\d\dZ, Ctrl-C ends\r\n\r\nsource +state/;
ok((wait_until { (() = read_file("$s->{folder}/log/watch-terminal.log") =~ /$picture/g) >= 2 } 'pictures on a terminal'), 'on a terminal in place');
$s->{children}->stop('watch-terminal');
is(($s->oriel('status', '--every', 'often'))[0], 2, 'a wrong interval');

# what lies in the folder and is not taken: said until it is
unlink $s->domain_path('sources') . '/fresh "one".json';
$s->sql("DELETE FROM oriel.delivery WHERE finished_at IS NULL");
$s->start_worker;
my $cut = $s->drop_file('acme', 'cut.ndjson', "\x1f\x8b\x08");
my $why = 'cut.ndjson is left out until it changes: its gzip is cut off: it was not delivered whole';
wait_until { (state_of('acme')->{message} // '') eq $why } 'the status to say so';
is(state_of('acme')->{state}, 'ready', 'the source goes on');
like(($s->oriel('status'))[1], qr/^acme is ready: \Q$why\E$/m, 'for people');
($code, $out, $err) = $s->oriel('pull', 'acme');
is("$code $out", "0 acme: nothing new\n", 'a pull takes all others');
like($err, qr/warning: source acme: \Q$why\E$/m, 'and says which it did not');
$s->drop_file('acme', 'whole.ndjson', qq({"code": "w"}\n));
$s->wait_for_deliveries(3);
wait_until { (state_of('acme')->{message} // '') eq $why } 'the status to say so behind a delivery, too';
symlink '/etc/passwd', "$s->{folder}/drop/acme/b.ndjson" or die;
wait_until { (state_of('acme')->{message} // '') eq '2 files are left out until they change; the first, b.ndjson: it is no regular file' } 'the status to count them';
unlink $cut, "$s->{folder}/drop/acme/b.ndjson";
wait_until { !defined state_of('acme')->{message} } 'the status to forget them';

# a source that is stopped is looked at no more
$s->stop('worker');
write_file($s->domain_path('sources') . '/sheet.json', source('sheet') =~ s/ndjson/csv/gr);
my $old = time - 3600;
utime $old, $old, $s->drop_file('sheet', 's.csv', "co\xffde\nx\n") or die;
$s->start_worker;
wait_until { state_of('acme')->{looked_at} gt '2' && state_of('sheet')->{state} eq 'stopped' } 'one source to stop';
$s->stop('worker');
is(state_of('sheet')->{last_pull}, undef, 'one that is stopped was not looked at');
$s->finish(qr/is stopped|header is not UTF-8/);
done_testing;
