/* The config.json of an OCI runtime bundle, out of an image's config. */
#ifndef DFGEN_IMAGE_BUNDLE_H
#define DFGEN_IMAGE_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct json_t;

/* Who runs it, and how its ids look outside. */
struct bundle_user {
    uint32_t uid, gid;
    const uint32_t *groups;
    size_t group_count;
    bool is_rootless;               /* a user namespace with this one user */
    uint32_t host_uid, host_gid;    /* rootless: who that is outside */
};

/* image: the whole image config. What crun, runc and youki run as it is, by root or by host_uid. */
void bundle_config(const struct json_t *image, const struct bundle_user *user, struct buf *text);

#endif
