# What the commands say to a database that `oriel init` has not seen, or not this program's: the same sentence from each,
# with the place and what to do.
use strict;
use warnings;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-one/expand.sql' => "CREATE TABLE dp.one (id bigint PRIMARY KEY);\n",
});
# each command that asks the database, with the exit code of one that cannot
my @commands = ([1, 'status'], [1, 'rejects'], [1, 'rejects', 'show', 1, 1], [1, 'readers'], [1, 'check'],
    [1, 'change', 'status'], [1, 'change', 'expand'], [4, 'contract', 'lock'], [4, 'contract', 'check'], [2, 'work']);
my $socket = $s->{db}{socket};

# Runs all commands on a database and looks for one sentence.
sub all_say {
    my ($database, $sentence) = @_;
    for my $command (@commands) {
        my ($code, @arguments) = @$command;
        my ($status, $out, $err) =
            run_command("$s->{build}/oriel", '-c', $s->{config}, '-d', $s->{db}->conninfo($database), @arguments);
        is($status, $code, "@arguments: exit code");
        like($err, qr/database "$database" on host "\Q$socket\E", as role "oriel_dp": $sentence/, 'place and remedy');
        is(scalar(() = $err =~ /What to do/g), 1, 'once') or diag $err;
    }
}

subtest 'without init' => sub {
    $s->sql('CREATE DATABASE empty', 'postgres', 'postgres');
    all_say('empty', qr/there is no bookkeeping of Oriel that this role can read\. What to do: run `oriel init`/);
};

subtest 'a newer program was here' => sub {
    $s->sql('UPDATE oriel.bookkeeping SET version = version + 100', 'postgres');
    all_say('oriel', qr/the bookkeeping is of version 10\d and this program \(oriel [\d.]+\) knows no more than \d+\. What to do: use the newer program$/m);
    $s->sql('UPDATE oriel.bookkeeping SET version = version - 100', 'postgres');
};

is(($s->oriel('status'))[0], 0, 'as before, all is in order');

subtest 'init is the remedy' => sub {
    my ($code, undef, $err) = run_command("$s->{build}/oriel", '-c', $s->{config}, '-d', $s->{db}->conninfo('empty'),
        'init', '--admin', $s->{db}->conninfo('empty') . ' user=postgres');
    is($code, 0, 'it asks no bookkeeping that is not there yet') or diag $err;
    is((run_command("$s->{build}/oriel", '-c', $s->{config}, '-d', $s->{db}->conninfo('empty'), 'status'))[0], 0, 'and then the commands work');
};

$s->finish;
done_testing;
