# shellcheck shell=sh
# Sourced by make: writes OCI image layouts with tar, gzip and sha256sum alone. Nothing of the clock or of the machine
# goes into one: the same files give the same digests.
# OUTDIR/.NAME is the record beside a layout: the scripts' digest, and for each layer its diff_id, digest and size.

oci=application/vnd.oci.image

# pack TAR FOLDER [PATH...]: the folder (or those paths in it) as a tar, appended where TAR exists; owner $owner (default 0)
pack() {
    archive=$1 from=$2
    shift 2
    [ $# -gt 0 ] || set -- .
    tar --sort=name --format=gnu --numeric-owner --owner="${owner:-0}" --group="${owner:-0}" \
        --mtime="@$SOURCE_DATE_EPOCH" -C "$from" -rf "$archive" "$@"
}

# put FILE: move it among the blobs; prints its digest and size
put() {
    hex=$(sha256sum <"$1" | cut -d ' ' -f 1)
    echo "sha256:$hex $(stat -c %s "$1")"
    mv "$1" "$new/blobs/sha256/$hex"
}

# layout_write TAR CONFIG: write the layout of $name (for $architecture, or this machine), TAR on top of $parent's layers, with CONFIG (JSON, without its
# braces) as the image's config
layout_write() {
    new=$tmp/layout
    mkdir -p "$new/blobs/sha256"
    [ -z "$parent" ] || sed -n '/^layer /p' "$out/.$parent" >"$tmp/layers"
    [ -n "$parent" ] || : >"$tmp/layers"
    while read -r _ _ digest _; do
        cp "$out/$parent/blobs/sha256/${digest#sha256:}" "$new/blobs/sha256/"
    done <"$tmp/layers"
    diff_id=sha256:$(sha256sum <"$1" | cut -d ' ' -f 1)
    gzip -n -1 <"$1" >"$tmp/blob"
    echo "layer $diff_id $(put "$tmp/blob")" >>"$tmp/layers"

    created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
    architecture=${architecture:-$(dpkg --print-architecture)}
    diff_ids='' history='' descriptors='' comma=''
    while read -r _ diff_id digest size; do
        diff_ids="$diff_ids$comma\"$diff_id\""
        history="$history$comma{\"created\":\"$created\",\"created_by\":\"tests/bases\"}"
        descriptors="$descriptors$comma{\"mediaType\":\"$oci.layer.v1.tar+gzip\",\"digest\":\"$digest\",\"size\":$size}"
        comma=,
    done <"$tmp/layers"
    printf '{"created":"%s","architecture":"%s","os":"linux","config":{%s},%s,"history":[%s]}\n' "$created" \
        "$architecture" "$2" "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[$diff_ids]}" "$history" >"$tmp/blob"
    put "$tmp/blob" >"$tmp/put"
    read -r digest size <"$tmp/put"
    config="{\"mediaType\":\"$oci.config.v1+json\",\"digest\":\"$digest\",\"size\":$size}"
    printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}\n' \
        "$oci.manifest.v1+json" "$config" "$descriptors" >"$tmp/blob"
    put "$tmp/blob" >"$tmp/put"
    read -r digest size <"$tmp/put"
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[{"mediaType":"%s","digest":"%s","size":%s,%s,%s}]}\n' \
        "$oci.index.v1+json" "$oci.manifest.v1+json" "$digest" "$size" \
        "\"platform\":{\"architecture\":\"$architecture\",\"os\":\"linux\"}" \
        '"annotations":{"org.opencontainers.image.ref.name":"latest"}' >"$new/index.json"
    echo '{"imageLayoutVersion":"1.0.0"}' >"$new/oci-layout"

    rm -rf "${out:?}/$name"
    mv "$new" "$out/$name"
    { echo "scripts $scripts"; cat "$tmp/layers"; } >"$out/.$name.new"
    mv "$out/.$name.new" "$out/.$name"
}

# from_debian PATH...: files of the debian layout, unpacked into the current folder
from_debian() {
    read -r _ _ digest _ <<END
$(sed -n '/^layer /p' "$out/.debian")
END
    tar -xzf "$out/debian/blobs/sha256/${digest#sha256:}" "$@"
}
