# shellcheck shell=sh
# Steps by hand, for tests of the helpers alone: . "$SRC/tests/safety/lib.sh". Needs the base image busybox (or another one
# that begin_steps is given). Sourced by tests only.
# shellcheck disable=SC2020,SC2119,SC2120,SC2317
. "$SRC/tests/lib.sh"

HELPERS=$BUILD/libexec/dfgen

# blob LAYOUT DIGEST: the file that has it.
blob() { printf '%s/blobs/sha256/%s' "$1" "${2#sha256:}"; }

# member NAME FILE: the values of all members NAME in a JSON file, one a line, whatever object they are in.
member() { tr -d ' \n' <"$2" | tr '{,}[]' '\n\n\n\n\n' | sed -n "s/^\"$1\":\"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p"; }

# begin_steps [IMAGE]: an own store, settings, and base.stamp with the image's one layer. More members of settings: $SETTINGS.
begin_steps() {
    need_base "${1:-busybox}"
    layout=$TEST_BASES/${1:-busybox}
    export DFGEN_STORE="$PWD/store"
    mkdir -p .dfgen/s
    printf '{"store":"%s"%s}\n' "$DFGEN_STORE" "${SETTINGS:+,$SETTINGS}" >.dfgen/settings.json
    manifest=$(blob "$layout" "$(member digest "$layout/index.json" | head -n 1)")
    config=$(blob "$layout" "$(member digest "$manifest" | head -n 1)")
    digest=$(member digest "$manifest" | tail -n 1)
    diff_id=$(tr -d ' \n' <"$config" | sed 's/.*"diff_ids":\["\([^"]*\)".*/\1/')
    printf '{"in":["blob %s","out .dfgen/s/0.stamp"],"kind":"base","layer":{"diff_id":"%s","digest":"%s","mediaType":"%s","size":%s}}\n' \
        "$(blob "$layout" "$digest")" "$diff_id" "$digest" "$(member mediaType "$manifest" | grep layer | tail -n 1)" \
        "$(wc -c <"$(blob "$layout" "$digest")")" >.dfgen/s/0.json
    "$HELPERS/dfgen-base" .dfgen/s/0.json || fail "dfgen-base"
    previous=.dfgen/s/0.stamp number=0
}

# write_step MEMBERS: the file of run step $number, on top of $previous.
write_step() {
    printf '{"in":["root %s",%s"out .dfgen/s/%s.stamp"],"kind":"run"%s}\n' "$previous" "${INPUTS:-}" "$number" "${1:+,$1}" \
        >".dfgen/s/$number.json"
}

# run_json MEMBERS: the next run step, on top of the previous one when that was made; the status is dfgen-run's, its messages are in err.
# A root other than the previous one's: $ROOT. More inputs, as JSON strings with a comma behind each: $INPUTS.
run_json() {
    number=$((number + 1))
    printf '{"in":["root %s",%s"out .dfgen/s/%s.stamp"],"kind":"run"%s}\n' "${ROOT:-$previous}" "${INPUTS:-}" $number "${1:+,$1}" \
        >.dfgen/s/$number.json
    "$HELPERS/dfgen-run" .dfgen/s/$number.json 2>err || return
    previous=.dfgen/s/$number.stamp
}

# add_layer FOLDER: its files, as root's, become a layer on top of what the next step starts from.
add_layer() {
    number=$((number + 1))
    tar --owner=0 --group=0 --numeric-owner --sort=name -C "$1" -cf "$number.tar" . || fail "tar"
    digest=sha256:$(sha256sum "$number.tar" | cut -d' ' -f1)
    printf '{"in":["blob %s","out .dfgen/s/%s.layer.stamp"],"kind":"base","layer":{"diff_id":"%s","digest":"%s","mediaType":"%s","size":%s}}\n' \
        "$number.tar" $number "$digest" "$digest" application/vnd.oci.image.layer.v1.tar "$(wc -c <"$number.tar")" \
        >.dfgen/s/$number.layer.json
    "$HELPERS/dfgen-base" .dfgen/s/$number.layer.json || fail "dfgen-base of $1"
    cat "$previous" .dfgen/s/$number.layer.stamp >.dfgen/s/$number.stamp
    previous=.dfgen/s/$number.stamp
}

# project FOLDER DOCKERFILE-LINE...: a build with the context FOLDER/context, for dfgen and ninja; image busybox is there.
project() {
    need_base busybox
    project=$1
    mkdir -p "$1/context"
    shift
    printf '%s\n' "$@" >"$project/context/Dockerfile"
}
# generate [OPTION...]: dfgen in the project; what it says is in $project/out.
generate() {
    (cd "$project" && dfgen --build-context "busybox=oci-layout:$TEST_BASES/busybox" "$@" context) >"$project/out" 2>&1
}
# build [OPTION...]: and ninja.
build() { generate "$@" && ninja -C "$project" >"$project/out" 2>&1; }

# background COMMAND...: run it until the test ends.
background() {
    "$@" &
    backgrounds="${backgrounds:-} $!"
    # shellcheck disable=SC2064,SC2086
    trap "kill $backgrounds 2>/dev/null; wait" EXIT
}

# wait_for COMMAND...: until it is true; a minute at most, which only a loaded machine needs.
wait_for() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 1200 ] || fail "waited too long: $*"
        sleep 0.05
    done
}

# text STRING: as a JSON string.
text() { printf '"%s"' "$(printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g; s/	/\\t/g' | sed ':a;N;$!ba;s/\n/\\n/g')"; }

# run_sh COMMAND [MEMBERS]: the same with a shell's command; prints the log.
run_sh() {
    run_status=0
    run_json "\"argv\":[\"/bin/sh\",\"-c\",$(text "$1")],\"cwd\":\"/\"${2:+,$2}" || run_status=$?
    cat .dfgen/s/$number.log
    return $run_status
}

# layer_list: the listing of the last step's layer.
layer_list() { cat "$DFGEN_STORE"/layers/*/"$(tail -n 1 "$previous" | tr : -)/list"; }
# layer_fs: the folder with its files.
layer_fs() { echo "$DFGEN_STORE"/layers/*/"$(tail -n 1 "$previous" | tr : -)/fs"; }
