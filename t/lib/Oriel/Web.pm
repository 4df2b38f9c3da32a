package Oriel::Web;

# An HTTP server for tests, which misbehaves where it is told to. It is a process of its own, at a port of 127.0.0.1, and
# asks a piece of Perl what to answer, which the test may replace at any time:
#
#   my $web = Oriel::Web->new($children, $folder);
#   $web->answer(q{ return { body => '[{"id": 1}]' } if $path eq '/items'; return { status => 404 } });
#
# There it finds $path, $query (a hash), $header (a hash, names in lower case), $n (how many requests there were before,
# to this path) and $address. It returns a hash: status (200), headers (a list), body, and, to misbehave: gzip => 1;
# length => N (another Content-Length than the body's); no_length => 1 (ends with the connection); cut => N (closes after
# so many bytes of the body); slow => SECONDS (a byte at a time, so long between two); silent => 1 (says nothing at all).

use strict;
use warnings;
use IO::Compress::Gzip ();
use IO::Socket::INET;
use JSON::PP ();
use Oriel::Test;
use Time::HiRes ();

sub new {
    my ($class, $children, $folder, $name) = @_;
    $name //= 'web';
    my $self = bless { folder => "$folder/$name" }, $class;
    mkdir $self->{folder};
    $self->answer('return { status => 404 }');
    $children->start($name, {}, $^X, '-It/lib', '-MOriel::Web', '-e', 'Oriel::Web::serve($ARGV[0])', $self->{folder});
    wait_until { -s "$self->{folder}/address" } 'the web server to listen';
    $self->{address} = read_file("$self->{folder}/address");
    return $self;
}

sub answer {
    my ($self, $code) = @_;
    write_file("$self->{folder}/answer.new", "package Oriel::Web::Answer; $code\n");
    rename "$self->{folder}/answer.new", "$self->{folder}/answer.pl" or die "rename: $!\n";
}

# The requests so far: [{ path, query, header }].
sub requests { my ($self) = @_; return logged("$self->{folder}/requests") }

# What whole lines there are: one that is just being written may be there in part, where it crosses a page of memory.
sub logged {
    my ($log) = @_;
    return -e $log ? map { JSON::PP->new->decode($_) } read_file($log) =~ /^(.*)\n/mg : ();
}

sub forget { my ($self) = @_; write_file("$self->{folder}/requests", '') }

# ---- in the server's process ----

sub serve {
    my ($folder) = @_;
    $SIG{PIPE} = 'IGNORE';
    $SIG{CHLD} = 'IGNORE';
    $SIG{TERM} = sub { local $SIG{TERM} = 'IGNORE'; kill TERM => -getpgrp; exit 0 };    # with all that still answer
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 20, ReuseAddr => 1) or die "listen: $!";
    my $address = '127.0.0.1:' . $listener->sockport;
    write_file("$folder/address.new", $address);
    rename "$folder/address.new", "$folder/address";
    while (1) {
        my $client = $listener->accept or next;
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            close $listener;
            $SIG{TERM} = 'DEFAULT';
            eval { 1 while one($folder, $client, $address); 1 } or print STDERR $@;
            exit 0;
        }
        close $client;
    }
}

sub read_request {
    my ($client) = @_;
    my $line = <$client> // return;
    my ($target) = $line =~ m{^\w+ (\S+) HTTP/} or return;
    my %header;
    while (defined(my $header = <$client>)) {
        last if $header =~ /^\r?\n$/;
        $header{ lc $1 } = $2 if $header =~ /^([^:]+):\s*(.*?)\r?\n$/;
    }
    my ($path, $query) = split /\?/, $target, 2;
    my %query = map { my ($k, $v) = split /=/, $_, 2; ($k => unescape($v // '')) } split /&/, $query // '';
    return { path => $path, query => \%query, header => \%header };
}

sub unescape { my ($s) = @_; $s =~ tr/+/ /; $s =~ s/%([0-9a-fA-F]{2})/chr hex $1/ge; return $s }

# One request and its answer. True when another may come.
sub one {
    my ($folder, $client, $address) = @_;
    my $r = read_request($client) // return 0;
    my $n = grep { $_->{path} eq $r->{path} } logged("$folder/requests");
    open my $out, '>>', "$folder/requests" or die $!;
    print $out JSON::PP->new->canonical->encode($r) . "\n";
    close $out;
    my $code = 'my ($path, $query, $header, $n, $address) = @_; ' . read_file("$folder/answer.pl");
    my $answer = eval "sub { $code }" or die $@;
    return send_answer($client, $answer->(@$r{qw(path query header)}, $n, $address) || { status => 404 });
}

sub send_answer {
    my ($client, $a) = @_;
    if ($a->{silent}) { Time::HiRes::sleep(600); return 0 }
    my $body = $a->{body} // '';
    my @headers = @{ $a->{headers} // [] };
    if ($a->{gzip}) {
        my $plain = $body;
        IO::Compress::Gzip::gzip(\$plain => \$body);
        push @headers, 'Content-Encoding' => 'gzip';
    }
    my $status = $a->{status} // 200;
    push @headers, 'Content-Type' => 'application/json' unless grep { lc eq 'content-type' } @headers;
    push @headers, 'Content-Length' => $a->{length} // length $body unless $a->{no_length} || $status == 304;
    my $head = "HTTP/1.1 $status Answer\r\n";
    while (my ($name, $value) = splice @headers, 0, 2) { $head .= "$name: $value\r\n" }
    print $client "$head\r\n";
    $client->flush;
    $body = substr $body, 0, $a->{cut} if defined $a->{cut};
    if ($a->{slow}) {
        for (split //, $body) { print $client $_; $client->flush; Time::HiRes::sleep($a->{slow}) }
    }
    else { print $client $body if $status != 304 }
    $client->flush;
    return !$a->{no_length} && !defined $a->{cut} && !defined $a->{length};
}

1;
