# shellcheck shell=sh
# What the tests of the graph share: small builds from busybox, and which edges a build ran. Sourced after
# tests/lib.sh and example.sh, whose folders (src, $out, store) and functions are used.

# A build with sanitizers: what a process that ends with an error did not free is no news.
export ASAN_OPTIONS="detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"

# small: an empty context src, and a store of its own
small() {
    mkdir -p src
    export DFGEN_STORE="$PWD/store"
}

# busybox [OPTION...]: generate, with the base image busybox
busybox() {
    generate --build-context busybox="oci-layout://$TEST_BASES/busybox" "$@"
}

# build_edges TARGET...: build, and remember which edges ran
build_edges() {
    cp "$out/.dfgen/.ninja_log" log.before 2>/dev/null || : >log.before
    build "$@"
}

# edges: a line for each edge that the last build_edges ran: "RUN production", "COPY production", "layer production",
# "image production", "dfgen" (build.ninja was made again), …
edges() {
    python3 - "$out" log.before <<'END'
import json, pathlib, sys
out, before = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
places = json.loads((out / ".dfgen/places.json").read_text())
old = set(before.read_text().splitlines())
found = []
for line in (out / ".dfgen/.ninja_log").read_text().splitlines()[1:]:
    if line in old:
        continue
    output = pathlib.PurePath(line.split("\t")[3])
    if output.name == "build.ninja":
        found.append("dfgen")
    elif output.parts[:2] == (".dfgen", "images"):
        found.append(f"image {output.parts[2]}")
    elif output.parts[:2] == (".dfgen", "bases"):
        found.append("base")
    elif output.suffix == ".layer":
        found.append(f"layer {output.parts[1]}")
    elif output.name.startswith("to-") or output.parts[1] in ("docker", "tar"):
        found.append("export")
    elif ".mount" in output.name:
        found.append(f"mount {output.parts[1]}")
    elif output.suffix == ".stamp":
        found.append(f"{places[f'{output.parent.name}/{output.stem}']['text'].split()[0]} {output.parts[1]}")
    else:
        found.append(str(output))
print("\n".join(sorted(found)))
END
}

# expect_edges WHAT [EDGE...]: just these edges ran in the last build_edges, as edges names them
expect_edges() {
    edges_what=$1
    shift
    expect_eq "$([ $# -eq 0 ] || printf '%s\n' "$@" | LC_ALL=C sort)" "$(edges)" "$edges_what: the edges that ran"
}

# expect_nothing [TARGET...]: there is no work to do
expect_nothing() {
    build "$@"
    assert_file_contains ninja.out 'no work to do'
}

# files STAGE: what is in the image's root, one name a line
files() {
    unpack_here "$1"
    (cd bundle/rootfs && find . -mindepth 1 | LC_ALL=C sort | sed 's,^\.,,')
}

# unpack_here STAGE: the image as bundle/, whoever runs the test
unpack_here() {
    if [ "$(id -u)" = 0 ]; then unpack "$1"; else unpack "$1" --rootless; fi
}
