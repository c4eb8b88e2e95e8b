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
tar("u.tar.gz",[dict(name="a",data=b"".join(__import__("hashlib").sha256(b"%d" % i).digest() for i in range(150)))],"w:gz"); open("t.tar","wb").write(open("u.tar.gz","rb").read()[:3000])
E
rm mk.py
