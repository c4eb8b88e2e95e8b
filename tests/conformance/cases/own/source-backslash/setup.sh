mkdir -p d 'e\f'; echo 1 > 'b\s'; echo 2 > 'd/c\s'; echo 3 > 'e\f/g'
