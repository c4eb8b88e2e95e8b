/*
 * The store: immutable blobs and layers by their content's name, results by their key. Shared by all builds of one user; safe
 * against concurrent builds and against being killed at any instant. Its form on disk (docs/architecture.md, "Store"):
 *
 *     oci-layout index.json blobs/sha256/HEX     an OCI image layout: loaded images, made layers, configs, manifests
 *     layers/MODE/ID/list, layers/MODE/ID/fs/    a layer's listing, and its files in overlayfs form; ID is sha256-HEX or tree-HEX
 *     layers/MODE/ID/boot                        a link that names the boot in which the layer was last known to be whole
 *     actions/HEX                                key -> record (a line of text each)
 *     index/HEX                                  content digests of a context folder's files
 *     cache/HEX/                                 cache mounts, by the sha256 of their id
 *     tmp/NAME/                                  work in progress; each locked by its owner, swept when it is gone
 *     failed/MODE-HEX/list, …/fs                 what failed RUNs left (sandbox/remains.h)
 *     refs/HEX                                   what a registry's answer for a reference was (gen/record.h)
 *     roots/HEX                                  a build folder that uses the store: its path; HEX is the path's sha256
 *     salt                                       random bytes (0600) that secrets in keys are hashed with
 *     lock                                       shared lock of users, exclusive of gc
 *
 * Made to be killed rather than synced: a listing is checked by its layer's name, a record by its sum, and in another boot the sizes of a layer's
 * files by its listing, when they are first used; what is torn counts as missing and is thrown out. Blobs are synced.
 *
 * Functions return -1 (or NULL) with errno and print nothing, unless said otherwise.
 */
#ifndef DFGEN_STORE_H
#define DFGEN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct digest;
struct tree;

/* Owners and overlay xattrs on disk differ by how ids are mapped, so each mode has its own layers. Digests do not differ. */
enum id_mode { MODE_ROOT, MODE_SUBUID, MODE_SINGLE };
extern const char *const id_mode_names[]; /* "root", "subuid", "single" */

struct store {
    char *path;
    enum id_mode mode;
    int dir;        /* the store */
    int layers;     /* layers/MODE */
    int lock;       /* shared for as long as the store is open */
};

/*
 * Open, making it (mode 0700), or what is missing in it, when it is not there. EPERM: it belongs to somebody else or
 * others may write it. Sweeps tmp/ of the dead now and then. Waits for a running gc.
 */
int store_open(struct store *store, const char *path, enum id_mode mode);
void store_close(struct store *store);
/* $DFGEN_STORE, else $XDG_CACHE_HOME/dfgen, else ~/.cache/dfgen; malloc'd; NULL when none can be told. */
char *store_default_path(void);

/* A private folder in tmp/: *dir is its descriptor, locked. Removed by store_tmp_drop, or by a sweep once the process is gone. */
struct store_tmp {
    int dir;
    char name[64];  /* below the store: "tmp/…" */
};
int store_tmp_make(const struct store *store, struct store_tmp *tmp);
void store_tmp_drop(const struct store *store, struct store_tmp *tmp);
/* Remove what dead processes left in tmp/, at once. Opening a store does it now and then. */
void store_tmp_sweep(const struct store *store);

/* --- layers; id is "sha256:HEX" or "tree:HEX" --- */

bool store_id_is_valid(const char *id);
/* "sha256-HEX": the folder's name below layers/MODE. */
void store_layer_name(const char *id, char name[80]);
bool store_has_layer(const struct store *store, const char *id);
/* Descriptor (O_PATH) of layers/MODE/ID. ENOENT when it is not there. */
int store_layer_open(const struct store *store, const char *id);
/* Move tmp/…/NAME (a folder with "list" and "fs") in as layer id. Fine when it is there already (the new one stays in tmp). */
int store_layer_commit(struct store *store, const struct store_tmp *tmp, const char *name, const char *id);
/* The tree of these layers, lowest first. NULL with errno; *missing (if not NULL) is the id that is not there (points into ids). */
struct tree *store_tree(const struct store *store, const char *const *ids, size_t count, const char **missing);

/* --- blobs; digest is "sha256:HEX" --- */

int store_blob_open(const struct store *store, const char *digest);
/* "blobs/sha256/HEX" */
void store_blob_name(const char *digest, char name[96]);
bool store_has_blob(const struct store *store, const char *digest);
/* Move tmp/…/NAME in as a blob whose digest the caller has computed from the bytes written. Mode becomes 0444. */
int store_blob_commit(struct store *store, const struct store_tmp *tmp, const char *name, const char *digest);
/* Write small content (a config, a manifest); *digest gets its name, "sha256:HEX". */
int store_blob_put(struct store *store, const void *data, size_t len, char digest[72]);

/* --- records --- */

/* The text that was put for a key (64 hex digits). ENOENT: none. */
int store_action_get(const struct store *store, const char *key, struct buf *record);
int store_action_put(struct store *store, const char *key, const char *record);

/* --- salt --- */

enum { STORE_SALT = 32 };
/* Bytes that nobody but the store's owner knows, drawn when they are first asked for. EPERM: others can read them. */
int store_salt(const struct store *store, uint8_t salt[STORE_SALT]);

/* --- build folders --- */

/*
 * Note that a build folder (an absolute path without links) uses the store: what its .dfgen names is kept by a gc for as long as that is there.
 * Returns a descriptor; no gc begins until it is closed.
 */
int store_hold(const char *path, const char *folder);

/* --- cache mounts --- */

/* Descriptor of the folder for a cache mount's id (made 0755 when missing: *made tells). The id may be any text. */
int store_cache_open(struct store *store, const char *id, bool *made);

#endif
