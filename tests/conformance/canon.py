#!/usr/bin/env python3
"""Print an OCI image in the canonical form that README.md describes.

    canon.py IMAGE [--bases DIR | --base LAYOUT] [--volatile GLOB]...

IMAGE is an OCI layout, as a folder or a tar. The base is the layout whose layers are the longest
beginning of the image's own (any layout in DIR, or the one named); what it holds is left out of
`files`. Every digest, size and media type on the way is checked, and a wrong one is an error.
Python 3 standard library only, and the zstd program where a layer is zstd-compressed.
"""
import argparse, base64, fnmatch, gzip, hashlib, io, json, os, subprocess, sys, tarfile, threading, zlib

CONFIG_KEYS = ("Env", "Cmd", "Entrypoint", "WorkingDir", "User", "ExposedPorts", "Volumes", "Labels",
               "StopSignal", "Healthcheck", "Shell", "OnBuild")
INDEXES = ("application/vnd.oci.image.index.v1+json",
           "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = {"application/vnd.oci.image.manifest.v1+json": "application/vnd.oci.image.config.v1+json",
             "application/vnd.docker.distribution.manifest.v2+json": "application/vnd.docker.container.image.v1+json"}
LAYERS = {"application/vnd.oci.image.layer.v1.tar": "tar",
          "application/vnd.oci.image.layer.v1.tar+gzip": "gzip",
          "application/vnd.oci.image.layer.v1.tar+zstd": "zstd",
          "application/vnd.docker.image.rootfs.diff.tar": "tar",
          "application/vnd.docker.image.rootfs.diff.tar.gzip": "gzip",
          "application/vnd.docker.image.rootfs.diff.tar.zstd": "zstd"}


class BadImage(Exception):
    pass


class Layout:
    """An OCI layout, as a folder or a tar of one."""

    def __init__(self, path):
        self.path = path
        self.tar = None
        if not os.path.isdir(path):
            try:
                self.tar = tarfile.open(path, "r:")
            except (OSError, tarfile.TarError) as e:
                raise BadImage(f"{path}: neither an OCI layout folder nor a tar of one ({e})")
            self.names = {os.path.normpath(m.name): m for m in self.tar.getmembers()}
        try:
            version = json.load(self.open("oci-layout")).get("imageLayoutVersion")
        except (OSError, KeyError) as e:
            raise BadImage(f"{path}: no oci-layout file ({e})")
        if version != "1.0.0":
            raise BadImage(f"{path}: imageLayoutVersion is {version!r}")

    def open(self, name):
        if self.tar:
            return self.tar.extractfile(self.names[name])
        return open(os.path.join(self.path, name), "rb")

    def blob(self, desc):
        """The blob as an open file, once its digest and size are checked."""
        algorithm, _, value = desc["digest"].partition(":")
        try:
            f = self.open(f"blobs/{algorithm}/{value}")
        except (OSError, KeyError):
            raise BadImage(f"blob {desc['digest']} is missing")
        digest, size = hashlib.new(algorithm), 0
        while chunk := f.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
        if digest.hexdigest() != value:
            raise BadImage(f"blob {desc['digest']}: its content has digest {digest.hexdigest()}")
        if size != desc["size"]:
            raise BadImage(f"blob {desc['digest']}: the descriptor says size {desc['size']}, it has {size}")
        f.seek(0)
        return f

    def json(self, desc):
        return json.load(self.blob(desc))

    def images(self):
        """Every image in the layout: (manifest, config) pairs, the attestations left out."""
        def walk(index):
            for desc in index["manifests"]:
                kind = desc.get("mediaType")
                if kind in INDEXES:
                    yield from walk(self.json(desc))
                elif kind in MANIFESTS:
                    if desc.get("annotations", {}).get("vnd.docker.reference.type"):
                        continue
                    manifest = self.json(desc)
                    if manifest.get("mediaType", kind) != kind:
                        raise BadImage(f"the manifest calls itself {manifest['mediaType']}, its descriptor {kind}")
                    config = manifest["config"]
                    if config["mediaType"] != MANIFESTS[kind]:
                        raise BadImage(f"a {kind} with a config of type {config['mediaType']}")
                    yield manifest, self.json(config)
                else:
                    raise BadImage(f"media type {kind} in an index")
        return list(walk(json.load(self.open("index.json"))))


class Plain(io.RawIOBase):
    """A layer's tar stream, its digest and length taken on the way."""

    def __init__(self, source):
        self.source, self.digest = source, hashlib.sha256()

    def read(self, n=-1):
        data = self.source.read(n)
        self.digest.update(data)
        return data


def split(name):
    parts = [p for p in name.split("/") if p not in ("", ".")]
    if ".." in parts:
        raise BadImage(f"a layer has an entry named {name!r}")
    return parts


class Tree:
    """A flattened root: path (a tuple) -> node. Names of one file share one node."""

    def __init__(self, nodes=None):
        self.nodes = dict(nodes or {})

    def resolve(self, parts):
        """The path with the symlinks in it followed, inside this root; the last part is not."""
        done, todo, hops = (), list(parts), 0
        while todo:
            part = todo.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                done = done[:-1]
                continue
            node = self.nodes.get(done + (part,))
            if todo and node and node["type"] == "symlink":
                hops += 1
                if hops > 40:
                    raise BadImage(f"too many symlinks on the way to /{'/'.join(parts)}")
                if node["target"].startswith("/"):
                    done = ()
                todo = node["target"].split("/") + todo
                continue
            done += (part,)
        return done

    def remove(self, path, keep=(), itself=True):
        """Remove what is under path (and path itself), but for what is in keep."""
        n = len(path)
        for p in [p for p in self.nodes if p[:n] == path and (itself or len(p) > n) and p not in keep]:
            del self.nodes[p]

    def apply(self, stream):
        """Lay one layer's tar over the tree."""
        fresh = set()
        with tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 18) as tar:
            for entry in tar:
                parts = split(entry.name)
                if not parts:
                    self.nodes[()] = describe(entry, tar)
                    continue
                path = self.resolve(parts)
                parent, name = path[:-1], path[-1]
                if name == ".wh..wh..opq":
                    self.remove(parent, keep=fresh, itself=False)
                    continue
                if name.startswith(".wh."):
                    self.remove(parent + (name[4:],), keep=fresh)
                    continue
                for i in range(1, len(path)):           # parents that no layer has named
                    if path[:i] not in self.nodes:
                        self.nodes[path[:i]] = {"type": "dir", "mode": "0755", "uid": 0, "gid": 0}
                if entry.islnk():
                    first = self.resolve(split(entry.linkname))
                    if first not in self.nodes:
                        raise BadImage(f"a layer has a hard link {entry.name} to {entry.linkname}, which is not there")
                    node = self.nodes[first]
                else:
                    node = describe(entry, tar)
                old = self.nodes.get(path)
                if old and old["type"] == "dir" and node["type"] != "dir":
                    self.remove(path)
                self.nodes[path] = node
                fresh.add(path)

    def records(self):
        """path -> what the canonical form says of it."""
        out, first = {}, {}
        for path in sorted(self.nodes, key=lambda p: os.fsencode("/".join(p))):
            node, name = self.nodes[path], "/" + "/".join(path)
            record = {"path": name, **node}
            if node["type"] != "dir" and id(node) in first:
                record = {"path": name, "type": node["type"], "hardlink": first[id(node)]}
            first.setdefault(id(node), name)
            out[name] = record
        return out


def describe(entry, tar):
    kinds = {tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink", tarfile.CHRTYPE: "char",
             tarfile.BLKTYPE: "block", tarfile.FIFOTYPE: "fifo"}
    kind = "file" if entry.isreg() else kinds.get(entry.type)
    if not kind:
        raise BadImage(f"a layer has the entry {entry.name} of type {entry.type!r}")
    node = {"type": kind}
    if kind != "symlink":                               # Linux has no modes on symlinks
        node["mode"] = "%04o" % (entry.mode & 0o7777)
    node.update(uid=entry.uid, gid=entry.gid)
    if kind == "file":
        digest, size, f = hashlib.sha256(), 0, tar.extractfile(entry)
        while chunk := f.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
        node.update(size=size, sha256=digest.hexdigest())
    if kind == "symlink":
        node["target"] = entry.linkname
    if kind in ("char", "block"):
        node["rdev"] = f"{entry.devmajor}:{entry.devminor}"
    xattrs = {k[13:]: base64.b64encode(v.encode("utf-8", "surrogateescape")).decode()
              for k, v in entry.pax_headers.items() if k.startswith("SCHILY.xattr.")}
    if xattrs:
        node["xattrs"] = dict(sorted(xattrs.items()))
    return node


def apply_layer(tree, layout, desc, diff_id):
    packing = LAYERS.get(desc["mediaType"])
    if not packing:
        raise BadImage(f"layer {desc['digest']} has media type {desc['mediaType']}")
    blob = layout.blob(desc)
    magic = blob.read(4)
    blob.seek(0)
    found = "tar"
    if magic[:2] == b"\x1f\x8b":
        found = "gzip"
    elif magic in (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"):
        found = "zstd"
    if found != packing:
        raise BadImage(f"layer {desc['digest']} has media type {desc['mediaType']}, but its content is {found}")
    if packing == "zstd":
        zstd = subprocess.run(["zstd", "-dc"], input=blob.read(), stdout=subprocess.PIPE)
        if zstd.returncode:
            raise BadImage(f"layer {desc['digest']}: zstd cannot unpack it")
        blob = io.BytesIO(zstd.stdout)
    stream = Plain(gzip.GzipFile(fileobj=blob) if packing == "gzip" else blob)
    try:
        tree.apply(stream)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as e:
        raise BadImage(f"layer {desc['digest']}: {e}")
    while stream.read(1 << 20):                         # what comes after the tar's end counts too
        pass
    if "sha256:" + stream.digest.hexdigest() != diff_id:
        raise BadImage(f"layer {desc['digest']}: the config's diff_id is {diff_id}, "
                       f"its content's sha256:{stream.digest.hexdigest()}")


def flatten(layout, manifest, config, tree=None, skip=0):
    diff_ids = config["rootfs"]["diff_ids"] or []     # BuildKit writes null for an image without layers
    layers = manifest["layers"] or []
    if len(diff_ids) != len(layers):
        raise BadImage(f"{len(layers)} layers in the manifest, {len(diff_ids)} diff_ids in the config")
    filled = [h for h in (config.get("history") or []) if not h.get("empty_layer")]
    if config.get("history") and len(filled) != len(diff_ids):
        raise BadImage(f"{len(diff_ids)} layers, but {len(filled)} history entries without empty_layer")
    tree = tree or Tree()
    for desc, diff_id in list(zip(layers, diff_ids))[skip:]:
        apply_layer(tree, layout, desc, diff_id)
    return tree


class Base:
    """A base image: its diff_ids, its history, and (when first asked for) its flattened root."""

    def __init__(self, path):
        self.layout = Layout(path)
        self.manifest, self.config = self.layout.images()[0]
        self.diff_ids = self.config["rootfs"]["diff_ids"] or []
        self.history = [h.get("created_by") for h in (self.config.get("history") or [])]
        self.tree, self.lock = None, threading.Lock()

    def flatten(self):
        with self.lock:
            if self.tree is None:
                self.tree = flatten(self.layout, self.manifest, self.config)
            return self.tree


def load_bases(folder):
    """The base images in a folder of layouts, in name order."""
    return [Base(os.path.join(folder, n)) for n in sorted(os.listdir(folder))
            if os.path.exists(os.path.join(folder, n, "oci-layout"))]


def find_base(config, bases):
    """The base with the most layers among those that the image begins with, or None."""
    mine = config["rootfs"]["diff_ids"] or []
    fits = [b for b in bases if b.diff_ids and mine[:len(b.diff_ids)] == b.diff_ids]
    return max(fits, key=lambda b: len(b.diff_ids), default=None)


def word(entry):
    """COPY for "COPY a /b # buildkit", and in the older form: "/bin/sh -c #(nop) COPY ...", RUN without "#(nop)"."""
    text = entry.get("created_by") or ""
    if text.startswith(("/bin/sh -c", "|")):
        return text.partition("#(nop)")[2].split()[0] if "#(nop)" in text else "RUN"
    return (text.split() or [""])[0].upper()


def canonical_image(layout, manifest, config, bases, volatile):
    base = find_base(config, bases)
    skip, before, history = 0, {}, (config.get("history") or [])
    tree = Tree()
    if base:
        skip = len(base.diff_ids)
        before = base.flatten().records()
        tree = Tree(base.tree.nodes)
        if [h.get("created_by") for h in history[:len(base.history)]] == base.history:
            history = history[len(base.history):]
    after = flatten(layout, manifest, config, tree, skip).records()
    after.pop("/", None)
    before.pop("/", None)
    changed = [r for p, r in after.items() if before.get(p) != r]
    gone = {p: None for p in before if p not in after}
    for record in changed:
        if any(fnmatch.fnmatchcase(record["path"], g) for g in volatile) and record["type"] == "file":
            record.pop("size", None)
            record.pop("sha256", None)
    out = {"config": {k: config.get("config", {})[k] for k in CONFIG_KEYS if config.get("config", {}).get(k)},
           "platform": "/".join(filter(None, (config.get("os"), config.get("architecture"), config.get("variant")))),
           "files": changed,
           "removed": [p for p in gone if os.path.dirname(p) not in gone],
           "history": [word(h) for h in history],
           "layers": len(manifest["layers"] or []) - skip}
    if config.get("author"):
        out["author"] = config["author"]
    return out


def canonical(path, bases=(), volatile=()):
    """The canonical form of the image at path. Raises BadImage."""
    layout = Layout(path)
    images = layout.images()
    if not images:
        raise BadImage(f"{path}: no image in its index")
    forms = [canonical_image(layout, m, c, bases, volatile) for m, c in images]
    if len(forms) == 1:
        return {"result": "ok", **forms[0]}
    return {"result": "ok", "platforms": {f["platform"]: f for f in forms}}


def dump(form, out):
    """Write a canonical form as JSON, a file's record a line."""
    def render(value, indent):
        pad = "\n" + " " * indent
        if isinstance(value, dict) and value and indent < 5 and "path" not in value:
            members = [f"{pad}{json.dumps(k)}: {render(v, indent + 1)}" for k, v in value.items()]
            return "{" + ",".join(members) + pad[:-1] + "}"
        if isinstance(value, list) and any(isinstance(v, dict) for v in value):
            return "[" + ",".join(pad + json.dumps(v) for v in value) + pad[:-1] + "]"
        return json.dumps(value)
    out.write(render(form, 1) + "\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("image")
    ap.add_argument("--bases", metavar="DIR", help="a folder of base layouts")
    ap.add_argument("--base", metavar="LAYOUT", help="the base's layout")
    ap.add_argument("--volatile", metavar="GLOB", action="append", default=[], help="paths whose content is left out")
    a = ap.parse_args()
    try:
        bases = load_bases(a.bases) if a.bases else []
        if a.base:
            bases = [Base(a.base)]
        form = canonical(a.image, bases, a.volatile)
    except BadImage as e:
        sys.exit(f"canon.py: {e}")
    dump(form, sys.stdout)


if __name__ == "__main__":
    main()
