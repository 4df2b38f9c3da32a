package Oriel::Stack;

# All of Oriel for one test: a private Postgres, `oriel init` and `oriel change expand`, the worker, responders by the
# real spawn-fcgi, the real nginx with conf/nginx, everything on unix sockets in a folder of its own.
#
#   my $s = Oriel::Stack->new;                              # the domain of this checkout, everything started
#   my $s = Oriel::Stack->new(domain => 't/domain/x');      # sources/, entities/, sql/ of a folder
#   my $s = Oriel::Stack->new(domain => { 'sql/changes/0001-a/expand.sql' => 'CREATE …' });   # files made for this test
#   my $s = Oriel::Stack->new(start => []);                 # database only; or some of: worker responders nginx
#   my $s = Oriel::Stack->new(start => [], upstream => [...]); $s->start('nginx');   # sockets of responders that the test starts
#   my $s = Oriel::Stack->new(settings => { responder => { maxRows => 5 } });
#   my $s = Oriel::Stack->new(tcp => 1);                    # nginx listens at $s->{tcp} too, as 127.0.0.1:PORT
#   my $s = Oriel::Stack->new(cache => 1);                  # nginx caches
#   my $s = Oriel::Stack->new(connections => 2048, workers => 2);   # of nginx, which has 512 and one otherwise
#   $s->sql('SELECT 1', 'oriel_ds'); $s->oriel('status'); $s->get('/v1/products'); $s->drop_file('acme', 'a.csv', $text);
#   $s->finish; done_testing;

use strict;
use warnings;
use Cwd ();
use File::Path ();
use IO::Socket::INET;
use JSON::PP ();
use Oriel::Children;
use Oriel::Cluster;
use Oriel::Http;
use Oriel::Test;
use Scalar::Util ();
use Test::More ();

my %living;

sub new {
    my ($class, %options) = @_;
    my $folder = Oriel::Test::new_folder();
    my $self   = bless {
        folder    => $folder,
        build     => build_folder(),
        config    => "$folder/oriel.json",
        http      => "$folder/s/http.sock",
        fcgi      => "$folder/s/fcgi.sock",
        children  => Oriel::Children->new($folder),
        responders => 2,
        %options,
    }, $class;
    Scalar::Util::weaken($living{$folder} = $self);
    $self->{tcp} &&= free_address();
    $self->{db} = Oriel::Cluster->new($folder, $self->{children});
    $self->write_config;
    $self->must($self->oriel('init', '--admin', $self->{db}->conninfo('postgres') . ' user=postgres'));
    my @changes = glob "'" . $self->domain_path('changes') . "'/*";    # a list: in scalar context glob goes on where the last call stopped
    $self->must($self->oriel('change', 'expand')) if @changes;
    $self->lock unless -e $self->domain_path('contract.json');
    $self->start($_) for @{ $options{start} // [qw(worker responders nginx)] };
    return $self;
}

# The parts of a domain and where they stand: in this checkout, or in the folder that the test gave or filled, which is
# laid out as `make run SOURCES=FOLDER` takes it.
sub domain_path {
    my ($self, $part) = @_;
    my %here = (sources => 'sources', entities => 'entities', changes => 'sql/changes', 'contract.json' => 'sql/contract.json');
    my $top  = Cwd::getcwd();
    my $base = ref $self->{domain} ? "$self->{folder}/domain" : $self->{domain};
    return "$top/" . ($part =~ /^(sources|entities)$/ ? 'conf/' : '') . $here{$part} if !defined $base;
    return ($base =~ m{^/} ? $base : "$top/$base") . "/$here{$part}";
}

sub write_config {
    my ($self) = @_;
    if (ref $self->{domain}) {
        File::Path::make_path(map { $self->domain_path($_) } qw(sources entities changes));
        write_file("$self->{folder}/domain/$_", $self->{domain}{$_}) for keys %{ $self->{domain} };
    }
    mkdir "$self->{folder}/drop";
    write_file($self->{config}, JSON::PP->new->canonical->pretty->encode({
        database => $self->{db}->conninfo,
        lock     => $self->domain_path('contract.json'),
        drop     => "$self->{folder}/drop",
        (map { $_ => $self->domain_path($_) } qw(changes entities sources)),
        %{ $self->{settings} // {} },
    }));
}

# Writes the domain's lock file from the database; for domains that a test makes, which have none.
sub lock {
    my ($self) = @_;
    $self->must($self->oriel('contract', 'lock'));
}

sub must {
    my ($self, $code, $out, $err) = @_;
    die "the stack cannot be set up (exit code $code):\n$out$err" if $code;
}

# Runs `oriel` with this stack's configuration: (exit code, standard output, standard error).
sub oriel {
    my ($self, @arguments) = @_;
    return run_command("$self->{build}/oriel", '-c', $self->{config}, @arguments);
}

# Starts it among the children, as `name`; its output goes into that log.
sub start_oriel {
    my ($self, $name, @arguments) = @_;
    return $self->{children}->start($name, {}, "$self->{build}/oriel", '-c', $self->{config}, @arguments);
}

# What `oriel prunable` says: { name => "can go: kind reason" } or "must stay: …".
sub prunable {
    my ($self) = @_;
    my ($code, $out, $err) = $self->oriel('prunable');
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::is($code, 0, 'prunable') or Test::More::diag($err);
    my (%found, $section);
    for (split /\n/, $out) {
        if (/^(\S.*):$/) { $section = $1 }
        elsif (my ($name, $kind, $reason) = /^  (.{36}\S*|\S+) +(\w+) +(.*)/) { $found{ $name =~ s/ +\z//r } = "$section: $kind $reason" }
    }
    return \%found;
}

sub start {
    my ($self, $part) = @_;
    my $method = "start_$part";
    $self->$method;
}

sub start_worker {
    my ($self) = @_;
    $self->start_oriel('worker', 'work');
}

sub start_responders {
    my ($self) = @_;
    $self->spawn_responders('responders', $self->{fcgi}, '-c', $self->{config}, '-n', $self->{responders});
}

# Starts responders by the real spawn-fcgi among the children, as `name`; requests can come when it returns. The socket of those
# before goes first: it is there still, though nobody listens, and while spawn-fcgi takes it away itself nginx would cry out.
sub spawn_responders {
    my ($self, $name, $socket, @arguments) = @_;
    unlink $socket;
    $self->{children}->start($name, {}, 'spawn-fcgi', '-n', '-s', $socket, '-M', '0660', '--', "$self->{build}/oriel-fcgi", @arguments);
    wait_until { is_listened_to($socket) } "spawn-fcgi to listen for $name";
}

# A socket has its file from bind() on and refuses connections until listen(). The kernel's list has a flag for that.
sub is_listened_to { my ($socket) = @_; return read_file('/proc/net/unix') =~ /^\S+ \S+ \S+ 00010000 .* \Q$socket\E$/m }

# An address that nobody listens at, for clients that know no unix sockets.
sub free_address {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "no port: $!";
    return '127.0.0.1:' . $socket->sockport;
}

sub start_nginx {
    my ($self) = @_;
    my $tcp   = $self->{tcp} ? "listen $self->{tcp};" : '';
    my $cache = $self->{cache} ? 'on' : 'off';    # off unless a test is about it: most look at what they have just changed
    write_file("$self->{folder}/nginx/oriel-origins.conf", join '', map { $_ eq '*' ? "default *;\n" : qq("$_" \$http_origin;\n) } @{ $self->{settings}{responder}{origins} // [] });
    $self->run_nginx(workers => $self->{workers} // 1, connections => $self->{connections} // 512, log => 'info', http => <<"END");
    access_log access.log oriel;
    server { set \$oriel_cache $cache; listen unix:$self->{http}; $tcp include oriel/oriel.conf; }
END
}

# nginx with conf/nginx and a configuration of which `http` is the servers' part; one of these listens at $self->{http}.
sub run_nginx {
    my ($self, %options) = @_;
    my $n = "$self->{folder}/nginx";
    mkdir $n;
    symlink Cwd::getcwd() . '/conf/nginx', "$n/oriel";
    my $user = $> == 0 ? 'user root;' : '';
    my $affinity = $options{affinity} ? "worker_cpu_affinity $options{affinity};" : '';
    my $upstream = join ' ', map { ("server unix:$_ max_fails=0;") x 8 } @{ $self->{upstream} // [$self->{fcgi}] };
    my $temp = join ' ', map { "${_}_temp_path $_;" } qw(client_body fastcgi proxy uwsgi scgi);
    write_file("$n/nginx.conf", <<"END");
daemon off; $user worker_processes $options{workers}; $affinity pid nginx.pid; error_log stderr $options{log};
events { worker_connections $options{connections}; }
http {
    $temp
    include oriel/oriel-http.conf;
    fastcgi_cache_path cache levels=1:2 keys_zone=oriel:1m use_temp_path=off;
    upstream oriel { $upstream keepalive 16; }
$options{http}}
END
    unlink $self->{http};
    $self->{children}->start('nginx', {}, 'nginx', '-p', $n, '-e', 'stderr', '-c', 'nginx.conf');
    wait_until { -S $self->{http} && eval { Oriel::Http->new($self->{http})->open } } 'nginx to listen';
}

sub pid { my ($self, $part) = @_; return $self->{children}->pid($part) }
sub stop { my ($self, $part, $signal) = @_; return $self->{children}->stop($part, $signal) }

sub sql {
    my ($self, $sql, $role, $database) = @_;
    return $self->{db}->sql($sql, $role, $database);
}

# A client of its own connection.
sub client {
    my ($self) = @_;
    return Oriel::Http->new($self->{http});
}

# One GET on a new connection; see Oriel::Http for the response.
sub get {
    my ($self, $target, @headers) = @_;
    return $self->client->get($target, @headers);
}

# The answer to a request that stands on a contract which the database holds no longer, when it says so. An error of Postgres is
# 503 ORIEL001 as well, with other words, until the responder has looked at its contracts.
sub withheld {
    my ($self, $target, $client) = @_;
    my $r = ($client // $self)->get($target);
    return $r->{status} == 503 && $r->{json}{code} eq 'ORIEL001' && $r->{json}{message} =~ / is withheld: / ? $r : undef;
}

sub wait_until_withheld {
    my ($self, @request) = @_;
    return wait_until { $self->withheld(@request) } "$request[0] to be withheld";
}

# nginx' log of requests, with all whose answers the test has got. A line is written behind the answer, so nginx, of which one
# process works here, is asked for another one first.
sub access_log {
    my ($self) = @_;
    $self->get('/nginx-answer/404');
    return read_file("$self->{folder}/nginx/access.log");
}

sub source {
    my ($self, $name) = @_;
    return JSON::PP->new->utf8->decode(read_file($self->domain_path('sources') . "/$name.json"));
}

# Delivers a file to a source as a client should: complete at once, by a rename. Returns its path.
sub drop_file {
    my ($self, $source, $name, $content) = @_;
    my $folder = "$self->{folder}/drop/" . $self->source($source)->{folder};
    my $beside = write_file("$self->{folder}/arriving/$name", $content);
    File::Path::make_path($folder);
    rename $beside, "$folder/$name" or die "rename: $!\n";
    return "$folder/$name";
}

# Waits until the worker has finished with n deliveries, however they came; for each as long as for anything else.
sub wait_for_deliveries {
    my ($self, $n) = @_;
    my $finished = sub { $self->sql('SELECT count(*) FROM oriel.delivery WHERE finished_at IS NOT NULL') };
    for (my $seen = $finished->(); $seen < $n; $seen = $finished->()) {
        wait_until { $finished->() > $seen } "$n deliveries to be loaded, of which $seen are";
    }
}

# Stops everything in order and holds the teardown to its promises, each a test. expected_log: a pattern of log lines that
# this test provoked.
sub finish {
    my ($self, $expected_log) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $children = $self->{children};
    for my $part (qw(nginx responders worker)) {
        next unless $children->is_running($part);
        Test::More::is($children->stop($part), 0, "$part ended well");
    }
    if ($children->is_running('postgres')) {
        my @sessions;
        Test::More::ok(eval { wait_until { !(@sessions = $self->{db}->sessions) } 'sessions to end'; 1 }, 'no session is left')
            or Test::More::diag(@sessions);
        Test::More::is($self->{db}->stop, 0, 'Postgres ended well');
    }
    my @left = map { "$_->{pid} $_->{name}" } $children->left;
    Test::More::ok(!@left, 'no process is left') or Test::More::diag("left: @left");
    my @bad = $children->bad_log_lines($expected_log);
    Test::More::ok(!@bad, 'the logs hold no alarm') or Test::More::diag(join "\n", @bad);
    $self->{finished} = 1;
}

# What a test leaves when it ends or dies in the middle; with the ends of the logs where something went wrong.
sub tidy_up {
    my ($self) = @_;
    return if $$ != $self->{children}{owner} || $self->{tidy}++;
    local ($?, $!, $@);
    my $good = $self->{finished} && Test::More->builder->is_passing;
    $self->{children}->kill_all;
    Test::More::diag(join "\n", "What the logs in $self->{folder}/log say:", $self->{children}->tails) unless $good;
    File::Path::remove_tree($self->{folder}) unless $ENV{KEEP};
}

sub DESTROY { my ($self) = @_; $self->tidy_up unless ${^GLOBAL_PHASE} eq 'DESTRUCT' }

# Those that live to the end: in the order of the global destruction their parts might be gone first.
END { $_ && $_->tidy_up for values %living }

1;
