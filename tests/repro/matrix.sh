# shellcheck shell=sh
# The same sources in surroundings that must not matter. Sourced after tests/lib.sh with the example's copy in src: matrix OPTION... builds the
# target production once for each row of variations, with no result of another row in the store, and wants one digest. $matrix_rows: names of
# rows, if not all are wanted. $matrix_keeps_caches: yes leaves cache mounts, what npm fetched say, to the next row.

# A row: a name, and what stands before the commands; folder, context and jobs are changed by name.
variations='plain
folder
zone TZ=Asia/Kathmandu
locale LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8
jobs-1
jobs-9
processor taskset -c 0
clock faketime -f +400d
order
times
home HOME=/ USER=nobody LOGNAME=nobody XDG_CACHE_HOME=/nonexistent
noise MAKEFLAGS=-k CFLAGS=-O0 CC=false PWD=/ SHLVL=9 COLUMNS=20
nice nice -n 19
layout setarch -R
busy
start
umask'

# reversed FROM TO: a copy whose entries were made in the other order
reversed() {
    mkdir "$2"
    (cd "$1" && find . -mindepth 1 -maxdepth 1 | LC_ALL=C sort -r) | while read -r entry; do cp -a "$1/$entry" "$2/"; done
}

# try NAME BEFORE...: build it so; the manifest's digest
try() {
    try_name=$1 try_context=$PWD/src try_out=$PWD/out try_jobs=4 try_mask=022 try_start=$PWD try_busy=''
    shift
    case $try_name in
    folder) try_out="$PWD/another/folder with space/deep/er" ;;
    jobs-*) try_jobs=${try_name#jobs-} ;;
    order) try_context=$PWD/reversed && reversed src reversed ;;
    times) try_context=$PWD/touched && cp -R src touched && find touched -exec touch -d 2003-03-03 {} + ;;
    start) try_start=/ ;;
    umask) try_mask=077 ;;
    busy)
        sh -c 'while :; do :; done' &
        try_busy=$!
        ;;
    esac
    # Base layers stay, but for the rows that could change how they are unpacked: that takes most of the time.
    case $try_name in
    plain | umask | processor)
        if [ "${matrix_keeps_caches:-}" = yes ] && [ -d store/cache ]; then mv store/cache kept; fi
        chmod -R u+rwX store 2>/dev/null || :
        rm -rf store 2>/dev/null || unshare --map-root-user --map-auto rm -rf store
        if [ -d kept ]; then mkdir store && mv kept store/cache; fi
        ;;
    *) rm -rf store/actions/* store/index/* store/layers/*/tree-* 2>/dev/null ||
        unshare --map-root-user --map-auto sh -c 'rm -rf store/actions/* store/index/* store/layers/*/tree-*' ;;
    esac
    [ "${matrix_keeps_caches:-}" = yes ] || rm -rf store/cache/* 2>/dev/null || unshare --map-root-user --map-auto sh -c 'rm -rf store/cache/*'
    rm -rf out another
    mkdir -p "$try_out"
    # shellcheck disable=SC2086 # words without spaces
    (
        umask "$try_mask"
        cd "$try_start"
        env "$@" dfgen -q -C "$try_out" $matrix_options "$try_context" && env "$@" ninja -C "$try_out" -j "$try_jobs" production
    ) >matrix.out 2>&1 || { cat matrix.out; fail "$try_name: the build failed"; }
    [ -z "$try_busy" ] || { kill "$try_busy"; wait "$try_busy" 2>/dev/null || :; }
    skopeo inspect --format '{{.Digest}}' "oci:$try_out/.dfgen/images/production" >"digest.$try_name"
}

# matrix [OPTION...]
matrix() {
    matrix_options=$*
    printf '%s\n' "$variations" >variations
    if [ -n "${matrix_rows:-}" ]; then
        for matrix_row in $matrix_rows; do grep -x -e "$matrix_row" -e "$matrix_row .*" variations || fail "no row $matrix_row"; done >chosen
        mv chosen variations
    fi
    matrix_first=''
    while read -r matrix_row; do
        # shellcheck disable=SC2086
        try $matrix_row
        matrix_digest=$(cat "digest.${matrix_row%% *}")
        matrix_first=${matrix_first:-$matrix_digest}
        expect_eq "$matrix_first" "$matrix_digest" "the digest in the surroundings $matrix_row"
    done <variations
    expect_eq "$(wc -l <variations)" "$(find . -maxdepth 1 -name 'digest.*' | wc -l)" 'builds'
}
