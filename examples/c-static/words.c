/* words [-n N] [FILE...]: the N (10) most frequent words of the files, or of standard input. */
#include "table.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORD_MAX_LENGTH = 256 };

static int is_part_of_word(int c)
{
    return isalnum(c) || c == '_' || c >= 0x80;    /* a byte of UTF-8 */
}

/* Longer words are cut. */
static int count_file(struct table *table, FILE *file)
{
    char word[WORD_MAX_LENGTH];
    size_t length = 0;
    for (int c = 0; c != EOF;) {
        c = getc(file);
        if (c != EOF && is_part_of_word(c)) {
            if (length < sizeof word)
                word[length++] = (char)tolower(c);
        } else if (length > 0) {
            if (table_count(table, word, length) < 0)
                return -1;
            length = 0;
        }
    }
    return ferror(file) ? -1 : 0;
}

static int count_named(struct table *table, const char *name)
{
    FILE *file = fopen(name, "r");
    if (!file || count_file(table, file) < 0) {
        perror(name);
        return -1;
    }
    fclose(file);
    return 0;
}

int main(int argc, char **argv)
{
    struct table table = { 0 };
    size_t most = 10;
    for (int option; (option = getopt(argc, argv, "n:")) != -1;) {
        if (option != 'n') {
            fprintf(stderr, "usage: words [-n N] [FILE...]\n");
            return 2;
        }
        most = strtoul(optarg, NULL, 10);
    }
    if (optind == argc && count_file(&table, stdin) < 0) {
        perror("words");
        return 1;
    }
    for (; optind < argc; optind++)
        if (count_named(&table, argv[optind]) < 0)
            return 1;
    table_sort(&table);
    for (size_t i = 0; i < most && i < table.used; i++)
        printf("%7zu %s\n", table.slots[i].count, table.slots[i].text);
    return fflush(stdout) == 0 ? 0 : 1;
}
