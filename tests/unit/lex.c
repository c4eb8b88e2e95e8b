/*
 * Guards the way from bytes to words: line joining, comments, directives, flags, quoted words, heredoc bodies, and
 * where each came from (reference §1.1-1.6).
 */
#include "gen/diag.h"
#include "gen/lex.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "tests/unit/unit.h"

/* Logical lines as FIRST-LAST:TEXT, each followed by "|"; "*" when an empty line is in it. */
static const struct {
    const char *in, *out;
} lines[] = {
    {"", ""}, {"\n", ""}, {"   \n\t\n", ""}, {"# x\n", ""}, {"a", "1-1:a|"}, {"a\n", "1-1:a|"},
    {"a\nb\n", "1-1:a|2-2:b|"}, {"a\r\nb\r\n", "1-1:a|2-2:b|"},
    {"a\r\r\nb", "1-1:a|2-2:b|"}, {"  a  \n", "1-1:a  |"}, {"\ta\n", "1-1:a|"}, {"\v\f a\n", "1-1:a|"},
    {"\xc2\xa0" "a\n", "1-1:a|"}, {"\xe3\x80\x80" "a\n", "1-1:a|"},
    {"\n\na\n", "3-3:a|"}, {"# c\na\n", "2-2:a|"}, {"  # c\na\n", "2-2:a|"}, {"a # b\n", "1-1:a # b|"},
    {"a#b\n", "1-1:a#b|"}, {"#a \\\nb\n", "2-2:b|"},
    {"a \\\nb\n", "1-2:a b|"}, {"a\\\nb\n", "1-2:ab|"}, {"a\\ \t \nb\n", "1-2:ab|"}, {"a\\\n  b\n", "1-2:a  b|"},
    {"a\\\\\nb\n", "1-1:a\\\\|2-2:b|"}, {"a\\\\\\\nb\n", "1-1:a\\\\\\|2-2:b|"},
    {"a \\ \\\nb\n", "1-2:a \\ b|"}, {"a\\\\ \\\nb\n", "1-2:a\\\\ b|"}, {"\\\na\n", "1-2:a|"}, {"\\  \na\n", "1-2:a|"},
    {"  \\\na\n", "1-2:a|"}, {"\\\\\na\n", "1-1:\\\\|2-2:a|"},
    {"a\\\n", "1-1:a|"}, {"a\\", "1-1:a|"}, {"\\", "1-1:|"}, {"\\\n# c\n", "1-2:|"}, {"a\\\n\nb\n", "1-3:ab*|"},
    {"a\\\n  \n\n b\n", "1-4:a b*|"}, {"a\\\n# c\nb\n", "1-3:ab|"},
    {"a\\\n   # c \\\nb\nc\n", "1-3:ab|4-4:c|"}, {"a\\\nb\\\nc\nd\n", "1-3:abc|4-4:d|"},
    {"a \"x\\\n# y\nz\"\n", "1-3:a \"xz\"|"}, {"a\\\r\nb\r\n", "1-2:ab|"}, {"a\\\r\n\r\nb", "1-3:ab*|"},
    {"a \\ b\\\nc", "1-2:a \\ bc|"}, {"a\\x\nb", "1-1:a\\x|2-2:b|"}, {"a`\nb", "1-1:a`|2-2:b|"},
    {"# escape=`\na`\nb", "2-3:ab|"}, {"# escape=`\na\\\nb", "2-2:a\\|3-3:b|"},
    {"# escape=`\na``\nb", "2-2:a``|3-3:b|"}, {"a\\\n\\\nb", "1-3:ab|"}, {"a\\\n  \\\nb", "1-3:a  b|"},
    {"\xef\xbb\xbf" "a\n", "1-1:a|"}, {"\xef\xbb\xbf# escape=`\na`\nb\n", "2-3:ab|"},
    {"#!/bin/x\na\n", "2-2:a|"}, {"a\\\n\\", "1-2:a|"}, {"\xff\xfe\n", "1-1:\xff\xfe|"},
    {"a\xc3\\\nb", "1-2:a\xc3" "b|"}, {"a\v\\\nb", "1-2:a\vb|"}, {"a\\\v\nb", "1-1:a\\\v|2-2:b|"},
};

/* escape, syntax, check, errors "LINE:COLUMN text" */
static const struct {
    const char *in, *escape, *syntax, *check, *error;
} directives[] = {
    {"# escape=`\n", "`", "", "", ""}, {"#escape=`\n", "`", "", "", ""}, {"#  EsCaPe  =  `  \n", "`", "", "", ""},
    {"   # escape=`\n", "`", "", "", ""}, {"# escape=\\\n", "\\", "", "", ""},
    {"# escape=x\n", "\\", "", "", "1:10 invalid escape token 'x'"},
    {"# escape=``\n", "\\", "", "", "1:10 invalid escape token '``'"}, {"# escape=\n", "\\", "", "", ""},
    {"# escape= \n", "\\", "", "", "1:10 invalid escape token ' '"},
    {"# escape=`\n# escape=\\\n", "`", "", "", "2:10 only one escape parser directive can be used"},
    {"\n# escape=`\n", "\\", "", "", ""}, {"# x\n# escape=`\n", "\\", "", "", ""},
    {"# colour=blue\n# escape=`\n", "\\", "", "", ""},
    {"a\n# escape=`\n", "\\", "", "", ""}, {"# syntax=x/y:1\n# escape=`\n", "`", "x/y:1", "", ""},
    {"# escape=`\n# syntax=x\n", "`", "x", "", ""},
    {"# check=skip=all;error=true\n", "\\", "", "skip=all;error=true", ""},
    {"# check=skip=A, B\n", "\\", "", "skip=A,", ""}, {"# syntax=x arg\n", "\\", "x", "", ""},
    {"#!/usr/bin/env x\n# syntax=y\n# check=z\n", "\\", "y", "z", ""}, {"#!x\n# escape=`\n", "\\", "", "", ""},
    {"// syntax=x\n", "\\", "x", "", ""}, {"// check=x\n", "\\", "", "", ""}, {" # syntax=x\n", "\\", "", "", ""},
    {"# syntax=a\n# syntax=b\n", "\\", "a", "", "2:10 only one syntax"}, {"# syntax\n", "\\", "", "", ""},
    {"# 1x=y\n", "\\", "", "", ""}, {"# syntax x=y\n", "\\", "", "", ""},
    {"# escape=` x\n", "\\", "", "", "1:10 invalid escape token '` x'"}, {"#\tescape\t=\t`\t\n", "`", "", "", ""},
    {"# escape=`\r\n", "`", "", "", ""},
    {"# check=a\n# check=b\n", "\\", "", "a", "2:9 only one check"}, {"# ESCAPE2=`\n", "\\", "", "", ""},
    {"\xef\xbb\xbf# escape=`\n", "`", "", "", ""}, {"a\0b\n", "\\", "", "", ""},
    {" \xc2\xa0# escape=`\n", "`", "", "", ""}, {"#\xc2\xa0" "escape=`\n", "`", "", "", ""},
    {"#\vescape=`\n", "`", "", "", ""}, {"# escape\xc2\xa0=`\n", "\\", "", "", ""},
    {"# escape=`\n# escape=x\n", "`", "", "", "2:10 only one escape parser directive can be used; the first is on line 1, behind line 1"},
    {"# syntax=y\n# escape=x\n", "\\", "y", "", "2:10 invalid escape token 'x' does not match ` or \\, behind line 1"},
};

/* Flags each followed by "|", then the arguments; escape '\'. */
static const struct {
    const char *in, *out;
} flags[] = {
    {"", ""}, {"a b", "a b"}, {"--x", "--x|"}, {"--x a", "--x|a"}, {"--x=1 --y=2 a", "--x=1|--y=2|a"},
    {"  --x   a  ", "--x|a"}, {"a --x", "a --x"}, {"-x a", "-x a"}, {"-- --x", "--x"}, {"--x -- --y", "--x|--y"},
    {"--", ""}, {"--x --", "--x|"}, {"--x=\"a b\" c", "--x=a b|c"}, {"--x='a b' c", "--x=a b|c"},
    {"--x=a\\ b c", "--x=a b|c"}, {"--x=\"a\\\"b\" c", "--x=a\"b|c"}, {"--x='a\\'b' c", "--x=a'b|c"},
    {"--x=a\\", "--x=a|"},
    {"--x=\"a b", "--x=a b|"}, {"--x='a\\", "--x=a|"}, {"--x=\"\" a", "--x=|a"}, {"--x\"y\"=1 a", "--xy=1|a"},
    {"--cho\\wn=1 a", "--chown=1|a"}, {"--x=\"1\"2'3' a", "--x=123|a"}, {"--x\ta", "--x|a"}, {"--x\v\fa", "--x|a"},
    {"\"--x\" a", "\"--x\" a"}, {"--\"\" a", "a"}, {"--x=\xc3\xa4\xc3\xa0 a", "--x=\xc3\x83\xc2\xa4\xc3\x83\xc2\xa0|a"}, {"--x=\\\xff a", "--x=\xc3\xbf|a"}, {"--x=\"\x80\" \xc3\xa4", "--x=\xc2\x80|\xc3\xa4"},
    {"---x a", "---x|a"}, {"--=x a", "--=x|a"}, {"--x=[\"a\"] b", "--x=[a]|b"}, {"- a", "- a"},
    {"--x=a\\\\ b", "--x=a\\|b"}, {"--x a\xc2\xa0", "--x|a"},
};

/* Words each followed by "|". */
static const struct {
    const char *in, *out;
} quoted[] = {
    {"", ""}, {"  ", ""}, {"a b", "a|b|"}, {" a  b ", "a|b|"}, {"a=\"x y\" b='p q'", "a=\"x y\"|b='p q'|"},
    {"a\\ b c", "a\\ b|c|"}, {"a\\\"b c\"d e\"", "a\\\"b|c\"d e\"|"}, {"\"a\\\"b c\" d", "\"a\\\"b c\"|d|"},
    {"'a\\' b", "'a\\'|b|"}, {"a\\", "a|"}, {"a \\", "a|"}, {"\\", ""}, {"\"a\\", "\"a|"}, {"'a\\", "'a\\|"},
    {"\"a b", "\"a b|"}, {"''", "''|"}, {"'' a", "''|a|"}, {"a\xc2\xa0" "b", "a|b|"},
    {"a\\\xc3\xa4 b", "a\\\xc3\xa4|b|"},
    {"a\tb\vc\nd", "a|b|c|d|"}, {"it's a", "it's a|"}, {"\"x\"'y' z", "\"x\"'y'|z|"}, {"a\\\\ b", "a\\\\|b|"},
    {"\\  a", "\\ |a|"}, {"=", "=|"}, {"a='b\"c' d", "a='b\"c'|d|"}, {"\xff \xfe", "\xff|\xfe|"},
};

/* Text behind line 1, the end word, "-" or not: the body, or NULL. */
static const struct {
    const char *in, *name;
    bool strips_tabs;
    const char *body, *rest;
} bodies[] = {
    {"a\nEOF\nx\n", "EOF", false, "a\n", "x"}, {"EOF\nx", "EOF", false, "", "x"},
    {"a\nb\nEOF", "EOF", false, "a\nb\n", ""}, {"a\n EOF\nEOF\n", "EOF", false, "a\n EOF\n", ""},
    {"a\nEOF \n", "EOF", false, NULL, ""},
    {"a\r\nEOF\r\nx", "EOF", false, "a\r\n", "x"}, {"\ta\n\tEOF\nx", "EOF", true, "\ta\n", "x"},
    {"\ta\n\tEOF\nx", "EOF", false, NULL, ""}, {"\t\tEOF\n", "EOF", true, "", ""}, {" \tEOF\n", "EOF", true, NULL, ""},
    {"# c\n\\\nEOF\n", "EOF", false, "# c\n\\\n", ""}, {"a b\n", "a b", false, "", ""}, {"", "EOF", false, NULL, ""},
    {"eof\nEOF\n", "EOF", false, "eof\n", ""}, {"# escape=`\nEOF\n", "EOF", false, "# escape=`\n", ""},
    {"\n\nEOF\n", "EOF", false, "\n\n", ""},
};

/* A logical line, an offset in it, the place. */
static const struct {
    const char *in;
    size_t offset;
    int line, column;
} places[] = {
    {"abc", 0, 1, 1}, {"abc", 2, 1, 3}, {"  abc", 0, 1, 3}, {"\n  abc", 1, 2, 4}, {"ab\\\ncd", 1, 1, 2},
    {"ab\\\ncd", 2, 2, 1}, {"ab\\\n  cd", 4, 2, 3}, {"ab\\\n# c\n\ncd", 3, 4, 2}, {"\\\ncd", 0, 2, 1},
    {"  \\\n cd\\\ne", 3, 3, 1}, {"\xef\xbb\xbf" "ab", 1, 1, 2},
};

struct fixture {
    struct arena arena;
    struct source source;
    struct diag *diag;
    struct lex lex;
};

static void begin(struct fixture *f, struct span text)
{
    *f = (struct fixture){.diag = diag_new()};
    source_from_text(&f->source, &f->arena, text, "D");
    lex_open(&f->lex, &f->source, &f->arena, f->diag);
}

static void end(struct fixture *f)
{
    lex_close(&f->lex);
    diag_free(f->diag);
    arena_free(&f->arena);
}

/* The first error without the name of the file and the excerpt. */
static void expect_error(struct fixture *f, const char *want)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    diag_print(f->diag, out, true);
    fclose(out);
    if (!*want) {
        UNIT_STR("", text);
    } else {
        char line[200];
        const char *space = strchr(want, ' ');
        snprintf(line, sizeof line, "D:%.*s: error:%s", (int)(space - want), want, space);
        text[strnlen(text, strlen(line))] = 0;
        UNIT_STR(line, text);
    }
    free(text);
}

static void expect_span(const char *want, struct span got)
{
    UNIT_MEM(want, strlen(want), got.text ? got.text : "", got.len);
}

static void check_lines(const char *in, const char *want)
{
    struct fixture f;
    struct lex_line line;
    struct buf out = {0};
    unit_row("lines %s", in);
    begin(&f, span_of(in));
    while (lex_next(&f.lex, &line)) {
        buf_printf(&out, "%d-%d:%.*s", line.first_line, line.last_line, SPAN(line.text));
        if (line.has_empty_continuation)
            buf_puts(&out, "*");
        buf_puts(&out, "|");
    }
    UNIT_STR(want, buf_text(&out));
    buf_free(&out);
    end(&f);
}

static void check_directives(size_t i)
{
    struct fixture f;
    unit_row("directives %s", directives[i].in);
    begin(&f, span_of(directives[i].in));
    UNIT_INT(directives[i].escape[0], f.lex.escape);
    expect_span(directives[i].syntax, f.lex.syntax);
    expect_span(directives[i].check, f.lex.check);
    expect_error(&f, directives[i].error);
    end(&f);
}

static void check_flags(const char *in, const char *want)
{
    struct fixture f;
    struct lex_flag flag;
    struct buf out = {0};
    struct span rest = span_of(in);
    unit_row("flags %s", in);
    begin(&f, rest);
    while (lex_flag(&f.lex, &rest, in, &flag)) {
        buf_add(&out, flag.text.text, flag.text.len);
        buf_puts(&out, "|");
        UNIT_TRUE(!strncmp(in + flag.at, "--", 2));
    }
    buf_add(&out, rest.text, rest.len);
    UNIT_STR(want, buf_text(&out));
    buf_free(&out);
    end(&f);
}

static void check_quoted(const char *in, const char *want)
{
    struct buf out = {0};
    struct span rest = span_of(in), word;
    unit_row("words %s", in);
    while (lex_quoted_word(&rest, '\\', &word)) {
        buf_add(&out, word.text, word.len);
        buf_puts(&out, "|");
    }
    UNIT_STR(want, buf_text(&out));
    buf_free(&out);
}

static void check_body(size_t i)
{
    struct fixture f;
    struct lex_line line;
    struct buf in = {0};
    struct span body;
    unit_row("body %s", bodies[i].in);
    buf_printf(&in, "FIRST\n%s", bodies[i].in);
    begin(&f, (struct span){in.data, in.len});
    UNIT_TRUE(lex_next(&f.lex, &line));
    bool is_found = lex_body(&f.lex, span_of(bodies[i].name), bodies[i].strips_tabs, &body);
    if (UNIT_INT(bodies[i].body != NULL, is_found) && is_found)
        UNIT_MEM(bodies[i].body, strlen(bodies[i].body), body.text, body.len);
    bool has_more = lex_next(&f.lex, &line);
    UNIT_MEM(bodies[i].rest, strlen(bodies[i].rest), has_more ? line.text.text : "", has_more ? line.text.len : 0);
    end(&f);
    buf_free(&in);
}

static void check_place(size_t i)
{
    struct fixture f;
    struct lex_line line;
    unit_row("place %zu of %s", places[i].offset, places[i].in);
    begin(&f, span_of(places[i].in));
    UNIT_TRUE(lex_next(&f.lex, &line));
    struct place place = lex_place(&f.lex, places[i].offset);
    UNIT_INT(places[i].line, place.line);
    UNIT_INT(places[i].column, place.column);
    end(&f);
}

static void check_bytes(const char *what, struct span text, const char *error)
{
    struct fixture f;
    unit_row("bytes: %s", what);
    begin(&f, text);
    expect_error(&f, error);
    end(&f);
}

static void check_all_bytes(void)
{
    static char text[70000];
    memset(text, 'a', sizeof text);
    check_bytes("65535", (struct span){text, 65535}, "");
    check_bytes("65536", (struct span){text, 65536}, "1 dockerfile line greater than max allowed size of 65535");
    text[65535] = '\n';
    check_bytes("65535 and a newline", (struct span){text, 65536}, "");
    text[65535] = 'a', text[65536] = '\n', text[1] = '\n';
    check_bytes("65534 on line 2", (struct span){text, 65537}, "");
    text[1] = 'a', text[65536] = '\n';
    check_bytes("65536 and a newline", (struct span){text, 65537}, "1 dockerfile line greater");
    check_bytes("NUL", (struct span){"a\nb\0c\n", 6}, "2:2 a Dockerfile must not contain NUL bytes");
    check_bytes("only a NUL", (struct span){"", 1}, "1:1 a Dockerfile must not contain NUL bytes");
}

/* Comments above an instruction: the value of check=, and the last comment. */
static const struct {
    const char *in, *check, *comment;
} comments[] = {
    {"a", "", ""}, {"x\n# c\na", "", "c"}, {"x\n# c\n# d\na", "", "d"}, {"x\n# c\n\n\na", "", "c"},
    {"x\n# c\n#\na", "", ""}, {"x\n# check=skip=A\na", "skip=A", "check=skip=A"},
    {"x\n# check=skip=A\n# c\na", "skip=A", "c"},
    {"x\n# check=skip=A\n#\na", "", ""}, {"x\n#  Check = skip=A b\na", "skip=A", "Check = skip=A b"},
    {"x\n# c\ny\na", "", ""}, {"x\n#c \na", "", "c"},
};

static void check_comment(size_t i)
{
    struct fixture f;
    struct lex_line line = {.check = {"", 0}}, last = line;
    unit_row("comments %s", comments[i].in);
    begin(&f, span_of(comments[i].in));
    while (lex_next(&f.lex, &line))
        last = line;
    UNIT_MEM(comments[i].check, strlen(comments[i].check), last.check.text, last.check.len);
    UNIT_MEM(comments[i].comment, strlen(comments[i].comment), last.comment.text, last.comment.len);
    end(&f);
}

#define COUNT(table) (sizeof(table) / sizeof *(table))

int main(void)
{
    for (size_t i = 0; i < COUNT(lines); i++)
        check_lines(lines[i].in, lines[i].out);
    for (size_t i = 0; i < COUNT(directives); i++)
        check_directives(i);
    for (size_t i = 0; i < COUNT(flags); i++)
        check_flags(flags[i].in, flags[i].out);
    for (size_t i = 0; i < COUNT(quoted); i++)
        check_quoted(quoted[i].in, quoted[i].out);
    for (size_t i = 0; i < COUNT(bodies); i++)
        check_body(i);
    for (size_t i = 0; i < COUNT(places); i++)
        check_place(i);
    for (size_t i = 0; i < COUNT(comments); i++)
        check_comment(i);
    check_all_bytes();
    return unit_end();
}
