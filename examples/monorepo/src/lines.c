/* Counts the lines of its input. */
#include <stdio.h>

int main(void)
{
    unsigned long count = 0;
    for (int c; (c = getchar()) != EOF;)
        count += c == '\n';
    printf("%lu\n", count);
    return 0;
}
