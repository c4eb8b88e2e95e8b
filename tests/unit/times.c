/* Times of files under --timestamps. */
#include "runtime/lib/times.h"

#include "tests/unit/unit.h"

static const struct {
    const char *name;
    int64_t own, epoch, want;
} rows[] = {
    {"epoch", 5, 7, 7},  {"epoch", 9, 7, 7},   {"clamp", 5, 7, 5},  {"clamp", 7, 7, 7}, {"clamp", 9, 7, 7},
    {"clamp", -3, 0, -3}, {"clamp", 9, -1, -1}, {"keep", 5, 7, 5},   {"keep", 9, 7, 9},
};

int main(void)
{
    enum times times;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("%s %d", rows[i].name, (int)rows[i].own);
        UNIT_TRUE(times_parse(rows[i].name, &times));
        UNIT_INT(rows[i].want, times_of(times, rows[i].own, rows[i].epoch));
    }
    UNIT_TRUE(!times_parse("now", &times));
    return unit_end();
}
