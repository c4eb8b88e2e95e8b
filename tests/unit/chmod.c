/* Guards --chmod: octal numbers, BSD's symbolic clauses, and what is neither. */
#include "tests/unit/unit.h"

#include "runtime/copy/mode.h"

enum { INVALID = -1 };

static const struct {
    const char *change;
    int mode;
    bool is_dir;
    int want;
} rows[] = {
    {"750", 0644, false, 0750},     {"4711", 0644, false, 04711},   {"0600", 0755, true, 0600},     {"0", 0777, false, 0},
    {"7777", 0, false, 07777},      {"10000", 0, false, INVALID},   {"8", 0, false, INVALID},       {"64x", 0, false, INVALID},
    {"", 0, false, INVALID},        {"00644", 0, false, 0644},      {"-1", 0, false, INVALID},      {"0x10", 0, false, INVALID},
    {"go-rwx,u+x", 0644, false, 0700}, {"u=rwX,go=rX", 0700, false, 0755}, {"u=rwX,go=rX", 0600, false, 0644},
    {"u=rwX,go=rX", 0600, true, 0755}, {"a+w,o-r", 0644, false, 0662}, {"+t,g=u", 0644, false, 01664}, {"ug+s", 0644, false, 06644},
    {"+x", 0644, false, 0755},      {"a+x", 0644, false, 0755},     {"-x", 0755, false, 0644},      {"=r", 0777, false, 0444},
    {"u=", 0777, false, 0077},      {"=", 07777, false, 01000},     {"a=rx", 06755, false, 0555},   {"u+s", 0755, false, 04755},
    {"g+s", 0755, true, 02755},     {"o+s", 0755, false, 0755},     {"o+t", 0755, true, 0755},      {"a+t", 0755, true, 01755},
    {"u-s", 06755, false, 02755},   {"+s", 0755, false, 06755},     {"u=g", 0640, false, 0440},     {"g=u", 0640, false, 0660},
    {"o=u", 0640, false, 0646},     {"go=u", 0700, false, 0777},    {"g+u", 0640, false, 0660},     {"o-g", 0666, false, 0660},
    {"u+rw-x", 0100, false, 0600},  {"u=rw,g=r,o=", 0777, false, 0640}, {"a+X", 0644, false, 0644}, {"a+X", 0644, true, 0755},
    {"a+X", 0744, false, 0755},     {"a-X", 0755, false, 0644},     {"ugo+r", 0, false, 0444},      {"uu+r", 0, false, 0400},
    {"+rwx", 0, false, 0777},       {"g=rx+w", 0, false, 070},      {"u=rwxs", 0, false, 04700},    {"a=", 0777, true, 0},
    {"u", 0, false, INVALID},       {"u+r,", 0, false, INVALID},    {",u+r", 0, false, INVALID},    {"u+q", 0, false, INVALID},
    {"z+r", 0, false, INVALID},     {"u+r o+r", 0, false, INVALID}, {"u+r,,o+r", 0, false, INVALID}, {"+", 0644, false, 0644},
};

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("%s on %04o%s", rows[i].change, (unsigned)rows[i].mode, rows[i].is_dir ? " folder" : "");
        bool is_valid = mode_is_valid(rows[i].change);
        UNIT_INT(rows[i].want, is_valid ? (int)mode_apply(rows[i].change, (mode_t)rows[i].mode, rows[i].is_dir) : INVALID);
    }
    unit_row("folders made");
    UNIT_INT(0755, mode_of_made(NULL));
    UNIT_INT(0755, mode_of_made("u+x"));
    UNIT_INT(0711, mode_of_made("4711"));
    return unit_end();
}
