# Configuration, responders and nginx.

# Asked as the user that will have to do it.
serve_check_port() {
    local answer
    as_user "$web_user"
    answer=$("${as[@]}" perl -MIO::Socket::IP -e '
        IO::Socket::IP->new(LocalHost => $ARGV[0], LocalPort => $ARGV[1], Listen => 1, ReuseAddr => 1) and exit;
        print $!{EADDRINUSE} ? "taken" : $@ || $!' "$listen" "$port")
    case $answer in
    '') ;;
    taken) die "Port $port on $listen is taken by another program. Choose another one: make run PORT=$((port < 65535 ? port + 1 : 8080))" ;;
    *) die "Cannot listen on $listen, port $port: $answer. Choose a port above 1023 and an address of this machine: make run PORT=8080 LISTEN=127.0.0.1" ;;
    esac
}

# Where a client on this machine finds it.
serve_url() {
    case $listen in
    0.0.0.0 | ::) printf 'http://127.0.0.1:%s' "$port" ;;
    *:*) printf 'http://[%s]:%s' "$listen" "$port" ;;
    *) printf 'http://%s:%s' "$listen" "$port" ;;
    esac
}

serve_write_config() {
    perl -MJSON::PP -e '
        my ($responders, $origins, %settings) = @ARGV;
        $settings{responder} = { responders => $responders + 0, origins => [split " ", $origins] };
        print JSON::PP->new->canonical->pretty->encode(\%settings)' \
        "$responders" "${origins[*]}" database "host=$sockets/pg port=5432 dbname=oriel" changes "$changes" lock "$lock" \
        entities "$entities" sources "$sources" drop "$state/drop" >"$config"
}

# spawn-fcgi binds the socket and becomes the responders' master. Their user owns the socket; the group is nginx's.
serve_start_responders() {
    start fcgi "$web_user" TERM spawn-fcgi -n -s "$sockets/web/fcgi.sock" -M 0660 -- "$oriel_fcgi" -c "$config"
    wait_until "spawn-fcgi to bind its socket" 10 test -S "$sockets/web/fcgi.sock"
}

# Paths in it are relative to the folder of this file, so that no path needs quoting.
serve_write_nginx() {
    local address=$listen kind origin affinity= descriptors
    case $address in *:*) address="[$address]" ;; esac
    # site.conf says why. A core for each of the two workers only where there are two, and both are there for us: of more,
    # the first two may be one in fact.
    if [ "$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc) $(nproc --all)" = "2 2" ]; then affinity="worker_cpu_affinity auto;"; fi
    descriptors=$(ulimit -Hn)
    if [ "$descriptors" = unlimited ] || [ "$descriptors" -gt 4096 ]; then descriptors=4096; fi
    ln -sfn "$nginx_conf" "$state/nginx/oriel"
    {
        echo "daemon off; worker_processes 2; $affinity worker_rlimit_nofile $descriptors; pid nginx.pid; error_log stderr warn;"
        echo "events { worker_connections 1024; }"
        echo "http {"
        for kind in client_body fastcgi proxy uwsgi scgi; do echo "    ${kind}_temp_path temp_$kind;"; done
        echo "    include oriel/oriel-http.conf;"
        echo "    access_log access.log oriel;"
        echo "    fastcgi_cache_path cache levels=1:2 keys_zone=oriel:10m max_size=256m inactive=10m use_temp_path=off;"
        echo "    upstream oriel {"
        for _ in {1..8}; do echo "        server unix:$sockets/web/fcgi.sock max_fails=0;"; done # site.conf says why
        echo "        keepalive 16;"
        echo "    }"
        echo "    server { set \$oriel_cache on; listen $address:$port; include oriel/oriel.conf; }"
        echo "}"
    } >"$state/nginx/nginx.conf"
    for origin in "${origins[@]}"; do
        if [ "$origin" = '*' ]; then echo 'default *;'; else echo "\"$origin\" \$http_origin;"; fi
    done >"$state/nginx/oriel-origins.conf"
}

serve_start_nginx() {
    local nginx
    nginx=$(PATH=$PATH:/usr/sbin:/sbin command -v nginx) || die "nginx is not installed; \`make packages\` installs it."
    serve_write_nginx
    start nginx "$web_user" TERM "$nginx" -p "$state/nginx" -e stderr -c nginx.conf
    wait_until "nginx to listen" 10 serve_ask /
}

# serve_ask PATH [STATUS]: succeeds when something answers by HTTP, with that status if one is given.
serve_ask() {
    local status
    # shellcheck disable=SC2053 # the default is a pattern
    status=$(curl -q --noproxy '*' -s -o "$state/answer" -w '%{http_code}' -m 2 "$(serve_url)$1") && [[ $status == ${2:-*} ]]
}

serve_wait() {
    local first
    first=$("$top/conf/stack/show" --first "$lock") || exit 1
    wait_until "the API to answer $first with 200; see $state/answer" 30 serve_ask "$first?limit=1" 200
    rm -f "$state/answer"
}
