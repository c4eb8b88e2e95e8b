/*
 * peak COMMAND...: runs it, and prints the peak resident set (KiB) of it and of all its descendants, and the
 * microseconds that they used of processors and that it took, as the last line of standard error. A process between
 * the benchmark and what it measures, because a child of Python's starts slowly, and with Python's own peak.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    long long begun = now();
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("peak");
        return 1;
    }
    long long seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec;
    long long micro = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    fprintf(stderr, "%ld %lld %lld\n", usage.ru_maxrss, seconds * 1000000 + micro, now() - begun);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
