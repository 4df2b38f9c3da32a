# Pages by the order's own columns, through the whole stack: following rel="next" gives each row once and in order, whatever
# the order, while rows come and go; what is refused; and that an index leads to a page, however deep it is.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $n      = 400;
my $rounds = $ENV{ORIEL_FULL} ? 200 : 25;
my $expand = <<"END";
CREATE TYPE dp.mood AS ENUM ('sad', 'ok', 'glad');
CREATE TABLE dp.thing (id integer PRIMARY KEY, name text, price numeric(8,2), made timestamptz, weight double precision NOT NULL, good boolean,
    mood dp.mood, tags text[], code char(3), data jsonb);
INSERT INTO dp.thing SELECT i, CASE WHEN i % 5 > 0 THEN (ARRAY['a', '', 'É "x", y', E'b\\\\n', 'null', ' b', 'B'])[i % 7 + 1] END,
    CASE i % 11 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' ELSE i % 4 / 3.0 END, CASE WHEN i % 3 > 0 THEN '2027-03-28 00:30Z'::timestamptz + i % 6 * interval '25 minutes 0.000001 s' END,
    CASE i % 13 WHEN 0 THEN 'Infinity' WHEN 1 THEN '-Infinity' ELSE (i % 9) / 3e0 END, (ARRAY[true, false, NULL])[i % 3 + 1],
    (ARRAY['glad', 'sad', 'ok', NULL])[i % 4 + 1]::dp.mood, CASE WHEN i % 4 > 0 THEN ARRAY[(i % 3)::text, NULL, 'x y'] END, chr(97 + i % 3), jsonb_build_object('k', i % 5)
    FROM generate_series(1, $n) i;
CREATE TABLE dp.place (country text, number integer, name text, PRIMARY KEY (country, number));
INSERT INTO dp.place SELECT (ARRAY['de', 'fr', 'a,"b'])[i % 3 + 1], i / 3, 'n' || i % 4 FROM generate_series(1, 50) i;
CREATE VIEW api.v_things_v1 AS SELECT t.id, t.name, t.price, t.made, t.weight, t.good, t.mood, t.tags, t.code, t.data FROM dp.thing t;
COMMENT ON VIEW api.v_things_v1 IS E'Things.\\n\@primaryKey id\\n\@deprecated\\n\@successor v_things_v2';
COMMENT ON COLUMN api.v_things_v1.weight IS '\@notNull';
CREATE VIEW api.v_things_v2 AS SELECT t.id, t.name FROM dp.thing t;
COMMENT ON VIEW api.v_things_v2 IS E'Things.\\n\@primaryKey id';
CREATE VIEW api.v_places_v1 AS SELECT p.country, p.number, p.name FROM dp.place p;
COMMENT ON VIEW api.v_places_v1 IS E'Places.\\n\@primaryKey country, number';
CREATE VIEW api.v_logs_v1 AS SELECT p.name FROM dp.place p;
COMMENT ON VIEW api.v_logs_v1 IS E'Logs.\\n\@noKey';
GRANT SELECT ON api.v_things_v1, api.v_things_v2, api.v_places_v1, api.v_logs_v1 TO oriel_ds;
END
my $s = Oriel::Stack->new(
    domain     => { 'sql/changes/0001-things/expand.sql' => $expand },
    settings   => { responder => { aggregates => JSON::PP::true, maxRows => 150 } },
    start      => [qw(responders nginx)],
    responders => 1,
);
my $client = $s->client;

# The path of the next page; undef when there is none.
sub next_of {
    my ($r) = @_;
    return (grep { defined } map { /^<([^>]*)>; rel="next"$/ ? $1 : undef } split /, (?=<)/, $r->{headers}{link} // '')[0];
}

# All pages from a target on; between() runs between two.
sub walk {
    my ($target, $headers, $between) = @_;
    my @pages;
    while (defined $target) {
        my $r = $client->get($target, @{ $headers // [] });
        push @pages, $r;
        die "$target: $r->{status} $r->{body}" unless $r->{status} =~ /^20/;
        die "$target: no end" if @pages > $n;
        $target = next_of($r);
        $between->() if $between && defined $target;
    }
    return @pages;
}

sub ids { return join ' ', map { $_->{id} } map { @{ $_->{json} } } @_ }

srand(my $seed = $ENV{SEED} // time);
diag("SEED=$seed") if $ENV{ORIEL_FULL};
my @columns = qw(name price made weight good mood tags code);
sub random_order {
    my @by = map { [$columns[rand @columns], (('', '', 'desc', 'asc'))[rand 4], ('', '', 'nullsfirst', 'nullslast')[rand 4]] } 1 .. 1 + rand 3;
    splice @by, rand @by + 1, 0, ['id', ('', 'desc')[rand 2], ''] if rand() < 0.4;
    my %seen;
    return grep { !$seen{ $_->[0] }++ } @by;
}

subtest 'random orders' => sub {
    for (1 .. $rounds) {
        my @by    = random_order();
        my $url   = join ',', map { join '.', grep { length } @$_ } @by;
        my $last  = $by[-1][1] eq 'desc' ? 'DESC' : 'ASC';
        my $sql   = join ', ', (map { "$_->[0] $_->[1] " . ($_->[2] ? $_->[2] =~ s/nulls/NULLS /r : '') } @by), (grep { $_->[0] eq 'id' } @by) ? () : "id $last";
        my $limit = 7 + int rand 60;
        my $select = ('', 'select=id&', 'select=id,name:price,tags&')[rand 3];
        my @pages = walk("/v1/things?${select}order=$url&limit=$limit");
        is(ids(@pages), join(' ', split /\n/, $s->sql("SELECT id FROM dp.thing ORDER BY $sql")), "order=$url, by $limit: each row once, in order (SEED=$seed)");
    }
};

subtest 'keys' => sub {
    my $sql = sub { join ' ', map { s/\|/ /r } split /\n/, $s->sql("SELECT country, number FROM dp.place $_[0]") };
    my $got = sub { join ' ', map { "$_->{country} $_->{number}" } map { @{ $_->{json} } } walk($_[0]) };
    is($got->('/v1/places?limit=7'), $sql->('ORDER BY country, number'), 'of two columns');
    is($got->('/v1/places?limit=7&order=number.desc&select=number,country'), $sql->('ORDER BY number DESC, country DESC'), 'one of which is asked for');
    is($got->('/v1/places?limit=7&order=name&country=neq.fr'), $sql->("WHERE country <> 'fr' ORDER BY name, country, number"), 'and with a filter, which stays');
    is(ids(walk('/v1/things')), join(' ', 1 .. $n), 'a page that the maximum of rows cuts has a next one too');
    is(scalar(walk('/v1/things?limit=100&select=id')), $n / 100 + 1, 'behind the last full page comes an empty one');
    is_deeply([walk('/v1/things?limit=100&select=id')]->[-1]{json}, [], 'which is a list');
    like(ids(walk('/v1/things?limit=100&offset=10&select=id')), qr/^11 12 .* $n$/, 'offset counts once');
    is(next_of($s->get('/v1/logs?limit=2')), undef, 'no key, no next page');
};

subtest 'rows that come and go' => sub {
    my $extra = 100_000;
    my @pages = walk('/v1/things?order=name,price.desc&limit=40', [], sub {
        $extra++;
        $s->sql("INSERT INTO dp.thing (id, name, weight) SELECT $extra * 10 + i, (ARRAY['', 'b', NULL])[i], i FROM generate_series(1, 3) i");
        $s->sql("DELETE FROM dp.thing WHERE id > 1000000 AND id % 10 = 2");
    });
    is(join(' ', grep { $_ <= $n } split / /, ids(@pages)), join(' ', split /\n/, $s->sql("SELECT id FROM dp.thing WHERE id <= $n ORDER BY name, price DESC, id DESC")),
        'each of the others comes once, in order');
    my %times;
    $times{$_}++ for split / /, ids(@pages);
    is_deeply([grep { $times{$_} > 1 } keys %times], [], 'none comes twice');
    $s->sql("DELETE FROM dp.thing WHERE id > $n");
};

subtest 'forms' => sub {
    my @csv = walk('/v1/things?select=weight,tags&order=mood.desc,id&limit=90', [Accept => 'text/csv']);
    is(scalar(@csv), 5, 'CSV has pages');
    my $whole = $s->sql("COPY (SELECT weight, tags FROM dp.thing ORDER BY mood DESC, id) TO STDOUT (FORMAT csv)");
    s/.*?\r\n// for my @bodies = map { $_->{body} } @csv;
    is(join('', @bodies) =~ s/\r\n/\n/gr =~ s/\n\z//r, $whole, 'and no other columns than were asked for');
    my $r = $client->head('/v1/things?order=price&limit=3');
    is(next_of($r), next_of($s->get('/v1/things?order=price&limit=3')), 'HEAD has the link');
    like($r->{headers}{link}, qr{^</v2/things>; rel="successor-version", </v1/things\?order=price&limit=3&after=[\w-]+>; rel="next"$}, 'beside that to the successor');
    is(scalar(() = $r->{head} =~ /^Link:/mig), 1, 'in one header');
    my @profile = ('Accept-Profile' => 'v2');
    is(ids(walk('/things?limit=100&select=id', \@profile)), join(' ', 1 .. $n), 'a profile');
    is(next_of($s->get('/v1/things?id=eq.1', Accept => 'application/vnd.pgrst.object+json')), undef, 'one object has no next');
    is($s->get('/v1/things/1?limit=1')->{headers}{link}, '</v2/things>; rel="successor-version"', 'nor has one row by its key');
    is(next_of($s->get('/v1/things?limit=0')), undef, 'nor no row');
    is(next_of($s->get("/v1/things?$_&limit=2")), undef, "nor $_") for 'order=data->k', 'select=name,count()';
    my $stripped = join ' ', map { sort keys %$_ } map { @{ $_->{json} } } walk('/v1/things?select=name&order=price&limit=99', [Accept => 'application/vnd.pgrst.array+json;nulls=stripped']);
    unlike($stripped, qr/price|id/, 'hidden columns stay hidden');
    $r = $s->get('/v1/things?select=id&order=id', Range => '10-19');
    like(next_of($r), qr/\?select=id&order=id&limit=10&after=/, 'the header Range becomes a limit');
    is(ids($s->get(next_of($r))), join(' ', 21 .. 30), 'and the next page follows');
};

subtest 'totals' => sub {
    my @count = (Prefer => 'count=exact');
    my @pages = walk('/v1/things?select=id&limit=150&id=lte.350', \@count);
    is(join(', ', map { "$_->{status} $_->{headers}{'content-range'}" } @pages), '206 0-149/350, 206 */350, 206 */350', 'the total is of all pages');
    is(ids(@pages), join(' ', 1 .. 350), 'and the rows are there');
    is(next_of($s->get("/v1/things?limit=100&offset=@{[$n - 100]}", @count)), undef, 'a page that is known to be the last has no next');
    for my $count (qw(planned estimated)) {
        my @known = walk('/v1/things?select=id&limit=150&id=lte.350', [Prefer => "count=$count"]);
        is(ids(@known), join(' ', 1 .. 350), "count=$count");
        like($known[1]{headers}{'content-range'}, qr{^\*/\d+$}, 'with a total');
    }
    my $r = $s->get(next_of($s->get('/v1/things?select=id&limit=150')));
    is("$r->{status} $r->{headers}{'content-range'}", '200 */*', 'none asked for');
};

subtest 'what a client holds already' => sub {
    my $first = $s->get('/v1/things?select=name&order=price,id&limit=1');
    my @held  = ('If-None-Match' => $first->{headers}{etag});
    my $r     = $s->get('/v1/things?select=name&order=price,id&limit=1', @held);
    is($r->{status}, 304, 'is not sent again');
    is(next_of($r) // next_of($first), next_of($first), 'and no other link than it has');
    my ($id) = split /\n/, $s->sql('SELECT id FROM dp.thing ORDER BY price, id LIMIT 1');
    $s->sql("UPDATE dp.thing SET price = -1 WHERE id = $id");
    $r = $s->get('/v1/things?select=name&order=price,id&limit=1', @held);
    is($r->{status}, 200, 'but where the next page begins elsewhere, though the rows look the same, it is');
    is($r->{body}, $first->{body}, 'the same rows');
    isnt(next_of($r), next_of($first), 'another link');
};

subtest 'wrong cursors' => sub {
    my ($good) = next_of($s->get('/v1/things?order=id&limit=2')) =~ /after=(.*)/;
    my ($flat) = next_of($s->get('/v2/things?order=id&limit=2')) =~ /after=(.*)/;
    my $text = sub { MIME::Base64::encode_base64url($_[0]) };
    require MIME::Base64;
    my $json = JSON::PP->new->decode(MIME::Base64::decode_base64url($good));
    is_deeply($json->[2], [2], 'the cursor is of the last row') or diag explain $json;
    my %bad = (
        'none' => '', 'no base64' => '!!', 'no JSON' => $text->('hello'), 'a cut one' => substr($good, 0, -3), 'another version' => $text->("[9,\"$json->[1]\",[\"2\"]]"),
        'another contract' => $flat, 'too many values' => $text->("[1,\"$json->[1]\",[\"2\",\"3\"]]"), 'a number' => $text->("[1,\"$json->[1]\",[2]]"),
    );
    for my $name (sort keys %bad) {
        my $r = $s->get("/v1/things?order=id&limit=2&after=$bad{$name}");
        is("$r->{status} $r->{json}{code}", '400 PGRST100', "$name: refused");
        ok($r->{json}{details} && $r->{json}{hint}, 'with a reason and a hint');
    }
    for my $order ('id.desc', 'price', 'name,id') {
        my $r = $s->get("/v1/things?order=$order&limit=2&after=$good");
        is("$r->{status} $r->{json}{details}", '400 It is of another contract or of another order.', "for order=$order");
    }
    is($s->get("/v1/things?order=id,name.desc&limit=2&after=$good")->{status}, 200, 'what comes behind the key is no other order');
    my $r = $s->get("/v1/things?limit=2&after=" . $text->("[1,\"$json->[1]\",[\"1; DROP TABLE dp.thing\"]]"));
    is("$r->{status} $r->{json}{code}", '400 22P02', 'a value that does not fit');
    is(ids($s->get("/v1/things?select=id&limit=2&after=" . $text->("[1,\"$json->[1]\",[null]]"))), '', 'behind null comes nothing');
    is($s->get("/v1/things/2?after=x")->{status}, 200, 'one row has no pages');
};

# The responder's own statements, as Postgres ran them.
subtest 'an index leads there' => sub {
    $s->sql("INSERT INTO dp.thing (id, name, weight) SELECT i, 'n' || i, i % 1000 FROM generate_series(1000, 60000) i");
    $s->sql('CREATE INDEX thing_weight ON dp.thing (weight, id)');
    $s->sql('VACUUM ANALYZE dp.thing');
    $s->sql("ALTER ROLE oriel_ds SET $_") for "session_preload_libraries = 'auto_explain'", 'auto_explain.log_min_duration = 0', "auto_explain.log_level = 'log'";
    $s->stop('responders');
    $s->start('responders');
    my $log = "$s->{folder}/log/postgres.log";
    for my $case (['', 'thing_pkey', 'id > '], ['order=id.desc', 'thing_pkey', 'id < '], ['order=weight', 'thing_weight', 'ROW\(weight, id\) > ROW\('],
        ['order=weight.desc', 'thing_weight', 'ROW\(weight, id\) < ROW\('], ['order=weight,id.desc', 'thing_weight', 'weight >= ']) {
        my ($order, $index, $condition) = @$case;
        my $page = wait_until { my $r = $s->get("/v1/things?select=id&$order&limit=10&offset=20000"); $r->{status} == 200 && $r } 'the responder to answer';
        my $from = -s $log;
        my $next = $s->get(next_of($page));
        is(scalar(@{ $next->{json} }), 10, "$order: a deep page");
        my $plan;
        wait_until { ($plan) = grep { / AS t WHERE / } split /(?=plan:\n)/, substr(read_file($log), $from) } 'its plan';
        like($plan, qr/Index (?:Only )?Scan (?:Backward )?using $index on thing.*?Index Cond: \(\(?.*$condition/s, 'from the place of the cursor on');
        unlike($plan, qr/Seq Scan/, 'and nothing else is read');
    }
};

$s->finish;
done_testing;
