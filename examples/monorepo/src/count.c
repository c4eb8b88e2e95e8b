/* Counts the bytes of its input. */
#include <stdio.h>

int main(void)
{
    unsigned long count = 0;
    while (getchar() != EOF)
        count++;
    printf("%lu\n", count);
    return 0;
}
