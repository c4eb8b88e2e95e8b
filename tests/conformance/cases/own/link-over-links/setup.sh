mkdir -p d/sub e many
echo f>f; echo g>g; echo h>.hid; echo x>d/x; echo y>d/y; echo z>d/.z; echo w>d/sub/w
ln -s f l; ln -s d ld; ln -s nope dang; ln -s /f abs; ln -s /d absd; ln -s ../../../f out; ln -s loop loop
ln -s ../f d/up; ln -s d/sub ldsub
chmod 4755 f; chmod 0600 g; chmod 01777 d/sub; chmod 0700 d
mkfifo d/p
