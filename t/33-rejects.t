# oriel rejects, the work list: a record as it came with what was not taken marked in it, counts and shares per delivery.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $json = JSON::PP->new->canonical;
my @fields = ({ name => 'code', type => 'string', constraints => { required => \1 } }, { name => 'size', type => 'integer', onError => 'null' },
    { name => 'maker', type => 'string', constraints => { enum => ['a', 'b'] } });
sub entity { my (%from) = @_; return $json->encode({ entity => 'thing', table => 'dp.thing', primaryKey => [qw(client code)], id => 'id', fields => [map { +{ %$_, from => $from{ $_->{name} } } } @fields] }) }
sub source { my ($name, %more) = @_; return $json->encode({ kind => 'file', client => $name, folder => $name, pattern => '*', poll => '20ms', settle => '20ms', %more }) }
my $s = Oriel::Stack->new(start => [], domain => {
    'sql/changes/0001-things/expand.sql' =>
        'CREATE TABLE dp.thing (id bigint PRIMARY KEY, client text NOT NULL, code text NOT NULL, size integer, maker text, raw_batch bigint NOT NULL, raw_line integer NOT NULL, UNIQUE (client, code));',
    'entities/j.json' => entity(code => '/code', size => '/box/size', maker => '/maker'),
    'entities/c.json' => entity(code => 'Code', size => '#2', maker => 'Maker'),
    'sources/acme.json'  => source('acme',  format => 'ndjson', entities => ['j']),
    'sources/sheet.json' => source('sheet', format => 'csv', encoding => 'ISO-8859-1', dialect => { delimiter => ';' }, entities => ['c']),
});
write_file("$s->{folder}/drop/$_/.keep", '') for qw(acme sheet);
$s->start_worker;
$s->drop_file('acme', '1.ndjson', qq({"code": "a", "box": {"size": "big", "x": 1}, "maker": "z"}\n{"box": {"size": 4}, "maker": "a"}\n{"code": "b", "maker": tru}\n{"code": "c"}\n));
$s->wait_for_deliveries(1);
$s->drop_file('sheet', '1.csv', qq(Code;Gr\xf6\xdfe;Maker\nx;"1;5";\xe4\ny;7;b\n));
$s->wait_for_deliveries(2);
$s->drop_file('acme', '2.ndjson', qq({"code": "d"}\n{"code": ""}\n{"code": null}\n{"code": "e", "maker": "b"}\n));
$s->wait_for_deliveries(3);
sub show { my ($source, $line, @more) = @_; return $s->oriel('rejects', 'show', $s->sql("SELECT min(id) FROM raw.batch WHERE source = '$source'"), $line, @more) }

my ($code, $out, $err) = show('acme', 1);
is($code, 0, 'oriel rejects show') or diag $err;
like($out, qr/^\{"code": "a", "box": \{"size": >>>"big"<<<, "x": 1\}, "maker": >>>"z"<<<\}$/m, 'all that was not taken is marked');
($code, $out) = show('acme', 2);
like($out, qr/^\{"box": \{"size": 4\}, "maker": "a"\}$/m, 'what is not there cannot be marked');
like($out, qr{^j\.code: there is no /code in this record$}m, 'but is told');
($code, $out) = show('acme', 3);
like($out, qr/>>>.*tru.*<<</, 'what is no JSON is marked where it is not');
($code, $out) = show('acme', 4);
unlike($out, qr/>>>/, 'a good record has no marks');
($code, $out) = show('sheet', 1);
like($out, qr/^x;>>>"1;5"<<<;>>>\xc3\xa4<<<$/m, 'cells of a CSV') or diag $out;
($code, $out) = show('acme', 1, '--json');
my $shown = $json->decode($out);
is_deeply([map { substr $shown->{record}[0]{text}, $_->{at}, $_->{bytes} } @{ $shown->{marks} }], ['"big"', '"z"'], 'marks for programs');
my $batch = $shown->{record}[0]{batch};
my $shows = qq("$s->{build}/oriel" -c "$s->{config}" rejects show $batch 1);
($code, $out) = run_command('script', '-qfec', $shows, '/dev/null');
like($out, qr/"size": \e\[7m"big"\e\[27m, "x"/, 'inverted on a terminal');
($code, $out) = run_command('env', 'NO_COLOR=1', 'script', '-qfec', $shows, '/dev/null');
unlike($out, qr/\e/, 'unless NO_COLOR is set');

($code, $out) = $s->oriel('rejects', 'deliveries');
is($code, 0, 'oriel rejects deliveries');
like($out, qr/\Adelivery +source +name +entity +records +rejected +share +parked +reasons +mostly\n +3 +acme +2\.ndjson +j +4 +2 +50\.0 % +0 +2 +code missing\n +2 +sheet +1\.csv +c +2 +1 +50\.0 % +0 +2 +/,
    'the newest first, with shares') or diag $out;
($code, $out) = $s->oriel('rejects', 'deliveries', '--source', 'acme', '--reason', 'malformed', '--json');
is_deeply([map { [@$_{qw(name rejected reasons)}] } @{ $json->decode($out) }], [['1.ndjson', 3, 2]], 'of one source and one reason');
($code, $out) = $s->oriel('rejects', 'records', '--entity', 'j', '--reason', 'missing');
like($out, qr/\Asource +batch +line +entity +field +reason +action +value\nacme +\d+ +3 +j +code +missing +reject\nacme +\d+ +2 +j +code +missing +reject\nacme +\d+ +2 +j +code /, 'oriel rejects records, one by one') or diag $out;
is(scalar @{ $json->decode(($s->oriel('rejects', 'records', '--json'))[1]) }, 8, 'all of them');

# A filter that names nothing must not look as if nothing was rejected.
for (
    ['--source', 'acne', 1, qr/the worker has seen no source "acne"/],
    ['--entity', 'thing', 1, qr/nothing was cleaned by an entity file "thing"/],
    ['--reason', 'malformd', 2, qr/there is no reason "malformd"/],
) {
    my ($option, $value, $expected, $message) = @$_;
    for my $action ([], ['deliveries'], ['records'], ['retry']) {
        ($code, $out, $err) = $s->oriel('rejects', @$action, $option, $value);
        is("$code $out", "$expected ", "rejects @$action $option $value");
        like($err, $message, 'says that there is none');
    }
}
is(($s->oriel('rejects', '--source', 'sheet', '--reason', 'too_long'))[1], "Nothing was rejected.\n", 'but where nothing was, that is said');

# a configuration that cannot be read takes nothing away but the marks
write_file($s->domain_path('entities') . '/j.json', '{');
($code, $out, $err) = show('acme', 1);
is($code, 0, 'without entity files');
like($out, qr/^\{"code": "a", "box": \{"size": "big"/m, 'the record is shown without marks');
$s->finish;
done_testing;
