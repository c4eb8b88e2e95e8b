/*
 * Owns where the bytes of a push come from: the layout, and for what an image never brought along (the platforms of an
 * index that nobody pulled) the registry that it is from. Called by push and push_blob. Must not know how anything is
 * sent.
 */
#include "runtime/registry/push.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/store.h"
#include "runtime/registry/pull.h"

static char *cannot_read(const char *digest)
{
    if (errno == ENOENT)
        return xasprintf("the image is not whole: it lacks %s. Make, load or pull it again, with all its platforms",
                         digest);
    return xasprintf("cannot read %s of the image: %s", digest, strerror(errno));
}

static bool may_fetch(const struct push *push)
{
    return errno == ENOENT && push->store && push->source;
}

char *push_read_manifest(const struct push *push, const json_t *descriptor, int64_t limit, struct buf *text)
{
    char name[96];
    const char *digest = json_get_string(descriptor, "digest", "");
    store_blob_name(digest, name);
    if (file_read_at(push->layout, name, text, (size_t)limit) == 0)
        return NULL;
    if (!may_fetch(push))
        return cannot_read(digest);
    struct pull_descriptor want = {.size = json_get_int(descriptor, "size", -1)}, found;
    snprintf(want.media_type, sizeof want.media_type, "%s", json_get_string(descriptor, "mediaType", ""));
    char *error = pull_manifest(push->registry, push->store, push->source, digest, &want, &found);
    if (error)
        return error;
    return file_read_at(push->layout, name, text, (size_t)limit) == 0 ? NULL : cannot_read(digest);
}

static char *fetch_blob(const struct push *push, const char *digest, int64_t size)
{
    const struct pull_blob blob = {digest, size, INT64_MAX};
    return pull_blobs(push->registry, push->store, push->source, &blob, 1);
}

char *push_open_blob(const struct push *push, const char *digest, int64_t size, int *fd)
{
    enum { FLAGS = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK };
    char name[96];
    struct stat st;
    store_blob_name(digest, name);
    *fd = openat(push->layout, name, FLAGS);
    if (*fd < 0 && may_fetch(push)) {
        char *error = fetch_blob(push, digest, size);
        if (error)
            return error;
        *fd = openat(push->layout, name, FLAGS);
    }
    if (*fd < 0 || fstat(*fd, &st) < 0)
        return cannot_read(digest);
    if (st.st_size == size)
        return NULL;
    return xasprintf("blob %s of the image has %" PRId64 " bytes, its descriptor says %" PRId64
                     ". Make the image again", digest, (int64_t)st.st_size, size);
}
