# shellcheck shell=sh
# Sourced by make: a parent_NAME and a make_NAME for each base. make_NAME fills the folder $root (beside it, $tmp is free
# to use) and ends with layout_write.

path='PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

parent_busybox() { :; }
make_busybox() {
    mkdir "$tmp/package"
    packages /dev/null "$tmp/package" busybox-static
    cd "$root" || exit
    mkdir -p bin dev etc/ssl/certs home lib proc root run sbin sys tmp usr/bin usr/sbin usr/lib usr/local/bin \
        usr/share var/lib var/log var/spool var/tmp
    chmod 700 root
    chmod 1777 tmp var/tmp
    find "$tmp/package" -name busybox -type f -perm /111 -exec cp {} bin/busybox \;
    bin/busybox --list-full | grep / | while read -r applet; do
        [ -e "$applet" ] || ln -s /bin/busybox "$applet"
    done
    cat >etc/passwd <<'END'
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
END
    cat >etc/group <<'END'
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
mail:x:8:
www-data:x:33:
staff:x:50:
users:x:100:
nogroup:x:65534:
END
    printf 'root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n' >etc/shadow
    chmod 640 etc/shadow
    echo busybox >etc/hostname
    cd "$tmp" || exit
    pack "$tmp/$name.tar" "$root"
    layout_write "$tmp/$name.tar" "\"Env\":[\"$path\"],\"Cmd\":[\"sh\"]"
}

parent_foreign() { :; }
make_foreign() {
    architecture=arm64
    [ "$(dpkg --print-architecture)" != arm64 ] || architecture=amd64
    mkdir "$tmp/foreign-package"
    foreign_package "$architecture" "$tmp/foreign-package" busybox-static
    mkdir -p "$root/bin" "$root/etc" "$root/tmp" "$root/usr/bin"
    chmod 1777 "$root/tmp"
    find "$tmp/foreign-package" -name busybox -type f -perm /111 -exec cp {} "$root/bin/busybox" \;
    # It cannot be asked for its list here.
    for applet in cat chmod cp echo id ls mkdir mv rm sh sleep test touch true uname; do
        ln -s busybox "$root/bin/$applet"
    done
    echo root:x:0:0:root:/:/bin/sh >"$root/etc/passwd"
    echo root:x:0: >"$root/etc/group"
    pack "$tmp/$name.tar" "$root"
    layout_write "$tmp/$name.tar" "\"Env\":[\"$path\"],\"Cmd\":[\"sh\"]"
    unset architecture
}

parent_gcc() { echo busybox; }
make_gcc() {
    packages /dev/null "$root" gcc make libc6-dev
    [ -e "$root/lib64" ] || ln -s usr/lib64 "$root/lib64"
    ln -s gcc "$root/usr/bin/cc"
    # unused by a plain compile, and a third of it all: link time optimisation and the sanitizers
    rm -rf "$root"/usr/lib/gcc/*/*/lto1 "$root"/usr/bin/*lto-dump* "$root"/usr/lib/*/lib[atl]*san.so*
    pack "$tmp/$name.tar" "$root"
    layout_write "$tmp/$name.tar" "\"Env\":[\"$path\"],\"Cmd\":[\"sh\"]"
}

parent_debian() { :; }
make_debian() {
    debian_root "$tmp/$name.tar" adduser
    layout_write "$tmp/$name.tar" "\"Env\":[\"$path\"],\"Cmd\":[\"bash\"]"
}

# on_debian PACKAGE...: fill $root with the packages that the debian base lacks, and with its passwd and group
on_debian() {
    cd "$root" || exit
    from_debian ./etc/passwd ./etc/group ./var/lib/dpkg/status
    mv var/lib/dpkg/status "$tmp/status"
    rm -r var
    cd "$tmp" || exit
    [ $# -eq 0 ] || packages "$tmp/status" "$root" "$@"
    # /bin and the like are links into /usr there, and a layer's folder would take their place
    for folder in bin sbin lib lib64; do
        [ ! -d "$root/$folder" ] || { mkdir -p "$root/usr" && cp -a "$root/$folder" "$root/usr/" && rm -r "${root:?}/$folder"; }
    done
}

# user NAME ID HOME SHELL: one more line in $root's passwd and group
user() {
    echo "$1:x:$2:$2::$3:$4" >>"$root/etc/passwd"
    echo "$1:x:$2:" >>"$root/etc/group"
}

parent_node() { echo debian; }
make_node() {
    node=$(command -v node || :)
    modules=${node%/bin/node}/lib/node_modules
    if [ -d "$modules/npm" ] && "$node" -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
        on_debian
        mkdir -p "$root/usr/bin" "$root/usr/lib/node_modules"
        cp "$node" "$root/usr/bin/node"
        cp -R "$modules/npm" "$root/usr/lib/node_modules/npm"
        rm -f "$root/usr/lib/node_modules/npm/npmrc"        # the machine's own settings
        for tool in npm npx; do
            ln -s "../lib/node_modules/npm/bin/$tool-cli.js" "$root/usr/bin/$tool"
        done
        chmod -R u=rwX,go=rX "$root/usr"
    else
        on_debian nodejs npm
    fi
    user node 1000 /home/node /bin/bash
    pack "$tmp/$name.tar" "$root"
    mkdir -p "$root/home/node"
    owner=1000 pack "$tmp/$name.tar" "$root" ./home/node
    layout_write "$tmp/$name.tar" "\"Env\":[\"$path\"],\"Cmd\":[\"node\"]"
}

parent_golang() { echo debian; }
make_golang() {
    on_debian golang-go ca-certificates
    rm -rf "$root"/usr/share/go-*/test
    mkdir -p "$root/go/src" "$root/go/bin" "$root/etc/ssl/certs"
    chmod -R 777 "$root/go"
    # what the package's own script would do, which has not run
    cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
    pack "$tmp/$name.tar" "$root"
    layout_write "$tmp/$name.tar" "\"Env\":[\"PATH=/go/bin:${path#PATH=}\",\"GOPATH=/go\",\"GOTOOLCHAIN=local\"],
        \"WorkingDir\":\"/go\",\"Cmd\":[\"bash\"]"
}

parent_nginx() { echo debian; }
make_nginx() {
    on_debian nginx
    user nginx 101 /nonexistent /bin/false
    sed -i 's/^user .*/user nginx;/' "$root/etc/nginx/nginx.conf"
    mkdir -p "$root/etc/nginx/conf.d" "$root/var/log/nginx" "$root/var/lib/nginx"
    ln -s /dev/stdout "$root/var/log/nginx/access.log"
    ln -s /dev/stderr "$root/var/log/nginx/error.log"
    cat >"$root/etc/nginx/conf.d/default.conf" <<'END'
server {
    listen 80;
    server_name localhost;
    root /usr/share/nginx/html;
    index index.html;
}
END
    pack "$tmp/$name.tar" "$root"
    layout_write "$tmp/$name.tar" \
        '"ExposedPorts":{"80/tcp":{}},"StopSignal":"SIGQUIT","Cmd":["nginx","-g","daemon off;"]'
}
