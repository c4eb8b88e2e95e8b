echo hello > f
tar --owner=0 --group=0 -cf t.tar f
gzip -n t.tar
head -c -8 t.tar.gz > none.tgz
head -c -4 t.tar.gz > half.tgz
(cat none.tgz; printf 12345678) > wrong.tgz
head -c -12 t.tar.gz > cut.tgz
