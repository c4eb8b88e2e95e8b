/* The network as a RUN finds it: interfaces and the two files in /etc. */
#ifndef DFGEN_SANDBOX_NET_H
#define DFGEN_SANDBOX_NET_H

#include <stdbool.h>

struct buf;

/* Bring lo of this network namespace up. -1 with errno. */
int net_loopback_up(void);

/*
 * The host's resolv.conf for the sandbox; servers on loopback addresses are left out unless the network is the host's.
 */
void net_resolv_conf(bool is_host_network, struct buf *out);

/* /etc/hosts: the fixed lines, then the given ones ("IP\tNAME", NULL at the end). */
void net_hosts(const char *hostname, const char *const *lines, struct buf *out);

#endif
