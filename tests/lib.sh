# shellcheck shell=sh
# What a test in shell needs: . "$SRC/tests/lib.sh". Sourced by tests only; it must not know what they test.

# fail MESSAGE...: the test has failed.
fail() {
    printf 'fail: %s\n' "$*"
    exit 1
}

# skip REASON...: the test cannot run here.
skip() {
    printf 'skip: %s\n' "$*"
    exit 77
}

# need COMMAND...: skip unless all of them are installed. In CI the runner takes this for a failure.
need() {
    for need_command in "$@"; do
        command -v "$need_command" >/dev/null 2>&1 || skip "missing tool: $need_command"
    done
}

# need_base NAME...: skip unless these base images are there, as $TEST_BASES/NAME.
need_base() {
    for need_name in "$@"; do
        [ -d "$TEST_BASES/$need_name" ] || skip "missing base image: $TEST_BASES/$need_name"
    done
}

# expect_eq WANT GOT WHAT
expect_eq() {
    [ "$1" = "$2" ] || fail "$3
  want: $1
  got:  $2"
}

# expect_exit CODE COMMAND...: its output goes through.
expect_exit() {
    expect_code=$1
    shift
    expect_got=0
    "$@" || expect_got=$?
    [ "$expect_got" = "$expect_code" ] || fail "exit code $expect_got, not $expect_code, of: $*"
}

# assert_file_contains FILE TEXT: TEXT, to the letter, is within a line of FILE.
assert_file_contains() {
    [ -f "$1" ] || fail "no file $1"
    grep -qF -e "$2" -- "$1" || fail "$1 does not contain: $2
$(sed 's/^/  | /' "$1" | head -n 40)"
}

# assert_file_lacks FILE TEXT
assert_file_lacks() {
    [ -f "$1" ] || fail "no file $1"
    ! grep -qF -e "$2" -- "$1" || fail "$1 contains: $2"
}
