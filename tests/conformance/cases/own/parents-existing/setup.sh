mkdir -p a/b/c; chmod 777 a; chmod 750 a/b; echo 1 > a/b/c/f; echo 2 > a/b/g
