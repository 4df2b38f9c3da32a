# Clients that were written for PostgREST, as npm has them, against the whole stack over TCP: t/clients/*.cjs say what they
# ask and what they must get. The packages are kept in the build folder from one run to the next.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use POSIX ();
use Test::More;

my $clients = build_folder() . '/clients';

# Puts the packages of t/clients/package-lock.json there, unless they are; dies with npm's words when it cannot.
sub install {
    my @files = qw(package.json package-lock.json .npmrc);
    my $now   = join '', map { read_file("t/clients/$_") } @files;
    return if -e "$clients/installed" && read_file("$clients/installed") eq $now;
    unlink "$clients/installed";
    write_file("$clients/$_", read_file("t/clients/$_")) for @files;
    my ($code, $out, $err) = run_command('npm', 'ci', '--prefix', $clients);
    die "npm cannot install the clients' packages from its registry (exit code $code):\n$out$err" if $code;
    write_file("$clients/installed", $now);
}

my ($code, undef, $err) = run_command('node', '--version');
is($code, 0, 'node is there') or BAIL_OUT("node cannot be run ($err); `make packages` installs it");
ok(eval { install(); 1 }, 'the clients are installed') or do { diag($@); done_testing; exit };

my $expand = <<'END';
CREATE TABLE dp.author (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO dp.author VALUES (1, 'Ada'), (2, 'Ben');
CREATE TABLE dp.book (id integer PRIMARY KEY, title text NOT NULL, price numeric(8,2), in_print boolean, tags text[], data jsonb,
    words tsvector, sold int4range, author_id integer REFERENCES dp.author, published timestamptz, "shelf no" integer);
INSERT INTO dp.book VALUES
    (1, 'Oak', 10.50, true, '{wood,old}', '{"k": 1, "s": "x y"}', to_tsvector('english', 'a quick oak'), '[1,5)', 1, '2027-01-01Z', NULL),
    (2, 'Steel', 20, true, '{metal}', '{"k": 2}', to_tsvector('english', 'steel beams'), '[5,10)', 1, '2027-02-01Z', 7),
    (3, 'oak and steel', NULL, false, '{wood,metal}', NULL, to_tsvector('english', 'oak and steel'), '[20,30)', 2, '2027-03-01Z', NULL),
    (4, 'Say "hi", (ok): 100% & more', 5, NULL, '{}', '{"a": {"b": [1, 2]}}', '', 'empty', NULL, NULL, NULL);
CREATE TABLE dp.place (country text, number integer, name text, PRIMARY KEY (country, number));
INSERT INTO dp.place VALUES ('de', 1, 'Berlin'), ('fr', 1, 'Paris');
ANALYZE;
CREATE VIEW api.v_authors_v1 AS SELECT a.id, a.name FROM dp.author a;
COMMENT ON VIEW api.v_authors_v1 IS E'Authors.\n@primaryKey id';
CREATE VIEW api.v_books_v1 AS SELECT b.id, b.title, b.price, b.in_print, b.tags, b.data, b.words, b.sold, b.author_id, b.published,
    b."shelf no" FROM dp.book b;
COMMENT ON VIEW api.v_books_v1 IS E'Books.\n@primaryKey id\n@foreignKey (author_id) references v_authors_v1 (id)|@name author';
CREATE VIEW api.v_books_v2 AS SELECT b.id, b.title AS name FROM dp.book b;
COMMENT ON VIEW api.v_books_v2 IS E'Books.\n@primaryKey id';
CREATE VIEW api.v_places_v1 AS SELECT p.country, p.number, p.name FROM dp.place p;
COMMENT ON VIEW api.v_places_v1 IS E'Places.\n@primaryKey country, number';
CREATE VIEW api.v_naps_v1 AS SELECT b.id, pg_catalog.pg_sleep(60)::text AS nap FROM dp.book b;
COMMENT ON VIEW api.v_naps_v1 IS E'A minute a row.\n@primaryKey id';
GRANT SELECT ON api.v_authors_v1, api.v_books_v1, api.v_books_v2, api.v_places_v1, api.v_naps_v1 TO oriel_ds;
END
my $s = Oriel::Stack->new(
    domain => { 'sql/changes/0001-books/expand.sql' => $expand },
    settings => { responder => { statementTimeout => '300s' } },
    start  => [qw(responders nginx)],
    tcp    => 1,
);
wait_until { ($s->get('/v1/books/1')->{status}) == 200 } 'the responders to be ready';

# Runs a script; with `meanwhile`, that is done once the script runs. Its tests become this file's.
sub run_client {
    my ($script, $arguments, $meanwhile) = @_;
    my $pid = open(my $tap, '-|') // die "fork: $!";
    if (!$pid) {
        @ENV{qw(BASE CLIENTS)} = ("http://$s->{tcp}", $clients);
        open STDERR, '>&', \*STDOUT;
        { no warnings 'exec'; exec 'node', "t/clients/$script.cjs", @{ $arguments // [] } }
        POSIX::_exit(127);
    }
    $meanwhile->() if $meanwhile;
    my ($n, $planned) = (0, 0);
    while (<$tap>) {
        chomp;
        if    (/^(not )?ok \d+ - (.*)/) { ok(!$1, $2); $n++ }
        elsif (/^1\.\.(\d+)$/)          { $planned = $1 }
        else                            { diag($_) }
    }
    close $tap;
    is($?, 0, "$script ended well");
    ok($n && $n == $planned, "and ran all that it has ($n)");
}

# Types (t/47-openapi.t) and what runs are of one version.
my @versions = map { JSON::PP->new->decode(read_file("t/$_/package-lock.json"))->{packages}{'node_modules/@supabase/postgrest-js'}{version} } qw(clients openapi);
is($versions[0], $versions[1], "both tests have one version of postgrest-js ($versions[0])");

subtest '@supabase/postgrest-js' => sub {
    run_client('postgrest-js', ['reading']);
    my $asking = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%v_naps_v1%' AND usename = 'oriel_ds'";
    ok(eval { wait_until { !$s->sql($asking) } 'the queries that nobody waits for to be cancelled'; 1 }, 'what a client gave up is not asked for on') or diag $@;
};
subtest '@raphiniert/ra-data-postgrest' => sub { run_client('ra-data-postgrest') };

# Lets the client run until it was refused twice, and brings back then what was taken away.
my $refused = sub { () = $s->access_log =~ /" 503 /g };
sub retrying {
    my ($code, $bring_back) = @_;
    my $before = $refused->();
    run_client('postgrest-js', ['retrying', $code], sub {
        wait_until { $refused->() >= $before + 2 } 'the client to be refused twice';
        $bring_back->();
    });
}
subtest 'postgrest-js: the database goes away and comes back' => sub {
    is($s->{db}->stop, 0, 'the database is taken away');
    wait_until { ($s->get('/v1/books')->{json} // {})->{code} =~ /^PGRST00/ } 'the responders to know';
    my $code = $s->get('/v1/books')->{json}{code};
    retrying($code, sub { $s->{db}->start });
};
subtest 'postgrest-js: the responders go away and come back' => sub {
    is($s->stop('responders'), 0, 'the responders are taken away');
    retrying('ORIEL153', sub { $s->start('responders') });
};

$s->finish(qr/\[crit\].*connect\(\)[ ]to[ ]unix:|canceling[ ]statement[ ]due[ ]to[ ]user[ ]request|terminating[ ]connection[ ]due[ ]to[ ]administrator[ ]command
    |the[ ]database[ ]system[ ]is[ ](?:shutting[ ]down|starting[ ]up)|connection[ ]to[ ]client[ ]lost|[Cc]onnecting[ ]again|cannot[ ]connect/x);
done_testing;
