mkdir -p src/sub empty
echo 1 > src/sub/f
chmod 0700 src
chmod 2711 src/sub
chmod 1777 empty
ln -s src/sub link
