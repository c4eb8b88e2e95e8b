/*
 * The ids that a process of a single-id sandbox believes to have: each row begins as some, makes one change, and
 * says what the kernel would have made of it.
 */
#include "runtime/sandbox/creds.h"

#include <errno.h>

#include "tests/unit/unit.h"

enum change { ONE, TWO, THREE, FILES };

static const uint32_t none = (uint32_t)-1;

static const struct row {
    uint32_t from[CREDS_KINDS];
    enum change change;
    uint32_t ids[3];
    bool is_privileged, is_refused;
    uint32_t to[CREDS_KINDS];
} rows[] = {
    {{0, 0, 0, 0}, ONE, {5}, true, false, {5, 5, 5, 5}},
    {{5, 5, 5, 5}, ONE, {0}, false, true, {5, 5, 5, 5}},
    {{5, 0, 0, 0}, ONE, {5}, false, false, {5, 5, 0, 5}},
    {{5, 5, 0, 5}, ONE, {0}, false, false, {5, 0, 0, 0}},
    {{0, 0, 0, 0}, TWO, {none, 5}, true, false, {0, 5, 5, 5}},
    {{0, 5, 0, 5}, TWO, {none, 0}, false, false, {0, 0, 0, 0}},
    {{5, 5, 5, 5}, TWO, {6, none}, false, true, {5, 5, 5, 5}},
    {{5, 6, 6, 6}, TWO, {6, 5}, false, false, {6, 5, 5, 5}},
    {{0, 0, 0, 0}, THREE, {none, 5, none}, true, false, {0, 5, 0, 5}},
    {{0, 5, 0, 5}, THREE, {5, 5, 5}, false, false, {5, 5, 5, 5}},
    {{5, 5, 5, 5}, THREE, {5, 0, 5}, false, true, {5, 5, 5, 5}},
    {{0, 0, 0, 0}, FILES, {7}, true, false, {0, 0, 0, 7}},
    {{5, 5, 5, 5}, FILES, {7}, false, false, {5, 5, 5, 5}},
};

static int apply(const struct row *row, uint32_t ids[CREDS_KINDS])
{
    uint32_t old = ids[CREDS_FILES];
    switch (row->change) {
    case ONE: return creds_set_one(ids, row->ids[0], row->is_privileged);
    case TWO: return creds_set_two(ids, row->ids[0], row->ids[1], row->is_privileged);
    case THREE: return creds_set_three(ids, row->ids, row->is_privileged);
    default: UNIT_INT(old, creds_set_files(ids, row->ids[0], row->is_privileged)); return 0;
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t ids[CREDS_KINDS];
        unit_row("row %zu", i);
        for (int kind = 0; kind < CREDS_KINDS; kind++)
            ids[kind] = rows[i].from[kind];
        errno = 0;
        UNIT_INT(rows[i].is_refused ? -1 : 0, apply(&rows[i], ids));
        UNIT_INT(rows[i].is_refused ? EPERM : 0, errno);
        for (int kind = 0; kind < CREDS_KINDS; kind++)
            UNIT_INT(rows[i].to[kind], ids[kind]);
    }
    return unit_end();
}
