# The rules of the house that a machine can hold.
use strict;
use warnings;
use File::Find ();
use Oriel::Test;
use Test::More;

# Files of the checkout, without what is built, and without data, which are as their makers wrote them.
my @files;
File::Find::find({
    no_chdir => 1,
    wanted   => sub {
        if (-d) { $File::Find::prune = m{^\./(?:\.git|build[^/]*|run|conf/sample|t/fuzz/corpus|t/data)$}; return }
        push @files, s{^\./}{}r unless $_ eq './.git'; # in a worktree it is a file
    },
}, '.');
@files = sort @files;
ok(@files > 50, 'the checkout is here') or BAIL_OUT('run the tests from the top of the checkout');

sub none {
    my ($name, @found) = @_;
    ok(!@found, $name) or diag(join "\n", @found);
}

sub lines_of {
    my ($file) = @_;
    my $n = 0;
    return map { $n++; [$n, $_] } split /\n/, read_file($file);
}

# What the files of a folder may include: Postgres is the only thing between the two programs.
my %may = (lib => qr{^lib/}, worker => qr{^(?:lib|worker)/}, 'fcgi-app' => qr{^(?:lib|fcgi-app)/}, 't' => qr{^(?:lib|worker|fcgi-app|t)/});
my @wrong;
for my $file (grep { /\.[ch]$/ } @files) {
    my ($side) = $file =~ m{^([^/]+)/};
    for (lines_of($file)) {
        my ($n, $line) = @$_;
        next unless $line =~ /^\s*#\s*include\s+"(.*)"/;
        push @wrong, "$file:$n: includes $1" unless $may{$side} && $1 =~ $may{$side};
    }
}
none('worker/ and fcgi-app/ include lib/ and themselves, lib/ only itself, all by their path from the top', @wrong);

my $words = join '|', map { join '', @$_ } ['TO', 'DO'], ['FIX', 'ME'], ['X', 'XX'], ['for', ' now'], ['not ', 'implemented'];
my $paths = join '|', map { join '', @$_ } ['/wo', 'rk/'], ['/fa', 'rm/'];
my (@unfinished, @places, @ends, @spaces);
for my $file (@files) {
    my $text = read_file($file);
    push @ends, $file unless $text =~ /\n\z/;
    for (lines_of($file)) {
        my ($n, $line) = @$_;
        push @unfinished, "$file:$n: $line" if $line =~ /\b(?:$words)\b/;
        push @places,     "$file:$n: $line" if $line =~ m{(?:^|[\s"'=(])(?:$paths)};
        push @spaces,     "$file:$n"        if $line =~ /[ \t\r]$/;
    }
}
none('nothing says that it is unfinished',         @unfinished);
none('no path of somebody\'s machine is in a file', @places);
none('every file ends with a newline',             @ends);
none('no line ends in white space',                @spaces);

none('every package of conf/packages has its reason',
    map { "conf/packages:$_->[0]: $_->[1]" } grep { $_->[1] !~ /^(?:#|[a-z0-9][a-z0-9.+-]+ +# \S)/ } lines_of('conf/packages'));

my %ignored = map { $_ => 1 } split /\n/, read_file('.gitignore');
ok($ignored{$_}, "$_ is not for git") for qw(/build/ /build-*/ /run);

none('scripts can be run', grep { read_file($_) =~ /\A#!/ && !-x } @files);

none('every fuzz target has a corpus to replay', grep { my ($name) = m{fuzz_(\w+)\.c$}; !glob "t/fuzz/corpus/$name/*" } glob 't/fuzz/fuzz_*.c');

done_testing;
