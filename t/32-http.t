# Sources of kind http, against a real server that misbehaves where it is told to: every way of paging, credentials, ETag,
# and what is done when the answer is none. Nothing is loaded twice, nothing is lost.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Oriel::Web;
use Test::More;

my $json = JSON::PP->new->canonical;
my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' => 'CREATE TABLE dp.thing (client text NOT NULL, external_id text NOT NULL, name text NOT NULL,
        raw_batch bigint NOT NULL, raw_line integer NOT NULL, PRIMARY KEY (client, external_id))',
    'entities/thing.json' => $json->encode({ entity => 'thing', table => 'dp.thing', primaryKey => [qw(client external_id)], fields => [
        { name => 'external_id', from => '/id', type => 'string', constraints => { required => \1 } },
        { name => 'name', from => '/name', type => 'string', constraints => { required => \1 } }] }),
});
my $web  = Oriel::Web->new($s->{children}, $s->{folder});
my $log  = "$s->{folder}/log/worker.log";
my $base = "http://$web->{address}";
$ENV{ORIEL_TEST_TOKEN} = 's3cret-token';

# Sources of this test: one a subtest, so that each has its own position. Replaces those before.
sub sources {
    my (%sources) = @_;
    my $folder = $s->domain_path('sources');
    unlink glob "'$folder'/*.json";
    for my $name (keys %sources) {
        write_file("$folder/$name.json", $json->encode({ kind => 'http', client => $name, entities => ['thing'], format => 'json',
            every => '50ms', longPause => '300s', %{ $sources{$name} } }));
    }
    return $s->start_worker unless $s->pid('worker');
    my $before = () = read_file($log) =~ /configuration read again/g;
    kill 'HUP', $s->pid('worker');
    wait_until { (() = read_file($log) =~ /configuration read again/g) > $before } 'the configuration to be read';
}

sub page { my (@ids) = @_; return $json->encode([map { { id => $_, name => "n$_" } } @ids]) }
sub things { my ($client) = @_; return $s->sql("SELECT coalesce(string_agg(external_id, ' ' ORDER BY external_id COLLATE \"C\"), '') FROM dp.thing WHERE client = '$client'") }
sub column { my ($source, $column) = @_; return $s->sql("SELECT coalesce($column\::text, '') FROM oriel.source WHERE name = '$source'") }
sub wait_for_things { my ($client, $ids) = @_; wait_until { things($client) eq $ids } "$ids of $client" }
sub wait_for_message { my ($source, $pattern) = @_; wait_until { column($source, 'message') =~ $pattern } "$source to say $pattern" }
sub wait_for_pull { my ($source) = @_; my $at = column($source, 'pulled_at'); wait_until { column($source, 'pulled_at') ne $at } "$source to be pulled again" }
sub records { my ($source) = @_; return $s->sql("SELECT coalesce(sum(n_records), 0) FROM raw.batch WHERE source = '$source'") }

my $pages = q{
    my @all = map { { id => $_, name => "n$_" } } 1 .. 7;
    my $list = sub { my ($from) = @_; [grep { $_ } @all[$from .. $from + 2]] };
    my $json = sub { JSON::PP->new->canonical->encode($_[0]) };
    my $from = $query->{from} // 0;
    return { body => $json->({ data => $list->($from), next => $from < 6 ? "/next?from=" . ($from + 3) : undef }) } if $path eq '/next';
    return { body => $json->($list->($from)), headers => [Link => '</first>; rel="first", </link?from=' . ($from + 3) . '>; title="a, b"; rel="x next"'] }
        if $path eq '/link' && $from < 6;
    return { body => $json->($list->($from)) } if $path eq '/link';
    return { body => $json->({ items => $list->($query->{after} // 0), meta => { cursor => ($query->{after} // 0) + 3 } }) } if $path eq '/cursor' && ($query->{after} // 0) < 6;
    return { body => $json->({ items => $list->(6), meta => { cursor => undef } }) } if $path eq '/cursor';
    return { body => $json->($list->($query->{skip})) } if $path eq '/offset';
    return { body => join('', map { $json->($_) . "\n" } @{ $list->(($query->{p} - 1) * 3) }), headers => ['Content-Type', 'application/x-ndjson'] } if $path eq '/page';
};

subtest 'five ways of paging' => sub {
    $web->answer($pages);
    my %way = (
        link   => { paging => { by => 'link' } },
        next   => { paging => { by => 'next', field => '/next' }, records => '/data' },
        cursor => { paging => { by => 'cursor', field => '/meta/cursor', parameter => 'after' }, records => '/items' },
        offset => { paging => { by => 'offset', parameter => 'skip' } },
        page   => { paging => { by => 'page', parameter => 'p' }, format => 'ndjson' },
    );
    sources(map { ($_ => { url => "$base/$_", every => '1h', %{ $way{$_} } }) } keys %way);
    for my $name (sort keys %way) {
        wait_until { column($name, 'pulled_at') } "$name to be pulled";
        is(things($name), '1 2 3 4 5 6 7', "by $name: every page");
        is(records($name), 7, 'and each once');
        is($s->sql("SELECT string_agg(concat_ws(' ', records, finished_at IS NOT NULL, next_offset), ',') FROM oriel.delivery WHERE source = '$name'"), '7 t 7', 'a pull is one delivery');
        is($s->sql("SELECT string_agg(first_record::text, ' ' ORDER BY id) FROM raw.batch WHERE source = '$name' AND n_records > 0"), '1 4 7', 'and a page a batch');
    }
};

subtest 'a page that is the same brings nothing' => sub {
    $web->forget;
    $web->answer(q{
        return { status => 304 } if ($header->{'if-none-match'} // '') eq '"a"';
        return { body => '[{"id": 1, "name": "etag"}]', headers => [ETag => '"a"', 'Last-Modified' => 'Sun, 22 Nov 2026 10:00:00 GMT'] } if $path eq '/etag';
        return { body => '[{"id": 1, "name": "plain"}]' } });
    sources(etag => { url => "$base/etag" }, plain => { url => "$base/plain" });
    wait_for_things($_, '1') for qw(etag plain);
    for (1 .. 2) { wait_for_pull($_) for qw(etag plain) }
    my ($asked) = (grep { $_->{path} eq '/etag' } $web->requests)[-1];
    is($asked->{header}{'if-none-match'}, '"a"', 'If-None-Match is sent');
    is($asked->{header}{'if-modified-since'}, 'Sun, 22 Nov 2026 10:00:00 GMT', 'and If-Modified-Since');
    is(records($_), 1, "$_: loaded once") for qw(etag plain);
    is($s->sql("SELECT count(*) FROM oriel.delivery WHERE source IN ('etag', 'plain')"), 2, 'nothing new is no delivery');
    $web->answer(q{ return { body => '[{"id": 1, "name": "new"}]' } });
    wait_until { $s->sql(q{SELECT count(*) FROM dp.thing WHERE name = 'new' AND client IN ('etag', 'plain')}) == 2 } 'what is new';
    $web->answer(q{ return { body => '[{"id": 1, "name": "plain"}]' } });
    wait_until { $s->sql(q{SELECT name FROM dp.thing WHERE client = 'plain'}) eq 'plain' } 'the old content to come again';
    pass('what was there before, and comes again, counts');
};

subtest 'a cursor that is kept' => sub {
    $web->forget;
    my $feed = q{
        my $after = $query->{after} // 0;
        my @new = grep { $_ > $after } 1 .. LAST;
        @new = @new[0 .. 1] if @new > 2;
        return { body => JSON::PP->new->encode({ items => [map { { id => "$_", name => "c$_" } } @new], cursor => '' . ($new[-1] // $after) }) } };
    $web->answer($feed =~ s/LAST/5/r);
    sources(feed => { url => "$base/feed", paging => { by => 'cursor', field => '/cursor', parameter => 'after', keep => \1 }, records => '/items' });
    wait_for_things('feed', '1 2 3 4 5');
    wait_for_pull('feed');
    $s->stop('worker', 'KILL');
    $web->answer($feed =~ s/LAST/8/r);
    $web->forget;
    $s->start_worker;
    wait_for_things('feed', '1 2 3 4 5 6 7 8');
    is(($web->requests)[0]{query}{after}, 5, 'the next pull begins where the last one ended, across a kill');
    is(records('feed'), 8, 'each record came once');
};

subtest 'credentials' => sub {
    my $other = Oriel::Web->new($s->{children}, $s->{folder}, 'other');
    write_file("$s->{folder}/password", "pass:w\xc3\xb6rd\n");
    $other->answer(q{ return { body => '[{"id": "elsewhere", "name": "x"}]' } });
    $web->answer(q{
        return { status => 302, headers => [Location => 'http://OTHER/there'] } if $path eq '/moved';
        return { body => '[{"id": 1, "name": "x"}]', headers => [Link => '<http://OTHER/there>; rel="next"'] } if $path eq '/away';
        return { body => '[{"id": 1, "name": "x"}]' } if ($header->{authorization} // '') eq 'Bearer s3cret-token';
        return { body => '[{"id": 2, "name": "x"}]' } if ($header->{authorization} // '') eq 'Basic bWU6cGFzczp3w7ZyZA==';
        return { status => 401 } } =~ s/OTHER/$other->{address}/gr);
    my %bearer = (auth => { bearer => { env => 'ORIEL_TEST_TOKEN' } });
    $web->forget;
    $s->stop('worker');
    sources(
        bearer => { url => "$base/b", %bearer }, basic => { url => "$base/b", auth => { basic => { user => 'me', file => "$s->{folder}/password" } } },
        none => { url => "$base/b" }, moved => { url => "$base/moved", %bearer }, away => { url => "$base/away", %bearer, paging => { by => 'link' } },
        unset => { url => "$base/b", auth => { bearer => { env => 'ORIEL_TEST_NO_SUCH' } } });
    wait_for_things('bearer', '1');
    wait_for_things('basic',  '2');
    wait_for_message('none', qr{^http://\Q$web->{address}\E/b: status 401: the credentials are refused});
    wait_for_message('unset', qr/the environment variable ORIEL_TEST_NO_SUCH, which holds its secret, is not set/);
    wait_for_things('moved', 'elsewhere');
    is_deeply([grep { $_->{header}{authorization} } $other->requests], [], 'they are not sent to another host, though it redirects there');
    wait_for_message('away', qr{its next page is on another host, http://\Q$other->{address}\E/there, and is not asked for});
    is(things('away'), '', 'nor is a page there asked for');
    unlike(read_file($log), qr/s3cret|w\xc3\xb6rd/, 'no secret is in the log');
    is($s->sql(q{SELECT count(*) FROM oriel.source WHERE message ~ 's3cret' OR position ~ 's3cret'}), 0, 'nor in the database');
    is(scalar(grep { $_->{path} eq '/b' && !$_->{header}{authorization} } $web->requests), 1, 'what is refused is not asked again soon');
};

subtest 'answers that are none' => sub {
    $web->forget;
    $web->answer(q{
        my $good = { body => '[{"id": 1, "name": "good"}]' };
        my $long = '[{"id": 1, "name": "' . 'x' x 2000 . '"}]';
        my %bad = (
            '/429' => { status => 429, headers => ['Retry-After' => 1] }, '/503' => { status => 503 }, '/500' => { status => 500 },
            '/cut' => { body => $long, cut => 1000 }, '/short' => { body => $long, length => 900 }, '/unending' => { body => substr($long, 0, 900), no_length => 1 },
            '/slow' => { body => $long, slow => 0.5 }, '/silent' => { silent => 1 }, '/large' => { body => $long },
            '/bomb' => { body => '[' . ' ' x 3_000_000 . ']', gzip => 1 }, '/truncated-gzip' => { body => $long, gzip => 1, cut => 20 });
        return $good if $n > 0 || !$bad{$path};
        return $bad{$path} });
    my %says = (
        429 => qr/status 429: it was too often/, 503 => qr/status 503: the server failed/, 500 => qr/status 500/, cut => qr/transfer closed with \d+ bytes remaining/,
        short => qr/what came is not JSON, or cut off/, unending => qr/what came is not JSON, or cut off/, slow => qr/timed out/, silent => qr/timed out/,
        large => qr/larger than 1000 bytes \(maxPage\)/, bomb => qr/larger than 1000 bytes/, 'truncated-gzip' => qr/transfer closed/);
    sources(map { ($_ => { url => "$base/$_", every => '1h', ($_ =~ /large|bomb/ ? (maxPage => 1000) : ()), ($_ =~ /slow|silent/ ? (timeout => '2s') : ()) }) } keys %says);
    for my $name (sort keys %says) {
        wait_for_things($name, '1');
        my ($line) = grep { /source \Q$name\E: http/ && /tried again in/ } split /\n/, read_file($log);
        like($line // '', $says{$name}, "$name: is told, and tried again");
        is(column($name, 'state'), 'ready', 'and then all is well') if wait_until { column($name, 'pulled_at') } "$name to be pulled";
    }
    is(records($_), 1, "$_: nothing came in twice") for sort keys %says;
};

subtest 'a page for people' => sub {
    $web->forget;
    $web->answer(q{
        return { body => '<!DOCTYPE html><p>Please log in</p>' } if $path eq '/sniffed';
        return { body => '[]', headers => ['Content-Type' => 'text/html; charset=utf-8'] } if $path eq '/typed';
        return { status => 302, headers => [Location => $path] } if $path eq '/loop';
        return { status => 302, headers => [Location => 'file:///etc/passwd'] } if $path eq '/file';
        return { body => '{"data": [{"id": 1, "name": "x"}], "next": "/self"}' } if $path eq '/self';
        return { body => '{"data": [{"id": "' . $path . '", "name": "x"}], "next": "' . { '/a' => '/b', '/b' => '/c', '/c' => '/b' }->{$path} . '"}' } if $path =~ m{^/[abc]$};
        return { body => '{"data": [{"id": 1, "name": "x"}], "next": "ftp://x/y"}' } if $path eq '/ftp' });
    my %next = (paging => { by => 'next', field => '/next' }, records => '/data');
    sources((map { ($_ => { url => "$base/$_" }) } qw(sniffed typed loop file missing)), map { ($_ => { url => "$base/$_", %next }) } qw(self a ftp));
    wait_for_message('sniffed', qr/a page of HTML came where data was expected/);
    wait_for_message('typed',   qr/a page of HTML came where data was expected/);
    wait_for_message('loop',    qr/redirect/i);
    wait_for_message('file',    qr/Protocol "file" not supported/);
    wait_for_message('missing', qr/status 404: there is nothing under this URL/);
    wait_for_message('self',    qr/its next page is the page itself/);
    wait_for_message('ftp',     qr/no URL of http or https/);
    wait_for_message('a',       qr/they go round/);
    my %asked;
    $asked{ $_->{path} }++ for $web->requests;
    is($asked{$_}, 1, "$_ is not asked for again and again") for qw(/sniffed /typed /missing /self);
    cmp_ok($asked{'/b'}, '<=', 4, 'nor a circle gone round for ever');
    is(things('sniffed') . things('typed'), '', 'nothing is loaded');
};

subtest 'bad records' => sub {
    $web->answer(q{ return { body => '{"data": [{"id": 1, "name": "a"}, {"id": 2}, 7, {"id": 3, "name": nonsense}, {"id": 4, "name": "d"}]}' } });
    sources(dirty => { url => "$base/dirty", records => '/data', every => '1h' }, absent => { url => "$base/dirty", records => '/items' });
    wait_for_things('dirty', '1 4');
    is($s->sql(q{SELECT string_agg(concat_ws(' ', r.line, r.rule, r.reason), ', ' ORDER BY r.line) FROM raw.reject r JOIN raw.batch b ON b.id = r.batch WHERE b.source = 'dirty'}),
        '2 required missing, 3 json malformed, 4 json malformed', 'are rejected with a reason, and kept');
    wait_for_message('absent', qr/cannot be read to its end/);
    like(read_file($log), qr{/dirty: it has nothing at "/items"}, 'what has no records says so');
};

subtest 'a byte order mark' => sub {
    $web->answer(q{ return { body => "\xef\xbb\xbf" . ($path eq '/bom' ? '{"data": [{"id": 5, "name": "a"}], "next": "/bom2"}' : '{"data": [{"id": 6, "name": "b"}], "next": null}') } });
    sources(bom => { url => "$base/bom", records => '/data', paging => { by => 'next', field => '/next' }, every => '1h' });
    wait_until { column('bom', 'pulled_at') } 'bom to be pulled';
    is(things('bom'), '5 6', 'is skipped, also where the next page is looked for');
    is(records('bom'), 2, 'and each page came once');
};

# Killed again and again while pages of different sizes come, some of which take several batches.
subtest 'killed at any moment' => sub {
    $web->forget;
    $web->answer(q{
        my $from = $query->{skip} // 0;
        my $size = $from == 0 ? 400 : 150;
        my @ids = grep { $_ < 1000 } $from .. $from + $size - 1;
        return { body => JSON::PP->new->canonical->encode([map { { id => "$_", name => 'n' x ($_ % 50 + 1) } } @ids]) } });
    sources(killed => { url => "$base/killed", paging => { by => 'offset', parameter => 'skip' }, batchRecords => 60, every => '1h' });
    for my $n (1 .. 5) {
        wait_until { $s->sql("SELECT coalesce(sum(records), 0) FROM oriel.delivery WHERE source = 'killed'") >= $n * 130 } 'some records';
        $s->stop('worker', 'KILL');
        $s->start_worker;
    }
    wait_until { column('killed', 'pulled_at') } 'the end';
    is($s->sql(q{SELECT count(*) || ' ' || count(DISTINCT external_id) FROM dp.thing WHERE client = 'killed'}), '1000 1000', 'every record');
    is(records('killed'), 1000, 'each once, also in raw');
    is($s->sql(q{SELECT count(*) FROM oriel.delivery WHERE source = 'killed'}), 1, 'in one delivery');
    is($s->sql(q{SELECT string_agg((first_record - 1)::text, ' ' ORDER BY id) = (SELECT string_agg(x::text, ' ' ORDER BY o) FROM (SELECT sum(n_records) OVER (ORDER BY id) - n_records AS x, id AS o FROM raw.batch WHERE source = 'killed') y)
        FROM raw.batch WHERE source = 'killed'}), 't', 'numbered without a gap');
};

subtest 'mistakes in a source file' => sub {
    my @rows = (
        [{ url => 'ftp://x/' }, qr/url: a URL of http or https was expected/], [{ url => 'http://me:pw@x/' }, qr/url: user and password must not stand here/],
        [{ url => $base, auth => { bearer => 'abc' } }, qr/auth\.bearer: /], [{ url => $base, auth => { bearer => { env => 'A', file => 'b' } } }, qr/name the secret's place/],
        [{ url => $base, auth => { basic => { env => 'A' } } }, qr/"user" is missing/], [{ url => $base, paging => { by => 'links' } }, qr/did you mean "link"/],
        [{ url => $base, paging => { by => 'link', field => '/x' } }, qr/paging\.field: means nothing for paging by "link"/],
        [{ url => $base, paging => { by => 'cursor', field => '/x', parameter => 'c' }, format => 'csv' }, qr/pages of the format json only/],
        [{ url => $base, every => '1h', at => ['06:00'] }, qr/either "every" or "at"/], [{ url => $base, at => ['6:00'] }, qr/at\[0\]: a time of day/],
        [{ url => $base, at => ['06:00'], zone => 'Europe/Berlim' }, qr/no zone "Europe\/Berlim"/], [{ url => $base, folder => 'x' }, qr/folder: unknown key/],
    );
    for (@rows) {
        my ($keys, $says) = @$_;
        write_file($s->domain_path('sources') . '/wrong.json', $json->encode({ kind => 'http', client => 'c', entities => ['thing'], format => 'json', %$keys }));
        my ($code, undef, $err) = $s->oriel('check');
        like($err, qr/wrong\.json:1: .*$says/, $json->encode($keys));
        is($code, 2, 'exit code');
    }
    unlink $s->domain_path('sources') . '/wrong.json';
};

$s->stop($_) for qw(worker web other);
$s->finish;
done_testing;
