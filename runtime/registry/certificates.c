/*
 * Owns the look-up of certificates by a registry's name (containers-certs.d(5)): *.crt are authorities, NAME.cert and
 * NAME.key are ours. Called by hosts. Must not know TLS.
 */
#include "runtime/registry/certificates.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "runtime/registry/client.h"

enum { CERTIFICATE_LIMIT = 1024 * 1024 };

static const char *add_authority(struct arena *arena, const char *file, struct client_tls *tls)
{
    struct buf text = {0};
    const char *why = NULL;
    if (file_read_at(AT_FDCWD, file, &text, CERTIFICATE_LIMIT) < 0)
        why = arena_printf(arena, "cannot read the certificate authority %s: %s", file, strerror(errno));
    else
        tls->authorities = arena_printf(arena, "%s%s\n", tls->authorities ? tls->authorities : "", buf_text(&text));
    buf_free(&text);
    return why;
}

static const char *take_folder(struct arena *arena, const char *folder, struct client_tls *tls)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    const char *why = count < 0 && errno != ENOENT && errno != ENOTDIR
                          ? arena_printf(arena, "cannot read the certificates in %s: %s", folder, strerror(errno))
                          : NULL;
    for (int i = 0; i < count; i++) {
        const char *file = arena_printf(arena, "%s/%s", folder, entries[i]->d_name);
        const char *dot = strrchr(file, '.');
        if (!why && dot && !strcmp(dot, ".crt"))
            why = add_authority(arena, file, tls);
        if (!why && dot && !strcmp(dot, ".cert")) {
            tls->certificate = file;
            tls->key = arena_printf(arena, "%.*s.key", (int)(dot - file), file);
            if (access(tls->key, R_OK) < 0)
                why = arena_printf(arena, "the certificate %s has no key beside it: %s: %s", file, tls->key, strerror(errno));
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return why;
}

const char *certificates_find(struct arena *arena, const char *folder, const char *host, const struct certificates *given,
                              struct client_tls *tls)
{
    if (given->ca || given->cert) {
        tls->certificate = given->cert;
        tls->key = given->key;
        return given->ca ? add_authority(arena, given->ca, tls) : NULL;
    }
    if (folder)
        return take_folder(arena, folder, tls);
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    const char *own = config && *config ? arena_printf(arena, "%s/containers", config)
                      : home            ? arena_printf(arena, "%s/.config/containers", home)
                                        : NULL;
    const char *const parents[] = {own, "/etc/containers", "/etc/docker"};
    /* The first folder that has something for the host is the one. */
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        const char *why = parents[i] ? take_folder(arena, arena_printf(arena, "%s/certs.d/%s", parents[i], host), tls) : NULL;
        if (why || tls->authorities || tls->certificate)
            return why;
    }
    return NULL;
}
