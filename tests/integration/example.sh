# shellcheck shell=sh
# What the tests of the examples share: build a copy of an example, see which steps ran, look into its image, run it.
# Sourced after tests/lib.sh. Everything is in the current folder: src, the copy; $out, the build folder; store.

out=build

# example NAME: copy examples/NAME; steps that other tests ran are not in its store
example() {
    cp -R "$SRC/examples/$1" src
    export DFGEN_STORE="$PWD/store"
}

# build_in FOLDER: what follows is about this build folder
build_in() { out=$1; }

# generate [OPTION...]
generate() {
    mkdir -p "$out"
    dfgen -C "$out" "$@" src || fail "dfgen -C $out $* src"
}

# build TARGET...: run ninja; what it says is in ninja.out. The logs that are there afterwards are of steps that ran.
build() {
    find "$out/.dfgen" -name '[0-9]*.log' -delete
    ninja -C "$out" -j 4 "$@" >ninja.out 2>&1 || { cat ninja.out; fail "ninja -C $out $*"; }
}

# expect_ran WHAT [STAGE: COMMAND]...: these RUNs, and no others, ran in the last build. A result that was found in the
# store leaves no log.
expect_ran() {
    ran_what=$1
    shift
    expect_eq "$([ $# -eq 0 ] || printf '%s\n' "$@" | LC_ALL=C sort)" "$(ran)" "$ran_what: the RUNs that ran"
}

# ran: "STAGE: COMMAND" of each RUN that ran in the last build
ran() { example_runs | cut -f 2- | LC_ALL=C sort; }

# example_runs: a line "STAMP<tab>STAGE: COMMAND" for each of them
example_runs() {
    python3 - "$out/.dfgen" <<'END'
import json, pathlib, re, sys
places = json.loads((pathlib.Path(sys.argv[1]) / "places.json").read_text())
for log in pathlib.Path(sys.argv[1]).glob("*/*.log"):
    if log.stem.isdigit():
        text = " ".join(places[f"{log.parent.name}/{log.stem}"]["text"].split())
        if text.startswith("RUN "):
            print(log.parent.name + "/" + log.stem + ".stamp", log.parent.name + ": " + re.sub(r"^RUN (--\S+ )*", "", text), sep="\t")
END
}

# expect_overlap STAGES STAGES: some RUN of the first stages and some RUN of the others, of the last build, were under way
# at the same time, as ninja's log has it
expect_overlap() {
    example_runs >runs
    python3 - "$out/.dfgen/.ninja_log" "$1" "$2" <<'END' || fail "nothing of $1 ran beside anything of $2"
import pathlib, sys
times = {}
for line in pathlib.Path(sys.argv[1]).read_text().splitlines()[1:]:
    start, end, _, output, _ = line.split("\t")
    times["/".join(pathlib.PurePath(output).parts[-2:])] = int(start), int(end)
stamps = [line.split("\t")[0] for line in open("runs")]
def of(stages):
    return [times[stamp] for stamp in stamps if stamp.split("/")[0] in stages.split()]
one, other = of(sys.argv[2]), of(sys.argv[3])
print("started and ended after ms:", one, other)
sys.exit(not any(a[0] < b[1] and b[0] < a[1] for a in one for b in other))
END
}

# image STAGE: its image layout
image() { echo "$out/.dfgen/images/$1"; }

# digest STAGE: of the image's manifest
digest() { skopeo inspect --format '{{.Digest}}' "oci:$(image "$1")"; }

# expect_config STAGE KEY JSON: this key of the image's config
expect_config() {
    skopeo inspect --config --raw "oci:$(image "$1")" >config.json || fail "skopeo cannot read the image of $1"
    expect_eq "$3" "$(python3 -c 'import json, sys
value = json.load(open("config.json"))["config"].get(sys.argv[1])
print(json.dumps(value, sort_keys=True, ensure_ascii=False))' "$2")" "$2 of the image"
}

# unpack STAGE [UMOCI_OPTION...]: the image as bundle/, a root file system and a runtime's configuration
unpack() {
    rm -rf bundle copied
    skopeo copy -q "oci:$(image "$1")" oci:copied:latest || fail "skopeo cannot copy the image of $1"
    shift
    umoci unpack "$@" --image copied:latest bundle >/dev/null 2>umoci.err || { cat umoci.err; fail "umoci cannot unpack"; }
}

# in_cgroup2 COMMAND...: crun wants to see cgroup2, and on machines with both kinds it is not where crun looks
in_cgroup2() {
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount sh -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' sh "$@"
}

# start: run bundle/ with a network of its own; its output is in container.log. It ends with the test.
start() {
    python3 - bundle/config.json <<'END'
import json, sys
with open(sys.argv[1]) as file:
    config = json.load(file)
config["process"]["terminal"] = False
config["process"]["capabilities"] = {kind: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETGID",
                                            "CAP_SETUID"] for kind in ("bounding", "effective", "permitted")}
config["mounts"] = [mount for mount in config["mounts"] if mount["type"] != "cgroup"]
with open(sys.argv[1], "w") as file:
    json.dump(config, file)
END
    container=example-$$
    trap stop EXIT
    trap 'exit 143' TERM
    trap 'exit 130' INT
    in_cgroup2 crun --cgroup-manager=disabled run --bundle bundle --pid-file "$PWD/container.pid" "$container" \
        >container.log 2>&1 &
    runtime=$!
}

# stop: end what start began; prints nothing
stop() {
    [ -n "${runtime:-}" ] || return 0
    crun kill "$container" KILL 2>/dev/null || kill "$runtime" 2>/dev/null || :
    wait "$runtime" 2>/dev/null || :
    runtime=''
}

# inside [CURL_OPTION...] URL: curl in the container's network; waits for the server to come up
inside() {
    for _ in $(seq 50); do
        [ -s container.pid ] && nsenter --target "$(cat container.pid)" --net curl -sS --noproxy '*' "$@" 2>curl.err && return
        kill -0 "$runtime" 2>/dev/null || break
        sleep 0.2
    done
    cat container.log curl.err
    fail "no answer from the container: curl $*"
}

# npm_options: sets $npm_options to the options by which RUN npm reaches the registry as npm on this machine does:
# its settings, less tokens, as the secret npmrc; its certificates; proxies of the environment
npm_options() {
    npm_options=''
    npm_home=$(getent passwd "$(id -u)" | cut -d : -f 6)
    : >npmrc
    if command -v npm >/dev/null; then
        for npm_key in registry proxy https-proxy noproxy strict-ssl cafile; do
            npm_value=$(npm config get "$npm_key" --userconfig "$npm_home/.npmrc" 2>/dev/null)
            case $npm_key:$npm_value in
            *: | *:null | *:undefined) ;;
            cafile:*) npm_ca=$npm_value ;;
            *) echo "$npm_key=$npm_value" >>npmrc ;;
            esac
        done
        npm_registry=$(sed -n 's/^registry=//p' npmrc)
        curl -s -o /dev/null --max-time 30 "$npm_registry" || skip "the npm registry does not answer"
    fi
    npm_ca=${npm_ca:-${NODE_EXTRA_CA_CERTS:-}}
    if [ -f "$npm_ca" ]; then
        cp "$npm_ca" ca.crt
        echo 'cafile=/run/secrets/ca' >>npmrc
        npm_options="--secret id=ca,src=$PWD/ca.crt"
    fi
    npm_options="$npm_options --secret id=npmrc,src=$PWD/npmrc"
    for npm_proxy in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
        [ -z "$(printenv "$npm_proxy")" ] || npm_options="$npm_options --build-arg $npm_proxy"
    done
}
