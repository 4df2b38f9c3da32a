# Taking version 1 away, with the worked example, in any order of the deployment: brown-outs and contract, with workers and
# responders of the release before the change, of the one with it, and of the one after it, while clients read both versions
# through nginx. t/lib/Oriel/Rollout.pm says what counts as a failed request: version 2 is served all the time.
#
#   ORIEL_FULL=1   every step that can be taken in and after a brown-out; contract under every worker, with each responder
#                  that may be left
#   otherwise      every combination in and after a brown-out; contract once
use strict;
use warnings;
use Oriel::Test;
use Oriel::Walk;
use Test::More;

my $w = Oriel::Walk->new;
$w->to_all($ENV{ORIEL_FULL} ? \&Oriel::Walk::edge : \&Oriel::Walk::node, qw(away browned));
my $r = $w->{r};

# One responder that reads version 1 is enough to keep it, and is named.
sub kept_by {
    my ($left) = @_;
    $r->set_responders('next', $left);
    $r->contract_refused;
    $r->same_bodies("kept by the $left responder");
}

# leader: the worker at work. It may be stopped after, but need not be before.
sub contract_under {
    my ($leader, @standbys) = @_;
    $r->set_responders('next', 'next');
    $r->lead('old');
    $r->deliver;
    $r->contract_refused('what was proven');
    $r->lead($leader, @standbys) unless $leader eq 'old' && !@standbys;
    $r->deliver if $leader eq 'new';
    $r->fill;
    $r->prove;
    $r->contract;
    $r->same_bodies('contracted, from the other column');
    $r->deliver_in_vain('contracted');
    $r->lead('next');
    $r->wait_until_loaded;
    $r->same_bodies('contracted, written by the worker of the release after');
    $r->refuses_to_work($leader);
}

# A responder of a release before that comes back: it says what is gone, and serves the rest.
sub comes_back {
    my ($release) = @_;
    $r->set_responders('next', $release);
    my %seen;
    wait_until { my $answer = $r->get(1); $seen{"$answer->{status} $answer->{json}{code}"}++; keys %seen >= 2 } 'both responders to have answered';
    is_deeply([sort keys %seen], ['404 PGRST205', '503 ORIEL001'], "version 1 is unknown here, and withheld by the $release responder");
    is($r->{s}->get('/v1/vendors?select=name')->{body}, '[{"name":"One"}]', 'which serves the rest') for 1 .. 2;
}

sub removal {
    my ($left, $leader, @standbys) = @_;
    my $name = "contract with a responder of the $left release left, then under the worker of the $leader one"
        . (@standbys ? ", with the $standbys[0] one standing by" : '');
    subtest $name => sub {
        $r->step($name);
        kept_by($left);
        contract_under($leader, @standbys);
        comes_back($left);
    };
}

if ($ENV{ORIEL_FULL}) {
    $r->save;
    for my $left (qw(old new)) {
        for my $workers (['old'], ['new'], ['old', 'new'], ['new', 'old']) {
            removal($left, @$workers);
            $r->restore;
        }
    }
}
removal('old', 'new', 'old');
$w->finish;
done_testing;
