package Oriel::Fcgi;

# A web server's side of FastCGI 1.0 by hand, for tests that want nothing between themselves and a responder.
#
#   my $socket = Oriel::Fcgi::ask($s->{fcgi}, 0, REQUEST_METHOD => 'GET', REQUEST_URI => '/v1/products');
#   print Oriel::Fcgi::rest($socket);    # its records; the responder closes, since it was not told to keep the connection

use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;
use Oriel::Test ();

# Of request 1. Types: 1 begins it, 4 are parameters, 5 what it brings, 6 the answer, 3 ends it.
sub record { my ($type, $body) = @_; return pack('CCnnCC', 1, $type, 1, length $body, 0, 0) . $body }

# A request up to its parameters' end; what it brings, or at least record(5, ''), is still to come.
sub request {
    my ($keep, %parameters) = @_;
    my $list = join '', map { pack('NN', map { length($_) | 0x80000000 } $_, $parameters{$_}) . $_ . $parameters{$_} } sort keys %parameters;
    return record(1, pack 'nCx5', 1, $keep) . record(4, $list) . record(4, '');
}

# Sends a request that brings nothing, on a connection of its own; the socket.
sub ask {
    my ($address, $keep, %parameters) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => $address) // die "$address: $!\n";
    syswrite $socket, request($keep, %parameters) . record(5, '');
    return $socket;
}

# All that comes until the connection is closed, or nothing does any more.
sub rest {
    my ($socket) = @_;
    my $all = '';
    1 while IO::Select->new($socket)->can_read($Oriel::Test::Patience) && sysread $socket, $all, 65536, length $all;
    return $all;
}

1;
