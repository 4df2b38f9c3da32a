# What the reader's role can see: its contracts, and nothing else. Every relation, sequence, function, schema and large
# object of the database is probed as that role.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $s = Oriel::Stack->new(start => []);
$s->sql(q{SET ROLE oriel_owner; CREATE FUNCTION dp.secret() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE dp.numbers;
          CREATE TABLE api.mistake (id int); CREATE VIEW api.v_unpublished_v1 AS SELECT 1 AS one; CREATE TYPE dp.colour AS ENUM ('red')});
my %contract = map { ("api.$_" => 1) } keys %{ JSON::PP->new->utf8->decode(read_file($s->domain_path('contract.json')))->{contracts} };

# psql's exit code and output as the reader.
sub reader {
    my ($sql) = @_;
    my ($code, $out, $err) = run_command('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $s->{db}->conninfo . ' user=oriel_ds', '-c', $sql);
    return ($code, "$out$err");
}

my @ours = grep { $_ } split /\n/, $s->sql(q{
    SELECT n.nspname || '.' || c.relname || ' ' || c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S') ORDER BY 1});
cmp_ok(scalar @ours, '>', 15, 'there is something to probe');
my $readable = 0;
for (@ours) {
    my ($name, $kind) = split / /;
    my ($code, $out) = reader("SELECT count(*) FROM $name");
    if ($contract{$name}) {
        is($code, 0, "$name, a contract, can be read") or diag $out;
        $readable++;
    }
    else {
        isnt($code, 0, "$name ($kind) cannot be read");
        like($out, qr/permission denied/, "$name: for want of rights");
    }
    for my $write ("INSERT INTO $name DEFAULT VALUES", "DELETE FROM $name", "TRUNCATE $name", "LOCK TABLE $name IN ACCESS SHARE MODE") {
        next if $write =~ /^LOCK/ && $contract{$name};
        ($code) = reader("SET default_transaction_read_only = off; SET transaction_read_only = off; $write");
        isnt($code, 0, "$name: no $write");
    }
}
is($readable, scalar keys %contract, 'every contract was there');

for my $function (split /\n/, $s->sql(q{
    SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')})) {
    next if $function =~ /^api\.oriel_data_/;
    is($s->sql("SELECT has_function_privilege('oriel_ds', '$function', 'EXECUTE')"), 'f', "$function cannot be called");
    isnt((reader('SELECT ' . ($function =~ s/\(.*/()/r)))[0], 0, "$function: nor by name");
}
# These two run with their owner's rights, so what they give is looked at.
like((reader(q{SELECT version FROM api.oriel_data_version('{1,2,3}')}))[1], qr/^[0-9a-f]{64}$/, 'a data version is opaque');
is((reader('SELECT DISTINCT pg_catalog.pg_typeof(s.sources) FROM api.oriel_data_sources() s'))[1], "integer[]\n", 'what it is of are numbers');
is($s->sql(q{SELECT string_agg(proname::text, ' ' ORDER BY 1) FROM pg_proc WHERE prosecdef AND has_function_privilege('oriel_ds', oid, 'EXECUTE')
             AND proconfig @> '{"search_path=\"\""}'}), 'oriel_data_sources oriel_data_version', 'no path can be planted for them');
is($s->sql(q{SELECT count(*) FROM pg_proc WHERE prosecdef AND has_function_privilege('oriel_ds', oid, 'EXECUTE')}), 2, 'and there are no more of their kind');
is($s->sql(q{SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE has_schema_privilege('oriel_ds', oid, 'USAGE')
             AND nspname NOT IN ('pg_catalog', 'information_schema')}), 'api', 'the only schema it may look into');
is($s->sql(q{SELECT count(*) FROM pg_namespace WHERE has_schema_privilege('oriel_ds', oid, 'CREATE')}), 0, 'it may create in none');
is($s->sql(q{SELECT count(*) FROM pg_database WHERE datname = current_database() AND (has_database_privilege('oriel_ds', oid, 'CREATE')
             OR has_database_privilege('oriel_ds', oid, 'TEMP'))}), 0, 'nor in the database, nor temporary tables');
is($s->sql(q{SELECT count(*) FROM pg_roles WHERE rolname IN ('oriel_ds', 'oriel_dp') AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)}),
    0, 'neither program is more than it must be');
is($s->sql(q{SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = 'oriel_ds'}), 0, 'the reader is a member of nothing');
is($s->sql(q{SELECT has_database_privilege('public', current_database(), 'CONNECT')}), 'f', 'who is not named cannot connect');
for my $sql ('SELECT pg_catalog.lo_creat(-1)', q{SELECT pg_catalog.lo_from_bytea(0, 'x')}, 'CREATE TABLE api.x ()', 'CREATE TEMP TABLE x ()',
    q{COPY (SELECT 1) TO PROGRAM 'true'}, q{SELECT pg_catalog.pg_read_file('/etc/hosts')}, 'SET ROLE oriel_owner', 'SET SESSION AUTHORIZATION postgres',
    'CREATE VIEW api.v_x_v1 AS SELECT 1') {
    my ($code, $out) = reader("SET default_transaction_read_only = off; SET transaction_read_only = off; $sql");
    isnt($code, 0, "refused: $sql");
    like($out, qr/permission denied|must be|only (?:roles|superuser)/, 'for want of rights') or diag $out;
}
is((reader('SHOW default_transaction_read_only'))[1], "on\n", 'it reads only by default');
is((reader('SHOW search_path'))[1], qq{""\n}, 'with an empty search_path');
$s->finish(qr/ERROR|STATEMENT|DETAIL|HINT|permission denied/);
undef $s;
done_testing;
