# The manual pages: in order by themselves, and installed with the rest. That they say what the code does is held by the
# unit tests test_worker_manual and test_fcgi_manual.
use strict;
use warnings;
use Oriel::Test;
use Test::More;

my @pages = (glob('worker/man/*'), glob('fcgi-app/man/*'));
is(scalar @pages, 5, 'the pages are here');
for my $page (@pages) {
    my ($code, $out, $err) = run_command('mandoc', '-Tlint', '-Wwarning', $page);
    is("$code $out$err", '0 ', "mandoc has nothing to say of $page");
    my ($section) = $page =~ /\.(\d)$/;
    my ($name) = $page =~ m{([^/]+)\.\d$};
    like(read_file($page), qr/^\.Dt \U\Q$name\E $section$/m, 'its title is its name');
    for (read_file($page) =~ /^\.Xr (\S+ \d)/mg) {
        my $other = s/ /./r;
        ok((grep { m{/\Q$other\E$} } @pages), "$name refers to $other, which is there");
    }
}

# What make install puts where, in the variant that is tested; -o all: nothing is built again, whatever flags it was built with.
my $folder = Oriel::Test::new_folder();
my ($variant) = build_folder() =~ m{/build-([^/]+)$};
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
my ($code, $out, $err) = run_command('make', '-o', 'all', 'install', "DESTDIR=$folder", 'prefix=/usr', $variant ? "B=$variant" : ());
is($code, 0, 'make install') or diag $out, $err;
ok(-s "$folder/usr/share/man/man1/oriel.1", 'oriel.1');
ok(-s "$folder/usr/share/man/man5/$_", $_) for qw(oriel-entity.5 oriel-source.5 oriel.json.5);
ok(-s "$folder/usr/share/man/man8/oriel-fcgi.8", 'oriel-fcgi.8');
ok(-s "$folder/usr/share/bash-completion/completions/oriel", 'completion');
ok(-x "$folder/usr/bin/oriel" && -x "$folder/usr/libexec/oriel-fcgi", 'the programs');
done_testing;
