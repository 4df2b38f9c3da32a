# Where everything is: the domain, the folder of this run, and, for root, what other users can reach.
#
# Sets: sources, entities, changes, lock, drops (an array of files); db_user, web_user; state, sockets; oriel, oriel_fcgi,
# nginx_conf.

place_check_numbers() {
    [[ $port =~ ^[0-9]{1,5}$ && 10#$port -ge 1 && 10#$port -le 65535 ]] || die "PORT=$port is no port; a number from 1 to 65535 is."
    local origin
    for origin in "${origins[@]}"; do
        [[ $origin == '*' || $origin =~ ^[a-z][a-z0-9+.-]*://[a-z0-9._:-]+$ ]] ||
            die "ORIGINS: $origin is no origin. It is a scheme, a host and perhaps a port, in small letters and without a path: https://app.example"
    done
    [[ $responders =~ ^[0-9]{1,3}$ && 10#$responders -ge 1 ]] || die "RESPONDERS=$responders is no number of responders."
}

# A path as seen from where conf/run was called.
absolute() {
    case $1 in
    /*) printf '%s' "$1" ;;
    *) printf '%s' "$called_from/$1" ;;
    esac
}

first_existing() {
    local path
    for path; do
        [ ! -e "$path" ] || break
    done
    printf '%s' "$path"
}

place_domain() {
    local domain
    domain=$(absolute "${SOURCES:-$top/conf}")
    sources=$domain/sources
    entities=$domain/entities
    [ -d "$sources" ] && [ -d "$entities" ] || die "SOURCES=$domain is no domain: it must hold the folders sources/ and entities/."
    changes=$(first_existing "$domain/sql/changes" "$top/sql/changes")
    lock=$(first_existing "$domain/sql/contract.json" "$top/sql/contract.json")
    place_drops "$domain/sample"
}

# DROP may be one path, with spaces in it too, or several words and patterns.
place_drops() {
    local drop=$1 word
    drops=()
    [ -z "${DROP:-}" ] || drop=$(absolute "$DROP")
    if [ -d "$drop" ]; then
        for word in "$drop"/*; do [ ! -f "$word" ] || drops+=("$word"); done
    elif [ -z "${DROP:-}" ]; then
        return # a domain without a sample
    elif [ -e "$drop" ]; then
        drops=("$drop")
    else
        cd "$called_from" || exit 1
        # shellcheck disable=SC2086 # words and patterns are meant
        for word in $DROP; do drops+=("$(absolute "$word")"); done
    fi
    for word in "${drops[@]}"; do
        [ -r "$word" ] || die "DROP: there is no file $word that can be read."
    done
}

# May this user do what test(1) asks?
can() {
    as_user "$1"
    "${as[@]}" test "$2" "$3" 2>/dev/null
}

# Postgres refuses to run as root, and nothing here needs root's rights, so root runs each part as the user that Debian's
# packages made for it. For a plain user there is only one.
place_users() {
    db_user=$(id -un)
    web_user=$db_user
    if [ "$EUID" = 0 ]; then
        db_user=postgres
        web_user=www-data
        id "$db_user" >/dev/null 2>&1 && id "$web_user" >/dev/null 2>&1 ||
            die "The users postgres and www-data are missing; \`make packages\` installs the packages that make them."
    fi
}

place_state() {
    local wanted
    place_users
    wanted=$(absolute "${RUN:-$top/run}")
    state=$wanted
    mkdir -p "$state" 2>/dev/null && [ -w "$state" ] || die "$state cannot be written. Choose another folder: make run RUN=/path"
    if ! can "$db_user" -x "$state" || ! can "$web_user" -x "$state"; then
        state=/var/lib/oriel-run/$(basename "$wanted")-$(printf '%s' "$wanted" | sha256sum | cut -c1-8)
        mkdir -p "$state"
        say "The users $db_user and $web_user cannot reach $wanted, so the data are in $state."
    fi
    if [ -d "$state/pg" ] && [ "$(stat -c %U "$state/pg")" != "$db_user" ]; then
        die "The data in $state belong to $(stat -c %U "$state/pg"), who must go on with them. Choose another folder: make run RUN=/path"
    fi
    config=$state/oriel.json
    mkdir -p "$state/log" "$state/drop" "$state/nginx"
    cd "$state" || exit 1 # a folder that all of its users can be in
}

# The lock is inherited: it is held as long as anything of a run still lives.
place_lock() {
    exec 9>"$state/lock"
    flock -w 2 9 || die "Another \`make run\` is at work in $state. Stop it first, or choose another folder and port: make run RUN=/path PORT=8081"
}

# A socket's path may have 107 bytes, and libpq, Postgres and nginx each have characters that mean something to them. Where
# that forbids the state's folder, `sock` in it is a link to one for temporary files; a run that was killed leaves it for the
# next.
place_sockets() {
    local base plain='^/[A-Za-z0-9/._-]{1,72}$'
    [ ! -L "$state/sock" ] || rm -rf "$(readlink "$state/sock")" "$state/sock"
    sockets=$state/sock
    if [[ ! $sockets =~ $plain ]]; then
        base=${TMPDIR:-/tmp}
        { [[ $base =~ $plain ]] && can "$db_user" -x "$base" && can "$web_user" -x "$base"; } || base=/tmp
        sockets=$(mktemp -d "$base/oriel-run-XXXXXX")
        ln -s "$sockets" "$state/sock"
    fi
    mkdir -p "$sockets/pg" "$sockets/web"
    chmod 755 "$sockets"
    chown "$db_user" "$sockets/pg" "$state/drop"
    chown "$web_user" "$sockets/web" "$state/nginx"
}

# What its user cannot read where it is gets copied into the state's folder.
place_copies() {
    local build
    build=$(cd "$top" && realpath "${BUILD:-build}")
    oriel=$build/oriel
    oriel_fcgi=$build/oriel-fcgi
    nginx_conf=$top/conf/nginx
    [ -x "$oriel" ] && [ -x "$oriel_fcgi" ] || die "The programs are not in $build; \`make\` builds them."
    if can "$db_user" -x "$oriel" && can "$web_user" -x "$oriel_fcgi" && can "$web_user" -r "$nginx_conf/oriel.conf" &&
        can "$db_user" -r "$sources" && can "$db_user" -r "$entities" && can "$db_user" -r "$changes" && can "$web_user" -r "$lock"; then
        return
    fi
    say "The users $db_user and $web_user cannot read $top, so copies of the programs and their configuration are in $state/copy."
    rm -rf "$state/copy"
    mkdir -p "$state/copy"
    cp -RL "$oriel" "$oriel_fcgi" "$sources" "$entities" "$changes" "$nginx_conf" "$state/copy"
    [ ! -e "$lock" ] || cp -L "$lock" "$state/copy/contract.json"
    chmod -R a+rX "$state/copy"
    oriel=$state/copy/oriel
    oriel_fcgi=$state/copy/oriel-fcgi
    sources=$state/copy/sources
    entities=$state/copy/entities
    changes=$state/copy/changes
    lock=$state/copy/contract.json
    nginx_conf=$state/copy/nginx
}
