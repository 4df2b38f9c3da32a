package Oriel::PlainSql;

# The SQL that a person would write for what a tree of Oriel::RandomQuery asks, in another way than Oriel's: over the tables, with
# joins LATERAL and json_agg().

use strict;
use warnings;
use utf8;
use List::Util ();
use Oriel::RandomWorld qw(%types literal);

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
