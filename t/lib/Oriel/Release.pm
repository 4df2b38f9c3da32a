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

our @EXPORT = qw(next_release release_files release_stack);

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

# The release after the change's contract, {next}: a lock file without version 1, and entity files without price.
sub next_release {
    my ($s) = @_;
    my $json     = JSON::PP->new->canonical->pretty;
    my $lock     = $json->decode(read_file("$s->{folder}/new/sql/contract.json"));
    my $settings = $json->decode(read_file($s->{new}));
    delete $lock->{contracts}{v_products_v1};
    $_->{references} =~ s/v_products_v1/v_products_v2/ for @{ $lock->{contracts}{v_batches_v1}{foreignKeys} };
    $lock->{tombstones} = ['v_products_v1'];
    for my $entity (qw(acme-product acme-vendor)) {
        write_file("$s->{folder}/next/entities/$entity.json", read_file("$s->{folder}/new/entities/$entity.json") =~ s/^.*"name": "price".*\n//mr);
    }
    $settings->{lock}     = write_file("$s->{folder}/next/contract.json", $json->encode($lock));
    $settings->{entities} = "$s->{folder}/next/entities";
    $s->{next} = write_file("$s->{folder}/next.json", $json->encode($settings));
}

1;
