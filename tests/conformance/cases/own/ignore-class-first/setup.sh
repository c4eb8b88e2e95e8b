touch "ab]" ab "c]" c-x cx
printf "a*[]]\\nc*[-]x\\n/ [c]\\n" > .dockerignore
