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
tar("t.tar",[dict(name=".wh.f",data=b""),dict(name="d/.wh..wh..opq",data=b""),dict(name="g",data=b"1")])
E
rm mk.py
