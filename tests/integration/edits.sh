# shellcheck shell=sh
# What examples/{make,ninja,cmake,meson} have in common: the same program and image in a build of each kind. For each kind of edit the number
# of dfgen's steps that run is written down, and which they are. Sourced after tests/lib.sh; try runs all of it.
#
# Why a number is the smallest: a COPY runs when a source of it has another time, or what stands below it another content (where it goes can
# depend on that), and is cut off when its result is the same; a layer is looked up when the root that it belongs to is another one; the
# image is made when a layer, or what its config says, is another one.

# build: what the build says is in said
build() { "build_$system" >said 2>&1; }
build_make() { make -C work -j2; }
build_ninja() { ninja -C work -j2; }
build_cmake() { cmake --build work/build -j2; }
build_makefiles() { cmake --build work/build -j2; }
build_meson() { ninja -C work/build -j2; }

clean_make() { make -C work clean; }
clean_ninja() { ninja -C work -t clean; }
clean_cmake() { cmake --build work/build --target clean; }
clean_makefiles() { clean_cmake; }
clean_meson() { ninja -C work/build clean; }

setup_make() { :; }
setup_ninja() {
    mkdir -p work/out
    (cd work && dfgen --prefix image- --build-file docker.ninja --target production --build-context program=out "$@" .)
}
setup_cmake() { cmake -S work -B work/build -G Ninja -Ddfgen_DIR="$DFGEN_SHARE/cmake"; }
setup_makefiles() { cmake -S work -B work/build -G 'Unix Makefiles' -Ddfgen_DIR="$DFGEN_SHARE/cmake"; }
setup_meson() { meson setup work/build work; }

# more_options OPTION VALUE: the image has one more option of dfgen, by the words of the build around it
more_options() { "more_options_$system" "$@" >said 2>&1 || { cat said; fail "$system: one more option"; }; }
more_options_make() { sed -i "s,--target=production,& $1=$2," work/Makefile; }
more_options_ninja() {
    ninja_options="${ninja_options:-} $1=$2"
    # shellcheck disable=SC2086 # words
    setup_ninja $ninja_options
}
more_options_cmake() { sed -i "s,^    TARGET production,&\\n    OPTIONS $1=$2," work/CMakeLists.txt; }
more_options_makefiles() { more_options_cmake "$@"; }
more_options_meson() { sed -i "s,'--target=production',& \\, '$1=$2'," work/meson.build; }

run_image() {
    case $system in
    make | ninja) dfgen run -C work image-production "$@" ;;
    *) dfgen run -C work/build/image.dfgen production "$@" ;;
    esac
}

# steps_said: dfgen's steps that the last build named; make's helpers say of the image what it is called as well
steps_said() { sed -n 's/^.*\(\[production[^]]*\] .*\)$/\1/p' said | sed 's/^\(\[production\] image\) .*/\1/' | grep -v export | sort; }

# edit NUMBER WHAT [STEP...]: build, and that many of dfgen's steps run: these
edit() {
    number=$1 what="$system: $2"
    shift 2
    build || { cat said; fail "$what"; }
    expect_eq "$([ $# -eq 0 ] || printf '%s\n' "$@" | sort)" "$(steps_said)" "$what: the steps that ran"
    expect_eq "$number" $# "$what: the number of steps"
    # What is edited in the tick of the clock in which a build ended is no newer than its results, to ninja and make.
    sleep 0.05
}

# broken TEXT WHAT: the build fails, says so, and leaves the image as it was
broken() {
    ! build || { cat said; fail "$system: a build goes on with $2"; }
    [ -z "$1" ] || assert_file_contains said "$1"
    expect_eq "$saying" "$(run_image test)" "$system: the image after $2"
}

# says TEXT: what the image says
says() {
    saying=$1
    expect_eq "$1" "$(run_image test)" "$system: what the image says"
}

greeting='[production 1/2] COPY greeting /etc/greeting'
program='[production 2/2] COPY --from=program greeter /greeter'
wildcard='[production 1/2] COPY greeting* /etc/'
first='[production 1/2] layer' second='[production 2/2] layer' image='[production] image'

# first_build: the example as it is
first_build() {
    "setup_$system" >said 2>&1 || { cat said; fail "$system: cannot be set up"; }
    edit 5 'the first build' "$greeting" "$program" "$first" "$second" "$image"
    says 'Good morning, test!'
    # The folder that the program was put into was empty when dfgen looked at it.
    edit 0 'nothing changed'
    edit 0 'nothing changed, again'
}

edit_files() {
    touch work/greeting
    edit 1 'a file that was touched' "$greeting"
    edit 0 'nothing changed after a touch'
    echo 'Good evening' >work/greeting
    edit 5 'a file that changed' "$greeting" "$first" "$program" "$second" "$image"
    says 'Good evening, test!'
    echo 'Good morning' >work/greeting
    edit 5 'a file that changed back' "$greeting" "$first" "$program" "$second" "$image"
    mv work/greeting work/other && cp work/other work/greeting
    edit 1 'a file that was replaced by an equal one' "$greeting"
    # A mode leaves the time, which is all that ninja and make look at: dfgen(1), CAVEATS.
    chmod 600 work/greeting
    edit 0 'a mode alone'
    touch work/greeting
    edit 5 'a mode, and a new time' "$greeting" "$first" "$program" "$second" "$image"
    chmod 644 work/greeting
    echo 'Good evening' >work/greeting
    build || fail "$system: a file"
    echo unrelated >work/unrelated
    edit 0 'a file more that is ignored'
    rm work/unrelated work/other
    edit 0 'a file less that is ignored'
}

edit_program() {
    touch work/greeter.c
    edit 1 'a source that was touched' "$program"
    sed -i 's/Greets/It greets/' work/greeter.c
    edit 1 'a comment in the program' "$program"
    sed -i 's/, %s!/: %s!/' work/greeter.c
    edit 3 'a program that changed' "$program" "$second" "$image"
    says 'Good evening: test!'
    edit 0 'nothing changed after the program'
    # In the middle: the program does not compile, and so no image is made, although its other file changed.
    echo 'Good night' >work/greeting
    sed -i 's/return 0;/return nothing;/' work/greeter.c
    broken nothing 'a program that does not compile'
    sed -i 's/return nothing;/return 0;/' work/greeter.c
    build || { cat said; fail "$system: the mended build"; }
    says 'Good night: test!'
}

edit_config() {
    touch work/Dockerfile
    edit 0 'a Dockerfile that was touched'
    sed -i 's/^FROM scratch/# A comment\n\nfrom scratch/' work/Dockerfile
    edit 0 'a comment, a blank line and another spelling'
    echo 'LABEL a=b' >>work/Dockerfile
    edit 1 'a label' "$image"
    sed -i 's/^LABEL a=b/LABEL a=c/' work/Dockerfile
    edit 1 'another value of a label' "$image"
    echo 'ENV NAME=value' >>work/Dockerfile
    edit 1 'an ENV behind all steps' "$image"
    sed -i 's/^CMD .*/CMD ["all"]/' work/Dockerfile
    edit 1 'another CMD' "$image"
    printf 'EXPOSE 80\nWORKDIR /\nUSER 1000\n' >>work/Dockerfile
    edit 1 'EXPOSE, a WORKDIR that is there, and USER' "$image"
    sed -i 's/^FROM/FROM scratch AS unused\nCOPY greeting \/\nFROM/; s/^from/FROM scratch AS unused\nCOPY greeting \/\nfrom/' work/Dockerfile
    edit 0 'a stage more that nobody needs'
    sed -i 's/AS unused/AS useless/' work/Dockerfile
    edit 0 'another name of that stage'
    printf 'ARG TEXT=none\nLABEL text=$TEXT\n' >>work/Dockerfile
    edit 1 'an ARG' "$image"
    more_options --build-arg TEXT=new
    edit 1 'another value of the ARG' "$image"
    edit 0 'nothing changed after an ARG'
    more_options --build-arg UNKNOWN=new
    edit 0 'an ARG that the Dockerfile does not have'
    more_options --tag example.org/greeter:1
    edit 1 'a tag' "$image"
}

edit_steps() {
    # Its history says what the instruction says: the image is another one, though no layer is.
    sed -i 's,^COPY --from=program,& --chmod=0755,' work/Dockerfile
    program='[production 2/2] COPY --from=program --chmod=0755 greeter /greeter'
    edit 2 'a mode that the file has already' "$program" "$image"
    sed -i 's/0755/0711/' work/Dockerfile
    program='[production 2/2] COPY --from=program --chmod=0711 greeter /greeter'
    edit 3 'another mode' "$program" "$second" "$image"
    echo 'COPY greeting /again' >>work/Dockerfile
    edit 3 'a COPY more at the end' '[production 3/3] COPY greeting /again' '[production 3/3] layer' "$image"
    sed -i '/again/d' work/Dockerfile
    edit 1 'that COPY less' "$image"
    touch work/.dockerignore
    edit 0 'an ignore file that was touched'
    echo '!more*' >>work/.dockerignore
    # Where the build around it may make the file, it may be a folder by then: its COPY has the rules, and looks at it again.
    case $system in
    make | ninja) edit 1 'a rule more in the ignore file, for what no COPY names' "$greeting" ;;
    *) edit 0 'a rule more in the ignore file, for what no COPY names' ;;
    esac
    sed -i 's,^COPY greeting /etc/.*,COPY greeting* /etc/,' work/Dockerfile
    echo '!greeting*' >>work/.dockerignore
    edit 2 'a wildcard for the one file' "$wildcard" "$image"
    echo 'Guten Tag' >work/greeting.de
    edit 5 'a file more' "$wildcard" "$first" "$program" "$second" "$image"
    mv work/greeting.de work/greeting.fr
    edit 5 'a file with another name' "$wildcard" "$first" "$program" "$second" "$image"
    echo 'Bonjour' >work/greeting.fr
    edit 5 'another content of it' "$wildcard" "$first" "$program" "$second" "$image"
    rm work/greeting.fr
    edit 5 'a file less' "$wildcard" "$first" "$program" "$second" "$image"
    edit 0 'nothing changed after a file less'
}

# A RUN in the middle that fails: its command is the program itself. Layers are not looked at: they may be packed before ninja stops.
fail_in_the_middle() {
    steps_of_run() { steps_said | grep -e COPY -e RUN || :; }
    sed -i 's,^ENTRYPOINT,RUN ["/greeter"\, "run"]\nCOPY greeting /last\n&,' work/Dockerfile
    build || { cat said; fail "$system: a RUN"; }
    sed -i 's/return 0;/return 3;/' work/greeter.c
    broken 'RUN ["/greeter", "run"]' 'a RUN that fails'
    assert_file_contains said 'exit code: 3'
    ! steps_of_run | grep last || fail "$system: the step behind one that failed ran"
    broken 'exit code: 3' 'a RUN that fails again'
    sed -i 's/return 3;/return 0;/' work/greeter.c
    build || { cat said; fail "$system: the mended RUN"; }
    edit 0 'nothing changed after a RUN that failed'
    # The file is not text that anyone can read: nothing runs, and what was made stands.
    cp work/Dockerfile Dockerfile.good
    sed -i 's/^LABEL a=c/LABLE a=c/' work/Dockerfile
    broken 'unknown instruction: LABLE' 'a mistake in the Dockerfile'
    expect_eq '' "$(steps_said)" "$system: steps of a Dockerfile with a mistake"
    cp Dockerfile.good work/Dockerfile
    edit 0 'the mended Dockerfile'
}

# clean_all NUMBER: what clean leaves to do
clean_all() {
    "clean_$system" >said 2>&1 || { cat said; fail "$system: clean"; }
    build || { cat said; fail "$system: a build after clean"; }
    expect_eq "$1" "$(steps_said | wc -l)" "$system: steps after clean"
    says "$saying"
    edit 0 'nothing changed after clean'
}

# try SYSTEM EXAMPLE STEPS_AFTER_CLEAN
try() {
    system=$1
    export DFGEN_STORE="$PWD/store"
    # As installed: the program beside what it brings for others.
    mkdir -p installed/bin installed/share installed/libexec
    cp -R "$SRC/share/dfgen" installed/share/
    cp -R "$BUILD/bin/dfgen" installed/bin/
    cp -R "$BUILD/libexec/dfgen" installed/libexec/
    DFGEN_SHARE=$PWD/installed/share/dfgen
    PATH=$PWD/installed/bin:$PATH
    cp -R "$SRC/examples/$2" work
    chmod -R u+w work
    first_build
    edit_files
    edit_program
    edit_config
    edit_steps
    fail_in_the_middle
    clean_all "$3"
}
