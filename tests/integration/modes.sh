# shellcheck shell=sh
# One example in the three ways ids can be mapped: the same images. Sourced after example.sh by the tests of these.

# same_in_modes EXAMPLE "STAGE..." "BASE..." [OPTION...]: build the stages as root, as a user with subordinate ids and as one with the own id alone
same_in_modes() {
    modes_example=$1 modes_stages=$2 modes_bases=$3
    shift 3
    id dfgen-test >/dev/null 2>&1 || skip 'no user dfgen-test (tests/run --setup-user makes it)'
    # Where everybody can read it.
    cp -R "$BUILD/bin" "$BUILD/libexec" .
    mkdir bases
    for modes_base in $modes_bases; do
        cp -al "$TEST_BASES/$modes_base" bases/ 2>/dev/null || cp -R "$TEST_BASES/$modes_base" bases/
        set -- "$@" --build-context "$modes_base=oci-layout://$PWD/bases/$modes_base"
    done
    chmod -R go+rX bin libexec
    for modes_mode in root range single; do
        mkdir "$modes_mode"
        cp -R "$SRC/examples/$modes_example" "$modes_mode/src"
        modes_as='' modes_owner=root
        [ "$modes_mode" = root ] || modes_as='setpriv --reuid dfgen-test --regid dfgen-test --clear-groups --inh-caps=-all' modes_owner=dfgen-test
        chown -R "$modes_owner:" "$modes_mode"
        # shellcheck disable=SC2086 # words
        (cd "$modes_mode" && PATH=$OLDPWD/bin:$PATH $modes_as env HOME="$PWD" TMPDIR="$PWD" XDG_RUNTIME_DIR="$PWD" DFGEN_STORE="$PWD/store" \
            DFGEN_ID_MODE="$modes_mode" sh -euc 'stages=$1; shift; dfgen -C build "$@" src; ninja -C build $stages' sh "$modes_stages" "$@") >"$modes_mode.log" 2>&1 ||
            { tail -n 40 "$modes_mode.log"; fail "$modes_example in mode $modes_mode"; }
        for modes_stage in $modes_stages; do
            grep -o '"sha256:[0-9a-f]*"' "$modes_mode/build/.dfgen/images/$modes_stage/index.json"
        done >"$modes_mode.digests"
        diff root.digests "$modes_mode.digests" || fail "$modes_example: another image in mode $modes_mode than as root"
        # What is large goes at once; what sub-ids own cannot be removed by the user alone.
        rm -rf "$modes_mode/store"
    done
    [ -s root.digests ] || fail 'nothing was compared'
}
