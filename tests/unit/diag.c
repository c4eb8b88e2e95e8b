/*
 * Guards how diagnostics look: order, places, excerpts, carets, control bytes, repeats, and the nearest name.
 */
#include "gen/diag.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "tests/unit/unit.h"

static const struct {
    const char *text;   /* of the source */
    struct {
        char kind;      /* e, w, c; 0 ends */
        int line, column;
        const char *text;
    } said[4];
    bool with_checks;
    const char *out;
} prints[] = {
    {"", {{0}}, true, ""},
    {"RUN x\nCOPY --chwon=1 a b\n", {{'e', 2, 6, "bad"}}, true, "D:2:6: error: bad\n    2 | COPY --chwon=1 a b\n      |      ^\n"},
    {"a\n", {{'e', 1, 0, "line"}}, true, "D:1: error: line\n    1 | a\n"},
    {"a\n", {{'e', 0, 0, "file"}}, true, "D: error: file\n"},
    {"a\nb\n", {{'e', 2, 1, "2"},
    {'w', 1, 1, "1"}}, true, "D:1:1: warning: 1\n    1 | a\n      | ^\nD:2:1: error: 2\n    2 | b\n      | ^\n"},
    {"ab\n", {{'e', 1, 2, "x"},
    {'e', 1, 1, "y"}}, true, "D:1:1: error: y\n    1 | ab\n      | ^\nD:1:2: error: x\n    1 | ab\n      |  ^\n"},
    {"a\n", {{'e', 1, 1, "x"}, {'e', 1, 1, "x"}}, true, "D:1:1: error: x\n    1 | a\n      | ^\n"},
    {"a\n", {{'e', 1, 1, "x"}, {'e', 1, 1, "y"},
    {'e', 1, 1, "x"}}, true, "D:1:1: error: x\n    1 | a\n      | ^\nD:1:1: error: y\n    1 | a\n      | ^\n"},
    {"a\n", {{'c', 1, 1, "x"}}, true, "D:1:1: warning: x [Rule]\n    1 | a\n      | ^\n"},
    {"a\n", {{'c', 1, 1, "x"}, {'w', 1, 1, "w"}}, false, "D:1:1: warning: w\n    1 | a\n      | ^\n"},
    {"\ta\n", {{'e', 1, 2, "x"}}, true, "D:1:2: error: x\n    1 |  a\n      |  ^\n"},
    {"\xc3\xa4 b\n", {{'e', 1, 4, "x"}}, true, "D:1:4: error: x\n    1 | \xc3\xa4 b\n      |   ^\n"},
    {"\x1b[31m\n", {{'e', 1, 2, "\x1b]0;x\a\n"}}, true, "D:1:2: error: \\x1b]0;x\\x07\\x0a\n    1 | \\x1b[31m\n      |     ^\n"},
    {"\xe2\x80\xae\n", {{'e', 1, 1, "\xc2\x9b"}}, true, "D:1:1: error: \\u009b\n    1 | \\u202e\n      | ^\n"},
    {"\xff\n", {{'e', 1, 1, "x\xff"}}, true, "D:1:1: error: x\\xff\n    1 | \\xff\n      | ^\n"},
    {"a\n", {{'e', 9, 9, "x"}}, true, "D:9:9: error: x\n"},
    {"a\r\n", {{'e', 1, 5, "x"}}, true, "D:1:5: error: x\n    1 | a\n      |  ^\n"},
};

static const struct {
    const char *word, *nearest;
} nearest[] = {
    {"chwon", "chown"}, {"chmd", "chmod"}, {"CHOWN", "chown"}, {"Link", "link"}, {"lnik", "link"},
    {"parent", "parents"}, {"x", NULL}, {"", NULL}, {"xyzzy", NULL}, {"linkk", "link"}, {"frm", "from"},
    {"exclud", "exclude"}, {"excludes", "exclude"}, {"owner", NULL},
    {"chownchownchownchownchownchownchownchown", NULL},
};

static void say(struct diag *diag, const struct source *source, size_t row, size_t i)
{
    struct place place = {.source = source, .line = prints[row].said[i].line, .column = prints[row].said[i].column};
    const char *text = prints[row].said[i].text;
    if (prints[row].said[i].kind == 'e')
        diag_error(diag, place, "%s", text);
    else if (prints[row].said[i].kind == 'w')
        diag_warn(diag, place, "%s", text);
    else
        diag_check(diag, place, "Rule", "%s", text);
}

static void check_print(size_t row)
{
    struct arena arena = {0};
    struct source source;
    struct diag *diag = diag_new();
    char *text = NULL;
    size_t size, errors = 0, checks = 0;
    unit_row("print %zu", row);
    source_from_text(&source, &arena, span_of(prints[row].text), "D");
    for (size_t i = 0; i < 4 && prints[row].said[i].kind; i++) {
        say(diag, &source, row, i);
        errors += prints[row].said[i].kind == 'e';
        checks += prints[row].said[i].kind == 'c';
    }
    FILE *out = open_memstream(&text, &size);
    diag_print(diag, out, prints[row].with_checks);
    fclose(out);
    UNIT_STR(prints[row].out, text);
    UNIT_INT(errors, diag_error_count(diag));
    UNIT_INT(checks, diag_check_count(diag));
    free(text);
    diag_free(diag);
    arena_free(&arena);
}

/* Of a long line, the part around the column. */
static void check_long_line(void)
{
    static char line[5001];
    struct arena arena = {0};
    struct source source;
    struct diag *diag = diag_new();
    char *text = NULL;
    size_t size;
    unit_row("a long line");
    memset(line, 'a', 5000);
    line[2999] = 'b';
    source_from_text(&source, &arena, span_of(line), "D");
    diag_error(diag, (struct place){.source = &source, .line = 1, .column = 3000}, "x");
    FILE *out = open_memstream(&text, &size);
    diag_print(diag, out, true);
    fclose(out);
    UNIT_TRUE(size < 400);
    const char *excerpt = strchr(text, '\n') + 1, *carets = strchr(excerpt, '\n') + 1;
    UNIT_INT('b', excerpt[strchr(carets, '^') - carets]);
    free(text);
    diag_free(diag);
    arena_free(&arena);
}

int main(void)
{
    static const char *const names[] = {"chmod", "chown", "exclude", "from", "link", "parents", NULL};
    for (size_t i = 0; i < sizeof prints / sizeof *prints; i++)
        check_print(i);
    check_long_line();
    for (size_t i = 0; i < sizeof nearest / sizeof *nearest; i++) {
        unit_row("nearest %s", nearest[i].word);
        UNIT_STR(nearest[i].nearest, diag_nearest(span_of(nearest[i].word), names));
    }
    return unit_end();
}
