# Every order of a deployment, with the worked example: workers and responders of the release before the change and of the
# one with it, in all combinations, at each point up to the proof, forwards and back, while clients read both versions
# through nginx. t/lib/Oriel/Rollout.pm says what counts as a failed request. t/26-removal.t goes on from the proof.
#
#   ORIEL_FULL=1       every step that can be taken at any of them
#   STEPS=200 SEED=7   a random walk of so many steps, brown-outs included
#   otherwise          every combination at every point
use strict;
use warnings;
use Oriel::Walk;
use Test::More;

my $w = Oriel::Walk->new;
if ($ENV{STEPS}) {
    srand($ENV{SEED} // 1);
    $w->at_random($ENV{STEPS});
} else {
    $w->to_all($ENV{ORIEL_FULL} ? \&Oriel::Walk::edge : \&Oriel::Walk::node, qw(before expanded filled proven));
}
$w->finish;
done_testing;
