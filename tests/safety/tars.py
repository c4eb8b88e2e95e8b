#!/usr/bin/env python3
"""tars.py DFGEN-BASE THREAT...: hostile and odd layers, made here, and what becomes of each. Run by the tests of these threats in an empty folder."""
import glob, gzip, hashlib, io, json, os, resource, subprocess, sys, tarfile

BASE, CHOSEN = sys.argv[1], sys.argv[2:]
TYPES = {"f": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE, "h": tarfile.LNKTYPE, "c": tarfile.CHRTYPE, "p": tarfile.FIFOTYPE}
PLAIN = "application/vnd.oci.image.layer.v1.tar"
threat, ran, failures = "", 0, 0


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(*entries, format=tarfile.PAX_FORMAT):
    """Entries are "TYPE NAME [LINK or CONTENT or MAJOR:MINOR]", or that with a dict of attributes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for entry in entries:
            text, attributes = entry if isinstance(entry, tuple) else (entry, {})
            kind, name, rest = (text.split(" ") + [""])[:3]
            info = tarfile.TarInfo(name)
            info.type = TYPES[kind]
            info.mode = 0o755 if kind == "d" else 0o644
            if kind in "lh":
                info.linkname = rest
            if kind == "c":
                info.devmajor, info.devminor = map(int, rest.split(":"))
            content = rest.encode() if kind == "f" else b""
            info.size = len(content)
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def pax(**records):
    return {"pax_headers": {key.replace("__", "."): value for key, value in records.items()}}


def small_files():
    """No row needs a large file: one that grows in spite of the limits ends at once, and the disk is not filled."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, 64 << 20))


def check(what, want, plain, blob=None, kind=PLAIN, **members):
    """want: part of the message, or the listing as {path: beginning of the rest of its line}."""
    global ran, failures
    if threat not in CHOSEN:
        return
    ran += 1
    blob = plain if blob is None else blob
    layer = {"mediaType": kind, "digest": digest(blob), "size": len(blob), "diff_id": digest(plain), **members}
    for name in (".dfgen", "store"):
        subprocess.run(["rm", "-rf", name])
    os.makedirs(".dfgen/bases")
    with open("blob", "wb") as file:
        file.write(blob)
    with open(".dfgen/settings.json", "w") as file:
        json.dump({"store": os.path.abspath("store")}, file)
    with open(".dfgen/bases/x.json", "w") as file:
        json.dump({"kind": "base", "layer": layer, "in": ["blob blob", "out .dfgen/bases/x.stamp"]}, file)
    run = subprocess.run([BASE, ".dfgen/bases/x.json"], capture_output=True, timeout=120, preexec_fn=small_files)
    said, problem = run.stderr.decode(errors="replace"), None
    layers = glob.glob("store/layers/*/*/list")
    if isinstance(want, str):
        if run.returncode != 1 or want not in said:
            problem = f"want exit 1 and {want!r}, got exit {run.returncode} and {said!r}"
        elif layers or os.path.exists(".dfgen/bases/x.stamp") or glob.glob("store/tmp/*"):
            problem = "something is left"
    elif run.returncode or len(layers) != 1:
        problem = f"exit {run.returncode}: {said}"
    else:
        with open(layers[0], "rb") as file:
            lines = file.read().decode(errors="surrogateescape").split("\n")[1:-1]
        got = dict(line.split("\t", 1) for line in lines)
        if set(got) != set(want) or any(not got[path].startswith(rest) for path, rest in want.items()):
            problem = f"listed: {got}"
    if os.path.exists("outside"):
        problem = "it wrote outside"
    if problem:
        failures += 1
        print(f"fail: {what}: {problem}")


ok = tar("d a/", "f a/f x")
listed = {"a": "d\t0755\t0\t0", "a/f": "f\t0644\t0\t0\t1\t"}
check("as it should be", listed, ok)

threat = "S36"   # digests, sizes, compression
packed, GZIP, ZSTD = gzip.compress(ok, mtime=0), PLAIN + "+gzip", PLAIN + "+zstd"
framed = subprocess.run(["zstd", "-qc"], input=ok, stdout=subprocess.PIPE).stdout
damaged = bytearray(packed)
damaged[len(packed) // 2] ^= 1
check("digest", "its digest is", ok, digest="sha256:" + "0" * 64)
check("diff id", "its diff id is", ok, diff_id="sha256:" + "0" * 64)
check("size too small", "the manifest says", ok, size=len(ok) - 1)
check("size too large", "the manifest says", ok, size=len(ok) + 1)
check("gzip", listed, ok, packed, GZIP)
check("Docker's name for it", listed, ok, packed, "application/vnd.docker.image.rootfs.diff.tar.gzip")
check("gzip of two members", listed, ok + bytes(512), packed + gzip.compress(bytes(512)), GZIP)
check("zstd", listed, ok, framed, ZSTD)
check("gzip that is cut", "gzip data", ok, packed[:-20], GZIP)
check("zstd that is cut", "zstd data", ok, framed[:-5], ZSTD)
check("gzip that is damaged", "its digest is", ok, bytes(damaged), GZIP, digest=digest(packed))
check("gzip in gzip", "of the tar", packed, gzip.compress(packed), GZIP)
check("gzip called plain", "but its content is gzip", ok, packed)
check("plain called gzip", "but its content is not compressed", ok, ok, GZIP)
check("unknown media type", '"application/x-y", which dfgen does not know', ok, kind="application/x-y")

# What is no whole tar
check("no tar", "no tar header", b"x" * 2000)
check("a tar that is cut", "ends too early", ok[:700])
check("nothing", {}, b"")

threat = "S20"   # names
check("..", '".." in a name', tar("f ../outside x"))
check(".. in the middle", '".." in a name', tar("f a/../../outside x"))
check(".. by pax", '".." in a name', tar(("f x x", pax(path="../../outside"))))
check(".. at the end", '".." in a name', tar("d a/.."))
check("absolute", {"outside": "f", "x": "f"}, tar("f /outside x", "f ./x"))
check("long component", "longer than 255", tar("f " + "n" * 256))
check("long name", "longer than 4095", tar("f " + "/".join(["n" * 200] * 25)))
threat = "S33"
check("odd names", {"-a": "f", "n\\012t\\011b\\134": "f", "\udcff\"'": "f"}, tar("f -a", "f n\nt\tb\\", "f \udcff\"'"))

threat = "S21"   # links on the way lead inside
check("a link out", {"a": "l\t0777\t0\t0\t/etc", "etc": "d", "etc/passwd": "f"}, tar("l a /etc", "f a/passwd x"))
check("a link up", {"a": "l", "tmp": "d", "tmp/x": "f"}, tar("l a ../../../../tmp", "f a/x x"))
check("a link to here", {"usr": "d", "usr/lib": "d", "lib": "l", "usr/lib/x": "f"}, tar("d usr/lib/", "l lib usr/lib", "f lib/x x"))
check("links in a ring", "too many symbolic links", tar("l a b", "l b a", "f a/x x"))
check("below a file", "no folder", tar("f d x", "f d/y x"))

threat = "S22"   # hard links
check("hard link out", "no file of this layer", tar("h a /etc/shadow"))
check("hard link up", '".." in a name', tar("h a ../../etc/shadow"))
check("hard link to a folder", "no file of this layer", tar("d d/", "h a d"))
check("hard link to a link", {"l": "l", "a": "l\t0777\t0\t0\t/etc/passwd"}, tar("l l /etc/passwd", "h a l"))
check("hard link", {"a": "f\t0644\t0\t0\t1\t", "b": "h\ta", "c": "h\ta"}, tar("f c x", "h a c", "h b c"))
check("hard link to itself", {"a": "f"}, tar("f a x", "h a a"))

threat = "S23"   # whiteouts
for name in (".wh.", ".wh..", ".wh...", "d/.wh."):
    check("whiteout " + name, "deletes nothing", tar("f " + name))
check("whiteout", {"x": "w", "d": "d", "d/y": "w"}, tar("f .wh.x", "f d/.wh.y"))
check("opaque", {"d": "D"}, tar("d d/", "f d/.wh..wh..opq"))
check("opaque before its folder", {"d": "D\t0755\t7"}, tar("f d/.wh..wh..opq", ("d d/", {"uid": 7})))
check("opaque root", {"": "D"}, tar("f .wh..wh..opq"))
check("opaque behind a link", {"t": "D", "l": "l"}, tar("d t/", "l l t", "f l/.wh..wh..opq"))
check("deleted and made again", {"d": "D", "d/x": "f"}, tar("f .wh.d", "d d/", "f d/x x"))
check("made and deleted", {"d": "D", "d/x": "f"}, tar("d d/", "f d/x x", "f .wh.d"))
check("AUFS's own", {"x": "f"}, tar("f .wh..wh.plnk/1 x", "f x x"))
threat = "S24"   # what overlayfs takes for its own
check("a whiteout's device", "takes for a deletion", tar("c c 0:0"))
for name in ("user__overlay__redirect", "trusted__overlay__opaque", "user__overlay__metacopy"):
    check(name, "belongs to overlayfs", tar(("d d/", pax(**{"SCHILY__xattr__" + name: "y"}))))
check("other xattrs", {"f": "f\t0644\t0\t0\t0\t" + digest(b"")[7:] + "\txattr user.a=62"},
      tar(("f f", pax(SCHILY__xattr__user__a="b", SCHILY__xattr__security__selinux="c", SCHILY__xattr__user__overlay__origin="d"))))

threat = "S25"
check("special files", {"c": "c\t0644\t0\t0\t5:1", "p": "p"}, tar("c c 5:1", "p p"))
threat = "S26"
check("set-id", {"s": "f\t6755\t1\t2"}, tar(("f s x", {"mode": 0o6755, "uid": 1, "gid": 2})))
threat = "S27"
check("root as a link", "must be a folder", tar("l . /"))
check("root as a folder", {"": "d\t0700\t1\t2"}, tar(("d .", {"mode": 0o700, "uid": 1, "gid": 2})))
threat = "S28"
check("a bomb", "more than 200 times", tar(("f a", pax(GNU__sparse__map="0,0", GNU__sparse__size=str(10 << 30)))))
check("a long name", "longer than", tar(("f a", pax(path="n/" * 2100))))
check("a long link", "longer than", tar(("l a", {"linkname": "n" * 4200})))
check("a large attribute", "more than 64 KiB", tar(("f a", pax(SCHILY__xattr__user__a="b" * 66000))))
check("a large header", "header", tar(("f a", {"pax_headers": {"comment": "x" * (1024 * 1024 + 1)}})))
check("many attributes", "more than 1 MiB", tar(("f a", {"pax_headers": {f"SCHILY.xattr.user.{i}": "b" * 60000 for i in range(40)}})))
threat = "S29"
check("again, through a link", {"a": "f\t0644\t0\t0\t1", "b": "f\t0644\t0\t0\t2", "c": "f\t0644\t0\t0\t3"},
      tar("f a 1", "l b a", "f b 22", "h c a", "f c 333"))
check("folder, file, folder", {"d": "D", "d/y": "f"}, tar("d d/", "f d/x x", "f d x", "d d/", "f d/y x"))

threat = "S32"   # numbers
check("the largest id", {"a": "f\t0644\t4294967294\t70000"}, tar(("f a", {"uid": 2**32 - 2, "gid": 70000})))
check("an id too large", "out of range", tar(("f a", {"uid": 2**32 - 1})))
check("a negative id", "out of range", tar(("f a", {"uid": -1}), format=tarfile.GNU_FORMAT))
check("before 1970", {"a": "f"}, tar(("f a", {"mtime": -5.5})))
check("GNU's long names", {"n" * 200: "d", "n" * 200 + "/" + "m" * 150: "f", "s": "l\t0777\t0\t0\t" + "t" * 300},
      tar("f " + "n" * 200 + "/" + "m" * 150, "l s " + "t" * 300, format=tarfile.GNU_FORMAT))


def forged(start, octal):
    """A tar of one file, with another number in its header."""
    data = bytearray(tar("f a x", format=tarfile.USTAR_FORMAT))
    data[start:start + len(octal)] = octal
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


SIZE, UID, TIME = 124, 108, 136
check("a negative size", "negative size", forged(SIZE, b"\xff" * 12))
check("a size beyond all", "size is malformed", forged(SIZE, b"\x80" + b"\x7f" * 11))
check("a size that is none", "size is malformed", forged(SIZE, b"99999999999\0"))
check("an id beyond all", "out of range", forged(UID, b"\x80" + b"\x7f" * 7))
check("a time beyond all", "time is malformed", forged(TIME, b"\x80" + b"\x7f" * 11))
check("a size that the tar does not have", "more than 200 times", forged(SIZE, b"77777777777\0"))
check("a size a little too large", "ends too early", forged(SIZE, b"00000100000\0"))

if not ran:
    sys.exit("no row for " + " ".join(CHOSEN))
sys.exit(failures != 0)
