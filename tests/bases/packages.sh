# shellcheck shell=sh
# Sourced by make: what it asks of apt. Nothing else here knows where packages come from: the machine's apt
# configuration says it, mirrors, proxies and certificates included.

suite=${BASES_SUITE:-$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")}
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-1735689600}"

# need COMMAND PACKAGE: install the package when there is no such command
need() {
    command -v "$1" >/dev/null || apt-get install -qq -y --no-install-recommends "$2" >&2
}

# the address that this machine's apt has for the suite; empty while there are no package lists
mirror() {
    apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' | sed -n "s/^$suite //p" | head -n 1
}

# packages STATUS FOLDER NAME...: unpack the packages and what they depend on into FOLDER, without what the dpkg status file
# STATUS says is there already. Their scripts are not run, so this needs no root; docs are left out.
packages() {
    status=$1 into=$2
    shift 2
    [ -n "$(mirror)" ] || apt-get update -qq >&2
    apt-get install --simulate --no-install-recommends -o Dir::State::status="$status" "$@" >"$tmp/plan" ||
        { echo "make: apt cannot install $*: are the package lists there (apt-get update)?" >&2; exit 1; }
    mkdir "$tmp/debs"
    # shellcheck disable=SC2046 # one word for each package
    (cd "$tmp/debs" && apt-get download -qq -o APT::Sandbox::User=root $(sed -n 's/^Inst \([^ ]*\).*/\1/p' "$tmp/plan"))
    for deb in "$tmp"/debs/*.deb; do
        dpkg-deb -x "$deb" "$into"
    done
    (cd "$into" && rm -rf usr/share/doc usr/share/man usr/share/info usr/share/locale usr/share/lintian)
    rm -rf "$tmp/debs"
}

# foreign_package ARCHITECTURE FOLDER NAME: unpack one package of another architecture, with package lists of its own: what this
# machine's apt knows stays as it is
foreign_package() {
    mkdir -p "$tmp/foreign/lists/partial" "$tmp/foreign/cache/archives/partial"
    set -- "$@" -qq -o APT::Architecture="$1" -o APT::Architectures="$1" -o Dir::State::lists="$tmp/foreign/lists" \
        -o Dir::Cache="$tmp/foreign/cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root
    foreign_folder=$2 foreign_name=$3
    shift 3
    apt-get "$@" update >&2
    (cd "$tmp/foreign" && apt-get "$@" download "$foreign_name")
    for deb in "$tmp"/foreign/*.deb; do
        dpkg-deb -x "$deb" "$foreign_folder"
    done
    rm -rf "$tmp/foreign"
}

# debian_root TAR PACKAGES: a small Debian as a tar, the same on every run: no docs, no logs, no device nodes, no ids
debian_root() {
    need mmdebstrap mmdebstrap
    [ -n "$(mirror)" ] || apt-get update -qq >&2
    mmdebstrap --quiet --variant=minbase --include="$2" \
        --aptopt='APT::Install-Recommends "false"' \
        --aptopt='Acquire::Check-Valid-Until "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook='rm -rf "$1"/var/log/* "$1"/var/cache/ldconfig/aux-cache' \
        --customize-hook='rm -f "$1"/etc/machine-id "$1"/etc/resolv.conf' \
        --customize-hook='echo debian >"$1"/etc/hostname; chmod 644 "$1"/etc/hostname' \
        "$suite" "$1" "deb $(mirror) $suite main"
    tar --delete -f "$1" --wildcards './dev/*'
}
