/* A folder of this machine as the tar of a root: for images that are made of one. */
#ifndef DFGEN_IMAGE_FOLDER_H
#define DFGEN_IMAGE_FOLDER_H

#include <stdbool.h>

struct tar_sink;

struct folder {
    int fd;
    bool has_owners; /* owners and file capabilities are what they are; else all belongs to root, as who has no other
                        ids means it */
    bool has_times;     /* so are times; else they are the epoch */
};

/* All that is in it, in byte order of the names. NULL if all went well, else why not, malloc'd. */
char *folder_write_tar(const struct folder *folder, const struct tar_sink *sink);

#endif
