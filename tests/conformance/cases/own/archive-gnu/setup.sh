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
tar("t.tar",[dict(name="é"*60+"/"+"x"*90,data=b"2"),dict(name="ll",type=L,linkname="t"*200),dict(name="big",data=b"1",uid=2097152+5,gid=3000000)],fmt=tarfile.GNU_FORMAT)
E
rm mk.py
