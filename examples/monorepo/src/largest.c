/* Prints the largest number of its input. */
#include <stdio.h>

int main(void)
{
    long largest = 0;
    for (long number; scanf("%ld", &number) == 1;)
        largest = number > largest ? number : largest;
    printf("%ld\n", largest);
    return 0;
}
