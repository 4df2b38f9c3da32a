# oriel try: what would happen to a file, by configuration alone.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Test;
use Test::More;

my $folder = Oriel::Test::new_folder();
my $oriel = build_folder() . '/oriel';

mkdir "$folder/$_" for qw(entities sources);
write_file("$folder/oriel.json", '{"database": "host=/nonexistent"}');
write_file("$folder/entities/vendor.json", <<'END');
{ "entity": "vendor", "table": "dp.vendor", "primaryKey": ["client", "external_id"],
  "fields": [
    { "name": "external_id", "from": "Id",   "type": "string",  "constraints": { "required": true } },
    { "name": "name",        "from": "Name", "type": "string",  "clean": ["trim", "unescape_html"] },
    { "name": "staff",       "from": "Staff", "type": "integer", "onError": "null" } ] }
END
write_file("$folder/sources/acme.json", <<'END');
{ "kind": "file", "client": "acme", "entities": ["vendor"], "folder": "acme", "pattern": "*.txt",
  "format": "csv", "encoding": "ISO-8859-1", "dialect": { "delimiter": "|" } }
END
write_file("$folder/in.txt", "Id|Name|Staff\r\n1| Caf\xe9 &amp; Co |12\r\n|nobody|3\r\n2|few|many\r\n3|short\r\n");
write_file("$folder/in.ndjson", qq({"Id": 7, "Name": "json"}\n));

sub try { return run_command($oriel, '-c', "$folder/oriel.json", 'try', @_) }

my ($code, $out, $err) = try('vendor', "$folder/in.txt");
is($code, 0, 'rejected records are no failure') or diag $err;
is($err, '', 'and nothing is complained of');
like($out, qr/^record 1\n  external_id="1"\n  name="Caf\xc3\xa9 & Co"\n  staff="12"\n/, 'the row, read as the one source that lists the entity says');
like($out, qr/^record 2: rejected\n  reject external_id: missing, required, ""\n/m, 'a reject with its reason');
like($out, qr/^record 3\n(?:.*\n)*?  staff=null\n  null staff: malformed, integer, "many"\n/m, 'a value that was not taken');
like($out, qr/reject record: malformed, columns, "3\|short": 2 cells, but the header has 3 columns\n/, 'a record that cannot be read');
like($out, qr/^4 records: 2 rows, 2 rejected\n/m, 'the summary');
like($out, qr/^ +1  null     staff: malformed, integer, such as "many"\n/m, 'with each reason, its count and an example');

($code, $out) = try('--json', '--limit', '1', 'vendor', "$folder/in.txt");
my @lines = map { JSON::PP->new->utf8->decode($_) } split /\n/, $out;
is(scalar @lines, 3, 'as JSON: one row, one reject, the summary');
is($lines[0]{row}{name}, "Caf\x{e9} & Co", 'the row');
is($lines[1]{reasons}[0]{reason}, 'missing', 'the reject');
is_deeply([@{$lines[2]{summary}}{qw(records rows rejected)}], [4, 2, 2], 'the summary counts all');

# The batches are those of the source: records that share a key collide in one, and follow each other in two.
write_file("$folder/twice.txt", "Id|Name|Staff\n1|a|1\n1|b|1\n2|c|1\n2|c|1\n");
($code, $out) = try('--json', 'vendor', "$folder/twice.txt");
is_deeply([@{JSON::PP->new->utf8->decode((split /\n/, $out)[-1])->{summary}}{qw(records rows updated unchanged rejected)}], [4, 2, 0, 1, 1], 'records that share a key');
write_file("$folder/sources/acme.json", read_file("$folder/sources/acme.json") =~ s/"kind"/"batchRecords": 1, "kind"/r);
($code, $out) = try('--json', 'vendor', "$folder/twice.txt");
is_deeply([@{JSON::PP->new->utf8->decode((split /\n/, $out)[-1])->{summary}}{qw(records rows updated unchanged rejected)}], [4, 2, 1, 1, 0], 'in batches of the size that the source has');

($code, $out) = try("$folder/entities/vendor.json", '--source', 'acme', "$folder/in.txt");
is($code, 0, 'an entity file by its path, a source by its name');
write_file("$folder/sources/beta.json", '{"kind": "file", "client": "beta", "entities": ["vendor"], "folder": "b", "pattern": "*", "format": "tsv"}');
($code, $out) = try('vendor', "$folder/in.ndjson");
is($code, 0, 'two sources list the entity: the name of the file tells its format');
like($out, qr/^  name="json"\n/m, 'which is used');

for (
    ['a file that says nothing of its format', qr/several source files list this entity; say --source NAME/, 2, 'vendor', "$folder/in.txt"],
    ['no such entity file', qr{cannot read .*/entities/vendr\.json}, 2, 'vendr', "$folder/in.txt"],
    ['no such source file', qr{cannot read .*/sources/gamma\.json}, 2, '--source', 'gamma', 'vendor', "$folder/in.txt"],
    ['no such file', qr{cannot read .*/out\.csv}, 1, 'vendor', "$folder/out.csv"],
    ['a limit that is no number', qr/--limit takes a whole number, not "many"/, 2, '--limit', 'many', 'vendor', "$folder/in.txt"],
    ['one argument', qr/too few arguments: `oriel try ENTITY FILE`/, 2, 'vendor'],
) {
    my ($what, $message, $expected, @arguments) = @$_;
    ($code, $out, $err) = try(@arguments);
    is($code, $expected, "$what: exit code $expected");
    like($err, $message, 'and what to do');
}

write_file("$folder/entities/bad.json", '{"entity": "x"}');
($code, $out, $err) = try('bad', "$folder/in.ndjson");
is($code, 2, 'mistakes in the entity file');
like($err, qr{entities/bad\.json:1: the key "table" is missing}, 'are told with file and line');
($code, $out) = try('--help');
is($code, 0, '--help');
like($out, qr/^usage: oriel try /, 'shows the usage');

done_testing();
