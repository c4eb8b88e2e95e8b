#!/usr/bin/env python3
"""Write databases of rpm in its three forms, and programs as Go makes them, below a folder.

sbom-files.py FOLDER: what is in them is what sbom-files.test wants to find.
"""
import pathlib, sqlite3, struct, sys

root = pathlib.Path(sys.argv[1])


def header(name, version, release, epoch=None, arch="x86_64", source=None, filler=0):
    """A header as rpm keeps it: numbers of entries and bytes, entries, data. filler: bytes of a tag that nobody asks for."""
    entries, data = b"", b""
    values = {1000: name, 1001: version, 1002: release, 1014: "MIT", 1022: arch, 1044: source, 1005: "x" * filler or None}
    for tag, value in sorted(values.items()):
        if value is not None:
            entries += struct.pack(">IIII", tag, 6, len(data), 1)
            data += value.encode() + b"\0"
    if epoch is not None:
        data += b"\0" * (-len(data) % 4)
        entries += struct.pack(">IIII", 1003, 4, len(data), 1)
        data += struct.pack(">I", epoch)
    return struct.pack(">II", len(entries) // 16, len(data)) + entries + data


def write(path, data):
    path = root / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def sqlite(path, headers):
    """Small pages, so that there are overflow pages and a tree of several levels."""
    write(path, b"").unlink()
    with sqlite3.connect(root / path) as base:
        base.execute("PRAGMA page_size = 512")
        base.execute("CREATE TABLE 'Other' (a)")
        base.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        base.executemany("INSERT INTO Packages (blob) VALUES (?)", [(one,) for one in headers])
    base.close()


def ndb(path, headers):
    """Two pages of slots, of which the first has free ones; then blobs."""
    slots, blobs, block = [], b"", 2 * 4096 // 16
    for i, one in enumerate(headers, 1):
        if i == 2:
            slots += [struct.pack("<4sIII", b"Slot", 0, 0, 0)] * 254
        blob = struct.pack("<4sIII", b"BlbS", i, 1, len(one)) + one + b"\0" * (-len(one) % 16)
        slots.append(struct.pack("<4sIII", b"Slot", i, block + len(blobs) // 16, len(blob) // 16))
        blobs += blob
    slots += [struct.pack("<4sIII", b"Slot", 0, 0, 0)] * (2 * 256 - 2 - len(slots))
    write(path, struct.pack("<4sIIIIIII", b"RpmP", 0, 1, 2, len(headers) + 1, 0, 0, 0) + b"".join(slots) + blobs)


def bdb(path, headers, order):
    """A hash: a page of what it is, one with keys and where values lie, and each value in a chain of pages."""
    size = 512
    pages = [b"", b""]

    def page(number, following, count, used, kind, data):
        return (struct.pack(order + "8xIIIHHBB", number, 0, following, count, used, 0, kind) + data).ljust(size, b"\0")

    items = []
    for i, one in enumerate(headers, 1):
        first, room = len(pages), size - 26
        pieces = [one[at:at + room] for at in range(0, len(one), room)]
        for k, piece in enumerate(pieces):
            following = len(pages) + 1 if k + 1 < len(pieces) else 0
            pages.append(page(len(pages), following, 1, len(piece), 7, piece))
        items += [b"\1" + struct.pack(order + "I", i), b"\3\0\0\0" + struct.pack(order + "II", first, len(one))]
    items += [b"\1" + struct.pack(order + "I", 0), b"\1" + struct.pack(order + "I", len(headers))]
    offsets, end, body = [], size, b""
    for item in items:
        end -= len(item)
        body = item + body
        offsets.append(end)
    index = struct.pack(order + f"{len(offsets)}H", *offsets)
    pages[1] = page(1, 0, len(items), end, 13, index + b"\0" * (end - 26 - len(index)) + body)
    pages[0] = (struct.pack(order + "8xIIIIBBBBII", 0, 0x061561, 9, size, 0, 8, 0, 0, 0, len(pages) - 1)).ljust(size, b"\0")
    write(path, b"".join(pages))


def modules(*lines):
    return b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6" + "".join(
        line + "\n" for line in lines).encode() + b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2"


def program(path, order, wide, data_of):
    """An ELF file with one segment of data at an address of its own; data_of(address) makes what is in it."""
    address, start = 0x400000, 256
    data = data_of(address)
    kind = 2 if wide else 1
    ident = b"\x7fELF" + bytes([kind, 1 if order == "<" else 2, 1]) + b"\0" * 9
    if wide:
        head = struct.pack(order + "HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0)
        segment = struct.pack(order + "IIQQQQQQ", 1, 6, start, address, address, len(data), len(data), 4096)
    else:
        head = struct.pack(order + "HHIIIIIHHHHHH", 2, 3, 1, 0, 52, 0, 0, 52, 32, 1, 40, 0, 0)
        segment = struct.pack(order + "IIIIIIII", 1, start, address, address, len(data), len(data), 6, 4096)
    write(path, (ident + head + segment).ljust(start, b"\0") + data).chmod(0o755)


def counted(text):
    out, size = b"", len(text)
    while True:
        out += bytes([size & 127 | (128 if size > 127 else 0)])
        size >>= 7
        if not size:
            return out + text


def go_inline(version, mods):
    """Since Go 1.18: both texts lie behind the header."""
    return lambda address: b"\0" * 48 + b"\xff Go buildinf:\x08\x02".ljust(32, b"\0") + counted(version) + counted(mods)


def go_pointed(order, wide, version, mods):
    """Before: addresses of pairs of address and length."""
    word, size = ("Q", 8) if wide else ("I", 4)

    def data(address):
        pairs = 32
        texts = pairs + 4 * size
        head = b"\xff Go buildinf:" + bytes([size, 1 if order == ">" else 0])
        head += struct.pack(order + 2 * word, address + pairs, address + pairs + 2 * size)
        return head.ljust(32, b"\0") + struct.pack(order + 4 * word, address + texts, len(version), address + texts + len(version),
                                                   len(mods)) + version + mods
    return data


many = [header(f"many{i}", "1", "1", filler=i * 37) for i in range(90)]
sqlite("a/var/lib/rpm/rpmdb.sqlite", many + [
    header("bash", "5.2", "1.fc39", epoch=3, source="bash-5.2-1.fc39.src.rpm"), header("gpg-pubkey", "a", "b", arch=None)])
ndb("b/usr/lib/sysimage/rpm/Packages.db", [header("zypper", "1.14", "2", filler=100), header("suse", "15", "1", arch="noarch")])
bdb("c/var/lib/rpm/Packages", [header("old", "2", "3", filler=2000), header("small", "1", "1", filler=300)], "<")
bdb("d/var/lib/rpm/Packages", [header("big", "2", "3", filler=700)], ">")
write("d/var/lib/rpm/rpmdb.sqlite-wal", b"not yet written")
whole = (root / "c/var/lib/rpm/Packages").read_bytes()
write("e/var/lib/rpm/Packages", whole[:1536])

new = modules("path\texample.org/My/Prog", "mod\texample.org/My/Prog\t(devel)\t", "dep\texample.org/dep\tv1.2.3\th1:x=",
              "dep\texample.org/away\tv1.0.0", "=>\texample.org/fork\tv2.0.0\th1:y=", "dep\texample.org/here\tv0.1.0", "=>\t./here\t",
              "build\t-compiler=gc")
program("a/usr/bin/new", "<", True, go_inline(b"go1.20.1 X:boringcrypto", new))
old = modules("path\texample.org/old", "mod\texample.org/old\tv0.9.0\th1:z=")
program("b/bin/wide", "<", True, go_pointed("<", True, b"go1.16.5", old))
program("b/bin/narrow", ">", False, go_pointed(">", False, b"go1.12", old))
program("b/bin/none", "<", True, lambda address: b"no build information here".ljust(100, b"\0"))
program("e/bin/cut", "<", True, lambda address: go_inline(b"go1.20", new)(address)[:100])
