package Oriel::Children;

# The servers that a test starts: each in a session of its own, with its output in a log, and told by the kernel to end
# when the test dies. So nothing outlives a test, and what does is found.

use strict;
use warnings;
use POSIX ();
use Time::HiRes ();
use Oriel::Test;

sub new {
    my ($class, $folder) = @_;
    mkdir "$folder/log";
    return bless { folder => $folder, owner => $$, running => {}, sessions => {} }, $class;
}

# options: user, environment (a hash to lay over ours), death (the signal that ends it when we die).
sub start {
    my ($self, $name, $options, @command) = @_;
    die "$name runs already\n" if $self->{running}{$name};
    open my $log, '>>', "$self->{folder}/log/$name.log" or die "$self->{folder}/log/$name.log: $!\n";
    my @as  = ('setpriv', '--pdeathsig', $options->{death} // 'TERM');
    push @as, "--reuid=$options->{user}", "--regid=$options->{user}", '--clear-groups' if $> == 0 && $options->{user};
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        POSIX::setsid();
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
        %ENV = (%ENV, %{ $options->{environment} // {} });
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>&', $log;
        open STDERR, '>&', \*STDOUT;
        exec @as, '--', @command or POSIX::_exit(127);
    }
    $self->{running}{$name} = $pid;
    $self->{sessions}{$pid} = $name;
    return $pid;
}

sub pid {
    my ($self, $name) = @_;
    return $self->{running}{$name};
}

# True while it runs; what it left is in {ended} afterwards.
sub is_running {
    my ($self, $name) = @_;
    my $pid = $self->{running}{$name} // return 0;
    return 1 if waitpid($pid, POSIX::WNOHANG()) == 0;
    $self->{ended}{$name} = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    delete $self->{running}{$name};
    return 0;
}

# Sends the signal and waits; the exit code, or 128 + signal. Kills what has not gone when patience is over.
sub stop {
    my ($self, $name, $signal) = @_;
    my $pid = $self->{running}{$name} // return $self->{ended}{$name};
    kill $signal // 'TERM', $pid;
    eval { wait_until { !$self->is_running($name) } "$name to end"; 1 } or do {
        kill 'KILL', $pid;
        waitpid $pid, 0;
        delete $self->{running}{$name};
        $self->{ended}{$name} = 128 + 9;
    };
    return $self->{ended}{$name};
}

sub kill_all {
    my ($self) = @_;
    return if $$ != $self->{owner};
    for my $pid (values %{ $self->{running} }) {
        kill 'KILL', $pid if waitpid($pid, POSIX::WNOHANG()) == 0;
        waitpid $pid, 0;
    }
    # those that a killed leader leaves behind
    kill 'KILL', $_->{pid} for $self->left;
    $self->{running} = {};
}

# Processes of our sessions, and whatever else has to do with our folder.
sub left {
    my ($self) = @_;
    return grep { $self->{sessions}{ $_->{session} } || $_->{traces} } processes($self->{folder});
}

# All processes but ourselves and zombies: pid, session, name, and whether the folder stands in its working folder or
# command line.
sub processes {
    my ($folder) = @_;
    my @all;
    for my $pid (map { m{(\d+)$} } glob '/proc/[0-9]*') {
        next if $pid == $$;
        my $stat = eval { read_file("/proc/$pid/stat") } // next;
        my ($name, $state, $session) = $stat =~ /\((.*)\) (\S) \d+ \d+ (\d+)/s or next;
        next if $state eq 'Z' || $state eq 'X';
        my $command = eval { read_file("/proc/$pid/cmdline") } // '';
        my $place   = readlink("/proc/$pid/cwd") // '';
        push @all, { pid => $pid, session => $session, name => $name, traces => index("$place/\0$command", "$folder/") >= 0 };
    }
    return @all;
}

# For t/run, when all tests have ended: kills what still has to do with the folder and names it. True when nothing had.
sub end_leftovers {
    my ($folder) = @_;
    my @left;
    my $deadline = Time::HiRes::time() + 5;
    # what the kernel has just told to end gets the time to do so
    while ((@left = grep { $_->{traces} } processes($folder)) && Time::HiRes::time() < $deadline) { Time::HiRes::sleep(0.05) }
    for (@left) {
        print STDERR "A test left a process running: $_->{pid} $_->{name}\n";
        kill 'KILL', $_->{pid};
    }
    return !@left;
}

# What a log must not hold, whatever the test was about: a responder that ends itself is not seen otherwise, since nginx asks
# another one. Lines that match `expected` do not count, but for what a sanitizer or Oriel says of a bug.
sub bad_log_lines {
    my ($self, $expected) = @_;
    my @bad;
    for my $log (glob "'$self->{folder}/log/*.log'") {
        for my $line (split /\n/, read_file($log)) {
            next unless $line =~ /Sanitizer|runtime error:|\[(?:alert|emerg|crit)\]|PANIC|assertion|TRAP:|a bug in Oriel|ended by signal (?:4|6|7|8|11) /i;
            push @bad, "$log: $line" unless $expected && $line =~ $expected && $line !~ /Sanitizer|runtime error:|a bug in Oriel/i;
        }
    }
    return @bad;
}

sub tails {
    my ($self) = @_;
    return map { my @lines = split /\n/, read_file($_); "$_:", @lines > 25 ? @lines[ -25 .. -1 ] : @lines }
        glob "'$self->{folder}/log/*.log'";
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $!, $@);
    $self->kill_all;
}

1;
