package Oriel::RandomWorld;

# Contracts that nobody would think of, with their data: types of all kinds, names that want quoting, keys of several
# columns, foreign keys in both directions, junctions, rows that refer to nothing. The same seed gives the same world.
#
#   my $w = Oriel::RandomWorld->new($version);    # srand() was called before
#   $w->{expand}                                  # SQL of the tables and of the contracts api.v_<entity>_v<version>
#   $w->{contracts}                               # [{ entity, view, table, key => [names], columns => [...], keys => [...] }]
#
# A column is { name (in the contract), own (in the table), type (a key of %types), sql }; a foreign key { columns, target
# (a contract), name }: names in the contract, the target's are its key.

use strict;
use warnings;
use utf8;
use Exporter 'import';

our @EXPORT_OK = qw(%types pick chance one_to literal identifier);

sub one_to { my ($n) = @_; return 1 + int rand $n }
sub chance { my ($p) = @_; return rand() < $p }
sub pick   { my @list = @_; return $list[int rand @list] }

sub literal    { my ($text) = @_; return "'" . $text =~ s/'/''/gr . "'" }
sub identifier { my ($name) = @_; return '"' . $name =~ s/"/""/gr . '"' }

# Text that has met everything: quotes of all sorts, what the grammar means something by, other scripts, controls.
my @pieces = ('', 'a', 'Oak', 'steel', 'x y', ' ', '  lead', 'trail ', ',', '.', '"', "'", '\\', '\\"', '(', ')', '{', '}', '{a,b}', '%', '_', '*', '::',
    '->', '->>', '&', '=', '+', '#', '?', ';', '--', '/*', '$1', 'null', 'NULL', 'true', '0', '-1', "\n", "\r\n", "\t", "\x{1}", "\x{1f}", "\x{7f}",
    "\x{85}", "\x{a0}", "\x{200d}", "\x{2028}", "\x{feff}", "\x{fffd}", "\x{10ffff}", 'é', "e\x{301}", 'ß', 'ẞ', 'İ', 'ı', 'Ω', 'אב', 'د', '日本', '😀', '👩‍👩‍👧', '<b>', '</script>');
sub text { my ($longest) = @_; my $t = join '', map { pick(@pieces) } 1 .. int rand 4; return defined $longest ? substr $t, 0, $longest : $t }

my @words = ('oak', 'steel', 'old', 'new', 'x');
my @keys  = ('a', 'b', 'k 1', 'x.y', '0', '"', 'é', 'a-b', 'null');

sub json {
    my ($deep) = @_;
    my $kind = $deep <= 0 ? one_to(6) : one_to(9);
    return pick('null', 'true', 'false') if $kind == 1;
    return pick(0, 1, -1, '1.50', '1e3', '12345678901234567890.5') if $kind <= 3;
    return json_string(text()) if $kind <= 6;
    return '[' . join(pick(',', ' , '), map { json($deep - 1) } 1 .. int rand 4) . ']' if $kind == 7;
    my %seen;
    return '{' . join(pick(',', ",\n "), map { json_string($_) . pick(':', ' : ') . json($deep - 1) } grep { !$seen{$_}++ } map { pick(@keys) } 1 .. int rand 5) . '}';
}

sub json_string { my ($s) = @_; return '"' . $s =~ s/(["\\])/\\$1/gr =~ s/([\x00-\x1f])/sprintf '\\u%04x', ord $1/ger . '"' }

sub day      { return sprintf '%04d-%02d-%02d', pick(1, 1582, 1900, 1970, 2026, 2027, 9999), one_to(12), one_to(28) }
sub clock    { return sprintf '%02d:%02d:%02d%s', int rand 24, int rand 60, int rand 60, pick('', '.5', '.123456') }
sub array_of { my ($value) = @_; return '{' . join(',', map { chance(0.15) ? 'NULL' : '"' . $value->() =~ s/(["\\])/\\$1/gr . '"' } 1 .. int rand 4) . '}' }
sub span     { my $from = int rand 20; return pick('empty', "[$from," . ($from + 1 + int rand 9) . ')', "($from,)", "(,$from]") }
sub float    { return pick(0, 1, -2.25, 0.5, 1e20, 3.75, 1e-5, int(rand 100) / 4) }

# sql: the type's name. value: a random one, as text that Postgres takes. orders: it has an order. casts: to what any
# value of it can be cast. numeric: it has sums, which do not depend on the order of adding (floats do).
our %types = (
    smallint  => { sql => 'smallint', value => sub { pick(-3 .. 3, 32767) }, orders => 1, numeric => 1, casts => [qw(text int bigint float8 numeric)] },
    integer   => { sql => 'integer', value => sub { pick(-5 .. 9, 2147483647) }, orders => 1, numeric => 1, casts => ['text', 'bigint', 'numeric', 'double precision', 'varchar'] },
    bigint    => { sql => 'bigint', value => sub { pick(0 .. 5, '9223372036854775807', -1) }, orders => 1, numeric => 1, casts => [qw(text numeric)] },
    numeric   => { sql => 'numeric', value => sub { pick(0, '1.50', '-0.001', '12345678901234567890.123', 'NaN', 'Infinity', 7) }, orders => 1, numeric => 1, casts => [qw(text float8)] },
    money     => { sql => 'numeric(10,2)', value => sub { sprintf '%.2f', rand(50) - 10 }, orders => 1, numeric => 1, casts => [qw(text integer int8 float)] },
    real      => { sql => 'real', value => sub { pick('NaN', '-Infinity', map { float() } 1 .. 9) =~ s/1e20/1e10/r }, orders => 1, casts => [qw(text float8)] },
    double    => { sql => 'double precision', value => sub { pick('NaN', 'Infinity', map { float() } 1 .. 9) }, orders => 1, casts => [qw(text numeric)] },
    text      => { sql => 'text', value => sub { text() }, orders => 1, textual => 1, casts => [qw(text varchar)] },
    varchar   => { sql => 'varchar(6)', value => sub { text(6) }, orders => 1, textual => 1, casts => [qw(text)] },
    char      => { sql => 'char(5)', value => sub { pick('a', 'ab', 'Oak', '') }, orders => 1, textual => 1, casts => [qw(text)] },
    boolean   => { sql => 'boolean', value => sub { pick('true', 'false') }, orders => 1, boolean => 1, casts => [qw(text int)] },
    date      => { sql => 'date', value => sub { pick('infinity', '0044-03-15 BC', map { day() } 1 .. 8) }, orders => 1, casts => [qw(text timestamp)] },
    stamp     => { sql => 'timestamptz', value => sub { pick('-infinity', '0044-03-15 12:00:00+00 BC', map { day() . ' ' . clock() . pick('Z', '+05:30', '-03') } 1 .. 8) }, orders => 1, casts => [qw(text timestamptz)] },
    local     => { sql => 'timestamp', value => sub { day() . ' ' . clock() }, orders => 1, casts => [qw(text date)] },
    time      => { sql => 'time', value => sub { clock() }, orders => 1, casts => [qw(text)] },
    interval  => { sql => 'interval', value => sub { pick('1 day', '-2 mons +3 days', '01:02:03.5', '1 year 2 mons') }, orders => 1, casts => [qw(text)] },
    uuid      => { sql => 'uuid', value => sub { sprintf '%08x-0000-4000-8000-%012x', int rand 5, int rand 3 }, orders => 1, casts => [qw(text)] },
    bytea     => { sql => 'bytea', value => sub { '\\x' . join '', map { sprintf '%02x', int rand 256 } 1 .. int rand 4 }, orders => 1, casts => [qw(text)] },
    inet      => { sql => 'inet', value => sub { pick('10.0.0.1', '10.0.0.0/8', '::1') }, orders => 1, casts => [qw(text)] },
    mood      => { sql => 'dp.mood', value => sub { pick('calm', 'wild', 'say "x", (y)') }, orders => 1, casts => [qw(text)] },
    count     => { sql => 'dp.tally', value => sub { int rand 8 }, orders => 1, casts => [qw(text)] },
    json      => { sql => 'json', value => sub { json(3) }, document => 1, casts => [qw(text jsonb)] },
    jsonb     => { sql => 'jsonb', value => sub { json(3) }, document => 1, orders => 1, casts => [qw(text json)] },
    texts     => { sql => 'text[]', value => sub { array_of(\&text) }, orders => 1, array => 1, casts => [qw(text)] },
    numbers   => { sql => 'integer[]', value => sub { array_of(sub { int rand 9 }) }, orders => 1, array => 1, casts => [qw(text)] },
    moods     => { sql => 'dp.mood[]', value => sub { array_of(sub { pick('calm', 'wild') }) }, orders => 1, array => 1, casts => [qw(text)] },
    span      => { sql => 'int4range', value => sub { span() }, orders => 1, range => 1, casts => [qw(text)] },
    pair      => { sql => 'dp.pair', value => sub { '(' . int(rand 5) . ',' . pick('x', '"a b"', '') . ')' }, orders => 1, casts => [qw(text)] },
    words     => { sql => 'tsvector', value => sub { join ' ', map { pick(@words) } 1 .. int rand 4 }, orders => 1, search => 1, casts => [qw(text)] },
);

my @names = ('name', 'price', 'Größe', 'two words', 'a-b', 'x.y', 'quo"te', 'back\\slash', 'com,ma', 'pa(ren', 'order', 'select', 'limit', 'offset', 'and', 'or', 'not',
    'null', 'count', 'inner', 'left', 'user', 'ключ', '日本', 'UPPER', 'dollar$', '_x', 'a:b', "it's", 'in', 'is', 'eq', '1st', '*', 'per%cent', 'am&p', 'e=q', 'pl+us', 'ha#sh', 'a->b', 'a::b', '{x}');

sub preamble {
    return q{CREATE TYPE dp.mood AS ENUM ('calm', 'wild', 'say "x", (y)');
CREATE DOMAIN dp.tally AS integer CHECK (VALUE >= 0);
CREATE TYPE dp.pair AS (n integer, word text);
};
}

sub new {
    my ($class, $version) = @_;
    my $self = bless { version => $version, contracts => [] }, $class;
    my $n    = 3 + int rand 3;
    $self->add_contract($_) for 1 .. $n;
    $self->add_foreign_keys($_) for @{ $self->{contracts} };
    $self->add_data($_) for @{ $self->{contracts} };
    $self->{expand} = join '', map { $self->expand_of($_) } @{ $self->{contracts} };
    return $self;
}

sub add_column {
    my ($contract, $name, $type) = @_;
    my $column = { name => $name, own => 'c' . (1 + @{ $contract->{columns} }), type => $type };
    push @{ $contract->{columns} }, $column;
    return $column;
}

sub add_contract {
    my ($self, $i) = @_;
    my $version  = $self->{version};
    my $entity   = pick('t', 'Entity', 'größe') . "_${version}_$i";
    my $contract = { entity => $entity, view => "v_${entity}_v$version", table => "dp.t_${version}_$i", columns => [], keys => [], version => $version };
    my @key_types = @{ pick(['integer'], ['integer'], ['bigint'], ['text'], ['uuid'], ['integer', 'text'], ['date', 'integer'], []) };
    my @key_names = ('id', 'co de');
    add_column($contract, $key_names[$_], $key_types[$_]) for 0 .. $#key_types;
    $contract->{key} = [@key_names[0 .. $#key_types]];
    my (%taken, @types) = ();
    @types = sort keys %types;
    for (1 .. 3 + int rand 5) {
        my $name = pick(@names);
        add_column($contract, $name, pick(@types, qw(text integer jsonb numeric))) unless $taken{$name}++;
    }
    push @{ $self->{contracts} }, $contract;
}

# To up to two others or itself, so that some contracts are junctions and some pairs are joined twice.
sub add_foreign_keys {
    my ($self, $contract) = @_;
    my @targets = grep { @{ $_->{key} } } @{ $self->{contracts} };
    return unless @targets;
    for my $i (1 .. int rand 4) {
        my $target  = pick(@targets);
        my %type_of = map { $_->{name} => $_->{type} } @{ $target->{columns} };
        my @columns = map { add_column($contract, "r$i" . ($_ ? " $_" : ''), $type_of{ $target->{key}[$_] })->{name} } 0 .. $#{ $target->{key} };
        push @{ $contract->{keys} }, { columns => \@columns, target => $target, name => chance(0.6) ? pick('rel', 'by the', 'von-bis') . $i : undef };
    }
    # now and then the key is a foreign key's, so that there is one row for each at most
    my $first = $contract->{keys}[0];
    if ($first && @{ $contract->{key} } && $first->{target} != $contract && chance(0.25)) {
        return if grep { grep { $_->{target} == $contract } @{ $_->{keys} } } @{ $self->{contracts} };
        $contract->{key} = [@{ $first->{columns} }];
        @{ $contract->{columns} } = grep { $_->{name} ne 'id' && $_->{name} ne 'co de' } @{ $contract->{columns} };
    }
}

# Rows as a list of values in the order of the columns; undef is null. Keys are unique; foreign keys mostly lead somewhere.
sub add_data {
    my ($self, $contract) = @_;
    my %is_key = map { $_ => 1 } @{ $contract->{key} };
    my (%seen, @rows);
    for (1 .. int rand(%is_key ? 25 : 10)) {
        my %row = map { $_->{name} => !$is_key{ $_->{name} } && chance(0.2) ? undef : $types{ $_->{type} }{value}->() } @{ $contract->{columns} };
        for my $key (@{ $contract->{keys} }) {
            my $rows = $key->{target}{rows} // [];
            next if !@$rows || chance(0.15);
            my $to = pick(@$rows);
            @row{ @{ $key->{columns} } } = @$to{ @{ $key->{target}{key} } };
        }
        next if %is_key && $seen{ join "\0", map { $row{$_} } @{ $contract->{key} } }++;
        push @rows, \%row;
    }
    $contract->{rows} = \@rows;
}

sub expand_of {
    my ($self, $c) = @_;
    my $sql  = "CREATE TABLE $c->{table} (" . join(', ', map { "$_->{own} $types{ $_->{type} }{sql}" } @{ $c->{columns} }) . ");\n";
    for my $row (@{ $c->{rows} }) {
        $sql .= "INSERT INTO $c->{table} VALUES (" . join(', ', map { defined $row->{ $_->{name} } ? literal($row->{ $_->{name} }) : 'NULL' } @{ $c->{columns} }) . ");\n";
    }
    my $view = 'api.' . identifier($c->{view});
    $sql .= "CREATE VIEW $view AS SELECT " . join(', ', map { "x.$_->{own} AS " . identifier($_->{name}) } @{ $c->{columns} }) . " FROM $c->{table} x;\n";
    my $list = sub { join ', ', map { identifier($_) } @_ };
    my @lines = ('Random.', @{ $c->{key} } ? '@primaryKey ' . $list->(@{ $c->{key} }) : '@noKey');
    for my $k (@{ $c->{keys} }) {
        push @lines, '@foreignKey (' . $list->(@{ $k->{columns} }) . ') references ' . identifier($k->{target}{view}) . ' (' . $list->(@{ $k->{target}{key} }) . ')'
            . (defined $k->{name} ? '|@name ' . identifier($k->{name}) : '');
    }
    return $sql . "COMMENT ON VIEW $view IS " . literal(join "\n", @lines) . ";\nGRANT SELECT ON $view TO oriel_ds;\n";
}

1;
