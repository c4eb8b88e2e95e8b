mkdir -p a/b; echo 1 > a/f; ln -s a l; ln -s b a/l2; echo 2 > a/b/g; ln -s ../f a/b/k; ln -s . self
