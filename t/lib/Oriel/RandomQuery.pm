package Oriel::RandomQuery;

# A random request of the whole grammar against the contracts of an Oriel::RandomWorld, in two forms that are made from one
# tree, which is grown here: the URL (Oriel::RandomRequest), and SQL for the same over the tables (Oriel::PlainSql).
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
use parent qw(Oriel::RandomRequest Oriel::PlainSql);
use Oriel::RandomWorld qw(%types pick chance one_to);

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
    $self->add_hoisted($below) if chance(0.4);    # before the filters, which must not mean it by chance
    push @{ $below->{conditions} }, $self->condition($below, 2) if chance(0.3);
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

1;
