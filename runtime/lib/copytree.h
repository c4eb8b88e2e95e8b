/* Files copied with all that belongs to them: a folder in overlayfs form to another file system, or one entry. */
#ifndef DFGEN_COPYTREE_H
#define DFGEN_COPYTREE_H

/*
 * Copy the folder FROM to the new name TO: owners, modes, times, hard links, xattrs, whiteouts and opaque folders are
 * kept; sockets, and what overlayfs notes for itself, are left out. Nothing may change FROM meanwhile. -1 with errno;
 * what is there by then is the caller's to remove.
 */
int tree_copy_at(int from_dir, const char *from, int to_dir, const char *to);

/*
 * One file of any type with its metadata. A folder is only made: what goes in changes its times, so folder_finish_at
 * gives it its own when it is full.
 */
int entry_copy_at(int from_dir, const char *from, int to_dir, const char *to);
int folder_finish_at(int from_dir, const char *from, int to_dir, const char *to);

/*
 * A whiteout. Overlayfs refuses to hold another overlay's character devices 0:0: there it is an empty file with a
 * mark, and its folder has one, which Linux 6.7 and newer understand. An opaque folder has nothing to hide, and then
 * gets none.
 */
int whiteout_put_at(int dir, const char *name);

#endif
