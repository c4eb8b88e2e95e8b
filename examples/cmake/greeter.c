/* Greets whoever it is told to, in the words of /etc/greeting. */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    char greeting[80] = "Hello";
    FILE *file = fopen("/etc/greeting", "r");
    if (file && fgets(greeting, sizeof greeting, file))
        greeting[strcspn(greeting, "\n")] = 0;
    if (file)
        fclose(file);
    printf("%s, %s!\n", greeting, argc > 1 ? argv[1] : "world");
    return 0;
}
