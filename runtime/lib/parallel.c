/*
 * Owns how many threads a job gets. Called by what hashes or places many files. Must not know the job.
 */
#include "runtime/lib/parallel.h"

#include <pthread.h>
#include <unistd.h>

enum { THREADS_MAX = 8 };

void parallel_run(size_t most, void *(*work)(void *data), void *data)
{
    pthread_t threads[THREADS_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t started = 0;
    if (cores > 0 && most > (size_t)cores)
        most = (size_t)cores;
    if (most > THREADS_MAX)
        most = THREADS_MAX;
    while (started + 1 < most && pthread_create(&threads[started], NULL, work, data) == 0)
        started++;
    work(data);
    while (started)
        pthread_join(threads[--started], NULL);
}
