mkdir d
for f in a ab xb b u uu uuu 'u{2}' 'x|y' x y 'w-w' ww 'w w' S 'a*b' '[x]' '[' '^' '/]' '*]' ']' 'q]' d/ab d/uu d/b; do
    case $f in /*) ;; *) echo "$f" > "$f" ;; esac
done
