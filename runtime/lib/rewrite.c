/*
 * Owns files that are compared while they are written. Called by gen's emitters. Knows nothing of what files hold, and
 * prints nothing.
 */
#include "runtime/lib/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"

enum { HELD_MAX = 128 * 1024, PIECE = 16 * 1024 };

void rewrite_begin(struct rewrite *rewrite, const char *path)
{
    struct stat st;
    *rewrite = (struct rewrite){.path = path, .new = -1};
    rewrite->old = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (rewrite->old >= 0 && (fstat(rewrite->old, &st) < 0 || !S_ISREG(st.st_mode))) {
        fd_close_scope(&rewrite->old);
        rewrite->old = -1;
    }
}

static bool is_same(const struct rewrite *rewrite)
{
    char piece[PIECE];
    for (size_t done = 0; done < rewrite->held.len;) {
        size_t want = rewrite->held.len - done < PIECE ? rewrite->held.len - done : PIECE;
        if (fd_pread_all(rewrite->old, piece, want, rewrite->at + (int64_t)done) < 0 ||
            memcmp(piece, rewrite->held.data + done, want) != 0)
            return false;
        done += want;
    }
    return true;
}

/* The new file, with what was the same so far. */
static int open_new(struct rewrite *rewrite)
{
    rewrite->temporary = xasprintf("%s.%ld.tmp", rewrite->path, (long)getpid());
    /* Left by a killed process that had our pid. */
    unlink(rewrite->temporary);
    rewrite->new = open(rewrite->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (rewrite->new < 0)
        return -1;
    if (rewrite->at && (lseek(rewrite->old, 0, SEEK_SET) < 0 || fd_copy(rewrite->old, rewrite->new, rewrite->at) < 0))
        return -1;
    return 0;
}

static void put_held(struct rewrite *rewrite)
{
    struct buf *held = &rewrite->held;
    bool same = rewrite->new < 0 && rewrite->old >= 0 && is_same(rewrite);
    if (!same && rewrite->new < 0 && open_new(rewrite) < 0)
        rewrite->error = errno;
    else if (!same && fd_write_all(rewrite->new, buf_text(held), held->len) < 0)
        rewrite->error = errno;
    rewrite->at += (int64_t)held->len;
    buf_clear(held);
}

void rewrite_add(struct rewrite *rewrite, const void *data, size_t len)
{
    if (rewrite->error)
        return;
    buf_add(&rewrite->held, data, len);
    if (rewrite->held.len >= HELD_MAX)
        put_held(rewrite);
}

/* All of the old file was said, and nothing else. */
static bool is_unchanged(const struct rewrite *rewrite)
{
    struct stat st;
    return rewrite->new < 0 && rewrite->old >= 0 && fstat(rewrite->old, &st) == 0 && st.st_size == (off_t)rewrite->at;
}

static int replace(struct rewrite *rewrite)
{
    if (rewrite->new < 0 && open_new(rewrite) < 0)
        return -1;
    return fchmod(rewrite->new, 0644) < 0 ? -1 : rename(rewrite->temporary, rewrite->path);
}

int rewrite_end(struct rewrite *rewrite)
{
    if (!rewrite->error)
        put_held(rewrite);
    if (!rewrite->error && !is_unchanged(rewrite) && replace(rewrite) < 0)
        rewrite->error = errno;
    if (rewrite->error && rewrite->temporary)
        unlink(rewrite->temporary);
    fd_close_scope(&rewrite->old);
    fd_close_scope(&rewrite->new);
    free(rewrite->temporary);
    buf_free(&rewrite->held);
    errno = rewrite->error;
    return rewrite->error ? -1 : 0;
}
