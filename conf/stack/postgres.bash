# A Postgres server for one run: on a unix socket only, entered by the system's users only (peer), each with the roles that
# its part needs.

# The newest installed one; for data that are there already, the one that made them. Version 15 is the oldest that will do.
postgres_find() {
    local have="" version
    [ ! -e "$state/pg/PG_VERSION" ] || have=$(cat "$state/pg/PG_VERSION")
    pg_bin=
    for version in $(printf '%s\n' /usr/lib/postgresql/*/bin | sed 's|.*/\([0-9]*\)/bin$|\1|' | sort -n); do
        if [ -x "/usr/lib/postgresql/$version/bin/initdb" ] && [[ $version -ge 15 && $version == "${have:-$version}" ]]; then
            pg_bin=/usr/lib/postgresql/$version/bin
        fi
    done
    [ -n "$pg_bin" ] || die "No Postgres server of version ${have:-15 or later} is in /usr/lib/postgresql; \`make packages\` installs one."
}

# Made beside and renamed, so that what is there is whole.
postgres_make() {
    [ ! -d "$state/pg" ] || return 0
    rm -rf "$state/pg.new"
    mkdir -m 700 "$state/pg.new"
    chown "$db_user" "$state/pg.new"
    step "making a Postgres cluster" "$db_user" "$pg_bin/initdb" -D "$state/pg.new" -U postgres -A peer -E UTF8 \
        --locale=C.UTF-8 --data-checksums --no-instructions
    mv "$state/pg.new" "$state/pg"
}

# Who may be whom. Written at each start, since the users may be others than last time.
postgres_write_access() {
    local me
    me=$(id -un)
    echo 'local all all peer map=run' >"$state/pg/pg_hba.conf"
    {
        # the worker's user is also the one that sets up the database
        printf 'run "%s" %s\n' "$db_user" postgres "$db_user" oriel_dp "$web_user" oriel_ds
        # whoever runs this may look at everything
        printf 'run "%s" %s\n' "$me" postgres "$me" oriel_dp "$me" oriel_ds
    } >"$state/pg/pg_ident.conf"
}

postgres_start() {
    postgres_find
    postgres_make
    postgres_write_access
    start postgres "$db_user" INT "$pg_bin/postgres" -D "$state/pg" -k "$sockets/pg" -p 5432 -c listen_addresses= \
        -c unix_socket_permissions=0777 -c log_destination=stderr -c logging_collector=off
    wait_until "Postgres to accept connections" 60 "$pg_bin/pg_isready" -q -h "$sockets/pg" -p 5432 -U postgres -d postgres
}

# Runs SQL in the domain's database, as whoever runs this.
postgres_ask() {
    "$pg_bin/psql" -XqAt -P pager=off -v ON_ERROR_STOP=1 -d "host=$sockets/pg port=5432 dbname=oriel user=oriel_dp" -c "$1"
}
