#!/bin/sh
# check.sh PROGRAM: what words must print.
set -u
words=$1
failed=0

# expect WANT INPUT [ARGUMENT...]
expect() {
    want=$1 input=$2
    shift 2
    got=$(printf '%b' "$input" | "$words" "$@" | sed 's/^ *//' | tr '\n' ',')
    [ "$got" = "$want" ] || { echo "words $*: want $want, got $got"; failed=1; }
}

expect '' ''
expect '3 a,1 b,' 'a b A\na'
expect '2 b,2 c,1 a,' 'c b a b c'
expect '2 b,' 'c b a b c' -n 1
expect '1 x_1,1 über,' 'über, x_1!'
expect '10000 x,' "$(printf 'x %.0s' $(seq 10000))" -n 1
[ "$(seq 5000 | "$words" -n 9999 | wc -l)" -eq 5000 ] || { echo 'words: the table lost some of 5000'; failed=1; }
! "$words" /no/such/file 2>/dev/null || { echo 'words: a missing file is no error'; failed=1; }
exit $failed
