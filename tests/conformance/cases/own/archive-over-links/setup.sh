for f in abs rel gone file chain deep; do mkdir -p in/$f/sub; echo $f > in/$f/x; echo $f > in/$f/sub/y; done
tar cf t.tar -C in --owner 0 --group 0 abs/x abs/sub/y rel/x gone/x file/x chain/sub/y deep/x
rm -r in
