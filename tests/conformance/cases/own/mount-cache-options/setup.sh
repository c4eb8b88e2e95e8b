mkdir -p a/b e; echo f>f; echo x>a/x; echo y>a/b/y; chmod 700 a; chmod 600 f; ln -s a la; ln -s f lf; ln -s nope dang
