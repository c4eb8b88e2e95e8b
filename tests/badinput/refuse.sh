# shellcheck shell=sh
# What the tests of bad input share. Sourced after tests/lib.sh. A refusal has an exit code, says what, where and what
# to do, and leaves nothing that looks finished.

# A build with sanitizers: what a process that ends with an error did not free is no news.
export ASAN_OPTIONS="detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"

# refuses CODE TEXT... -- COMMAND...: the command ends with CODE, its output has every TEXT and no sign of a crash, and
# the build folder has no build.ninja that was not there before
refuses() {
    refuses_code=$1
    shift
    : >wanted
    while [ "$1" != -- ]; do
        printf '%s\n' "$1" >>wanted
        shift
    done
    shift
    refuses_before=$(cksum build/build.ninja 2>/dev/null || :)
    refuses_got=0
    timeout 60 "$@" >output 2>&1 </dev/null || refuses_got=$?
    [ "$refuses_got" = "$refuses_code" ] || fail "exit code $refuses_got, not $refuses_code, of: $*
$(sed 's/^/  | /' output | head -n 40)"
    while IFS= read -r refuses_text; do assert_file_contains output "$refuses_text"; done <wanted
    ! grep -E 'Sanitizer|runtime error|core dumped|Assertion' output || fail "a crash, of: $*"
    [ "$(wc -c <output)" -lt 8000 ] || fail "a message of $(wc -c <output) bytes, of: $*"
    expect_eq "$refuses_before" "$(cksum build/build.ninja 2>/dev/null || :)" "build.ninja after: $*"
}

# works COMMAND...: it ends with 0; what it says is in output
works() {
    "$@" >output 2>&1 </dev/null || fail "exit code $? of: $*
$(sed 's/^/  | /' output | head -n 40)"
}

# small: an empty context src with a Dockerfile that builds from nothing, and a store of its own
small() {
    mkdir -p src
    printf 'FROM scratch AS production\nCOPY a /a\n' >src/Dockerfile
    echo a >src/a
    export DFGEN_STORE="$PWD/store"
}
