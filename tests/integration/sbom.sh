# shellcheck shell=sh
# What the tests of SBOMs share. Sourced by tests, behind tests/lib.sh.

# documents LAYOUT: write each document about its first image to TYPE.json, checked as the image specification has it
documents() {
    rm -f spdx.json cyclonedx.json provenance.json
    python3 - "$1" <<'END' || fail "the documents of $1 are not as they should be"
import hashlib, json, pathlib, sys
layout = pathlib.Path(sys.argv[1])
names = {"application/spdx+json": "spdx", "application/vnd.cyclonedx+json": "cyclonedx", "application/vnd.in-toto+json": "provenance"}
def blob(descriptor):
    data = (layout / "blobs/sha256" / descriptor["digest"][7:]).read_bytes()
    assert len(data) == descriptor["size"] and hashlib.sha256(data).hexdigest() == descriptor["digest"][7:], descriptor
    return data
manifests = json.loads((layout / "index.json").read_text())["manifests"]
image = {key: manifests[0][key] for key in ("mediaType", "digest", "size")}
for descriptor in manifests[1:]:
    assert "org.opencontainers.image.ref.name" not in descriptor["annotations"]
    manifest = json.loads(blob(descriptor))
    assert manifest["artifactType"] == descriptor["artifactType"] and manifest["subject"] == image, manifest
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json" and blob(manifest["config"]) == b"{}"
    [layer] = manifest["layers"]
    assert layer["mediaType"] == descriptor["artifactType"]
    assert descriptor["platform"] == {"architecture": "unknown", "os": "unknown"}
    pathlib.Path(names[descriptor["artifactType"]] + ".json").write_bytes(blob(layer))
END
}

# packages TYPE: the packages of this type, as "NAME VERSION", out of both SBOMs, which must say the same
packages() {
    python3 - "$1" <<'END'
import json, re, sys
spdx, cyclonedx = json.load(open("spdx.json")), json.load(open("cyclonedx.json"))
assert spdx["spdxVersion"] == "SPDX-2.3" and spdx["SPDXID"] == "SPDXRef-DOCUMENT" and spdx["dataLicense"] == "CC0-1.0"
assert cyclonedx["bomFormat"] == "CycloneDX" and cyclonedx["specVersion"] == "1.5" and cyclonedx["version"] == 1
uuid = r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
assert re.fullmatch(uuid, spdx["documentNamespace"]) and re.fullmatch(uuid, cyclonedx["serialNumber"])
ids = [package["SPDXID"] for package in spdx["packages"]]
assert len(set(ids)) == len(ids) and all(re.fullmatch("SPDXRef-[A-Za-z0-9.-]+", id) for id in ids)
related = {(r["spdxElementId"], r["relationshipType"], r["relatedSpdxElement"]) for r in spdx["relationships"]}
assert related == {("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image")} | {("SPDXRef-Image", "CONTAINS", id) for id in ids[1:]}
for package in spdx["packages"]:
    assert {"name", "downloadLocation", "licenseConcluded", "licenseDeclared", "copyrightText"} <= set(package)
assert len({one["bom-ref"] for one in cyclonedx["components"]}) == len(cyclonedx["components"])
def of(list, purl, version):
    return sorted((p["name"], p.get(version, ""), purl(p)) for p in list if purl(p).startswith("pkg:" + sys.argv[1] + "/"))
one = of(spdx["packages"], lambda p: p["externalRefs"][0]["referenceLocator"], "versionInfo")
other = of(cyclonedx["components"], lambda p: p["purl"], "version")
assert one == other, (one, other)
for name, version, purl in one:
    print(name, version)
END
}
