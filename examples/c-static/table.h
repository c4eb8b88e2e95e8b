/* A table from words to how often they were seen. */
#include <stddef.h>

struct word {
    char *text;
    size_t count;
};

struct table {
    struct word *slots;     /* open addressing; a slot without text is free */
    size_t size, used;      /* size: 0 or a power of two */
};

/* Count the word of that length once more; -1 without memory. */
int table_count(struct table *table, const char *text, size_t length);

/* Sort the words by count, the most frequent first, then by text. Nothing can be counted afterwards. */
void table_sort(struct table *table);
