/*
 * Trees for unit tests, from text: entries separated by spaces, each "PATH/" for a folder, "PATH->TARGET" for a symlink, "PATH=FIRST" for another
 * name of a file, "PATH|" for a fifo, else a file; ":MODE,UID,GID" may follow. Must not know what is tested.
 */
#ifndef DFGEN_TESTS_TREES_H
#define DFGEN_TESTS_TREES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/list.h"
#include "runtime/lib/tree.h"

static void trees_add(struct list_builder *builder, char *word)
{
    struct entry entry = {.path = word, .type = ENTRY_FILE, .mode = 0644, .size = 1};
    unsigned mode, uid, gid;
    char *colon = strchr(word, ':'), *mark;
    if (colon)
        *colon = 0;
    entry.digest = digest_of(word, strlen(word));
    if ((mark = strstr(word, "->"))) {
        *mark = 0;
        entry.type = ENTRY_SYMLINK;
        entry.mode = 0777;
        entry.target = mark + 2;
    } else if ((mark = strchr(word, '='))) {
        *mark = 0;
        entry.type = ENTRY_HARDLINK;
        entry.target = mark + 1;
    } else if (word[strlen(word) - 1] == '/' || word[strlen(word) - 1] == '|') {
        mark = word + strlen(word) - 1;
        entry.type = *mark == '/' ? ENTRY_DIR : ENTRY_FIFO;
        entry.mode = *mark == '/' ? 0755 : 0644;
        *mark = 0;
    }
    if (colon && sscanf(colon + 1, "%o,%u,%u", &mode, &uid, &gid) == 3) {
        entry.mode = (mode_t)mode;
        entry.uid = uid;
        entry.gid = gid;
    }
    list_builder_add(builder, &entry);
}

static struct tree *trees_make(const char *text)
{
    struct list_builder *builder = list_builder_new();
    struct buf out = {0};
    struct digest digest;
    char *copy = strdup(text);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        trees_add(builder, word);
    free(copy);
    list_builder_finish(builder, &out, &digest);
    size_t len = out.len;
    struct tree *tree = tree_new();
    tree_add_layer(tree, list_from_text(buf_take(&out), len, NULL), -1);
    return tree;
}

#endif
