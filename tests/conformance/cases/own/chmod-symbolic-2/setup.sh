mkdir -p m/d; echo 1 > m/f; echo 2 > m/x; echo 3 > m/s; echo 4 >m/z; ln -s f m/l; mkdir m/t
chmod 640 m/f; chmod 751 m/x; chmod 6711 m/s; chmod 0 m/z; chmod 710 m/d; chmod 1777 m/t; chmod 2755 m
