package Oriel::Token;

# Signs tokens as an issuer would, with keys that openssl makes.

use strict;
use warnings;
use Digest::SHA ();
use JSON::PP ();
use MIME::Base64 ();
use Oriel::Test;

sub base64url { return MIME::Base64::encode_base64url($_[0]) }

sub openssl {
    my ($code, $out, $err) = run_command('openssl', @_);
    die "openssl @_: $err" if $code;
    return $out;
}

# A key pair in the files PATH and PATH.pub, as PEM.
sub make_pair {
    my ($path, $algorithm) = @_;
    my @kind = $algorithm eq 'RS256' ? ('RSA', 'rsa_keygen_bits:2048') : ('EC', 'ec_paramgen_curve:P-256');
    openssl('genpkey', '-algorithm', $kind[0], '-pkeyopt', $kind[1], '-out', $path);
    openssl('pkey', '-in', $path, '-pubout', '-out', "$path.pub");
    return $path;
}

# JWS has the two numbers of an ECDSA signature side by side; openssl writes them as DER.
sub sides {
    my ($der) = @_;
    my @numbers = unpack 'x2 (x C/a)2', $der;
    return join '', map { substr +("\0" x 32) . $_, -32 } @numbers;
}

sub signature {
    my ($algorithm, $key, $text) = @_;
    return Digest::SHA::hmac_sha256($text, $key) if $algorithm eq 'HS256';
    return '' if $algorithm eq 'none';
    my $file = write_file("$key.text", $text);
    my $raw  = openssl('dgst', '-sha256', '-sign', $key, $file);
    return $algorithm eq 'ES256' ? sides($raw) : $raw;
}

# key: the secret of HS256, or the private key's file. header: what it says beside alg and typ.
sub sign {
    my ($algorithm, $key, $claims, %header) = @_;
    my $json = JSON::PP->new->canonical;
    my $text = join '.', map { base64url($json->encode($_)) } { alg => $algorithm, typ => 'JWT', %header }, $claims;
    return "$text." . base64url(signature($algorithm, $key, $text));
}

1;
