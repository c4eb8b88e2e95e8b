/*
 * TOML as far as registries.conf needs it: each row is a text, and either all that is found in it or the place and the
 * message.
 */
#include "runtime/registry/toml.h"

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"

#include "tests/unit/unit.h"

static const struct row {
    const char *text, *found;   /* found: events, a line each */
    const char *error;          /* a part of it; NULL: none */
    int line;
} rows[] = {
    {"", "", NULL, 0},
    {"# nothing\n\n  \t\r\n", "", NULL, 0},
    {"a = \"x\"", "a=x\n", NULL, 0},
    {"a='x\\n' # y\r\n\"b c\" = true\n'd'=false", "a=x\\n\nb c=true\nd=false\n", NULL, 0},
    {"a = \"\\\"\\\\\\t\\n\"", "a=\"\\\t\n\n", NULL, 0},
    {"a.b . \"c.d\" = 12", "a.b.c.d=#12\n", NULL, 0},
    {"a = []\nb = [ 'x' , \"y\",\n # z\n 'z',\n]\n", "a=[]\nb=[x,y,z,]\n", NULL, 0},
    {"[t]\na='1'\n[[t.u]]\n[[ t . u ]] # again\n", "[t]\na=1\n[[t.u]]\n[[t.u]]\n", NULL, 0},
    {"a = 1\nb", "a=#1\n", "neither a table", 2},
    {"a = 1\n\n# x\nb = \n\nc = 2", "a=#1\n", "neither a string", 4},
    {"a = \"x\nb\"", "", "does not end", 1},
    {"a = \"x", "", "does not end", 1},
    {"a = \"\\u0041\"", "", "escape", 1},
    {"a = \"\\", "", "escape", 1},
    {"a = \"\"\"x\"\"\"", "", "several lines", 1},
    {"a = \"\x01\"", "", "control character", 1},
    {"a = 'x' 'y'", "", "behind the end", 1},
    {"a = [\n'x'\n'y']", "", "comma", 3},
    {"a = [1]", "", "only strings", 1},
    {"a = ['x',\n", "", "does not end", 2},
    {"a = {b = 1}", "", "neither a string", 1},
    {"a = 1.5", "", "behind the end", 1},
    {"a = -1", "", "neither a string", 1},
    {"[t", "", "does not end", 1},
    {"[[t]", "", "does not end", 1},
    {"\n[t] x", "", "behind the end", 2},
    {"[]", "", "name is missing", 1},
    {"a. = 1", "", "name is missing", 1},
    {"= 1", "", "name is missing", 1},
    {"x = 1\nrefused = 1\ny = 1", "x=#1\n", "refused", 2},
};

static const char *on_table(void *data, const char *name, bool is_item)
{
    buf_printf(data, is_item ? "[[%s]]\n" : "[%s]\n", name);
    return NULL;
}

static const char *on_value(void *data, const char *key, const struct toml_value *value)
{
    if (!strcmp(key, "refused"))
        return "refused";
    buf_printf(data, "%s=", key);
    switch (value->kind) {
    case TOML_STRING: buf_puts(data, value->string); break;
    case TOML_BOOLEAN: buf_puts(data, value->boolean ? "true" : "false"); break;
    case TOML_INTEGER: buf_printf(data, "#%s", value->string); break;
    case TOML_LIST:
        buf_putc(data, '[');
        for (size_t i = 0; i < value->count; i++)
            buf_printf(data, "%s,", value->list[i]);
        buf_putc(data, ']');
    }
    buf_putc(data, '\n');
    return NULL;
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        struct buf found = {0};
        struct toml_reader reader = {on_table, on_value, &found};
        int line = 0;
        unit_row("%s", rows[i].text);
        const char *why = toml_read(&arena, span_of(rows[i].text), &reader, &line);
        UNIT_STR(rows[i].found, buf_text(&found));
        UNIT_TRUE(!why == !rows[i].error);
        if (why && rows[i].error) {
            UNIT_TRUE(strstr(why, rows[i].error));
            UNIT_INT(rows[i].line, line);
        }
        buf_free(&found);
        arena_free(&arena);
    }
    return unit_end();
}
