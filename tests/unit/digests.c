/* runtime/gc/digests.c: each digest that a text names is found, whatever stands around it, and a set of them holds what was put in. */
#include "runtime/gc/digests.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define HEX_A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX_B "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static void count(void *data, const struct digest *digest)
{
    (void)digest;
    ++*(int *)data;
}

static void test_text(void)
{
    static const struct {
        const char *text;
        int count;
    } rows[] = {
        {"", 0}, {":", 0}, {"sha256:", 0}, {"sha256:" HEX_A, 1}, {"tree:" HEX_A "\n", 1}, {"tree:" HEX_A "\nsha256:" HEX_B "\n", 2},
        {"{\"digest\":\"sha256:" HEX_A "\",\"id\":\"tree:" HEX_B "\"}", 2}, {"sha512:" HEX_A, 0}, {":" HEX_A, 0}, {"ree:" HEX_A, 0},
        {"sha256:0123", 0}, {"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", 0},
        {"sha256:sha256:" HEX_A, 1}, {"tree:tree:tree:" HEX_A, 1}, {"sha256:" HEX_A ":" HEX_B, 1}, {"a:b:tree:" HEX_B, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int found = 0;
        unit_row("%s", rows[i].text);
        digests_in(rows[i].text, strlen(rows[i].text), count, &found);
        UNIT_INT(rows[i].count, found);
    }
}

static void test_set(void)
{
    enum { MANY = 5000 };
    struct digest_set set = {0};
    struct digest other = digest_of("other", 5);
    UNIT_TRUE(!digest_set_has(&set, &other));
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < MANY; i++) {
            struct digest digest = digest_of(&i, sizeof i);
            UNIT_INT(!round, digest_set_add(&set, &digest));
        }
    UNIT_INT(MANY, (int)set.count);
    for (int i = 0; i < MANY; i++) {
        struct digest digest = digest_of(&i, sizeof i);
        UNIT_TRUE(digest_set_has(&set, &digest));
    }
    UNIT_TRUE(!digest_set_has(&set, &other));
    digest_set_free(&set);
}

int main(void)
{
    test_text();
    test_set();
    return unit_end();
}
