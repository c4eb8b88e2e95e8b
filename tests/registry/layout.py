#!/usr/bin/env python3
"""An OCI layout for tests of registries: layout.py FOLDER MEBIBYTES [PLATFORM...]. One image with a layer of that size (of zeros, as a
tar); with platforms an index of an image each, whose layers differ."""
import hashlib
import io
import json
import os
import sys
import tarfile

folder, size, platforms = sys.argv[1], int(sys.argv[2]) << 20, sys.argv[3:]
OCI = "application/vnd.oci.image."
os.makedirs(folder + "/blobs/sha256")


def blob(data, kind, **more):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    name = hashlib.sha256(data).hexdigest()
    with open(folder + "/blobs/sha256/" + name, "wb") as file:
        file.write(data)
    return {"mediaType": OCI + kind, "digest": "sha256:" + name, "size": len(data), **more}


def image(system, architecture, **more):
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w") as tar:
        for name, data in (("platform", architecture.encode()), ("zeros", bytes(size))):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    layer = blob(text.getvalue(), "layer.v1.tar")
    config = {"os": system, "architecture": architecture, "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    return blob({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": blob(config, "config.v1+json"),
                 "layers": [layer]}, "manifest.v1+json", **more)


machine = os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64")
images = []
for platform in platforms:
    system, architecture = platform.split("/")
    images.append(image(system, architecture, platform={"os": system, "architecture": architecture}))
index = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": images}
top = blob(index, "index.v1+json") if platforms else image("linux", machine)
top["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
with open(folder + "/index.json", "w") as file:
    json.dump({"schemaVersion": 2, "manifests": [top]}, file)
with open(folder + "/oci-layout", "w") as file:
    json.dump({"imageLayoutVersion": "1.0.0"}, file)
