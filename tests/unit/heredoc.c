/*
 * Guards what counts as a heredoc word, and what its name is (reference §1.6).
 */
#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/heredoc.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "tests/unit/unit.h"

static const struct {
    const char *in, *name;
    bool is_quoted, strips_tabs; /* name NULL: no heredoc */
} matches[] = {
    {"<<EOF", "EOF", false, false}, {"<< EOF", "EOF", false, false}, {"<<-EOF", "EOF", false, true},
    {"3<<EOF", "EOF", false, false}, {"12<<-EOF", "EOF", false, true},
    {"<<\"E O F\"", "E O F", true, false}, {"<<'EOF'", "EOF", true, false}, {"<<p\"ar\"t", "part", true, false},
    {"<<\\EOF", "EOF", false, false}, {"<<<word", NULL, false, false},
    {"<<", NULL, false, false}, {"<<-", NULL, false, false}, {"<<- EOF", "EOF", false, true},
    {"\"<<EOF\"", NULL, false, false}, {"<<EOF>f", "EOF>f", false, false}, {"a<<EOF", NULL, false, false},
    {"<<a b", NULL, false, false}, {"<<a<b", NULL, false, false}, {"<<$EOF", "$EOF", false, false},
    {"<<${X:-y}", "${X:-y}", false, false}, {"<<a\\ b", "a b", false, false}, {"<<a\\\"b", "a\"b", false, false},
    {"<<''", NULL, false, false}, {"<EOF", NULL, false, false}, {"<<\"a", NULL, false, false},
    {"EOF", NULL, false, false}, {"<<EOF;", "EOF;", false, false}, {"<<E\xc3\xa4", "E\xc3\xa4", false, false},
};

static const struct {
    const char *in, *names;
} lines[] = {
    {"RUN cat <<A > /a && cat <<B > /b", "A B"}, {"RUN cat << EOF > /o", "EOF"}, {"RUN echo it's <<EOF", ""},
    {"RUN echo \"<<EOF\"", ""}, {"RUN cat <<< word", ""}, {"RUN $((1<<2))", ""},
    {"RUN $(( 1 << 2 ))", "2"}, {"RUN ${x^^} <<EOF", ""}, {"RUN echo \\' <<EOF", "EOF"}, {"COPY <<a <<a /d", "a a"},
    {"RUN <<- EOF", ""}, {"RUN a<<EOF", ""}, {"RUN cat 3<<EOF <&3", "EOF"}, {"RUN <<\"a b\" x", "a b"},
    {"RUN <<EOF>f", "EOF>f"}, {"RUN echo '<<EOF' <<X", "X"}, {"RUN ${a:-x} <<EOF", "EOF"},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void check_match(struct arena *arena, size_t i)
{
    struct heredoc found;
    unit_row("%s", matches[i].in);
    bool is_match = heredoc_match(arena, span_of(matches[i].in), &found);
    if (!UNIT_INT(matches[i].name != NULL, is_match) || !is_match)
        return;
    UNIT_MEM(matches[i].name, strlen(matches[i].name), found.name.text, found.name.len);
    UNIT_INT(matches[i].is_quoted, found.is_quoted);
    UNIT_INT(matches[i].strips_tabs, found.strips_tabs);
}

static void check_line(struct arena *arena, size_t i)
{
    heredoc_words words = {0};
    struct buf names = {0};
    unit_row("line %s", lines[i].in);
    heredoc_find(arena, span_of(lines[i].in), &words);
    for (size_t k = 0; k < words.count; k++) {
        buf_puts(&names, k ? " " : "");
        buf_add(&names, words.items[k].name.text, words.items[k].name.len);
        struct span word = words.items[k].word;
        UNIT_MEM(word.text, word.len, lines[i].in + words.items[k].at, word.len);
    }
    UNIT_STR(lines[i].names, buf_text(&names));
    buf_free(&names);
    vec_free(&words);
}

int main(void)
{
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT(matches); i++)
        check_match(&arena, i);
    for (size_t i = 0; i < COUNT(lines); i++)
        check_line(&arena, i);
    arena_free(&arena);
    return unit_end();
}
