package Oriel::Traffic;

# A client that asks for several URLs in turn, on a kept connection each, until it is stopped; and whether each answer was
# one that it could be told at that time.
#
#   my $t = Oriel::Traffic->new($s, "$folder/traffic.log", { 1 => '/v1/…', 2 => '/v2/…' });
#   $t->start; $t->stop;
#   $t->may(1 => qr/^200 /);                 # from here on; of what held while a request was under way, one rule is enough
#   $t->step('expand');                      # what the test does from here on, for who reads of a failure
#   my ($failed, $answers) = $t->judge($good);     # what failed; how often which answer was given
#
# A line of the log: when the request began and ended, which URL, status, code of the error, body of a good answer.

use strict;
use warnings;
use Oriel::Test;
use POSIX ();
use Time::HiRes qw(sleep time);

my $pause = 0.004;    # between two requests, so that there is something left for those who are asked

sub new {
    my ($class, $stack, $log, $urls) = @_;
    return bless { stack => $stack, log => $log, urls => $urls, rules => { map { $_ => [] } keys %$urls }, steps => [] }, $class;
}

sub start {
    my ($self) = @_;
    my $test = $$;
    $self->{pid} = fork // die "fork: $!";
    return if $self->{pid};
    my $stop;
    local $SIG{TERM} = sub { $stop = 1 };
    open my $out, '>>', $self->{log} or POSIX::_exit(1);
    $out->autoflush;
    my %client = map { $_ => $self->{stack}->client } keys %{ $self->{urls} };
    $_->{plain} = 1 for values %client;
    while (!$stop && getppid == $test) {
        for my $name (sort keys %client) {
            my $began = time;
            my $r = eval { $client{$name}->get($self->{urls}{$name}) } // { status => 'none', body => $@ =~ s/\s+/ /gr };
            last if $stop;    # the signal may have cut the wait for the answer
            my ($code) = $r->{status} eq '200' ? '' : $r->{body} =~ /"code":"(\w+)"/;
            printf $out "%.6f %.6f %s %s %s %s\n", $began, time, $name, $r->{status}, $code // '?', $r->{body};
            sleep $pause;
        }
    }
    POSIX::_exit(0);
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} // return;
    kill 'TERM', $pid;
    waitpid $pid, 0;
}

sub DESTROY { my ($self) = @_; local ($?, $!, $@); $self->stop }

sub may  { my ($self, $name, $rule) = @_; push @{ $self->{rules}{$name} }, [time, $rule] }
sub step { my ($self, $text) = @_; push @{ $self->{steps} }, [time, $text] }

# Those of a list of [time, …] that held at some moment between the two.
sub held {
    my ($list, $began, $ended) = @_;
    my ($low, $high) = (0, scalar @$list);
    while ($low < $high) {    # how many began before the end
        my $middle = int(($low + $high) / 2);
        if   ($list->[$middle][0] <= $ended) { $low  = $middle + 1 }
        else                                 { $high = $middle }
    }
    my @held;
    while ($low-- > 0) {
        unshift @held, $list->[$low][1];
        last if $list->[$low][0] <= $began;
    }
    return @held;
}

# good($name, $body): what is wrong with the body of a good answer, or nothing.
sub judge {
    my ($self, $good) = @_;
    my (@failed, %answers);
    open my $log, '<', $self->{log} or die "$self->{log}: $!\n";
    while (my $line = <$log>) {
        my ($began, $ended, $name, $answer) = $line =~ /^(\S+) (\S+) (\S+) (.*)$/ or die "a torn line in $self->{log}: $line";
        my ($status, $code, $body) = split / /, $answer, 3;
        $answers{"$name: $status" . ($code && " $code")}++;
        my $wrong = $status eq '200' && $good->($name, $body);
        next if !$wrong && grep { $answer =~ $_ } held($self->{rules}{$name}, $began, $ended);
        push @failed, join ' | ', (held($self->{steps}, $began, $ended))[0] // 'before all', $wrong || 'not allowed here', $line =~ s/\n//r;
    }
    return (\@failed, \%answers);
}

1;
