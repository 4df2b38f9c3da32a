# Hostile strings in every part of a request: the answer is a clear error or an empty page, never a 500, never a word from
# inside the database, and the database is afterwards what it was.
use strict;
use warnings;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $s = Oriel::Stack->new(start => [qw(responders nginx)]);
$s->sql(q{INSERT INTO dp.product (id, client, external_id, name, tags, raw_batch, raw_line) VALUES (1, 'c', 'p', 'one', '{"a": [1, {"b": "x"}]}', 1, 1)});
wait_until { $s->get('/v1/products')->{status} == 200 } 'the first answer';
my $before = $s->sql('SELECT count(*) FROM pg_class');

my @strings = split /\n/, <<'END';
'
''
"
""
\
\'
%00
%0
%
;
--
/*
*/
$1
$$
$0
E'\''
U&'\0027'
{
}
{"
[
]
'; DROP TABLE dp.product; --
1); SELECT pg_sleep(9)--
x" FROM dp.vendor --
1 OR 1=1
' UNION SELECT * FROM raw.batch --
%ff
%c0%a7
%ed%a0%80
%ef%bc%87
%e2%80%99
%0d%0aX-Injected:%201
../../etc/passwd
..%2f..%2f
oriel.entity
pg_catalog.pg_class
current_setting('x')
name::text
::regclass
a.b.c
->>
->
->'a'
->>"a"
(
()
(())
,
.
..
not.
!
null
NaN
99999999999999999999999
-1
1e999
%F0%9F%92%A9
END
push @strings, '', 'A' x 4000, '(' x 500, 'not.' x 300;
my @places = (
    sub { "/v1/products?name=eq.$_[0]" },            sub { "/v1/products?$_[0]=eq.1" },
    sub { "/v1/products?select=$_[0]" },             sub { "/v1/products?select=id,$_[0]:name" },
    sub { "/v1/products?select=name::$_[0]" },       sub { "/v1/products?select=tags->$_[0]" },
    sub { "/v1/products?select=tags->>$_[0]" },      sub { "/v1/products?tags->>$_[0]=eq.1" },
    sub { "/v1/products?order=$_[0]" },              sub { "/v1/products?order=id.$_[0]" },
    sub { "/v1/products?order=tags->$_[0]" },        sub { "/v1/products?limit=$_[0]" },
    sub { "/v1/products?offset=$_[0]" },             sub { "/v1/products?and=($_[0])" },
    sub { "/v1/products?or=(name.eq.$_[0],id.eq.1)" }, sub { "/v1/products?id=$_[0].1" },
    sub { "/v1/products?id=in.($_[0])" },            sub { "/v1/products?name=in.(\"$_[0]\")" },
    sub { "/v1/products?id=is.$_[0]" },              sub { "/v1/products?name=fts($_[0]).x" },
    sub { "/v1/products?name=fts.$_[0]" },           sub { "/v1/products?name=match.$_[0]" },
    sub { "/v1/products?name=like(any).$_[0]" },     sub { "/v1/products?tags=cs.$_[0]" },
    sub { "/v1/products/$_[0]" },                    sub { "/v1/$_[0]" },
    sub { "/$_[0]/products" },                       sub { "/v1/products?$_[0]" },
);
my $client = $s->client;
my (%statuses, @wrong);
for my $string (@strings) {
    my $encoded = $string =~ s/([ "<>`{}|\\^\x7f-\xff])/sprintf '%%%02X', ord $1/ger;
    for my $i (0 .. $#places) {
        my $target = $places[$i]->($encoded);
        my $r = $client->get($target);
        $statuses{ $r->{status} }++;
        # what an error says, less what the client said itself
        my $said = ref $r->{json} eq 'HASH' && exists $r->{json}{code} ? join ' ', map { $_ // '' } @{ $r->{json} }{qw(message details hint)} : '';
        $said =~ s/\b\Q$_\E\b//g for grep { /\w/ } split /\W+/, $string;
        my $inside = $said =~ /\bdp\.|\braw\.|pg_|v_products_v1|SELECT |LINE \d|\$\d/;
        push @wrong, "$r->{status} $target: $r->{body}"
            if $r->{status} >= 500 || exists $r->{headers}{'x-injected'} || $inside
            || ($r->{status} >= 400 && (ref $r->{json} ne 'HASH' || join(' ', sort keys %{ $r->{json} }) ne 'code details hint message'));
    }
    for my $header (qw(Accept Prefer Range Accept-Profile)) {
        my $value = $string =~ s/%0d%0a/ /r;
        my $r = $client->get('/v1/products?select=id', $header, $value);
        $statuses{ $r->{status} }++;
        push @wrong, "$r->{status} $header: $value: $r->{body}" if $r->{status} >= 500;
    }
}
is(scalar @wrong, 0, 'no answer is a 500, a leak or without its four keys') or diag join "\n", map { substr $_, 0, 400 } @wrong[0 .. (@wrong > 12 ? 11 : $#wrong)];
cmp_ok($statuses{400} // 0, '>', 300, 'many were told that they are wrong');
cmp_ok($statuses{200} // 0, '>', 100, 'many were plain values');
is($s->sql('SELECT count(*) FROM pg_class'), $before, 'no table came or went');
is($s->get('/v1/products?select=name')->{body}, '[{"name":"one"}]', 'the data is what it was, and the responder answers');
$s->finish(qr/ERROR|STATEMENT|DETAIL|HINT|CONTEXT/);
done_testing;
