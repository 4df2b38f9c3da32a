# The command line of oriel: one table for parsing, help and completion.
use strict;
use warnings;
use Oriel::Test;
use Test::More;

my $folder = Oriel::Test::new_folder();
my $oriel  = build_folder() . '/oriel';
write_file("$folder/oriel.json", '{"database": "host=/nonexistent"}');
write_file("$folder/entities/$_.json", '{}') for qw(box box.test thing);
write_file("$folder/sources/acme.json", '{}');
write_file("$folder/changes/0001-things/expand.sql", '');
$ENV{ORIEL_CONFIG} = "$folder/oriel.json";

my ($code, $out, $err) = run_command($oriel, 'help');
is($code, 0, 'oriel help');
is($out, (run_command($oriel, '--help'))[1], 'is oriel --help');
my @commands = $out =~ /^  ([a-z]+) +\S/mg;
ok(@commands > 8, 'commands are listed') or diag $out;
is_deeply(\@commands, [sort @commands], 'in their order');
ok(!(grep { length > 100 } split /\n/, $out), 'within 100 columns');

my %complete;
sub complete { my $said = (run_command($oriel, 'complete', '--', @_))[1]; return join ' ', sort split /\n/, $said }

for my $command (@commands) {
    ($code, $out, $err) = run_command($oriel, 'help', $command);
    is($code, 0, "oriel help $command");
    like($out, qr/\Ausage: oriel $command\b.*\n\n\S/, 'shows its usage and what it is for');
    ok(!(grep { length > 118 } split /\n/, $out), 'in lines of a readable length') or diag $out;
    is((run_command($oriel, $command, '--help'))[1], $out, "oriel $command --help says the same");
    my @options = sort map { "--$_" } 'help', $out =~ /^  --([a-z-]+)/mg;
    is(complete($command, '--'), "@options", 'its options are completed') unless $command eq 'complete';
    ($code, $out, $err) = run_command($oriel, $command, '--nonsense');
    is($code, 2, 'an option that it has not');
    like($err, qr/$command: no option "--nonsense" \(see `oriel help $command`\)$/m, 'is told');
}
is(complete(''), join(' ', @commands), 'the commands are completed');
is(complete('c'), join(' ', grep { /^c/ } @commands), 'from their first letters');
is(complete('-'), '--config --database --help --version', 'the options of all');
is(complete('-c', "$folder/oriel.json", 'stat'), 'status', 'a command behind options');
is(complete('change', 'pl'), 'plan', 'an action');
is(complete('change', 'fill', ''), '0001-things', 'a change');
is(complete('try', ''), 'box thing', 'an entity');
is(complete('try', '--source', 'a'), 'acme', 'a source behind its option');
is(complete('try', 'box', ''), '', 'a file is left to the shell');
is(complete('help', 'st'), 'status', 'help of a command');
is(complete('nonsense', ''), '', 'nothing is known of no command');
$ENV{ORIEL_CONFIG} = "$folder/none.json";
is_deeply([run_command($oriel, 'complete', '--', 'try', '')], [0, '', ''], 'nothing is said where oriel.json is not there');

# Bash itself, with the file that is installed.
$ENV{ORIEL_CONFIG} = "$folder/oriel.json";
my ($status, $said) = run_command('bash', '-c', <<"END");
PATH="@{[build_folder()]}:\$PATH"
. conf/completion/oriel
COMP_WORDS=(oriel try bo) COMP_CWORD=2
_oriel
echo "\${COMPREPLY[@]}"
END
is($said, "box\n", 'bash completes');

for (
    ['no command'               => qr/no command "statsu"; did you mean "status"\? \(see `oriel help`\)/, 'statsu'],
    ['no action'                => qr/change: one of these was expected: brownout, contract, .*status/, 'change'],
    ['a misspelt action'        => qr/change: no action "expnad"; did you mean "expand"/, 'change', 'expnad'],
    ['a misspelt option'        => qr/status: no option "--jsno"; did you mean "--json"/, 'status', '--jsno'],
    ['an option without its value' => qr/try: --limit wants N/, 'try', '--limit'],
    ['a value for a flag'       => qr/status: --json takes nothing behind it/, 'status', '--json=yes'],
    ['an option of another action' => qr/contract: --version belongs to `contract openapi`/, 'contract', 'show', '--version', '1'],
    ['too few arguments'        => qr/change: too few arguments: `oriel change fill CHANGE`/, 'change', 'fill'],
    ['too many arguments'       => qr/readers: too many arguments: `oriel readers`/, 'readers', 'x'],
) {
    my ($what, $message, @arguments) = @$_;
    ($code, $out, $err) = run_command($oriel, @arguments);
    is($code, 2, "$what: exit code 2");
    like($err, $message, 'and a sentence');
    is($out, '', 'nothing else');
}
is((run_command($oriel))[0], 2, 'nothing at all is wrong use');

done_testing;
