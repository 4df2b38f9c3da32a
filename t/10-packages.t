# conf/install-packages: what it decides. The tools it asks are replaced on PATH by ones that write down what they were
# asked to do; a fresh machine is what shows that apt-get then does it.
use strict;
use warnings;
use Oriel::Test;
use Test::More;

my $folder = Oriel::Test::new_folder();
my $log    = "$folder/log";

sub tool {
    my ($name, $body) = @_;
    write_file("$folder/bin/$name", "#!/bin/sh\n$body\n");
    chmod 0755, "$folder/bin/$name";
}

# The names in `have` are installed; apt-get installs what it is asked for unless it is told to fail.
sub setup {
    my (%is) = @_;
    run_command('rm', '-rf', "$folder/bin", $log, "$folder/have");
    mkdir "$folder/have";
    write_file("$folder/have/$_", '') for @{ $is{have} // [] };
    write_file($log, '');
    tool('dpkg-query', "case \"\$*\" in *Provides*) printf '%s\\n' 'ii ,,' '" . ($is{provides} // '') . "'; exit;; esac\n"
            . "for name; do :; done; if test -e '$folder/have/'\$name; then printf 'ii '; else exit 1; fi");
    tool('id',         'echo ' . ($is{uid} // 0));
    my $fail = $is{fail} ? "case \"\$*\" in *$is{fail}*) exit 100;; esac" : '';
    tool('apt-get', "echo apt-get \$* >>$log\n$fail\ncase \"\$*\" in *-s*|*update*) exit 0;; esac\n"
            . "for name; do case \$name in -*|install) ;; *) touch '$folder/have/'\$name;; esac; done") unless $is{no_apt};
    tool('sudo', "echo sudo \$* >>$log\n[ \"\$1\" != -n ] || shift\n\"\$@\"") if $is{sudo};
    # the rest of what the script needs, so that nothing else of this machine is on its PATH
    for my $name (qw(sh sed tr env touch printf)) { symlink "/usr/bin/$name", "$folder/bin/$name" }
}

sub install {
    local $ENV{PATH} = "$folder/bin";
    return run_command('conf/install-packages', "$folder/packages", @_);
}

write_file("$folder/packages", "# two\nalpha   # why\nbeta # why else\n");

setup(have => [qw(alpha beta)], uid => 1000, no_apt => 1);
is_deeply([install()], [0, '', ''], 'all there: nothing is said, and nothing else is needed');

setup(have => ['alpha'], provides => 'ii ,gamma, beta (= 2),', uid => 1000, no_apt => 1);
is_deeply([install()], [0, '', ''], 'one is part of another package: it is there, too');
setup(have => ['alpha'], provides => 'rc ,beta,', no_apt => 1);
is((install())[0], 1, 'but not when that has been removed');

setup(have => ['alpha']);
my ($code, $out) = install();
is($code, 0, 'root: one is missing and gets installed');
like($out, qr/^Installing: beta/, 'and is named');
like(read_file($log), qr/^apt-get .*-y install --no-install-recommends beta$/m, 'by apt-get');
unlike(read_file($log), qr/alpha|update/, 'nothing more than that');

write_file("$folder/packages", "alpha   # why\nbeta # tests: why else\n");
is_deeply([install('run')], [0, '', ''], 'what only tests need is left out for a run');
write_file("$folder/packages", "alpha   # why\nbeta # why else\n");

setup(have => ['alpha'], fail => '-s');
($code) = install();
is($code, 0, 'unknown to the lists at hand');
like(read_file($log), qr/update\n.*install .*beta/, 'so they are fetched first');

setup(have => ['alpha'], uid => 1000, sudo => 1);
($code) = install();
is($code, 0, 'a plain user with sudo');
like(read_file($log), qr/^sudo -n .*install --no-install-recommends beta$/m, 'uses it, and without a terminal is not asked for a password');

setup(uid => 1000);
($code, undef, my $err) = install();
is($code, 1, 'a plain user without sudo: it fails');
like($err, qr/missing.*no sudo.*alpha beta/, 'saying what is missing and why');
like($err, qr/apt-get install --no-install-recommends alpha beta/, 'and what to type');
is(read_file($log), '', 'without having tried');

setup(fail => 'install');
($code, undef, $err) = install();
is($code, 1, 'apt-get fails');
like($err, qr/apt-get failed.*alpha beta/, 'and it says so');

setup(no_apt => 1);
($code, undef, $err) = install();
is($code, 1, 'no apt-get');
like($err, qr/no apt-get here/, 'and it says so');

done_testing;
