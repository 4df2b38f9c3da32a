# OpenAPI and TypeScript from the contracts: served and printed alike, and true. A public validator, the compiler and
# postgrest-js come by npm, into the build folder, once per lock file of theirs.
use strict;
use warnings;
use Cwd ();
use Digest::SHA ();
use File::Temp ();
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $expand = <<'END';
CREATE TYPE dp.mood AS ENUM ('calm', 'wild');
CREATE TABLE dp.vendor (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE dp.product (
    id bigint PRIMARY KEY, name text NOT NULL, price numeric(8,2), vendor_id integer REFERENCES dp.vendor, tags text[], mood dp.mood,
    born timestamptz, local timestamp, day date, at time, document jsonb, hi boolean, place integer, code varchar(8), ratio real,
    few smallint, number uuid);
CREATE TABLE dp.label (product_id bigint PRIMARY KEY REFERENCES dp.product, text text NOT NULL);
INSERT INTO dp.vendor VALUES (1, 'Ada'), (2, 'Bob');
INSERT INTO dp.product VALUES
    (1, 'one', 1.50, 1, '{a,NULL}', 'calm', '2026-01-31 12:00+02', '2026-01-31 12:00:00.5', '2026-01-31', '12:00', '{"a": [1]}', true,
     7, 'x', 0.5, 3, '7d444840-9dc0-11d1-b245-5ffdce74fad2'),
    (2, 'two', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO dp.label VALUES (1, 'first');
CREATE VIEW api.v_vendors_v1 AS SELECT v.id, v.name FROM dp.vendor v;
COMMENT ON VIEW api.v_vendors_v1 IS E'Vendors.\n@primaryKey id';
COMMENT ON COLUMN api.v_vendors_v1.id IS '@notNull';
COMMENT ON COLUMN api.v_vendors_v1.name IS E'As they call themselves. */ "quoted"\n@notNull';
CREATE VIEW api.v_products_v1 AS SELECT p.id, p.name, p.price, p.vendor_id FROM dp.product p;
COMMENT ON VIEW api.v_products_v1 IS
    E'Products.\n@primaryKey id\n@foreignKey (vendor_id) references v_vendors_v1 (id)|@name vendor\n@deprecated\n@sunset 2099-01-31\n@successor v_products_v2';
COMMENT ON COLUMN api.v_products_v1.id IS '@notNull';
COMMENT ON COLUMN api.v_products_v1.name IS '@notNull';
CREATE VIEW api.v_labels_v1 AS SELECT l.product_id, l.text FROM dp.label l;
COMMENT ON VIEW api.v_labels_v1 IS E'Labels, one for a product.\n@primaryKey product_id\n@foreignKey (product_id) references v_products_v1 (id)';
COMMENT ON COLUMN api.v_labels_v1.product_id IS '@notNull';
COMMENT ON COLUMN api.v_labels_v1.text IS '@notNull';
CREATE VIEW api.v_products_v2 AS
    SELECT p.id, p.name, p.price, p.vendor_id, p.tags, p.mood, p.born, p.local, p.day, p.at, p.document, p.hi AS "Say hi", p.place AS "order",
           p.code, p.ratio, p.few, p.number
    FROM dp.product p;
COMMENT ON VIEW api.v_products_v2 IS E'Products, with all there is.\n@primaryKey id, name\n@foreignKey (vendor_id) references v_vendors_v1 (id)';
COMMENT ON COLUMN api.v_products_v2.id IS '@notNull';
COMMENT ON COLUMN api.v_products_v2.name IS '@notNull';
CREATE VIEW "api"."v_Größe {x}_v2" AS SELECT p.code FROM dp.product p;
COMMENT ON VIEW "api"."v_Größe {x}_v2" IS E'A name that wants care.\n@noKey';
GRANT SELECT ON api.v_vendors_v1, api.v_products_v1, api.v_labels_v1, api.v_products_v2, api."v_Größe {x}_v2" TO oriel_ds;
END
my $s = Oriel::Stack->new(domain => { 'sql/changes/0001-start/expand.sql' => $expand }, start => [qw(responders nginx)]);
my %url = (all => '/', 1 => '/v1/', 2 => '/v2/');

sub printed {
    my ($what, @options) = @_;
    my ($code, $out, $err) = $s->oriel('contract', $what, @options);
    is($code, 0, "contract $what @options") or diag $err;
    return $out;
}
my %document = (all => printed('openapi'), map { $_ => printed('openapi', '--version', $_) } 1, 2);

subtest 'served as printed' => sub {
    for my $which (sort keys %url) {
        my $r = $s->get($url{$which});
        is($r->{status}, 200, $url{$which});
        is($r->{body}, $document{$which}, 'the document of the command, to the byte');
        is($r->{headers}{'content-type'}, 'application/openapi+json; charset=utf-8', 'as OpenAPI');
    }
    is($s->get('/v2')->{body}, $document{2}, 'a slash less');
    is($s->get('/', 'Accept-Profile' => 'v1')->{body}, $document{1}, 'by profile');
    my $r = $s->get('/', Accept => 'application/json');
    is($r->{headers}{'content-type'}, 'application/json; charset=utf-8', 'as JSON, for who asks for that');
    is($r->{body}, $document{all}, 'the same document');
    is($s->get('/', Accept => 'text/html')->{status}, 406, 'as nothing else');
    $r = $s->client->head('/v1/');
    is($r->{status}, 200, 'HEAD');
    is($r->{headers}{'content-type'}, 'application/openapi+json; charset=utf-8', 'has the headers');
    $r = $s->client->options('/v1/');
    is("$r->{status} $r->{headers}{allow}", '200 OPTIONS,GET,HEAD', 'OPTIONS');
    is($s->client->request('DELETE', '/')->{status}, 405, 'nothing else may be done');
    $r = $s->get('/v9/');
    is($r->{status}, 404, 'a version without contracts');
    is($r->{json}{hint}, 'What there is, is described at /v1/, /v2/.', 'says where there are some');
};

subtest 'wrong uses of the command' => sub {
    my ($code, $out, $err) = $s->oriel('contract', 'openapi', '--version', '9');
    is("$code $out", '2 ', 'a version without contracts');
    like($err, qr/has no contract of version 9; there is 1, 2$/, 'says which there are');
    ($code, undef, $err) = $s->oriel('contract', 'openapi', '--version', 'x');
    is($code, 2, 'no number');
    like($err, qr/--version x: the number of a version was expected/, 'is told');
    ($code, undef, $err) = $s->oriel('contract', 'types', '--version', '1');
    is($code, 2, 'types have all versions');
    like($err, qr/--version belongs to `contract openapi`/, 'is told');
};

# --- what npm brings ---

# The packages of t/openapi's lock file, kept in the build folder under the lock file's hash.
sub node_modules {
    my $key  = substr Digest::SHA::sha256_hex(map { read_file("t/openapi/$_") } qw(package.json package-lock.json)), 0, 16;
    my $kept = build_folder() . "/npm-$key";
    return ("$kept/node_modules") if -d $kept;
    my $beside = File::Temp::tempdir('npm-XXXXXX', DIR => build_folder(), CLEANUP => 1);
    run_command('cp', map({ "t/openapi/$_" } qw(package.json package-lock.json)), $beside);
    my ($code, $out, $err) = run_command('npm', 'ci', '--prefix', $beside, '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=1');
    return (undef, $out . $err) if $code;
    chmod 0755, $beside;
    # another run may have been faster
    rename $beside, $kept or -d $kept or die "rename: $!";
    return ("$kept/node_modules");
}

my ($modules, $trouble) = node_modules();
ok($modules, '`npm ci` gets the packages of t/openapi/package-lock.json')
    or diag("It could not; is npm's registry reachable from here? What it said:\n$trouble");
my $work = "$s->{folder}/npm";
mkdir $work;
run_command('cp', map({ "t/openapi/$_" } qw(package.json tsconfig.json check.mjs queries.ts)), $work);
symlink $modules, "$work/node_modules" if $modules;
write_file("$work/$_.json",    $document{$_}) for keys %document;
write_file("$work/database.ts", printed('types'));

# Runs a program in the folder that has it all.
sub node {
    my @arguments = @_;
    my $here = Cwd::getcwd();
    chdir $work or die;
    my @result = run_command('node', @arguments);
    chdir $here or die;
    return @result;
}

SKIP: {
    skip 'npm did not bring what this needs', 1 unless $modules;

    subtest 'the document is OpenAPI 3.1, and true of answers' => sub {
        my @answers = map { my ($path, $schema) = @$_; { schema => $schema, rows => $s->get($path)->{json} } }
            ['/v1/vendors', 'vendors_v1'], ['/v1/products', 'products_v1'], ['/v1/labels', 'labels_v1'], ['/v2/products', 'products_v2'],
            ['/v2/Gr%C3%B6%C3%9Fe%20%7Bx%7D', 'Gr.C3.B6.C3.9Fe.20.7Bx.7D_v2'];
        is_deeply([map { scalar @{ $_->{rows} } } @answers], [2, 2, 1, 2, 2], 'rows of each contract');
        push @answers, { schema => 'error', rows => [map { $s->get($_)->{json} } '/v1/vendors?x=eq.1', '/v1/nothing', '/v1/vendors/9'] };
        # a wrong one of each kind, so that the silence about the others means something
        push @answers, { schema => 'vendors_v1', rows => [{ id => 'one', name => undef }] };
        write_file("$work/answers.json", JSON::PP->new->utf8->encode(\@answers));
        write_file("$work/wrong.json",   $document{1} =~ s/"responses": \{/"answers": {/r);
        my ($code, $out, $err) = node('check.mjs', 'answers.json', 'all.json', '1.json', '2.json', 'wrong.json');
        is("$code $err", '0 ', 'the check ran');
        my @found = split /\n/, $out;
        is(scalar @found, 2, 'two things are wrong') or diag $out;
        like($found[0], qr/^wrong\.json: /, 'the document that was spoilt');
        like($found[1], qr{^vendors_v1: data/id must be integer, data/name must be string: }, 'and the answer that is none');
    };

    subtest 'queries compile while the contracts hold what they ask for' => sub {
        write_file("$work/without/queries.ts",  read_file("$work/queries.ts"));
        write_file("$work/without/database.ts", read_file("$work/database.ts") =~ s/^ +price: .*\n//mr);
        my (undef, $out) = node('node_modules/typescript/bin/tsc', '-p', 'tsconfig.json');
        my @errors  = grep { /error/ } split /\n/, $out;
        my @without = grep { m{^without/queries\.ts\(\d+,\d+\): error} } @errors;
        is(scalar(@errors), scalar(@without), 'postgrest-js takes the types, and refuses what no contract promises') or diag $out;
        ok(@without, 'a query for a column that went from a contract compiles no more') or diag $out;
    };
}

subtest 'embeds have the shapes that queries.ts gets told' => sub {
    my $embed = sub { my ($path, $select) = @_; my $r = $s->get("$path?select=$select"); return $r->{status} == 200 ? $r->{json} : $r->{body} };
    is_deeply($embed->('/v1/products/1', 'id,vendors(name)'),   { id => 1, vendors => { name => 'Ada' } }, 'an object, by the entity');
    is_deeply($embed->('/v1/products/2', 'id,vendor(name)'),    { id => 2, vendor => undef }, 'or null, by the name of the key');
    is_deeply($embed->('/v1/vendors/1',  'name,products(id)'),  { name => 'Ada', products => [{ id => 1 }] }, 'the other way round an array');
    is_deeply($embed->('/v1/products/1', 'id,labels(text)'),    { id => 1, labels => { text => 'first' } }, 'but an object where the key is unique');
    is_deeply($embed->('/v2/products/1,one', 'id,vendor_id(name)'), { id => 1, vendor_id => { name => 'Ada' } }, 'across versions, by the column');
};

subtest 'the document says what the server does' => sub {
    my $all = JSON::PP->new->utf8->decode($document{all});
    # headers that answers of any web server have, and what ours adds to all of its own
    my %usual = map { lc $_ => 1 } qw(Date Server Connection Vary Content-Type Content-Length Transfer-Encoding),
        read_file('conf/nginx/oriel-headers.conf') =~ /^\s*add_header\s+(\S+)/mg;
    for my $path ('/v1/products', '/v1/products/{key}') {
        my $said = $all->{paths}{$path}{get}{responses}{200};
        my $r;
        for my $type (sort keys %{ $said->{content} }) {
            $r = $s->get(($path =~ s/\{key\}/1/r) . '?limit=1', Accept => $type, Prefer => 'count=exact, handling=strict, timezone=Europe/Berlin');
            like("$r->{status} $r->{headers}{'content-type'}", qr/^20[06] \Q$type\E(?:;|$)/, "$path as $type");
        }
        is_deeply([sort grep { !$usual{$_} } keys %{ $r->{headers} }], [sort grep { $_ ne 'last-modified' } map { lc } keys %{ $said->{headers} }],
            'and with which headers; Last-Modified is that of an entity (t/49-cache.t)');
    }
    for my $path (sort keys %{ $all->{paths} }) {
        my $key = $path =~ /products/ && $path =~ /v2/ ? '1,one' : 1;
        is($s->get($path =~ s/\{key\}/$key/r)->{status}, 200, $path);
    }
    for my $filter (grep { $_->{name} } @{ $all->{paths}{'/v2/products'}{parameters} }) {
        my $example = $filter->{name} eq 'mood' || $filter->{name} eq 'document' ? 'not.is.null' : $filter->{example};
        is($filter->{example}, $example, "an example for $filter->{name}");
        my $name = $filter->{name} =~ s/([^\w])/sprintf '%%%02X', ord $1/ger;
        is($s->get("/v2/products?$name=$example")->{status}, 200, "$name=$example");
    }
    ok($all->{paths}{'/v1/products'}{get}{deprecated}, 'what is deprecated is said to be');
    is($all->{paths}{'/v1/products'}{get}{'x-sunset'}, '2099-01-31', 'until when');
    is($all->{paths}{'/v1/products'}{get}{'x-successor'}, '/v2/products', 'and what comes after');
};

subtest 'withheld, changed' => sub {
    $s->sql('ALTER VIEW api.v_vendors_v1 RENAME COLUMN name TO title; NOTIFY oriel_contract');
    $s->wait_until_withheld('/v1/vendors');
    is($s->get('/v1/')->{body}, $document{1}, 'what is withheld is still described');
    $s->sql('ALTER VIEW api.v_vendors_v1 RENAME COLUMN title TO name');
    $s->sql('CREATE OR REPLACE VIEW api.v_labels_v1 AS SELECT l.product_id, l.text, 1 AS more FROM dp.label l');
    $s->oriel('contract', 'lock', '--ack', 'a test');
    kill 'HUP', $s->pid('responders');
    wait_until { $s->get('/v1/')->{body} ne $document{1} } 'the responders to take the new lock file';
    is($s->get('/v1/')->{body}, printed('openapi', '--version', 1), 'a new lock file has a new document');
    is($s->get('/v2/')->{body}, $document{2}, 'and the other version the one it had');
};

$s->finish;
done_testing;
