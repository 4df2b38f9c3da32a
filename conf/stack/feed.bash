# Files to load, put into the drop folder of each source whose pattern they match, as a client should: complete at once, by
# a rename. Content that was loaded before is no work for the worker, so a second run feeds the same files again.

fed=()      # source and SHA-256, in turn, of each delivery that was made

feed_all() {
    local table file name folder pattern found
    # a source with a folder outside of the drop folder gets its files from elsewhere
    table=$(perl -MJSON::PP -e '
        for my $path (@ARGV) {
            open my $f, "<", $path or die "$path: $!\n";
            my $source = eval { JSON::PP->new->utf8->decode(do { local $/; <$f> }) } or die "$path: $@";
            next if ($source->{kind} // "") ne "file" || ($source->{folder} // "/") =~ m{^/};
            print join("\t", $path =~ m{([^/]+)\.json$}, $source->{folder}, $source->{pattern}), "\n";
        }' "$sources"/*.json) || die "The sources in $sources cannot be read."
    while IFS=$'\t' read -r name folder pattern; do
        [ -z "$folder" ] || feed_make_folder "$folder"
    done <<<"$table"
    for file in "${drops[@]}"; do
        found=
        while IFS=$'\t' read -r name folder pattern; do
            # shellcheck disable=SC2053 # a pattern is meant
            [[ $pattern && ${file##*/} == $pattern ]] || continue
            feed_one "$file" "$folder"
            fed+=("$name" "$(sha256sum <"$file" | cut -d' ' -f1)")
            found=1
        done <<<"$table"
        [ -n "$found" ] || [ -z "${DROP:-}" ] || say "$file: no source takes a file of this name; it is left out."
    done
}

feed_make_folder() {
    mkdir -p "$state/drop/$1"
    chown "$db_user" "$state/drop/$1"
}

feed_one() {
    local beside=$state/drop/.arriving
    cp "$1" "$beside"
    chmod 644 "$beside"
    chown "$db_user" "$beside"
    mv "$beside" "$state/drop/$2/${1##*/}"
}

# What is not loaded yet of what was fed, but for sources that have stopped: those wait for a person.
feed_rest() {
    local list
    list=$(printf "('%s','%s')," "${fed[@]}")
    postgres_ask "SELECT count(*) FROM (VALUES ${list%,}) AS f (source, sha256)
        WHERE NOT EXISTS (SELECT FROM oriel.delivery d WHERE d.source = f.source AND d.sha256 = f.sha256 AND d.finished_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM oriel.source s WHERE s.name = f.source AND s.state = 'stopped')"
}

feed_is_loaded() {
    [ ${#fed[@]} = 0 ] || [ "$(feed_rest)" = 0 ]
}

# Gives the worker a while, so that the first look at the API shows something. False when it needs longer.
feed_wait() {
    local deadline=$((SECONDS + 20))
    until feed_is_loaded; do
        check_children
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

feed_wait_for_rest() {
    until feed_is_loaded; do
        check_children
        sleep 1
    done
}

feed_tell() {
    local n=$((${#fed[@]} / 2))
    say "Loaded $n $([ "$n" = 1 ] && echo file || echo files)."
    postgres_ask "SELECT 'Source ' || name || ' has stopped: ' || message FROM oriel.source WHERE state = 'stopped'"
}
