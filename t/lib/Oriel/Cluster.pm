package Oriel::Cluster;

# A private Postgres for one test: a copy of a template cluster, on a unix socket only, without fsync. The template is
# made once per run of the tests; a copy takes a tenth of a second.

use strict;
use warnings;
use Oriel::Children;
use Oriel::Test;

# Roles that a test may connect as; `stranger` is for what nobody may do. The test makes it where it needs it.
my @roles = qw(postgres oriel_dp oriel_ds stranger);

# The newest Postgres that is installed.
sub bin {
    my @found = sort { ($a =~ m{/(\d+)/bin})[0] <=> ($b =~ m{/(\d+)/bin})[0] } grep { -x "$_/postgres" && -x "$_/initdb" }
        glob '/usr/lib/postgresql/*/bin';
    return $found[-1] // die "no Postgres server found in /usr/lib/postgresql; `make packages` installs it\n";
}

# Postgres refuses to run as root.
sub user {
    return $> == 0 ? 'postgres' : scalar getpwuid $>;
}

sub make_template {
    my ($folder) = @_;
    mkdir $folder;
    chown +(getpwnam user())[2, 3], $folder if $> == 0;
    my ($code, $out, $err) = run_command(
        as_user(user(), bin() . '/initdb', '-D', $folder, '-U', 'postgres', '-A', 'peer', '-E', 'UTF8', '--locale=C.UTF-8',
            '--wal-segsize=1', '--no-sync', '--no-instructions'));
    die "initdb failed:\n$out$err" if $code;
    my $settings = join '', map { "$_\n" } (
        "listen_addresses = ''", 'fsync = off', 'full_page_writes = off', 'shared_buffers = 16MB', 'max_connections = 60',
        'min_wal_size = 2MB', 'max_wal_size = 64MB', 'max_wal_senders = 0', 'wal_level = minimal', 'jit = off',
        'dynamic_shared_memory_type = mmap', "log_line_prefix = '%m [%p] %u %a '", 'timezone = UTC');
    write_file("$folder/postgresql.auto.conf", $settings);
    write_file("$folder/pg_hba.conf",          "local all all peer map=test\n");
    write_file("$folder/pg_ident.conf",
        join '', map { my $role = $_; map { "test \"$_\" $role\n" } user(), $> == 0 ? 'root' : () } @roles);
    return $folder;
}

sub template {
    my $folder = Oriel::Test::root() . '/template';
    return -d $folder ? $folder : make_template($folder);
}

# Copies and starts, below `folder`; children is that test's Oriel::Children.
sub new {
    my ($class, $folder, $children) = @_;
    my $self   = bless { name => 'postgres', folder => $folder, data => "$folder/pg", socket => "$folder/s", children => $children }, $class;
    my ($code, undef, $err) = run_command('cp', '-a', template(), $self->{data});
    die "copying the template cluster: $err" if $code;
    $self->make_socket_folder;
    $self->start;
    return $self;
}

# A hot standby that follows this cluster by streaming, made by pg_basebackup and started. Its name is its application_name over
# here, and its child's. The template keeps WAL for nobody, so this cluster is started again with what a standby needs.
sub standby {
    my ($self, $name) = @_;
    if ($self->sql('SHOW wal_level', 'postgres', 'postgres') eq 'minimal') {
        $self->sql("ALTER SYSTEM SET $_", 'postgres', 'postgres') for "wal_level = 'replica'", 'max_wal_senders = 4', "wal_keep_size = '64MB'";
        write_file("$self->{data}/pg_hba.conf", "local all,replication all peer map=test\n");
        $self->stop;
        $self->start;
    }
    my $standby = bless { %$self, name => $name, data => "$self->{folder}/$name", socket => "$self->{folder}/s-$name" }, ref $self;
    mkdir $standby->{data}, 0700;
    chown +(getpwnam user())[2, 3], $standby->{data} if $> == 0;
    my ($code, undef, $err) = run_command(as_user(user(), bin() . '/pg_basebackup', '-D', $standby->{data}, '-R', '-c', 'fast', '--no-sync',
        '-d', "host=$self->{socket} port=5432 user=postgres application_name=$name"));
    die "pg_basebackup: $err" if $code;
    $standby->make_socket_folder;
    $standby->start;
    return $standby;
}

sub make_socket_folder {
    my ($self) = @_;
    mkdir $self->{socket};
    chown +(getpwnam user())[2, 3], $self->{socket} if $> == 0;
}

sub start {
    my ($self) = @_;
    $self->{children}->start($self->{name}, { user => user(), death => 'QUIT' },
        bin() . '/postgres', '-D', $self->{data}, '-k', $self->{socket}, '-p', 5432);
    wait_until { ($self->try('SELECT 1', 'postgres', 'postgres'))[0] == 0 || !$self->{children}->is_running($self->{name}) }
        'Postgres to accept connections';
    die join "\n", 'Postgres ended at its start:', $self->{children}->tails, '' unless $self->{children}->is_running($self->{name});
}

# signal: INT ends it in order (fast), QUIT as a crash would.
sub stop {
    my ($self, $signal) = @_;
    return $self->{children}->stop($self->{name}, $signal // 'INT');
}

# A libpq connection string without a user.
sub conninfo {
    my ($self, $database) = @_;
    return "host=$self->{socket} port=5432 dbname=" . ($database // 'oriel');
}

# Runs SQL by psql, as a role: (exit code, output as unaligned tuples, error text).
sub try {
    my ($self, $sql, $role, $database) = @_;
    local @ENV{qw(PGOPTIONS PGSERVICE)};
    delete @ENV{qw(PGOPTIONS PGSERVICE)};
    my ($code, $out, $err) = run_command(bin() . '/psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d',
        $self->conninfo($database) . ' user=' . ($role // 'postgres'), '-c', $sql);
    chomp $out;
    return ($code, $out, $err);
}

# The same; dies where the SQL fails.
sub sql {
    my ($self, $sql, $role, $database) = @_;
    my ($code, $out, $err) = $self->try($sql, $role, $database);
    die "SQL failed: $err in: $sql\n" if $code;
    return $out;
}

# Client sessions in the database of the test, but the one that asks.
sub sessions {
    my ($self) = @_;
    return split /\n/, $self->sql("SELECT usename || ' ' || application_name FROM pg_stat_activity "
            . "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()", 'postgres', 'postgres');
}

1;
