/* A registry's own authorities and our certificate for it: files that dfgen.ini names, or certs.d folders. */
#ifndef DFGEN_REGISTRY_CERTIFICATES_H
#define DFGEN_REGISTRY_CERTIFICATES_H

struct arena;
struct client_tls;

struct certificates {
    const char *ca, *cert, *key;    /* NULL: not given */
};

/*
 * For a host ("registry.example:5000"): given first, then folder (--cert-dir), then HOST/ in the certs.d folders of the user,
 * containers and docker. NULL, or which file is wrong.
 */
const char *certificates_find(struct arena *arena, const char *folder, const char *host, const struct certificates *given,
                              struct client_tls *tls);

#endif
