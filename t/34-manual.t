# The manual pages: in order by themselves, true to the code, and installed with the rest. Commands, options and keys that the
# programs have in tables are compared by the unit tests test_worker_manual and test_fcgi_manual, which this runs too, so that
# one test tells all that is wrong with a page.
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

for my $side (qw(worker fcgi)) {
    my ($code, $out) = run_command(build_folder() . "/t/unit/test_${side}_manual");
    is(join('', map { "$_\n" } ($code ? "exit code $code" : ()), $out =~ /^not ok \d+ - (.*)/mg), '', "the pages of $side/ have what its tables have");
}

# Lists that only one file of the code knows: the words of the pattern there against the items of the page's section.
for (
    ['worker/man/oriel-source.5', 'PAGING', 'worker/paging.c', qr/\bkeys\[\] = \{(.*?)\}/s],
    ['worker/man/oriel-source.5', 'SECRETS', 'worker/secret.c', qr/\*keys\[8\] = \{(.*?)\}/s],
    ['fcgi-app/man/oriel-fcgi.8', 'TOKENS', 'fcgi-app/token_key.c', qr/\bkeys\[\] = \{(.*?)\}/s],
    ['fcgi-app/man/oriel-fcgi.8', 'METRICS', 'fcgi-app/board.c', qr/("oriel_\w+")/],
) {
    my ($page, $section, $source, $pattern) = @$_;
    my ($text) = read_file($page) =~ /^\.Sh $section\n(.*?)^\.Sh /ms or die "$page has no section $section";
    my %said  = map { $_ => 1 } map { split / , / } $text =~ /^\.It Cm (.*)/mg;
    my %known = map { $_ => 1 } map { /"(\w+)"/g } read_file($source) =~ /$pattern/g;
    cmp_ok(scalar keys %known, '>=', 2, "$source has a list");
    is_deeply([sort keys %said], [sort keys %known], "$section of $page is that of $source");
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
