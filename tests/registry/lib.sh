# shellcheck shell=sh
# What tests of registries share: servers that end with the test, and a store that must stay valid. Sourced behind lib.sh.

# Nothing of the machine's is to be found, and nothing goes through a proxy.
export no_proxy='*' XDG_CONFIG_HOME="$PWD/config" DOCKER_CONFIG="$PWD/docker" CONTAINERS_REGISTRIES_CONF="$PWD/registries.conf"
unset REGISTRY_AUTH_FILE SSL_CERT_FILE SSL_CERT_DIR
: >registries.conf
mkdir -p config docker
servers=''
# shellcheck disable=SC2064,SC2086
stop_servers() { [ -z "$servers" ] || kill $servers 2>/dev/null || :; }
trap stop_servers EXIT
mkfifo alive
# Held open for as long as the test lives.
sleep 290 >alive &
servers=$!
exec 9<>alive

# wait_for FILE
wait_for() {
    for wait_i in $(seq 200); do
        [ ! -s "$1" ] || return 0
        sleep 0.05
    done
    fail "a server does not start: no $1 ($wait_i)"
}

# make_certificate NAME OPTION...: NAME.crt and NAME.key for this machine, its own authority. Options are of openssl req.
make_certificate() {
    make_name=$1
    shift
    openssl req -x509 "$@" -nodes -keyout "$make_name.key" -out "$make_name.crt" -days 2 -subj "/CN=$make_name" \
        -addext subjectAltName=IP:127.0.0.1,DNS:localhost 2>/dev/null || fail "openssl req: no certificate $make_name"
}

# start_liar NAME LAYOUT [ELSEWHERE]: $NAME_port; requests in NAME.log
start_liar() {
    : >"$1.log"
    python3 "$SRC/tests/registry/liar.py" "$2" "$1.port" "$1.log" ${3:+"$3"} <alive &
    servers="$servers $!"
    wait_for "$1.port"
    eval "$1_port=$(cat "$1.port")"
}

# start_taker NAME [ELSEWHERE]: a registry that takes all, in ways of its own; $NAME_port; requests in NAME.log
start_taker() {
    : >"$1.log"
    python3 "$SRC/tests/registry/taker.py" "$1.port" "$1.log" ${2:+"$2"} <alive &
    servers="$servers $!"
    wait_for "$1.port"
    eval "$1_port=$(cat "$1.port")"
}

# start_registry NAME [CONFIG-LINES of http and below]: docker-registry on $NAME_port, its data in NAME.data
start_registry() {
    command -v docker-registry >/dev/null || skip 'missing tool: docker-registry'
    start_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cat >"$1.yml" <<END
version: 0.1
log: {level: info}
storage:
  filesystem: {rootdirectory: $PWD/$1.data}
http:
  addr: 127.0.0.1:$start_port
${2:-}
END
    docker-registry serve "$1.yml" >"$1.log" 2>&1 &
    servers="$servers $!"
    eval "$1_port=$start_port"
    for start_i in $(seq 200); do
        ! curl -sko /dev/null "https://127.0.0.1:$start_port/v2/" || return 0
        ! curl -so /dev/null "http://127.0.0.1:$start_port/v2/" || return 0
        sleep 0.05
    done
    fail "docker-registry does not start ($start_i): $(cat "$1.log")"
}

# check_store: every blob is what its name says, nothing lies in tmp
check_store() {
    [ -d "$DFGEN_STORE/blobs/sha256" ] || return 0
    (cd "$DFGEN_STORE/blobs/sha256" && for blob in *; do
        [ ! -f "$blob" ] || [ "$(sha256sum "$blob" | cut -d' ' -f1)" = "$blob" ] || fail "blob $blob of the store is damaged"
    done) || exit 1
    expect_eq '' "$(ls "$DFGEN_STORE/tmp")" 'what is left in the tmp of the store'
}

# pull LIE: that image of the liar at $host, into a store of its own
pull() {
    rm -rf "store-$1"
    DFGEN_STORE=$PWD/store-$1
    export DFGEN_STORE
    dfgen pull "$host/$1/image:tag" >said 2>&1
}
# fine LIE: it comes in spite of all
fine() {
    pull "$1" || fail "pulling $1: $(cat said)"
    check_store
}
# refused LIE TEXT...: it does not, and these texts, host and image are in the message
refused() {
    refused_lie=$1
    expect_exit 1 pull "$1"
    shift
    for refused_text in "$@" "$host" "$refused_lie/image"; do
        assert_file_contains said "$refused_text"
    done
    expect_eq '' "$(tr -d '\011\012\040-\176' <said)" 'bytes that a terminal would act on'
    check_store
}
