/* Prints its input backwards, 64 KiB of it at most. */
#include <stdio.h>

int main(void)
{
    static char text[65536];
    size_t len = fread(text, 1, sizeof text, stdin);
    while (len--)
        putchar(text[len]);
    putchar('\n');
    return 0;
}
