package Oriel::RandomRequest;

# The request that a tree of Oriel::RandomQuery stands for: path, query and headers. Where the grammar leaves a choice, chance
# takes it.

use strict;
use warnings;
use utf8;
use Encode ();
use List::Util ();
use Oriel::RandomWorld qw(pick chance);

my %reserved = map { $_ => 1 } qw(select order limit offset and or columns on_conflict);

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

1;
