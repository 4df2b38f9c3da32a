package Oriel::Walk;

# Walks through a rollout (Oriel::Rollout). A node is how far the change is and what is deployed, as "filled old mixed":
# point, workers, responders. An edge takes a phase forwards, takes it back, is refused, or deploys another release beside it.
# In each node that is come to every worker of it leads and loads a delivery, and both versions show it.
#
#   my $w = Oriel::Walk->new;
#   $w->to_all(\&Oriel::Walk::node, 'expanded', 'filled');   # comes to every node of these points
#   $w->to_all(\&Oriel::Walk::edge, 'expanded', 'filled');   # walks every edge that leads away from them
#   $w->at_random(200);
#   $w->finish;

use strict;
use warnings;
use Oriel::Rollout;
use Test::More;
use Time::HiRes qw(time);

my @workers    = qw(old new both);
my @responders = qw(old new mixed);
my %deployed   = (old => ['old', 'old'], new => ['new', 'new'], mixed => ['old', 'new']);

# What can be done at each point, and the point that it leads to. What is refused or repeated leads to where it began.
my %points = (
    before   => [['expand', 'expanded'], ['contract', 'before']],
    expanded => [['fill', 'filled'], ['contract', 'expanded'], ['revert', 'before']],
    filled   => [['fill', 'filled'], ['prove', 'proven'], ['contract', 'filled'], ['revert', 'before']],
    proven   => [['begin', 'away'], ['brownout', 'browned'], ['fill', 'proven'], ['prove', 'proven'], ['contract', 'proven'], ['revert', 'before']],
    away     => [['end', 'proven'], ['kill', 'proven']],
    browned  => [['contract', 'browned'], ['fill', 'browned'], ['prove', 'browned'], ['revert', 'before']],
);

# Why contract is refused at each, beside the readers.
my %missing = (
    before   => ['it is not expanded', 'its fill is not done', 'it is not proven'],
    expanded => ['its fill is not done', 'it is not proven', 'no brown-out was done'],
    filled   => ['it is not proven', 'no brown-out was done'],
    proven   => ['no brown-out was done'],
    browned  => [],
);

my %steps = (
    expand   => sub { $_[0]->expand },
    fill     => sub { $_[0]->fill },
    prove    => sub { $_[0]->prove },
    brownout => sub { $_[0]->brownout },
    begin    => sub { $_[0]->begin_brownout },
    end      => sub { $_[0]->end_brownout('TERM') },
    kill     => sub { $_[0]->end_brownout('KILL') },
    contract => sub { my ($r, $point) = @_; $r->contract_refused(@{ $missing{$point} }) },
    # a worker of the new release may still lead then, though it should have gone first
    revert     => sub { my ($r) = @_; $r->deliver_in_vain('reverted') if $r->revert && $r->{leader} eq 'new' },
    workers    => sub { $_[0]->stop_workers },
    responders => sub { my ($r, undef, $to) = @_; $r->set_responders(@{ $deployed{$to} }) },
);

sub new {
    my ($class) = @_;
    my $self = bless { r => Oriel::Rollout->new, walked => {}, visited => {}, steps => 0, began => time }, $class;
    $self->arrive('before old old');
    return $self;
}

# The edges that lead away from a node, always in the same order: what is done, and the node that it leads to.
sub edges {
    my ($node) = @_;
    my ($point, $worker, $responder) = split / /, $node;
    my @edges;
    for (@{ $points{$point} }) {
        my ($step, $to) = @$_;
        $to = $point if $step eq 'revert' && $responder ne 'old';    # refused while a responder reads version 2
        push @edges, [$step, "$to $worker $responder"];
    }
    push @edges, map { ["workers $_",    "$point $_ $responder"] } grep { $_ ne $worker } @workers;
    push @edges, map { ["responders $_", "$point $worker $_"] } grep { $_ ne $responder } @responders;
    return @edges;
}

# Each worker of the node leads and loads a delivery; where it cannot, it says so.
sub arrive {
    my ($self, $node) = @_;
    my $r = $self->{r};
    $self->{visited}{ $self->{node} = $node }++;
    my $worker = (split / /, $node)[1];
    my @all    = $worker eq 'both' ? qw(new old) : $worker;    # an old one may take over from a new one
    my @able   = grep { $r->may_work($_) } @all;
    if (!@able) {
        $r->stop_workers;
        $r->refuses_to_work($_) for @all;
        $r->same_bodies($node);
    }
    for my $turn (@able) {
        $r->lead($turn, grep { $_ ne $turn } @all) unless $r->{leader} eq $turn && @all == 1;
        $r->deliver;
        $r->same_bodies("$node, written by the $turn worker");
    }
}

sub take {
    my ($self, $edge) = @_;
    my ($step, $to) = split / /, $edge->[0];
    my ($point) = split / /, $self->{node};
    my $name = "$self->{node}: $edge->[0]";
    subtest $name => sub {
        $self->{r}->step($name);
        $steps{$step}->($self->{r}, $point, $to);
        $self->{walked}{$name}++;
        $self->{steps}++;
        $self->arrive($edge->[1]);
    } or die "what comes next stands on it: $name\n";
}

# The shortest way from here that ends with an edge that is wanted; empty when none can be reached.
sub way_to {
    my ($self, $wanted) = @_;
    my %seen = ($self->{node} => 1);
    my @queue = [$self->{node}];
    while (my $way = shift @queue) {
        my ($at, @edges) = @$way;
        for my $edge (edges($at)) {
            return (@edges, $edge) if $wanted->($at, $edge);
            push @queue, [$edge->[1], @edges, $edge] unless $seen{ $edge->[1] }++;
        }
    }
    return;
}

# What to_all may look for.
sub node { my ($self, $from, $edge) = @_; return !$self->{visited}{ $edge->[1] } && $edge->[1] }
sub edge { my ($self, $from, $edge) = @_; return !$self->{walked}{"$from: $edge->[0]"} && $from }

sub to_all {
    my ($self, $what, @points) = @_;
    my %wanted = map { $_ => 1 } @points;
    while (my @way = $self->way_to(sub { my $of = $what->($self, @_); $of && $wanted{ (split / /, $of)[0] } })) { $self->take($_) for @way }
    my @nodes = map { my $p = $_; map { my $w = $_; map { "$p $w $_" } @responders } @workers } @points;
    is_deeply([grep { !$self->{visited}{$_} } @nodes], [], 'every combination was seen at every point: ' . join ', ', @points);
}

# Phases more often than deployments, or it would hardly get on.
sub at_random {
    my ($self, $steps) = @_;
    for (1 .. $steps) {
        my @edges = map { $_->[0] =~ / / ? $_ : ($_) x 3 } edges($self->{node});
        $self->take($edges[rand @edges]);
    }
}

sub finish {
    my ($self) = @_;
    diag(sprintf '%d nodes, %d edges, %d steps in %.0f s', scalar(keys %{ $self->{visited} }), scalar(keys %{ $self->{walked} }),
        $self->{steps}, time - $self->{began}) if $ENV{ORIEL_FULL} || $ENV{STEPS};
    $self->{r}->finish;
}

1;
