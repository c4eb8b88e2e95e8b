touch a.b ab "a\b" q1 "x\$"
printf "\\\\Qa.b\\\\E*\\n\\\\Qq1\\n" > .dockerignore
