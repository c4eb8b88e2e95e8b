/*
 * Owns the pause between tries. Called by http and session, which know whether another try makes sense.
 */
#include "runtime/registry/retry.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>
#include <time.h>

enum {
    TRIES = 5,
    FIRST_DELAY_MS = 200,       /* doubled each time */
    LONGEST_DELAY_MS = 120000,  /* a server that wants more is one for another time */
};

static uint32_t random_below(uint32_t limit)
{
    uint32_t value = 0;
    if (getrandom(&value, sizeof value, 0) != sizeof value)
        return 0;
    return value % limit;
}

static void wait_ms(int64_t delay)
{
    struct timespec time = {.tv_sec = delay / 1000, .tv_nsec = delay % 1000 * 1000000};
    while (nanosleep(&time, &time) < 0 && errno == EINTR)
        ;
}

bool retry_wait(struct retry *retry, int64_t asked_ms)
{
    if (++retry->tries >= TRIES || asked_ms > LONGEST_DELAY_MS)
        return false;
    int64_t delay = (int64_t)FIRST_DELAY_MS << (retry->tries - 1);
    delay += random_below((uint32_t)delay / 2);
    wait_ms(asked_ms > delay ? asked_ms : delay);
    return true;
}
