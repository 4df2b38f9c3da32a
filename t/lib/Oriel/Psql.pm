package Oriel::Psql;

# One psql that stays connected, for a test that asks often: starting one costs more than most questions.
#
#   my $q = Oriel::Psql->new($s->{db}, 'postgres');   # role, and database where it is not oriel
#   $q->ask('SELECT 1');                              # unaligned tuples; dies where the SQL fails
#   $q->close;                                        # before the test counts the sessions that are left

use strict;
use warnings;
use IPC::Open2 ();
use Oriel::Cluster;

my $mark = "\x{1}the end of an answer\x{1}";

sub new {
    my ($class, $db, $role, $database) = @_;
    local @ENV{qw(PGOPTIONS PGSERVICE)};
    delete @ENV{qw(PGOPTIONS PGSERVICE)};
    my $self = bless { owner => $$ }, $class;
    $self->{pid} = IPC::Open2::open2(@$self{qw(out in)}, Oriel::Cluster::bin() . '/psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d',
        $db->conninfo($database) . " user=$role");
    return $self;
}

sub ask {
    my ($self, $sql) = @_;
    local $SIG{PIPE} = 'IGNORE';
    print { $self->{in} } "$sql\n;\n\\echo $mark\n";
    $self->{in}->flush;
    my $answer = '';
    while (defined(my $line = readline $self->{out})) {
        chomp(my $is = $line);
        return $answer =~ s/\n\z//r if $is eq $mark;
        $answer .= $line;
    }
    die "psql ended in: $sql\n";
}

sub close {
    my ($self) = @_;
    my $pid = delete $self->{pid} // return;
    close $self->{$_} for qw(in out);
    kill 'TERM', $pid;    # a child of the test may still hold its standard input open
    waitpid $pid, 0;
}

sub DESTROY { my ($self) = @_; local ($?, $!, $@); $self->close if $self->{owner} == $$ }

1;
