cat > mk.py <<'E'
import tarfile,io,sys,gzip
def tar(name, entries, mode="w", fmt=tarfile.PAX_FORMAT):
    t=tarfile.open(name,mode,format=fmt)
    for e in entries:
        n=e.pop("name"); ti=tarfile.TarInfo(n); d=e.pop("data",b"")
        for k,x in e.items(): setattr(ti,k,x)
        ti.size=len(d); t.addfile(ti, io.BytesIO(d))
    t.close()
D=tarfile.DIRTYPE; L=tarfile.SYMTYPE; H=tarfile.LNKTYPE
exec(sys.stdin.read())
E
python3 mk.py <<'E'
tar("t.tar",[dict(name="d",type=D,mode=0o750,uid=3,gid=4),dict(name="d/f",data=b"x",mode=0o4711,uid=5,gid=6),dict(name="h",type=H,linkname="d/f",mode=0o640,uid=7,gid=8),dict(name="g",data=b"y",mode=0o600),dict(name="d/g",type=H,linkname="d/../g",mode=0o600)])
E
rm mk.py
