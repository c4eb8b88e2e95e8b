/*
 * Owns what a RUN knows of the network. Called by the sandbox. Must not know how a namespace is made.
 */
#include "runtime/sandbox/net.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"

enum { RESOLV_LIMIT = 1024 * 1024 };

int net_loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return -1;
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    return ioctl(fd, SIOCSIFFLAGS, &request);
}

/* "nameserver 127.0.0.53", "nameserver ::1" */
static bool is_loopback_server(const char *line)
{
    static const char word[] = "nameserver";
    line += strspn(line, " \t");
    if (strncmp(line, word, sizeof word - 1))
        return false;
    line += sizeof word - 1;
    line += strspn(line, " \t");
    return !strncmp(line, "127.", 4) || (!strncmp(line, "::1", 3) && strspn(line + 3, " \t") == strlen(line + 3));
}

void net_resolv_conf(bool is_host_network, struct buf *out)
{
    struct buf text = {0};
    char *save = NULL;
    if (file_read_at(AT_FDCWD, "/etc/resolv.conf", &text, RESOLV_LIMIT) == 0 && text.len)
        for (char *line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
            if (is_host_network || !is_loopback_server(line)) {
                buf_puts(out, line);
                buf_putc(out, '\n');
            }
    buf_free(&text);
}

void net_hosts(const char *hostname, const char *const *lines, struct buf *out)
{
    buf_printf(out, "127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost ip6-loopback\n", hostname);
    for (; *lines; lines++)
        buf_printf(out, "%s\n", *lines);
}
