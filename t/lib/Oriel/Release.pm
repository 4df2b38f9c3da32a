package Oriel::Release;

# The worked example of this checkout as two releases: the one before the change 0002-price-cents and the one with it. Of
# each: changes, lock file, entity files, and a configuration, below a folder. The sunset lies in the past, so that contract
# may run.

use strict;
use warnings;
use Exporter 'import';
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;

our @EXPORT = qw(release_files release_stack);

our $Change = '0002-price-cents';

# The files of a release, by their paths in a domain's folder; only acme's products are pulled.
sub release_files {
    my ($release) = @_;
    my %files = ('sources/acme.json' => JSON::PP->new->canonical->encode({
        kind => 'file', client => 'acme', folder => 'acme', pattern => '*.ndjson', format => 'ndjson',
        poll => '20ms', settle => '20ms', entities => ['acme-product', 'acme-vendor'] }));
    for my $path (glob('sql/changes/*/*.sql'), glob('sql/contract.json')) {
        $files{$path} = read_file($path) =~ s/2099-01-01/2020-01-01/r unless $release eq 'old' && $path =~ /\Q$Change\E|contract\.json/;
    }
    for my $entity (qw(acme-product acme-vendor)) {
        my $text = read_file("conf/entities/$entity.json");
        $text =~ s/^.*"name": "(?:price_cents|currency)".*\n//mg if $release eq 'old';
        $files{"entities/$entity.json"} = $text;
    }
    return \%files;
}

# A stack whose database holds the old release. The old one's configuration is {old}, the new one's {new}.
sub release_stack {
    my (%options) = @_;
    my $s = Oriel::Stack->new(domain => release_files('old'), start => [], %options);
    my $new = release_files('new');
    write_file("$s->{folder}/new/$_", $new->{$_}) for keys %$new;
    my $settings = JSON::PP->new->decode(read_file($s->{config}));
    $settings->{$_} =~ s{/domain/}{/new/} for qw(changes entities sources lock);
    $s->{old} = $s->{config};
    $s->{new} = write_file("$s->{folder}/new.json", JSON::PP->new->canonical->pretty->encode($settings));
    return $s;
}

1;
