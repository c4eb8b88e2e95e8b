/* A growing array of any type: VEC(struct entry) entries = {0}; vec_push(&entries, entry); free(entries.items). */
#ifndef DFGEN_VEC_H
#define DFGEN_VEC_H

#include <stddef.h>

#define VEC(type)     \
    struct {          \
        type *items;  \
        size_t count; \
        size_t room;  \
    }

/* Room for one more item of the given size; ends the process when there is no memory. */
void *vec_grow(void *items, size_t count, size_t *room, size_t size);

#define vec_push(vec, ...)                                                                            \
    do {                                                                                              \
        if ((vec)->count == (vec)->room)                                                              \
            (vec)->items = vec_grow((vec)->items, (vec)->count, &(vec)->room, sizeof *(vec)->items);  \
        (vec)->items[(vec)->count++] = (__VA_ARGS__);                                                 \
    } while (0)

#define vec_free(vec)             \
    do {                          \
        free((vec)->items);       \
        (vec)->items = NULL;      \
        (vec)->count = (vec)->room = 0; \
    } while (0)

#endif
