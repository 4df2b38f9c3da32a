# Random contracts, random data, random requests of the whole grammar: what the stack answers is what plain SQL gives that
# was built in another way, from tables, with joins (Oriel::RandomQuery). No answer is a 500.
#
#   N=5000 SEED=42 prove -It/lib t/46-property.t      # N requests; the seed is printed and gives the same run again
use strict;
use warnings;
use utf8;
use Encode ();
use JSON::PP ();
use Oriel::Cluster;
use Oriel::RandomQuery;
use Oriel::RandomWorld;
use Oriel::Stack;
use Oriel::Test;
use Test::More;

my $n_requests = $ENV{N} // 400;
my $seed       = $ENV{SEED} // int(rand 1e9);
my $worlds     = 4;      # side by side, each a version of the API
my $at_a_time  = 200;    # requests, between one call of psql and the next
srand $seed;
note "SEED=$seed N=$n_requests";

my $max_rows = Oriel::RandomWorld::pick(0, 1000, 10);    # 0: no maximum
my @worlds   = map { Oriel::RandomWorld->new($_) } 1 .. $worlds;
my $s = Oriel::Stack->new(
    domain   => { 'sql/changes/0001-random/expand.sql' => Encode::encode('UTF-8', join '', Oriel::RandomWorld::preamble(), map { $_->{expand} } @worlds) },
    settings => { responder => { aggregates => JSON::PP::true, maxRows => $max_rows } },
    start    => [qw(responders nginx)],
);
my $client = $s->client;
wait_until { $client->get('/')->{status} == 200 } 'the first answer';

# --- what both say, in one form ---

# Without the blanks between tokens, which is all that may differ in the text of JSON.
sub tokens { return join ' ', $_[0] =~ /"(?:[^"\\]|\\.)*"|[^\s"{}\[\],:]+|[{}\[\],:]/gs }

# Lists in the order of their elements' texts: for what has no order of its own.
sub sorted {
    return sort_value([$_[0] =~ /"(?:[^"\\]|\\.)*"|[^\s"{}\[\],:]+|[{}\[\],:]/gs]);
}

sub sort_value {
    my ($tokens) = @_;
    my $token = shift @$tokens // return 'nothing';
    return $token unless $token eq '[' || $token eq '{';
    my ($end, @parts) = $token eq '[' ? ']' : '}';
    while (@$tokens && $tokens->[0] ne $end) {
        my $part = sort_value($tokens);
        if (@$tokens && $tokens->[0] eq ':') { shift @$tokens; $part .= ':' . sort_value($tokens) }
        push @parts, $part;
        shift @$tokens if @$tokens && $tokens->[0] eq ',';
    }
    shift @$tokens;
    @parts = sort @parts if $token eq '[';
    return $token . join(' ', @parts) . $end;
}

sub in_one_form { my ($q, $text) = @_; return $q->{loose} ? sorted($text) : tokens($text) }

# RFC 4180, and null apart from the empty text.
sub csv_rows {
    my ($text) = @_;
    my (@rows, @row);
    while ($text =~ /\G(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gc) {
        my ($quoted, $plain, $end) = ($1, $2, $3);
        push @row, defined $quoted ? $quoted =~ s/""/"/gr : length $plain ? $plain : undef;
        next if $end eq ',';
        push @rows, [@row];
        @row = ();
    }
    return (@rows, (pos($text) // 0) == length $text ? () : ['no CSV']);
}

# A CSV as the JSON that the SQL gives for it.
my $json = JSON::PP->new->allow_nonref;
sub csv_as_json {
    my ($q, $body) = @_;
    my ($header, @rows) = csv_rows(Encode::decode('UTF-8', $body));
    my $names = join "\0", map { $_ // '' } @$header;
    return "columns $names" if $names ne join "\0", map { $_->{key} } @{ $q->{columns} };
    my $cell = sub { my ($text, $column) = @_; return 'null' unless defined $text; return $json->encode($column->{json} ? in_one_form($q, $text) : $text) };
    return '[' . join(',', map { my $row = $_; '[' . join(',', map { $cell->($row->[$_], $q->{columns}[$_]) } 0 .. $#$row) . ']' } @rows) . ']';
}

sub texts_of_csv {
    my ($q, $rows) = @_;
    for my $row (@$rows) { $_->[1]{json} && defined $row->[$_->[0]] and $row->[$_->[0]] = in_one_form($q, $row->[$_->[0]]) for map { [$_, $q->{columns}[$_]] } 0 .. $#$row }
    return $rows;
}

# --- what must come ---

# The results of the queries by psql: for each { code, total, rows }.
sub answers_of_postgres {
    my @queries = @_;
    my $file = "$s->{folder}/queries.sql";
    write_file($file, Encode::encode('UTF-8', join '', map { ($_->{time_zone} ? "SET TimeZone = '$_->{time_zone}';\n" : "RESET TimeZone;\n") . "\\echo \x{2}\n$_->{sql};\n\\echo \x{3}:SQLSTATE\n" } @queries));
    my ($code, $out, $err) = run_command(Oriel::Cluster::bin() . '/psql', '-XqAt', '-F', "\x{1e}", '-d', $s->{db}->conninfo . ' user=postgres', '-f', $file);
    die "psql: $code $err" if $code;
    my @answers = map { my ($row, $state) = /\A\n?(.*?)\n?\x{3}(\w+)\n\z/s or die "psql said: $_"; my ($total, $rows) = split /\x{1e}/, $row, 2; { code => $state, total => $total, rows => $rows } }
        grep { length } split /\x{2}\n/, $out;
    die 'psql gave ' . @answers . ' answers to ' . @queries . ": $err" if @answers != @queries;
    return @answers;
}

# Status and Content-Range of a page, as the specification has them.
sub page_of {
    my ($q, $total, $here) = @_;
    my $offset = $q->{level}{offset} // 0;
    my $known  = $q->{count} ? $total : undef;
    return (416, "*/$total") if defined $known && $offset > $total;
    my $range = ($here ? "$offset-" . ($offset + $here - 1) : '*') . '/' . ($known // '*');
    return (defined $known && $here < $total ? 206 : 200, $range);
}

# What is wrong with the response; nothing where all is right.
sub wrong {
    my ($q, $r, $must) = @_;
    return "a $r->{status}" if $r->{status} >= 500;
    if ($q->{refused} || $must->{code} ne '00000') {
        my $code = ref $r->{json} eq 'HASH' ? $r->{json}{code} // '' : '';
        return "not $q->{refused}" if $q->{refused} && "$r->{status} $code" ne $q->{refused};
        return "not an error with code $must->{code}" if !$q->{refused} && ($r->{status} < 400 || ($code ne $must->{code} && !$q->{wild}));
        return;
    }
    my $here = @{ JSON::PP->new->decode($must->{rows}) };
    if ($q->{key} || $q->{form} eq 'object') {
        my $status = $here == 1 ? 200 : $q->{key} ? 404 : 406;
        my ($of_page) = page_of($q, $must->{total}, $here);
        $status = $of_page if $of_page == 416;
        return "status $status was expected" if $r->{status} != $status;
        return if $status >= 300;
        my $one = "[$r->{body}]";
        return in_one_form($q, $one) eq in_one_form($q, $must->{rows}) ? () : 'another object';
    }
    my ($status, $range) = page_of($q, $must->{total}, $here);
    return "status $status was expected" if $r->{status} != $status;
    return if $status == 416;
    return "Content-Range $range was expected, not $r->{headers}{'content-range'}" if defined $range && $range ne ($r->{headers}{'content-range'} // '');
    my ($got, $want) = ($r->{body}, $must->{rows});
    if ($q->{form} eq 'csv') {
        $got  = csv_as_json($q, $got);
        $want = $json->encode(texts_of_csv($q, $json->decode(Encode::decode('UTF-8', $want))));
        $_    = Encode::encode('UTF-8', $_) for $got, $want;
    }
    return in_one_form($q, $got) eq in_one_form($q, $want) ? () : 'other rows';
}

# HEAD has the status and the range of GET.
sub wrong_head {
    my ($q, $r) = @_;
    my $head = $client->head($q->{target}, @{ $q->{headers} });
    return if grep { $_ eq 'Range' } @{ $q->{headers} };    # which is for GET alone
    my ($got, $want) = map { "$_->{status} " . ($_->{headers}{'content-range'} // '') } $head, $r;
    return $got eq $want ? () : "HEAD says $got and GET $want";
}

# The same request, spoilt somewhere: whatever it says then, it gets an answer that is one.
sub wrong_spoilt {
    my ($q) = @_;
    my $target = $q->{target};
    for (1 .. Oriel::RandomWorld::one_to(3)) {
        my $at = 4 + int rand(length($target) - 4);
        substr $target, $at, int rand 3, Oriel::RandomWorld::pick('', '', '(', ')', ',', '.', '%22', '%', '%00', '%ff', ':', '!', '->', '*', '=', '&', '...', '{', '9', 'not.', '::', '+', '/', '%5C');
    }
    my $r = $client->get($target, @{ $q->{headers} });
    return "$r->{status} for $target: $r->{body}" if $r->{status} >= 500;
    return if $r->{status} == 200 || $r->{status} == 206;
    return ref $r->{json} eq 'HASH' && join(' ', sort keys %{ $r->{json} }) eq 'code details hint message' ? () : "no error's body for $target: $r->{body}";
}

# --- the run ---

my (%seen, @wrong);

sub told {
    my ($wrong, $q, $r, $must) = @_;
    my $said = "$wrong: $q->{target} @{ $q->{headers} }\ngot $r->{status} " . ($r->{headers}{'content-range'} // '') . " $r->{body}\nwant $must->{code} "
        . ($must->{total} // '') . " $must->{rows}\n" . Encode::encode('UTF-8', $q->{sql});
    return substr $said, 0, 3000;
}

sub run {
    my ($n) = @_;
    my @queries = map { Oriel::RandomQuery->new(Oriel::RandomWorld::pick(@worlds)->{contracts}, $max_rows || 1e9) } 1 .. $n;
    my @must    = answers_of_postgres(@queries);
    for my $i (0 .. $#queries) {
        my ($q, $must) = ($queries[$i], $must[$i]);
        my $r = $client->get($q->{target}, @{ $q->{headers} });
        $must->{rows} //= '[]';
        $seen{ $r->{status} }++;
        $seen{'spread aggregates'} += $r->{status} < 300 && $q->{target} =~ /\.\.\.[^(]*\([^()]*(?:count|sum|avg|max|min)\(\)/;
        $seen{'time zones'} += $r->{status} < 300 && !!$q->{time_zone};
        my @found = eval { (wrong($q, $r, $must), $i % 8 ? () : wrong_head($q, $r), $i % 4 ? () : wrong_spoilt($q)) };
        @found = $@ if $@;
        push @wrong, map { told($_, $q, $r, $must) } @found;
    }
}

for (my $left = $n_requests; $left > 0 && @wrong < 5; $left -= $at_a_time) { run($left < $at_a_time ? $left : $at_a_time) }
is(scalar @wrong, 0, "$n_requests answers are what plain SQL gives") or diag(join "\n\n", "SEED=$seed N=$n_requests", @wrong[0 .. (@wrong > 3 ? 2 : $#wrong)]);
note join ', ', map { "$_: $seen{$_}" } sort keys %seen;
cmp_ok($seen{200}, '>', $n_requests / 2, 'most were answered');
cmp_ok($seen{$_} // 0, '>', 0, "and some with $_") for 206, 404, 406, 416, 'spread aggregates', 'time zones';
$s->finish(qr/ERROR|STATEMENT|DETAIL|HINT|CONTEXT/);
done_testing;
