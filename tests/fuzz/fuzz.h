/* What a fuzz entry is: one function over bytes; and, with FUZZ_STANDALONE, a main that runs the files that are named. */
#ifndef DFGEN_FUZZ_H
#define DFGEN_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef FUZZ_STANDALONE
/* The bytes are copied to a piece of their very size, so that reading behind them is found. */
static void fuzz_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    size_t size = 0, room = 16 * 1024 * 1024;
    uint8_t *all = malloc(room);
    if (!file || !all) {
        perror(name);
        exit(2);
    }
    size = fread(all, 1, room, file);
    fclose(file);
    all = realloc(all, size ? size : 1);
    LLVMFuzzerTestOneInput(all, size);
    free(all);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        fuzz_file(argv[i]);
    printf("%d inputs\n", argc - 1);
    return 0;
}
#endif

#endif
