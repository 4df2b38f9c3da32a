package Oriel::Http;

# HTTP/1.1 by hand (RFC 9112), since what is sent and what comes back must be seen to the byte. The connection is kept
# between requests until a peer closes it. Addresses: the path of a unix socket, or "host:port".

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use Oriel::Test ();
use Time::HiRes ();

sub new {
    my ($class, $address) = @_;
    return bless { address => $address, buffer => '' }, $class;
}

sub open {
    my ($self) = @_;
    $self->{socket} = $self->{address} =~ m{^/} ? IO::Socket::UNIX->new(Peer => $self->{address}, Type => SOCK_STREAM)
        : IO::Socket::INET->new(PeerAddr => $self->{address});
    $self->{buffer} = '';
    $self->{socket} // die "cannot connect to $self->{address}: $!\n";
    return $self;
}

sub close {
    my ($self) = @_;
    close $self->{socket} if $self->{socket};
    delete $self->{socket};
}

# True when a request sent before left the connection open.
sub is_open {
    my ($self) = @_;
    return $self->{socket} && !IO::Select->new($self->{socket})->can_read(0) ? 1 : 0;
}

sub get     { my ($self, $target, @headers) = @_; return $self->request('GET',     $target, @headers) }
sub head    { my ($self, $target, @headers) = @_; return $self->request('HEAD',    $target, @headers) }
sub options { my ($self, $target, @headers) = @_; return $self->request('OPTIONS', $target, @headers) }

# headers: names and values in turn; a name may repeat.
sub request {
    my ($self, $method, $target, @headers) = @_;
    my $text = "$method $target HTTP/1.1\r\n";
    $text .= "Host: localhost\r\n" unless grep { lc eq 'host' } @headers;
    while (my ($name, $value) = splice @headers, 0, 2) { $text .= "$name: $value\r\n" }
    $self->send("$text\r\n");
    return $self->response($method);
}

sub send {
    my ($self, $bytes) = @_;
    $self->open unless $self->is_open;
    local $SIG{PIPE} = 'IGNORE';
    my $n = syswrite $self->{socket}, $bytes;
    die "sending to $self->{address}: $!\n" unless defined $n && $n == length $bytes;
}

# Reads one response: { status, reason, headers (lower case, values of a repeated one joined by ", "), body, json }.
# json is undef where the body is none, and where $self->{plain} is set: decoding a large body takes long.
sub response {
    my ($self, $method) = @_;
    my $head = $self->read_until("\r\n\r\n");
    my ($line, @lines) = split /\r\n/, $head;
    my ($status, $reason) = $line =~ m{^HTTP/1\.[01] (\d{3}) ?(.*)$} or die "no HTTP status line: $line\n";
    my %headers;
    for (@lines) {
        my ($name, $value) = /^([^:]+):\s*(.*?)\s*$/ or die "no HTTP header: $_\n";
        $name = lc $name;
        $headers{$name} = defined $headers{$name} ? "$headers{$name}, $value" : $value;
    }
    my $r = { status => $status, reason => $reason, headers => \%headers, head => $head };
    my $bodiless = ($method // '') eq 'HEAD' || $status == 204 || $status == 304 || $status < 200;
    $r->{body} = $bodiless ? '' : $self->body(\%headers);
    $r->{json} = eval { JSON::PP->new->utf8->allow_nonref->decode($r->{body}) } if !$self->{plain} && ($headers{'content-type'} // '') =~ /json/;
    $self->close if ($headers{connection} // '') eq 'close';
    return $r;
}

sub body {
    my ($self, $headers) = @_;
    return $self->chunks if ($headers->{'transfer-encoding'} // '') eq 'chunked';
    return $self->read_bytes($headers->{'content-length'}) if defined $headers->{'content-length'};
    1 while $self->fill;
    return delete $self->{buffer};
}

sub chunks {
    my ($self) = @_;
    my $body = '';
    while (1) {
        my $size = hex +($self->read_until("\r\n") =~ /^([0-9a-fA-F]+)/)[0];
        $body .= $self->read_bytes($size);
        $self->read_until("\r\n");
        return $body unless $size;
    }
}

sub read_until {
    my ($self, $end) = @_;
    my $at;
    while (($at = index $self->{buffer}, $end) < 0) {
        $self->fill or die "$self->{address} closed the connection in the middle of a response\n";
    }
    return substr substr($self->{buffer}, 0, $at + length $end, ''), 0, $at;
}

sub read_bytes {
    my ($self, $n) = @_;
    while (length $self->{buffer} < $n) {
        $self->fill or die "$self->{address} closed the connection in the middle of a body\n";
    }
    return substr $self->{buffer}, 0, $n, '';
}

# Reads what is there, waiting for it; 0 at the end.
sub fill {
    my ($self) = @_;
    IO::Select->new($self->{socket})->can_read($Oriel::Test::Patience) or die "no answer from $self->{address}\n";
    return sysread $self->{socket}, $self->{buffer}, 1 << 16, length $self->{buffer};
}

1;
