/* Who owns what, and which files stand for devices, where the disk can hold only one owner: remembered by inode. */
#ifndef DFGEN_SANDBOX_OWNERS_H
#define DFGEN_SANDBOX_OWNERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct owners;
struct statx;
struct tree;

struct owner {
    uint32_t uid, gid;
    uint32_t type;          /* S_IFCHR or S_IFBLK for a file that stands for a device; else 0 */
    uint32_t major, minor;  /* then */
};

struct owners *owners_new(void);
void owners_free(struct owners *owners);

/*
 * Files of this device are the store's: an inode's number is unique among all such devices, which are views of one file
 * system.
 */
void owners_add_device(struct owners *owners, dev_t device);
bool owners_is_store(const struct owners *owners, dev_t device);

/* What the listings of a root's layers say that the disk does not. */
void owners_load(struct owners *owners, const struct tree *tree);

/*
 * The owner of what statx(STATX_BASIC_STATS | STATX_BTIME) has found; false when nothing is known. Once an inode is
 * gone and its number another's, its time of birth tells.
 */
bool owners_find(struct owners *owners, const struct statx *st, struct owner *owner);
void owners_note(struct owners *owners, const struct statx *st, const struct owner *owner);

/* Whether there has been anything that is no plain file of 0:0, and a folder of another group than 0. */
bool owners_has_foreign(const struct owners *owners);
bool owners_has_group_folder(const struct owners *owners);

/*
 * Give DIR/NAME ("": dir itself) to an owner: on the disk, or, with a table, in that. -1 with errno.
 */
int owners_give(struct owners *owners, int dir, const char *name, uint32_t uid, uint32_t gid);

/* What was noted, through a file to another process. -1 with errno. */
int owners_save(const struct owners *owners, int fd);
int owners_restore(struct owners *owners, int fd);

#endif
