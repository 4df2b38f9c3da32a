# API.md and README.md are true: each request that they show is run, by curl, against the sample, and gives the answer that
# stands below it; the tables of errors and limits are those of the sources.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

# "    $ curl … 'http://127.0.0.1:8080/…'" and the indented lines below it: { page, line, command, expected => [lines] }.
sub examples {
    my ($page) = @_;
    my (@found, $open);
    my $n = 0;
    for my $line (split /\n/, read_file($page)) {
        $n++;
        if ($line =~ /^    \$ (curl .*)/) {
            push @found, $open = { page => $page, line => $n, command => $1, expected => [] };
        } elsif ($open && $line =~ /^    (.*)/) {
            push @{ $open->{expected} }, $1;
        } else {
            $open = undef;
        }
    }
    return @found;
}
my @api    = examples('API.md');
my @readme = examples('README.md');
cmp_ok(scalar @api, '>=', 35, 'API.md has examples');
cmp_ok(scalar @readme, '>=', 5, 'README.md too');

# One responder, so that what it knows all know.
my $s = Oriel::Stack->new(responders => 1, settings => { responder => { aggregates => JSON::PP::true, origins => ['https://app.example'] } }, tcp => 1);
$s->drop_file('acme', 'acme-products.ndjson', read_file('conf/sample/acme-products.ndjson'));
$s->wait_for_deliveries(1);
$s->drop_file('globex', 'globex-articles.csv', read_file('conf/sample/globex-articles.csv'));
$s->wait_for_deliveries(2);
wait_until { my $r = $s->get('/v1/products?select=count()'); $r->{status} == 200 && $r->{json}[0]{count} == 308 } 'the sample to be served';

# What differs between the lines of an answer and those of the page, where "…" stands for headers that are not shown.
sub difference {
    my ($example, $answer) = @_;
    my @expected = @{ $example->{expected} };
    my $body = $answer;
    if ($example->{command} =~ / -[iI] /) {
        ($answer, $body) = split /\n\n/, "$answer\n\n", 2;
        my %header = map { $_ => 1 } split /\n/, $answer;
        while (@expected) {
            my $line = shift @expected;
            last if $line eq "\x{e2}\x{80}\x{a6}";
            return "no line $line in\n$answer" unless $header{$line};
        }
    }
    $body =~ s/\n+\z//;
    my $expected = join "\n", @expected;
    return $body eq $expected ? '' : "got\n$body\nbut the page has\n$expected";
}

# Those that show a contract withheld come last, and find it so.
my @withheld = grep { "@{ $_->{expected} }" =~ /ORIEL001/ } @api, @readme;
sub try_example {
    my ($example) = @_;
    my $command = $example->{command} =~ s{http://127\.0\.0\.1:8080/}{http://$s->{tcp}/}r =~ s/^curl /curl -sS /r;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $out, $err) = run_command('sh', '-c', $command);
    my $different = $code ? "curl ended with $code: $err" : difference($example, $out =~ s/\r//gr);
    ok(!$different, "$example->{page}:$example->{line}: $example->{command}") or diag $different;
}
for my $example (@api, @readme) { try_example($example) unless grep { $_ == $example } @withheld }
$s->sql('REVOKE SELECT ON api.v_products_v1 FROM oriel_ds');
$s->wait_until_withheld('/v1/products?limit=1');
try_example($_) for @withheld;

# --- tables ---

# The rows of all tables of API.md below a heading: lists of cells, the code's quotes taken off the first.
sub table_rows {
    my ($heading) = @_;
    my ($part) = read_file('API.md') =~ /^## \Q$heading\E\n(.*?)(?=^## |\z)/ms or die "API.md has no heading $heading";
    return map { [map { s/^\s+|\s+$//gr =~ s/^`([^`]*)`$/$1/r } split /(?<!\\)\|/, substr($_, 1)] } $part =~ /^(\|.*)\|$/mg;
}

sub matches { my ($path, $pattern) = @_; my %found; my $text = read_file($path); while ($text =~ /$pattern/g) { $found{"$+{code} $+{status}"} = 1 } return %found }
my %in_sources = (
    matches('fcgi-app/plan_error.c', qr/^ +\{"(?<code>\w+)", (?<status>\d{3})\}/m),
    matches('fcgi-app/answer.c',     qr/\{(?<status>\d{3}), "(?<code>(?:PGRST|ORIEL)\d{3})"/),
    matches('fcgi-app/sqlstate.c',   qr/^ +\{"(?<code>\w+)", (?<status>\d{3}),/m),
    matches('conf/nginx/oriel.conf', qr/return (?<status>\d{3}) '\{"code":"(?<code>\w+)"/),
    'PGRST116 406' => 1,    # answer.c, which knows the status by the path
);
my %in_page = map { ("$_->[0] $_->[1]" => 1) } grep { $_->[1] =~ /^\d{3}$/ && $_->[0] =~ /^\w+$/ } table_rows('Errors');
cmp_ok(scalar keys %in_sources, '>', 50, 'the sources have errors');
is_deeply([grep { !$in_page{$_} } sort keys %in_sources], [], 'each has its row in API.md');
is_deeply([grep { !$in_sources{$_} } sort keys %in_page], [], 'and each row its error');
my %said = map { $_ => 1 } map { read_file($_) =~ /"((?:PGRST|ORIEL)\d{3})"/g } glob 'fcgi-app/*.c';
is_deeply([grep { my $code = $_; !grep { /^$code / } keys %in_page } sort keys %said], [], 'no source says a code that has none');

my $options = read_file('fcgi-app/options.c');
for (grep { defined $_->[2] && $_->[2] =~ /^`?(\w+)`?/ } table_rows('Limits')) {
    my ($option) = $_->[2] =~ /^`?(\w+)/;
    next if $option eq 'option';
    my ($default) = $options =~ /"$option", (?:\(\w+\))?"?(\d+)/;
    my ($said)    = $_->[1] =~ /^(\d+)/;
    is($said, $default, "the limit of $option");
}
my %operator = map { $_ => 1 } read_file('fcgi-app/operator.c') =~ /^ +\{"(\w+)", "/mg;
my %shown    = map { $_ => 1 } map { split ' ', $_->[0] } table_rows('Conditions');
is_deeply([grep { !$shown{$_} } sort keys %operator], [], 'each operator has its row');

$s->finish;
done_testing;
