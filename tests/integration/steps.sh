# shellcheck shell=sh
# What the tests of whole builds share: run ninja where it stands, and say to the step what it ran. Sourced after tests/lib.sh.

# steps NINJA_OPTION...: run ninja; what it says is in ninja.out. It ends a tick of the clock later: what is edited in the same one is no
# newer than the results, to ninja.
# shellcheck disable=SC2120
steps() {
    ninja "$@" >ninja.out 2>&1 || { cat ninja.out; fail "ninja $*"; }
    sleep 0.02
}

# expect_steps WHAT [DESCRIPTION]...: the last ninja ran just these edges (their descriptions, in any order), those that made its own
# file again included
expect_steps() {
    steps_what=$1
    shift
    expect_eq "$([ $# -eq 0 ] || printf '%s\n' "$@" | LC_ALL=C sort)" \
        "$(sed -n 's,^\[[0-9]*/[0-9]*\] ,,p' ninja.out | LC_ALL=C sort)" "$steps_what: the steps that ran"
}

# run_steps WHAT [DESCRIPTION]...: run ninja, and expect these
run_steps() {
    steps
    expect_steps "$@"
}
