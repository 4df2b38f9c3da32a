# Children of conf/run: started, watched and stopped by process id, each in a session of its own, so that a Ctrl-C in the
# terminal reaches only conf/run, which then ends them in order. Should conf/run itself be killed, the kernel sends each of
# them the signal named at its start.

declare -A pids=()      # name -> process id, of those that were started and not yet seen to end
terminal=""             # not empty where conf/run was started from one
[ ! -t 0 ] || terminal=1

# Nobody may be reading any more, for instance when the terminal was closed.
say() {
    printf '%s\n' "$*" 2>/dev/null || true
}

die() {
    printf '%s\n' "$*" >&2 2>/dev/null || true
    exit 1
}

stop_when_told() {
    trap stop_all EXIT
    trap 'say; say "Stopping."; exit 0' INT
    trap 'say "Stopping."; exit 0' TERM HUP
    trap : PIPE
}

# The words that run a command as a user. Only root can become another one, and only root needs to: for a plain user all
# users are the same.
as_user() {
    as=()
    if [ "$EUID" = 0 ] && [ "$1" != root ]; then
        as=(setpriv "--reuid=$1" "--regid=$(id -g "$1")" --clear-groups --)
    fi
}

# start NAME USER SIGNAL COMMAND…: in the background, with its output in log/NAME.log. SIGNAL: what tells it to end when
# conf/run has died.
start() {
    local name=$1 signal=$3
    as_user "$2"
    shift 3
    setsid "${as[@]}" setpriv --pdeathsig "$signal" -- "$@" </dev/null >>"$state/log/$name.log" 2>&1 &
    pids[$name]=$!
}

# follow LOG…: from now on, what is added to these files in log/ is shown, a line for each thing that happens.
follow() {
    setsid setpriv --pdeathsig TERM -- tail -q -n 0 -F "${@/#/$state/log/}" --pid $$ </dev/null 2>/dev/null 9>&- &
    pids[tail]=$!
}

# step WHAT USER COMMAND…: runs it to its end; a failure ends conf/run, with what the command said.
step() {
    local what=$1 code=0
    : >"$state/log/step.log"
    start step "$2" TERM "${@:3}"
    wait "${pids[step]}" || code=$?
    unset 'pids[step]'
    [ "$code" = 0 ] || die "This failed: $what (exit code $code)."$'\n'"$(tail -n 20 "$state/log/step.log")"
}

is_running() {
    [ -n "${pids[$1]:-}" ] && kill -0 "${pids[$1]}" 2>/dev/null
}

check_children() {
    local name code=0
    for name in "${!pids[@]}"; do
        is_running "$name" && continue
        wait "${pids[$name]}" || code=$?
        tell_death "$name" "$code"
    done
}

# tell_death NAME CODE
tell_death() {
    unset "pids[$1]"
    die "$1 has ended by itself (exit code $2). The end of $state/log/$1.log:"$'\n'"$(tail -n 20 "$state/log/$1.log" | sed 's/^/    /')"
}

# wait_until WHAT SECONDS COMMAND…: polls until it succeeds; ends conf/run when a child dies or the time is over.
wait_until() {
    local what=$1 deadline=$((SECONDS + $2))
    until "${@:3}"; do
        check_children
        [ "$SECONDS" -lt "$deadline" ] || die "Waited $2 s in vain: $what. The logs are in $state/log."
        sleep 0.1
    done
}

# Stays until a child ends, which none should, or a signal comes. A terminal that is closed sends its signal to the first
# process in it, which may be a make that waits for us; so we look ourselves whether ours is still there.
watch_all() {
    local ended code name tick=()
    while :; do
        ended="" code=0
        [ -z "$terminal" ] || { sleep 2 9>&- & tick=($!); }
        wait -n -p ended "${pids[@]}" "${tick[@]}" || code=$?
        [ -z "$terminal" ] || [ -t 0 ] || exit 0
        for name in "${!pids[@]}"; do
            [ "${pids[$name]}" != "$ended" ] || tell_death "$name" "$code"
        done
    done
}

# stop NAME SIGNAL SECONDS: tells it to end, and kills it, with all of its process group, when the time is over.
stop() {
    local pid=${pids[$1]:-} deadline=$((SECONDS + $3))
    [ -n "$pid" ] || return 0
    kill "-$2" "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            say "$1 did not end within $3 s; killed."
            kill -KILL -- "-$pid" 2>/dev/null || true
            break
        fi
        sleep 0.05
    done
    wait "$pid" 2>/dev/null || true
    unset "pids[$1]"
}

# In this order: first no more requests, then no more readers, then no more writers, then the database.
stop_all() {
    local code=$?
    trap '' INT TERM HUP
    set +e
    stop tail TERM 1
    stop nginx QUIT 3
    stop fcgi TERM 15
    stop step TERM 15
    stop worker TERM 30
    stop postgres INT 60
    [ -z "${sockets:-}" ] || rm -rf "$sockets" "$state/sock"
    exit "$code"
}
