package Oriel::RandomQuery;

# A random request of the whole grammar against the contracts of an Oriel::RandomWorld, in two forms that are made from one
# tree: the URL, and SQL that a person would write for the same, with joins LATERAL and json_agg(), over the tables.
#
#   my $q = Oriel::RandomQuery->new($contracts, $max_rows);
#   $q->{target}, $q->{headers}     # the request
#   $q->{time_zone}                 # the one that sql is to be run in; undef for the server's
#   $q->{sql}                       # one row: total, rows as a JSON array (of objects; for CSV of arrays of texts)
#   $q->{loose}                     # a list in the answer has no order of its own
#   $q->{wild}                      # an operator meets a type by chance: of errors any will do
#   $q->{refused}                   # instead of sql: "status code" of the error that must come

use strict;
use warnings;
use utf8;
use Encode ();
use List::Util ();
use Oriel::RandomWorld qw(%types pick chance one_to literal identifier);

my %reserved = map { $_ => 1 } qw(select order limit offset and or columns on_conflict);

sub new {
    my ($class, $contracts, $max_rows) = @_;
    my $self = bless { contracts => $contracts, max_rows => $max_rows, n => 0, embeds => 0 }, $class;
    my $top  = $self->{level} = $self->level(pick(@$contracts), undef, 0);
    $self->{form} = pick(('json') x 7, qw(csv stripped object));
    $self->{count} = pick(undef, undef, 'exact', 'exact', 'estimated');
    $self->choose_key($top) if @{ $top->{contract}{key} } && @{ $top->{contract}{rows} } && !$top->{aggregated} && chance(0.1);
    $self->write_request($top);
    $self->{sql} = $self->statement($top);
    return $self;
}

# --- relations, by the words of the specification ---

sub is_unique {
    my ($c, $key) = @_;
    my %in = map { $_ => 1 } @{ $key->{columns} };
    return @{ $c->{key} } && !grep { !$in{$_} } @{ $c->{key} };
}

# Each { target, to_many, key or near and far, names, hints }.
sub relations {
    my ($self, $origin) = @_;
    my (@direct, @over);
    for my $k (@{ $origin->{keys} }) {
        push @direct, { target => $k->{target}, forward => $k, hints => [grep { defined } $k->{name}, @{ $k->{columns} }],
            names => [grep { defined } $k->{target} == $origin ? undef : $k->{target}{entity}, $k->{name}, @{ $k->{columns} } == 1 ? $k->{columns}[0] : undef] };
    }
    for my $c (@{ $self->{contracts} }) {
        for my $k (grep { $_->{target} == $origin } @{ $c->{keys} }) {
            push @direct, { target => $c, reverse => $k, to_many => !is_unique($c, $k), names => [$c->{entity}], hints => [grep { defined } $k->{name}, @{ $k->{columns} }] };
            next if $c == $origin;
            for my $far (grep { $_ != $k && $_->{target} != $c } @{ $c->{keys} }) {
                push @over, { target => $far->{target}, over => $c, near => $k, far => $far, to_many => 1,
                    names => [grep { defined } $far->{target}{entity}, $far->{name}], hints => [grep { defined } $far->{name}, @{ $far->{columns} }, $c->{entity}] };
            }
        }
    }
    return (\@direct, \@over);
}

sub meant {
    my ($name, $hint, @lists) = @_;
    for my $list (@lists) {
        my @meant = grep { my $r = $_; (grep { $_ eq $name } @{ $r->{names} }) && (!defined $hint || grep { $_ eq $hint } @{ $r->{hints} }) } @$list;
        return @meant if @meant;
    }
    return;
}

# --- the tree ---

sub level {
    my ($self, $contract, $above, $depth) = @_;
    my $level = { contract => $contract, above => $above, row => 'r' . $self->{n}++, items => [], conditions => [], order => [], paths => {} };
    my @columns = @{ $contract->{columns} };
    $level->{aggregated} = chance($above ? 0.05 : 0.1) && !($above && $above->{spread});
    if ($level->{aggregated}) {
        $self->aggregated_items($level);
        $self->add_hoisted($level) if chance(0.5);
    } else {
        push @{ $level->{items} }, chance(0.2) ? { all => 1 } : map { $self->field_item($level) } 1 .. one_to(4);
        $self->add_embed($level, $depth) for 1 .. ($depth < 3 ? int rand($depth ? 2 : 3) : 0);
    }
    push @{ $level->{conditions} }, $self->condition($level, 0) for 1 .. ($depth ? chance(0.4) : int rand 3);
    $self->add_order($level);
    return $level;
}

sub alias { return pick((map { "k$_" } 1 .. 9), 'Größe', 'a b', 'x-y', 'q"t', '{},', 'a:b', 'order', '日', "n\nl", '\\', '') }

sub path_of {
    my ($column) = @_;
    return [] unless chance($types{ $column->{type} }{document} ? 0.5 : 0.04);
    return [map { { text => 0, index => chance(0.3), operand => undef } } 1 .. one_to(3)];
}

sub field {
    my ($level) = @_;
    my $column = pick(@{ $level->{contract}{columns} });
    my $path   = path_of($column);
    for (@$path) { $_->{operand} = $_->{index} ? pick(0, 1, -1, 7) : pick('a', 'b', 'k 1', 'x.y', '0', '"', 'é', 'a-b', 'null', '1a', '') }
    $path->[-1]{text} = chance(0.5) if @$path;
    return { column => $column, path => $path, row => $level->{row} };
}

# What a type-dependent choice goes by: of a path the text, or the JSON.
sub kind {
    my ($f) = @_;
    return $types{ $f->{column}{type} } unless @{ $f->{path} };
    return $types{text} if $f->{path}[-1]{text};
    return $types{ $f->{column}{type} eq 'json' ? 'json' : 'jsonb' };
}

sub field_item {
    my ($self, $level) = @_;
    my $f = field($level);
    my $item = { field => $f };
    $item->{alias} = alias() if chance(0.3);
    $item->{cast}  = pick(@{ kind($f)->{casts} }) if chance(0.2) && !@{ $f->{path} };
    return $item;
}

sub aggregated_items {
    my ($self, $level) = @_;
    for (1 .. int rand 3) {
        my $f = field($level);
        push @{ $level->{items} }, { field => $f, (alias => 'g' . @{ $level->{items} }) x !!(@{ $f->{path} } || chance(0.5)) } if kind($f)->{orders} && $f->{column}{type} ne 'json';
    }
    for (1 .. one_to(2)) {
        my $f    = field($level);
        my $kind = kind($f);
        my @can  = ('count', ('max', 'min') x !!($kind->{orders} && $f->{column}{type} =~ /^(smallint|integer|bigint|numeric|money|real|double|text|varchar|date|stamp|local|time|interval|mood|texts|numbers)$/ && !@{ $f->{path} }),
            ('sum', 'avg') x !!($kind->{numeric}));
        my $item = chance(0.3) ? { aggregate => 'count' } : { field => $f, aggregate => pick(@can) };
        $item->{alias}       = 'a' . @{ $level->{items} } unless chance(0.2);
        $item->{result_cast} = 'text' if chance(0.2);
        push @{ $level->{items} }, $item;
    }
}

# A to-one that is spread, with aggregates: they are those of the level that it is spread into.
sub add_hoisted {
    my ($self, $level) = @_;
    my ($direct, $over) = $self->relations($level->{contract});
    my $r = pick(grep { !$_->{to_many} } @$direct) // return;
    my $name  = pick(@{ $r->{names} }) // return;
    my @meant = meant($name, undef, $direct, $over);
    return if @meant != 1 || $meant[0] != $r || $self->{embeds}++ > 5;
    my $e = { name => $name, path => $name, relation => $r, inner => chance(0.25), spread => 1 };
    my $below = $e->{level} = { contract => $r->{target}, above => $level, row => 'r' . $self->{n}++, items => [], conditions => [], order => [], paths => {}, embed => $e, hoisted => 1 };
    $self->aggregated_items($below);
    # groups beyond the parent's own have no order here, so they come where no list is cut
    @{ $below->{items} } = grep { $_->{aggregate} } @{ $below->{items} } if $self->{max_rows} < 100;
    $below->{items}[$_]{alias} = "h$below->{row}$_" for 0 .. $#{ $below->{items} };
    push @{ $below->{conditions} }, $self->condition($below, 2) if chance(0.3);
    $self->add_hoisted($below) if chance(0.4);
    $level->{paths}{$name} = $e;
    $level->{grouped_by_embed} = $below->{grouped_by_embed} || grep { !$_->{aggregate} } @{ $below->{items} };
    push @{ $level->{items} }, { embed => $e };
}

sub add_embed {
    my ($self, $level, $depth) = @_;
    return if $self->{embeds} > 5;
    my ($direct, $over) = $self->relations($level->{contract});
    my @all = (@$direct, @$over) or return;
    my $r    = pick(@all);
    my $name = pick(@{ $r->{names} }) // return;
    my $hint = chance(0.5) && @{ $r->{hints} } ? pick(@{ $r->{hints} }) : undef;
    my @meant = meant($name, $hint, $direct, $over);
    return if @meant != 1 && !chance(0.1);
    my $e = { name => $name, hint => $hint, relation => $meant[0], inner => chance(0.25), left => chance(0.1), spread => chance(0.2) };
    $e->{alias} = 'e' . $self->{embeds} if chance(0.3) || $level->{paths}{$name};
    $e->{alias} = 'e' . $self->{embeds} if grep { $_->{name} eq ($e->{alias} // $name) } @{ $level->{contract}{columns} };
    delete $e->{alias} if $e->{spread} && !$level->{paths}{$name};
    # a filter on a column of this name would mean the embed, and what is spread can be called nothing else
    return if $e->{spread} && grep { $_->{name} eq $name } @{ $level->{contract}{columns} };
    return if $level->{paths}{ $e->{alias} // $name } || ($e->{spread} && $e->{alias});
    $self->{embeds}++;
    $self->{refused} = '300 PGRST201' if @meant != 1;
    $e->{path} = $e->{alias} // $name;
    $level->{paths}{ $e->{path} } = $e;
    $level->{spread} = $e->{spread};
    my $below = $e->{level} = $self->level($meant[0]{target}, $level, $depth + 1);
    delete $level->{spread};
    @$below{qw(embed to_many)} = ($e, $meant[0]{to_many});
    $below->{order} = [] unless $meant[0]{to_many};
    delete @$below{qw(limit offset)} if !$meant[0]{to_many} || $e->{inner};
    $below->{items} = [] if !$e->{spread} && !$below->{aggregated} && !%{ $below->{paths} } && chance(0.1);
    push @{ $level->{items} }, { embed => $e };
    push @{ $level->{conditions} }, { kind => 'embed', embed => $e, negated => chance(0.5) } if chance(0.2) && !$below->{aggregated};
}

sub condition {
    my ($self, $level, $depth) = @_;
    return { kind => 'filter', %{ $self->filter($level) } } if $depth > 2 || chance(0.7);
    return { kind => pick('and', 'or'), negated => chance(0.3), list => [map { $self->condition($level, $depth + 1) } 1 .. one_to(3)] };
}

# A value to compare with: one that a row has, or any.
sub value_for {
    my ($level, $f) = @_;
    if (!@{ $f->{path} }) {
        my @there = grep { defined } map { $_->{ $f->{column}{name} } } @{ $level->{contract}{rows} // [] };
        return @there && chance(0.7) ? pick(@there) : $types{ $f->{column}{type} }{value}->();
    }
    return $f->{path}[-1]{text} ? pick('1', 'Oak', 'true', '', 'x y') : Oriel::RandomWorld::json(1);
}

sub filter {
    my ($self, $level) = @_;
    my $f     = field($level);
    my $kind  = kind($f);
    my $value = sub { value_for($level, $f) };
    my %base  = (field => $f, negated => chance(0.2), cast => $kind->{sql} eq 'dp.tally' ? 'integer' : $kind->{sql});
    my $orders = $kind->{orders} && $f->{column}{type} ne 'pair' && !($kind->{document} && $kind->{sql} eq 'json');
    my @forms = (
        sub { (op => 'is', value => pick('null', 'not_null', 'NULL', 'Not_Null')) },
        $kind->{boolean} ? sub { (op => 'is', value => pick(qw(true FALSE unknown))) } : (),
        $orders ? (
            (sub { (op => pick(qw(eq neq gt gte lt lte isdistinct)), value => $value->()) }) x 3,
        ) : (),
        $orders && !$kind->{array} ? (    # Postgres has no arrays of arrays to compare with
            sub { (op => 'in', list => [map { $value->() } 1 .. int rand 4]) },
            sub { (op => pick(qw(eq gt gte lt lte)), quantifier => pick('any', 'all'), list => [map { $value->() } 1 .. int rand 4]) },
        ) : (),
        $kind->{textual} ? (
            sub { (op => pick('like', 'ilike'), value => join '', map { pick('*', 'a', 'Oak', 'é', '%', '_', 'x', ' ') } 1 .. one_to(3)) },
            sub { (op => pick('like', 'ilike'), quantifier => pick('any', 'all'), list => [map { pick('*a*', 'Oak', '%', 'x*', '*e*') } 1 .. one_to(3)]) },
            sub { (op => pick('match', 'imatch'), value => pick('^a', 'O', '[xy]$', '.', 'a|b', '^$')) },
            sub { (op => pick('plfts', 'phfts', 'wfts'), config => pick(undef, 'simple', 'english'), value => pick('oak', 'oak steel', 'a', '"x y"')) },
        ) : (),
        $kind->{search} ? (sub { (op => 'fts', config => pick(undef, 'simple'), value => pick('oak', 'oak & steel', 'old | new', '!x')) }) x 3 : (),
        $kind->{array} ? (sub { (op => pick('cs', 'cd', 'ov'), value => $value->()) }) x 3 : (),
        $kind->{range} ? (sub { (op => pick(qw(cs cd ov sl sr nxr nxl adj)), value => $value->()) }) x 3 : (),
        $kind->{document} && $kind->{sql} eq 'jsonb' ? sub { (op => pick('cs', 'cd'), value => $value->()) } : (),
    );
    # any operator against any type: what Postgres makes of that, an error mostly
    push @forms, sub { $self->{wild} = 1; (op => pick(qw(eq lt like match cs ov sl fts)), value => pick('1', 'x', '{}', ''), cast => undef) } if chance(0.15) && $f->{column}{type} ne 'pair';
    my $form = pick(@forms);
    my %filter = (%base, $form->());
    # "is null" of what is called as an embed is asks for that
    return $self->filter($level) if $filter{op} eq 'is' && !@{ $f->{path} } && $level->{paths}{ $f->{column}{name} };
    return \%filter;
}

# Where rows may be cut, the order says which they are: to its end by the key, or, of pages, none at all.
sub add_order {
    my ($self, $level) = @_;
    my $keyed = @{ $level->{contract}{key} };
    if ($level->{aggregated}) {
        my @groups = grep { $_->{field} && !$_->{aggregate} } @{ $level->{items} };
        push @{ $level->{order} }, map { { field => $_->{field}, direction() } } @groups;
        $level->{total} = !$level->{grouped_by_embed};
    } else {
        push @{ $level->{order} }, $self->order_term($level) for 1 .. int rand 3;
        my $cut = $keyed && ($level->{above} ? chance(0.3) : chance(0.5));
        if ($cut) {
            $level->{limit}  = int rand 8 if chance(0.8);
            $level->{offset} = int rand 6 if chance(0.5);
        }
        my $asked = defined $level->{limit} || defined $level->{offset};
        if ($keyed && ($asked ? @{ $level->{order} } : $self->{max_rows} < 100 || chance(0.7))) {
            my %column = map { $_->{name} => $_ } @{ $level->{contract}{columns} };
            push @{ $level->{order} }, map { { field => { column => $column{$_}, path => [], row => $level->{row} }, direction() } } @{ $level->{contract}{key} };
            $level->{total} = 1;
        }
        $level->{total} ||= $asked && !@{ $level->{order} };
    }
}

sub direction { return (descending => chance(0.4), nulls => pick(undef, undef, 'first', 'last')) }

sub order_term {
    my ($self, $level) = @_;
    my @ones = grep { !$_->{relation}{to_many} && !$_->{level}{aggregated} } map { $_->{embed} // () } @{ $level->{items} };
    my $e    = @ones && chance(0.3) ? pick(@ones) : undef;
    for (1 .. 9) {
        my $f = field($e ? $e->{level} : $level);
        next unless kind($f)->{orders} && kind($f)->{sql} ne 'json';
        return { field => $f, embed => $e, direction() };
    }
    return;
}

# /v1/entity/key: one row by its key, and no other condition.
sub choose_key {
    my ($self, $top) = @_;
    my $row = pick(@{ $top->{contract}{rows} });
    my %column = map { $_->{name} => $_ } @{ $top->{contract}{columns} };
    $self->{key} = [map { $row->{$_} } @{ $top->{contract}{key} }];
    $self->{form}  = 'json' if $self->{form} eq 'csv';
    $self->{count} = undef;
    $top->{order}  = [];
    delete @$top{qw(limit offset)};
    push @{ $top->{conditions} }, map { { kind => 'filter', unsaid => 1, field => { column => $column{ $top->{contract}{key}[$_] }, path => [], row => $top->{row} }, op => 'eq', value => $self->{key}[$_], cast => $types{ $column{ $top->{contract}{key}[$_] }{type} }{sql} } } 0 .. $#{ $self->{key} };
}

# --- the URL ---

sub escape {
    my ($text) = @_;
    my $bytes = Encode::encode('UTF-8', $text);
    return $bytes =~ s/([^A-Za-z0-9._~*,()!:>-])/sprintf '%%%02X', ord $1/ger =~ s/%20/chance(0.5) ? '+' : '%20'/ger;
}

sub quoted { my ($text) = @_; return '"' . $text =~ s/(["\\])/\\$1/gr . '"' }

sub name_text {
    my ($name, $is_key) = @_;
    return $name if $name =~ /\A(?:[A-Za-z0-9_\$]|[^\x00-\x7f])+(?:[ -](?:[A-Za-z0-9_\$]|[^\x00-\x7f])+)*\z/ && !($is_key && $reserved{$name}) && chance(0.85);
    return quoted($name);
}

sub field_text {
    my ($f, $is_key) = @_;
    my $text = name_text($f->{column}{name}, $is_key);
    for my $step (@{ $f->{path} }) {
        my $o = $step->{operand};
        $text .= ($step->{text} ? '->>' : '->') . ($step->{index} ? $o : $o =~ /\A[A-Za-z_][A-Za-z_0-9]*\z/ ? $o : quoted($o));
    }
    return $text;
}

sub select_text {
    my ($level) = @_;
    return join ',' . (chance(0.05) ? ' ' : ''), map { item_text($_) } @{ $level->{items} };
}

sub item_text {
    my ($item) = @_;
    return '*' if $item->{all};
    my $alias = defined $item->{alias} ? name_text($item->{alias}) . ':' : '';
    if (my $e = $item->{embed}) {
        my @params = (defined $e->{hint} ? '!' . name_text($e->{hint}) : (), $e->{inner} ? '!inner' : $e->{left} ? '!left' : ());
        @params = reverse @params if chance(0.5);
        return ($e->{spread} ? '...' : defined $e->{alias} ? "$e->{alias}:" : '') . name_text($e->{name}) . join('', @params) . '(' . select_text($e->{level}) . ')';
    }
    return $alias . 'count()' . ($item->{result_cast} ? "::$item->{result_cast}" : '') unless $item->{field};
    return $alias . field_text($item->{field}) . ($item->{cast} ? "::$item->{cast}" : '') . ($item->{aggregate} ? ".$item->{aggregate}()" : '')
        . ($item->{result_cast} ? "::$item->{result_cast}" : '');
}

sub array_text { return '{' . join(',', map { '"' . s/(["\\])/\\$1/gr . '"' } @_) . '}' }

sub in_tree {
    my ($value) = @_;
    return $value =~ /[,(){}"\\]|\A\z/ || chance(0.2) ? quoted($value) : $value;
}

sub operation_text {
    my ($c, $tree) = @_;
    my $text = ($c->{negated} ? 'not.' : '') . $c->{op} . ($c->{quantifier} ? "($c->{quantifier})" : defined $c->{config} ? "($c->{config})" : '') . '.';
    return $text . '(' . join(',', map { /[,()"\\]|\A\z/ || chance(0.2) ? quoted($_) : $_ } @{ $c->{list} }) . ')' if $c->{op} eq 'in';
    my $value = $c->{list} ? array_text(@{ $c->{list} }) : $c->{value};
    return $text . ($tree && $c->{op} ne 'is' ? in_tree($value) : $value);
}

sub term_text {
    my ($c) = @_;
    return name_text($c->{embed}{path}) . ($c->{negated} ? '.is.null' : '.not.is.null') if $c->{kind} eq 'embed';
    return field_text($c->{field}) . '.' . operation_text($c, 1) if $c->{kind} eq 'filter';
    return ($c->{negated} ? 'not.' : '') . $c->{kind} . '(' . join(',', map { term_text($_) } @{ $c->{list} }) . ')';
}

sub order_text {
    my ($level) = @_;
    return join ',', map {
        my $field = field_text($_->{field});
        ($_->{embed} ? name_text($_->{embed}{path}) . "($field)" : $field) . ($_->{descending} ? '.desc' : chance(0.3) ? '.asc' : '') . ($_->{nulls} ? ".nulls$_->{nulls}" : '')
    } @{ $level->{order} };
}

# The level's parameters, and those of its embeds, each key with the path before it.
sub parameters {
    my ($level, $path) = @_;
    my @list;
    for my $c (grep { !$_->{unsaid} } @{ $level->{conditions} }) {
        if    ($c->{kind} eq 'embed')  { push @list, [$path . name_text($c->{embed}{path}, 1), $c->{negated} ? 'is.null' : 'not.is.null'] }
        elsif ($c->{kind} eq 'filter') { push @list, [$path . field_text($c->{field}, 1), operation_text($c, 0)] }
        else { push @list, [$path . ($c->{negated} ? 'not.' : '') . $c->{kind}, '(' . join(',', map { term_text($_) } @{ $c->{list} }) . ')'] }
    }
    push @list, ["${path}order", order_text($level)] if @{ $level->{order} };
    push @list, map { ["$path$_", $level->{$_}] } grep { defined $level->{$_} } qw(limit offset);
    push @list, map { parameters($_->{level}, $path . name_text($_->{path}, 1) . '.') } map { $_->{embed} // () } @{ $level->{items} };
    return @list;
}

sub write_request {
    my ($self, $top) = @_;
    my @headers;
    my $c     = $top->{contract};
    my $limit = $top->{limit};
    my $range = defined $limit && $limit > 0 && !$self->{key} && chance(0.2);
    my @range = @$top{qw(limit offset)};
    delete @$top{qw(limit offset)} if $range;
    my @parameters = parameters($top, '');
    @$top{qw(limit offset)} = @range;
    push @headers, Range => ($range[1] // 0) . '-' . (($range[1] // 0) + $limit - 1) if $range;
    my $select = select_text($top);
    push @parameters, ['select', $select] unless @{ $top->{items} } == 1 && $top->{items}[0]{all} && chance(0.5);
    my %accept = (csv => 'text/csv', stripped => 'application/vnd.pgrst.array+json;nulls=stripped', object => 'application/vnd.pgrst.object+json');
    push @headers, Accept => $accept{ $self->{form} } if $accept{ $self->{form} };
    $self->{time_zone} = pick('Europe/Berlin', 'Asia/Kolkata', 'America/St_Johns', 'UTC') if chance(0.15);
    my $prefer = join ', ', $self->{count} ? "count=$self->{count}" : (), $self->{time_zone} ? "timezone=$self->{time_zone}" : ();
    push @headers, Prefer => $prefer if length $prefer;
    my $path = '/' . escape($c->{entity});
    if (chance(0.1) && !$self->{key}) { push @headers, 'Accept-Profile' => "v$c->{version}" }
    else                              { $path = "/v$c->{version}$path" }
    $path .= '/' . escape(join ',', map { @{ $self->{key} } > 1 || /\A"|\A\z/ ? quoted($_) : $_ } @{ $self->{key} }) =~ s/\+/%20/gr if $self->{key};
    $self->{target}  = $path . '?' . join '&', map { escape($_->[0]) . '=' . escape($_->[1]) } List::Util::shuffle(@parameters);
    $self->{headers} = \@headers;
}

# --- the SQL ---

sub field_sql {
    my ($f) = @_;
    my $sql = "$f->{row}.$f->{column}{own}";
    return $sql unless @{ $f->{path} };
    $sql = "to_jsonb($sql)" unless $types{ $f->{column}{type} }{document};
    $sql = "($sql" . ($_->{text} ? '->>' : '->') . ($_->{index} ? "($_->{operand})" : literal($_->{operand})) . ')' for @{ $f->{path} };
    return $sql;
}

my %sign = (eq => '=', neq => '<>', gt => '>', gte => '>=', lt => '<', lte => '<=', like => '~~', ilike => '~~*', match => '~', imatch => '~*', cs => '@>', cd => '<@',
    ov => '&&', sl => '<<', sr => '>>', nxr => '&<', nxl => '&>', adj => '-|-');
my %search = (fts => 'to_tsquery', plfts => 'plainto_tsquery', phfts => 'phraseto_tsquery', wfts => 'websearch_to_tsquery');

sub comparison {
    my ($c, $value) = @_;
    $value =~ tr/*/%/ if $c->{op} =~ /like/;
    my $typed = literal($value) . (defined $c->{cast} && $c->{op} !~ /like|match/ ? "::$c->{cast}" : '');
    return field_sql($c->{field}) . " $sign{ $c->{op} } $typed";
}

sub filter_sql {
    my ($c) = @_;
    my $field = field_sql($c->{field});
    my $op    = $c->{op};
    return "$field IS " . uc($c->{value} =~ s/_/ /r) if $op eq 'is';
    return "NOT ($field IS NOT DISTINCT FROM " . literal($c->{value}) . "::$c->{cast})" if $op eq 'isdistinct';
    return @{ $c->{list} } ? "$field IN (" . join(', ', map { literal($_) . "::$c->{cast}" } @{ $c->{list} }) . ')' : 'false' if $op eq 'in';
    if ($search{$op}) {
        my $config = defined $c->{config} ? literal($c->{config}) . ', ' : '';
        my $vector = $types{ $c->{field}{column}{type} }{search} && !@{ $c->{field}{path} } ? $field : "to_tsvector($config$field)";
        return "$vector @\@ $search{$op}($config" . literal($c->{value}) . ')';
    }
    return comparison($c, $c->{value}) unless $c->{quantifier};
    my ($separator, $none) = $c->{quantifier} eq 'any' ? (' OR ', 'false') : (' AND ', 'true');
    return @{ $c->{list} } ? '(' . join($separator, map { comparison($c, $_) } @{ $c->{list} }) . ')' : $none;
}

sub condition_sql {
    my ($self, $c) = @_;
    if ($c->{kind} eq 'embed') {
        my $is = '(SELECT count(*) ' . $self->source_sql($c->{embed}{level}) . ')';
        return $c->{negated} ? "$is = 0" : "$is > 0";
    }
    my $sql = $c->{kind} eq 'filter' ? filter_sql($c) : '(' . join($c->{kind} eq 'and' ? ' AND ' : ' OR ', map { $self->condition_sql($_) } @{ $c->{list} }) . ')';
    return $c->{negated} ? "NOT ($sql)" : $sql;
}

# "a.c1 = b.c2 AND …"; columns as the contracts name them
sub equal_sql {
    my ($a, $row_a, $names_a, $b, $row_b, $names_b) = @_;
    my %own_a = map { $_->{name} => $_->{own} } @{ $a->{columns} };
    my %own_b = map { $_->{name} => $_->{own} } @{ $b->{columns} };
    return join ' AND ', map { "$row_a.$own_a{ $names_a->[$_] } = $row_b.$own_b{ $names_b->[$_] }" } 0 .. $#$names_a;
}

sub join_sql {
    my ($level) = @_;
    my ($r, $above, $c) = ($level->{embed}{relation}, $level->{above}, $level->{contract});
    my $origin = $above->{contract};
    return equal_sql($c, $level->{row}, $c->{key}, $origin, $above->{row}, $r->{forward}{columns}) if $r->{forward};
    return equal_sql($c, $level->{row}, $r->{reverse}{columns}, $origin, $above->{row}, $origin->{key}) if $r->{reverse};
    my ($over, $j) = ($r->{over}, "j$level->{row}");
    my %own_far = map { $_->{name} => $_->{own} } @{ $over->{columns} };
    my %own     = map { $_->{name} => $_->{own} } @{ $c->{columns} };
    return '(' . join(', ', map { "$level->{row}.$own{$_}" } @{ $c->{key} }) . ') IN (SELECT ' . join(', ', map { "$j.$own_far{$_}" } @{ $r->{far}{columns} })
        . " FROM $over->{table} $j WHERE " . equal_sql($over, $j, $r->{near}{columns}, $origin, $above->{row}, $origin->{key}) . ')';
}

# FROM and WHERE, without what is joined to be shown.
sub source_sql {
    my ($self, $level, $joins) = @_;
    my @where = ($level->{embed} ? join_sql($level) : (), map { $self->condition_sql($_) } @{ $level->{conditions} });
    push @where, map { '(SELECT count(*) ' . $self->source_sql($_->{level}) . ') > 0' } grep { $_->{inner} } map { $_->{embed} // () } @{ $level->{items} };
    return "FROM $level->{contract}{table} $level->{row} " . ($joins // '') . (@where ? ' WHERE ' . join ' AND ', @where : '');
}

my %cast_sql = (int => 'integer');

# The keys and values of a level, and the joins that these need.
sub outputs {
    my ($self, $level) = @_;
    my (@outputs, $joins);
    $joins = '';
    for my $item (@{ $level->{items} }) {
        if ($item->{all}) {
            push @outputs, map { { key => $_->{name}, sql => "$level->{row}.$_->{own}", group => 1 } } @{ $level->{contract}{columns} };
        } elsif (my $e = $item->{embed}) {
            next unless @{ $e->{level}{items} };
            my $row = "x$e->{level}{row}";
            my ($keys, $select) = $self->select_sql($e->{level});
            if (!$e->{spread}) {
                my $object = object_sql($keys);
                $joins .= " LEFT JOIN LATERAL (SELECT " . ($e->{relation}{to_many} ? "coalesce(json_agg($object ORDER BY q.n), '[]')" : $object) . " AS v FROM ($select) q) $row ON true";
                push @outputs, { key => $e->{path}, sql => "$row.v", json => 1 };
            } else {
                $joins .= ' LEFT JOIN LATERAL ' . ($e->{relation}{to_many}
                    ? '(SELECT ' . join(', ', map { "coalesce(json_agg(q.v$_ ORDER BY q.n), '[]') AS v$_" } 0 .. $#$keys) . " FROM ($select) q)" : "($select)") . " $row ON true";
                push @outputs, map { hoisted_output($level, $keys->[$_], "$row.v$_") } 0 .. $#$keys if $e->{level}{hoisted};
                push @outputs, map { { key => $keys->[$_]{key}, sql => "$row.v$_", json => $e->{relation}{to_many} || $keys->[$_]{json} } } 0 .. $#$keys if !$e->{level}{hoisted};
            }
        } else {
            my $f   = $item->{field};
            my $sql = $f ? field_sql($f) : $level->{hoisted} ? 'true' : '*';
            $sql .= '::' . ($cast_sql{ $item->{cast} } // $item->{cast}) if $item->{cast};
            $sql = aggregate_sql($item, $sql) unless $level->{hoisted};
            my $key = $item->{alias} // $item->{aggregate};
            $key //= (map { $_->{operand} } grep { !$_->{index} } reverse @{ $f->{path} })[0] // $f->{column}{name};
            push @outputs, { key => $key, sql => $sql, group => !$item->{aggregate}, aggregate => $item->{aggregate}, result_cast => $item->{result_cast} };
        }
    }
    my (@kept, %place);    # a key twice: the first place, the last value
    for my $o (@outputs) {
        $place{ $o->{key} } //= @kept;
        $kept[$place{ $o->{key} }] = $o;
    }
    return (\@kept, $joins);
}

sub aggregate_sql {
    my ($item, $sql) = @_;
    $sql = "$item->{aggregate}($sql)" if $item->{aggregate};
    $sql .= "::$item->{result_cast}" if $item->{result_cast};
    return $sql;
}

# What comes out of a to-one that is spread with aggregates: on its way up as it is, then aggregated.
sub hoisted_output {
    my ($level, $inner, $sql) = @_;
    return { %$inner, sql => $sql } if $level->{hoisted};
    return { key => $inner->{key}, sql => aggregate_sql($inner, $sql), group => !$inner->{aggregate} };
}

sub object_sql {
    my ($keys) = @_;
    return @$keys ? 'json_build_object(' . join(', ', map { literal($keys->[$_]{key}) . ", q.v$_" } 0 .. $#$keys) . ')' : "'{}'::json";
}

# The rows of a level as columns v0, v1, … and n, their number in its order.
sub select_sql {
    my ($self, $level, $all) = @_;
    my ($outputs, $joins) = $self->outputs($level);
    my (@order, $n);
    for my $term (@{ $level->{order} }) {
        my $value = field_sql($term->{field});
        if ($term->{embed}) {
            my $row = 'o' . $self->{n}++;
            $joins .= " LEFT JOIN LATERAL (SELECT $value AS v " . $self->source_sql($term->{embed}{level}) . ") $row ON true";
            $value = "$row.v";
        }
        push @order, $value . ($term->{descending} ? ' DESC' : '') . ($term->{nulls} ? " NULLS $term->{nulls}" : '');
    }
    my %own = map { $_->{name} => $_->{own} } @{ $level->{contract}{columns} };
    # what is spread is lists whose places agree; pages without an order are by the key
    my $spread = $level->{embed} && $level->{embed}{spread} && $level->{to_many};
    push @order, map { "$level->{row}.$own{$_}" } @{ $level->{contract}{key} }
        if !$level->{aggregated} && ($spread || (!@order && (defined $level->{limit} || defined $level->{offset})));
    my $many   = $level->{to_many} || !$level->{embed};
    my $limit  = $level->{to_many} || (!$level->{embed} && !$self->{key}) ? List::Util::min(grep { defined } $level->{limit}, $self->{max_rows}) : undef;
    my @groups = grep { $_->{group} } @$outputs;
    $self->{loose} ||= $many && !$level->{total} && !$spread;
    $self->{loose} ||= $spread && !@{ $level->{contract}{key} };
    my $order = @order ? 'ORDER BY ' . join ', ', @order : '';
    my $sql = 'SELECT ' . join('', map { "$outputs->[$_]{sql} AS v$_, " } 0 .. $#$outputs) . "row_number() OVER ($order) AS n " . $self->source_sql($level, $joins);
    $sql .= ' GROUP BY ' . join ', ', map { $_->{sql} } @groups if $level->{aggregated} && @groups;
    $sql .= ' HAVING true' if $level->{aggregated} && !@groups;
    $sql .= " ORDER BY n" . (defined $limit ? " LIMIT $limit" : '') . ($level->{offset} ? " OFFSET $level->{offset}" : '') unless $all;
    return ($outputs, $sql);
}

sub statement {
    my ($self, $top) = @_;
    my ($keys, $select) = $self->select_sql($top);
    my (undef, $all) = $self->select_sql($top, 1);
    $self->{columns} = $keys;
    my $row = object_sql($keys);
    $row = 'json_build_array(' . join(', ', map { $_->[1]{json} ? "q.v$_->[0]::text" : "CASE WHEN num_nulls(q.v$_->[0]) = 0 THEN format('%s', q.v$_->[0]) END" } map { [$_, $keys->[$_]] } 0 .. $#$keys) . ')'
        if $self->{form} eq 'csv';
    my $rows = "coalesce(json_agg($row ORDER BY q.n), '[]')";
    $rows = "json_strip_nulls($rows)" if $self->{form} eq 'stripped';
    return "SELECT (SELECT count(*) FROM ($all) q), (SELECT $rows FROM ($select) q)";
}

1;
