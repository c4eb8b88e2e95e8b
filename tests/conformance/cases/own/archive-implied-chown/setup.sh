python3 - <<'E'
import tarfile, io
with tarfile.open("t.tar", "w") as tar:
    for name, kind in ("a/b/f", None), ("c", tarfile.DIRTYPE), ("c/d/f", None), ("late/f", None), ("late", tarfile.DIRTYPE):
        info = tarfile.TarInfo(name)
        info.uid, info.gid, info.mode = 12, 34, 0o640
        if kind:
            info.type, info.mode = kind, 0o750
        tar.addfile(info, io.BytesIO(b""))
E
