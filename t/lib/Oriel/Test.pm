package Oriel::Test;

# What every test stands on: where the programs are, a folder of its own, waiting with a deadline, running a command.
#
# A test is run by t/run, which gives BUILD (absolute) and ORIEL_TEST_ROOT (a folder for all tests of the run, removed at
# its end). Run alone, as `prove -It/lib t/x.t` from the top of the checkout, it makes both itself.

use strict;
use warnings;
use Cwd ();
use Exporter 'import';
use File::Path ();
use File::Temp ();
use POSIX ();
use Time::HiRes ();

our @EXPORT = qw(build_folder run_command read_file write_file wait_until as_user);

our $Patience = $ENV{ORIEL_TEST_PATIENCE} // 60;    # seconds, for anything that is waited for
my $own_root;

# Debian gives plain users a PATH without nginx.
$ENV{PATH} .= ':/usr/sbin:/sbin';

# So that END blocks and destructors run, and with them what ends the servers.
$SIG{TERM} = $SIG{INT} = $SIG{HUP} = sub { exit 128 + POSIX::SIGTERM() };

sub build_folder {
    return Cwd::abs_path($ENV{BUILD} || 'build');
}

# A plain, short path: sockets are made below it (at most 107 bytes), and libpq splits host names at commas.
sub make_root {
    for my $base (grep { defined && m{^/[\w./-]{1,30}$} && -w } roomy('/dev/shm'), $ENV{TMPDIR}, '/tmp') {
        my $root = File::Temp::tempdir('oriel-t-XXXXXX', DIR => $base);
        chmod 0755, $root;    # Postgres, when root starts it, runs as another user
        return $root;
    }
    die "there is no folder to test in: neither /dev/shm, \$TMPDIR nor /tmp can be written\n";
}

# Memory, where there is enough: containers have a /dev/shm of 64 MiB, and a cluster takes about 40.
sub roomy {
    my ($folder) = @_;
    my (undef, $line) = split /\n/, `df -Pk $folder 2>/dev/null` // '';
    return ((split ' ', $line // '')[3] // 0) > 1 << 20 ? $folder : undef;
}

sub root {
    return $ENV{ORIEL_TEST_ROOT} // ($own_root //= make_root());
}

sub new_folder {
    my ($name) = @_ ? @_ : $0 =~ m{([^/]+?)(?:\.t)?$};
    my $folder = File::Temp::tempdir(substr($name, 0, 12) . '-XXXXXX', DIR => root());
    chmod 0755, $folder;
    return $folder;
}

# Runs a command and waits: (exit code, or 128 + signal; standard output; standard error).
sub run_command {
    my @command = @_;
    my $out = File::Temp->new;
    my $err = File::Temp->new;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>&', $out;
        open STDERR, '>&', $err;
        { no warnings 'exec'; exec { $command[0] } @command }
        print STDERR "$command[0]: $!\n";
        POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    return ($code, read_file($out->filename), read_file($err->filename));
}

# The command as another user, where root runs the tests (Postgres refuses root).
sub as_user {
    my ($user, @command) = @_;
    return @command if $> != 0 || $user eq 'root';
    return ('setpriv', "--reuid=$user", "--regid=$user", '--clear-groups', '--', @command);
}

sub read_file {
    my ($path) = @_;
    open my $f, '<:raw', $path or die "$path: $!\n";
    local $/;
    return scalar(<$f>) // '';
}

# Folders are made where they are missing.
sub write_file {
    my ($path, $content) = @_;
    File::Path::make_path($path =~ m{^(.*)/}) if $path =~ m{/};
    open my $f, '>:raw', $path or die "$path: $!\n";
    print $f $content;
    close $f or die "$path: $!\n";
    return $path;
}

# Polls until the condition holds, and returns what it returned. Dies at the deadline, saying what was waited for.
sub wait_until(&$) {
    my ($condition, $what) = @_;
    my $deadline = Time::HiRes::time() + $Patience;
    while (1) {
        my $result = $condition->();
        return $result if $result;
        die "waited $Patience s in vain: $what\n" if Time::HiRes::time() > $deadline;
        Time::HiRes::sleep(0.02);
    }
}

END { local $?; File::Path::remove_tree($own_root) if defined $own_root && !$ENV{KEEP} }

1;
