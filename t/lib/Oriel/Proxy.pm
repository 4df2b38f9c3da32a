package Oriel::Proxy;

# A command between whom and Postgres this test stands, so that it can be stopped at any statement. It speaks just enough of
# the protocol (PostgreSQL's documentation, "Message Formats") to see where a statement ends: at ReadyForQuery.
#
#   my $p = Oriel::Proxy->new($s);                          # config: {config} of the proxy
#   my $r = $p->run(\@command);                             # { code, text, trips }
#   my $r = $p->run(\@command, at => 7, crash => 'kill');   # SIGKILL when the seventh statement is done; or a sub, which gets
#                                                           # the pid of its backend
#   my $r = $p->run(\@command, before => [qr/COMMIT/, sub { … }]);   # runs it before such a statement reaches Postgres

use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;
use JSON::PP ();
use Oriel::Test;

sub new {
    my ($class, $stack, $config) = @_;
    my $folder   = "$stack->{folder}/p";
    mkdir $folder;
    my $settings = JSON::PP->new->decode(read_file($config // $stack->{config}));
    $settings->{database} =~ s/host=\S+/host=$folder/;
    return bless {
        stack    => $stack,
        server   => "$stack->{folder}/s/.s.PGSQL.5432",
        listener => (IO::Socket::UNIX->new(Local => "$folder/.s.PGSQL.5432", Listen => 5) // die "proxy: $!\n"),
        config   => write_file("$folder/oriel.json", JSON::PP->new->encode($settings)),
    }, $class;
}

sub run {
    my ($self, $command, %options) = @_;
    my $out = File::Temp->new;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>&', $out;
        open STDERR, '>&', $out;
        exec { $command->[0] } @$command or POSIX::_exit(127);
    }
    local @$self{qw(pid trips backend client upstream buffer started code)} = ($pid, 0, undef, undef, undef, '', 0, undef);
    local $self->{options} = \%options;
    local $SIG{PIPE} = 'IGNORE';
    $self->step while !defined $self->{code};
    return { code => $self->{code}, text => read_file($out->filename), trips => $self->{trips} };
}

sub ended {
    my ($self) = @_;
    return if waitpid($self->{pid}, POSIX::WNOHANG()) == 0;
    $self->{code} = $? & 127 ? 128 + ($? & 127) : $? >> 8;
}

sub step {
    my ($self) = @_;
    for my $ready (IO::Select->new(grep { defined } @$self{qw(listener client upstream)})->can_read(0.02)) {
        if ($ready == $self->{listener}) {
            $self->{client}   = $ready->accept;
            $self->{upstream} = IO::Socket::UNIX->new(Peer => $self->{server}) // die "proxy: $!\n";
            next;
        }
        my $from_client = $self->{client} && $ready == $self->{client};
        if (!sysread $ready, my $bytes, 1 << 16) { $self->hang_up }
        elsif ($from_client) { $self->from_client($bytes) }
        else { $self->from_server($bytes) }
        last if !$self->{client};
    }
    $self->ended if !defined $self->{code};
}

sub hang_up {
    my ($self) = @_;
    close $_ for grep { defined } @$self{qw(client upstream)};
    @$self{qw(client upstream)} = ();
}

sub from_client {
    my ($self, $bytes) = @_;
    my $before = $self->{options}{before};
    if ($before && $bytes =~ $before->[0]) {
        delete $self->{options}{before};
        $before->[1]->();
    }
    syswrite $self->{upstream}, $bytes;
}

sub from_server {
    my ($self, $bytes) = @_;
    $self->{buffer} .= $bytes;
    while (length $self->{buffer} >= 5) {
        my ($type, $length) = unpack 'a N', $self->{buffer};
        last if length $self->{buffer} < $length + 1;
        my $message = substr $self->{buffer}, 0, $length + 1, '';
        $self->{backend} = unpack 'x5 N', $message if $type eq 'K';
        return if $type eq 'Z' && $self->{started}++ && ++$self->{trips} == ($self->{options}{at} // 0) && $self->crash;
        syswrite $self->{client}, $message;
    }
}

# True when the command is gone.
sub crash {
    my ($self) = @_;
    if ($self->{options}{crash} eq 'kill') {
        kill 'KILL', $self->{pid};
        waitpid $self->{pid}, 0;
        $self->{code} = 137;
        $self->hang_up;
        return 1;
    }
    $self->{options}{crash}->($self->{backend});
    return 0;
}

1;
