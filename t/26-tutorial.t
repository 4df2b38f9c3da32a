# The README's worked example is true: each `oriel` command that it shows is run, in its order, while readers and workers go on as
# the text between says, and prints what stands below it. "…" stands for what is not shown there; numbers, hashes and times are
# each time's own.
use strict;
use warnings;
use utf8;
use Encode ();
use JSON::PP ();
use Oriel::Release;
use Oriel::Test;
use Test::More;

my ($part) = Encode::decode('UTF-8', read_file('README.md')) =~ /^### The worked example\n(.*?)^### /ms or die 'README.md has no worked example';
my @steps;
while ($part =~ /^    \$ (oriel .*)\n((?:    (?!\$ ).*\n)*)/mg) {
    my ($command, $printed) = ($1, $2);
    push @steps, { command => $command, printed => [map { s/^    //r } split /\n/, $printed] };
}

# What the page shows, as a pattern.
sub pattern {
    my $text = join '', map { /^ *…$/ ? '…' : "$_\n" } @_;
    my %any  = ('…' => '(?s:.*?)', 'n' => '[\d.]+', 'hash' => '[0-9a-f]{12}');
    return join '', map { /^…$/ ? $any{'…'} : /^[0-9a-f]{12}$/ ? $any{hash} : /^\d/ ? $any{n} : quotemeta }
        split /(…|\b[0-9a-f]{12}\b|(?<![\w@.])\d+(?:\.\d+)*(?!\w))/, $text;
}

my $s = release_stack(responders => 1);
my $new = "$s->{folder}/new";
# the sunset of the page is still to come
for my $file ("sql/changes/$Oriel::Release::Change/expand.sql", 'sql/contract.json') { write_file("$new/$file", read_file($file)) }
$s->start($_) for qw(worker responders nginx);
$s->drop_file('acme', 'sample.ndjson', read_file('conf/sample/acme-products.ndjson'));
$s->wait_for_deliveries(1);

sub replace {
    my ($part, $config) = @_;
    $s->stop($part);
    $s->{config} = $config;
    $s->start($part);
    $s->{config} = $s->{new};
}
sub serves { my ($path) = @_; wait_until { $s->get($path)->{status} == 200 } "$path to be served" }
serves('/v1/products?limit=1');
$s->{config} = $s->{new};

# What happens between the commands, by what the page says before them; each once.
my %before = (
    'change prove'    => sub { replace('responders', $s->{new}); replace('worker', $s->{new}); serves('/v2/products?limit=1') },
    'change contract' => [sub { }, sub {
        $s->sql(q{DO $$ BEGIN EXECUTE format('COMMENT ON VIEW api.v_products_v1 IS %L', replace(obj_description('api.v_products_v1'::regclass), '2099-01-01', '2020-01-01')); END $$}, 'postgres');
        write_file("$new/sql/contract.json", read_file("$new/sql/contract.json") =~ s/2099-01-01/2020-01-01/r);    # a lock may not bring a sunset forward
        next_release($s);
        replace('responders', $s->{next});
        serves('/v2/products?limit=1');
    }],
);
cmp_ok(scalar @steps, '>=', 10, 'the page shows its commands');
for my $step (@steps) {
    my ($what) = $step->{command} =~ /^oriel (\w+ \w+)/;
    my $event = $before{$what};
    $event = shift @$event if ref $event eq 'ARRAY';
    delete $before{$what} if ref $before{$what} eq 'CODE';
    $event->() if $event;
    my (undef, @arguments) = split ' ', $step->{command};
    my ($code, $out, $err) = $s->oriel(@arguments);
    $_ = Encode::decode('UTF-8', $_) =~ s{\Q$s->{folder}\E/new/}{}gr for $out, $err;
    my $pattern = pattern(@{ $step->{printed} });
    ok("$err$out" =~ /\A$pattern\z/ || "$out$err" =~ /\A$pattern\z/, $step->{command}) or diag Encode::encode('UTF-8', "$code\n$err$out\nbut the page has\n" . join "\n", @{ $step->{printed} });
}
is($s->sql("SELECT to_regclass('api.v_products_v1') IS NULL"), 't', 'version 1 is gone in the end');
serves('/v2/products?limit=1');
$s->finish(qr/products\@1 is (?:withheld|not served)|differs from the lock file|connect\(\) to unix:.*Connection refused/);
done_testing;
