mkdir -p a/b/c src/sub node_modules/x docs e .hd
for f in a/1 a/b/2 a/b/c/3 a/keep a/b/keep a/b/c/keep src/m.go src/m.o src/sub/n.go src/sub/n.o node_modules/x/i.js docs/r.md docs/x.txt README.md t.md t.txt foo .hd/z; do echo "$f" > "$f"; done
ln -s a la; ln -s ../foo a/up; ln -s b a/lb; ln -s foo lf
chmod 700 a; chmod 2751 a/b; chmod 600 foo; chmod 1777 docs
