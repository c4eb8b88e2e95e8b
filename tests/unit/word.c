/*
 * Guards expansion: quotes, escapes, every ${} form, patterns, splitting, heredoc mode, limits (reference §2).
 * Each row is what goes in and what comes out; the variables are those of the table below.
 */
#include <stdlib.h>

#include "gen/word.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "tests/unit/unit.h"

static const struct {
    const char *name, *value;
} variables[] = {
    {"A", "val"}, {"B", "b c"}, {"E", ""}, {"P", "/a/b/c.tar.gz"}, {"V", "one.two.three"}, {"S", "a*b?c[d].e"},
    {"N", "ab\ncd\nab"}, {"D", "$5$0$$x"}, {"STAR", "*"}, {"\xc3\x84", "umlaut"}, {"U8", "\xc3\xa4\xc3\xb6\xc3\xbc"},
    {"_x1", "under"}, {"X", "x"}, {"BS", "a\\b"}, {"SL", "a/b/c"}, {"BR", "a}b"}, {"LEAD", "  ab c"},
    {"TRAIL", "ab c   "},
    {"AAA", "aaaa"}, {"ABAB", "ababab"}, {"TAB", "a\tb"},
};

static bool get(const void *data, struct span name, struct span *value)
{
    (void)data;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (span_is(name, variables[i].name)) {
            *value = span_of(variables[i].value);
            return true;
        }
    return false;
}

static const struct word_env env = {get, NULL, NULL};

static const struct {
    const char *in, *out; /* out "!text": an error that begins so */
} one[] = {
    /* plain, quotes, escapes */
    {"", ""}, {"hello", "hello"}, {"a b  c", "a b  c"}, {"he'll'o", "hello"},
    {"he'llo", "!unexpected end of statement while looking for matching single-quote"},
    {"he\\'llo", "he'llo"}, {"he\\\\'llo", "!unexpected"}, {"a\\bc", "abc"}, {"\"a\\bc\"", "a\\bc"},
    {"'a\\bc'", "a\\bc"},
    {"\"a\\\\b\"", "a\\b"}, {"'a\\\\b'", "a\\\\b"}, {"a\\\\b", "a\\b"}, {"hello\\", "hello"}, {"hello\\\\", "hello\\"},
    {"\"hello", "!unexpected end of statement while looking for matching double-quote"},
    {"\"hello\\\"", "!unexpected"},
    {"\"hel'lo\"", "hel'lo"}, {"'hello\\'", "hello\\"}, {"\"''\"", "''"}, {"'\"x\"'", "\"x\""}, {"\"a\\\"b\"", "a\"b"},
    {"\"a\\'b\"", "a\\'b"}, {"a\"b c\"'d e'f", "ab cd ef"}, {"\"\"", ""}, {"''", ""}, {"\"\"''x", "x"}, {"\\ ", " "},
    {"\\\xc3\xa4", "\xc3\xa4"}, {"\xc3\xa4'\xc3\xb6'", "\xc3\xa4\xc3\xb6"}, {"\xff", "\xef\xbf\xbd"},
    {"'\xc3'", "\xef\xbf\xbd"}, {"a\\\xff" "b", "a\xef\xbf\xbd" "b"}, {"\"it's\"", "it's"}, {"\"\\$A\"", "$A"},
    {"\\$A", "$A"},
    {"\\\\$A", "\\val"}, {"\"\\\\$A\"", "\\val"}, {"'$A'", "$A"}, {"'\\$A'", "\\$A"}, {"\"'$A'\"", "'val'"},
    {"'\"'$A'\"'", "\"val\""},
    /* names */
    {"$A", "val"}, {"${A}", "val"}, {"x${A}y", "xvaly"}, {"x$A.y", "xval.y"}, {"$A$A", "valval"}, {"$AA", ""},
    {"$A-", "val-"},
    {"$NO", ""}, {"${NO}", ""}, {"\"$A\"", "val"}, {"\"x $B\"", "x b c"}, {"$B", "b c"}, {"$_x1", "under"},
    {"${_x1}", "under"},
    {"$\xc3\x84", "umlaut"}, {"${\xc3\x84}", "umlaut"}, {"$\xc3\x84.", "umlaut."}, {"$\xe2\x86\x92", "$\xe2\x86\x92"},
    {"$", "$"},
    {"$ x", "$ x"}, {"x$", "x$"}, {"$/y", "$/y"}, {"\"$\"", "$"}, {"$.", "$."}, {"x$$y", "xy"}, {"x$1y", "xy"},
    {"$12x", "x"},
    {"$0-", "-"}, {"$@$*$#$?$-$!", ""}, {"x$1A", "xA"}, {"${1:-one}", "one"}, {"${1}", ""}, {"${@}", ""},
    {"${12-x}", "x"}, {"$\"A\"", "$A"},
    {"$'A'", "$A"}, {"$\\A", "$A"}, {"$((1))", "$((1))"}, {"$(A)", "$(A)"}, {"$${A}", "{A}"},
    /* bad substitutions */
    {"${}", "!syntax error: bad substitution"}, {"${}aaa", "!syntax error: bad"}, {"he${}", "!syntax error: bad"},
    {"${{aaa}", "!syntax error: bad"}, {"${:}", "!syntax error: bad"}, {"${:-bbb}", "!syntax error: bad"},
    {"\\${}", "${}"},
    {"${A", "!syntax error: missing '}'"}, {"${", "!syntax error: missing '}'"},
    {"${A:", "!syntax error: missing '}'"},
    {"${A:-x", "!syntax error: missing '}'"}, {"${A:-'x}", "!syntax error: missing '}'"},
    {"${A:-${B}", "!syntax error: missing '}'"},
    {"${aaa}}", "}"}, {"${aaa:-bbb}}", "bbb}"}, {"${aaa:-bbb {foo}", "bbb {foo"},
    {"${.}", "!unsupported modifier (.) in substitution"},
    {"${A:=x}", "!unsupported modifier (:=) in substitution"}, {"${A=x}", "!unsupported modifier (=)"},
    {"${A:0:2}", "!unsupported modifier (:0)"}, {"${#A}", "!unsupported modifier (A)"},
    {"${!A}", "!unsupported modifier (A)"},
    {"${A^^}", "!unsupported modifier (^)"}, {"${A,}", "!unsupported modifier (,)"},
    {"${A@Q}", "!unsupported modifier (@)"},
    {"${A:#x}", "!unsupported modifier (:#)"}, {"${A:%x}", "!unsupported modifier (:%)"},
    {"${A b}", "!unsupported modifier ( )"},
    {"${A:\xc3\xa4}", "!unsupported modifier (:\xc3\xa4)"}, {"${1A}", "!unsupported modifier (A)"},
    {"${A:=${}}", "!syntax error: bad"},
    {"${A:YYY}", "!unsupported modifier (:Y)"}, {"${\"A\"}", "!unsupported modifier (\")"},
    /* defaults */
    {"${A-d}", "val"}, {"${A:-d}", "val"}, {"${A+a}", "a"}, {"${A:+a}", "a"}, {"${E-d}", ""}, {"${E:-d}", "d"},
    {"${E+a}", "a"},
    {"${E:+a}", ""}, {"${U-d}", "d"}, {"${U:-d}", "d"}, {"${U+a}", ""}, {"${U:+a}", ""}, {"${U-}", ""}, {"${U:-}", ""},
    {"${A?no}", "val"}, {"${A:?no}", "val"}, {"${E?no}", ""}, {"${E:?no}", "!E: no"},
    {"${E:?}", "!E: is not allowed to be empty"},
    {"${U?}", "!U: is not allowed to be unset"}, {"${U:?}", "!U: is not allowed to be unset"}, {"${U?a b}", "!U: a b"},
    {"${U:?$A}", "!U: val"}, {"${U:-$A}", "val"}, {"${U:-${W:-deep}}", "deep"}, {"${U:-'$A'}", "$A"},
    {"${U:-\"one two\"}", "one two"},
    {"${U:-one two}", "one two"}, {"\"${U:-one two}\"", "one two"}, {"${U:-a\\}b}", "a}b"},
    {"\"${U:-\\\"q\\\"}\"", "\"q\""},
    {"\"${U:-\"q\"}\"", "q"}, {"\"${U:-'q'}\"", "q"}, {"${A:+${U:-y}z}", "yz"}, {"${A:-${}}", "!syntax error: bad"},
    {"${A:-${U?x}}", "!U: x"},
    {"${A:+${W?x}", "!syntax error: missing"}, {"${U:-\\$A}", "$A"}, {"${U:-:x}", ":x"}, {"${U:--}", "-"},
    {"${U:-a:b}", "a:b"},
    {"${U-${V%%.*}}", "one"}, {"${U:-'}'}", "}"}, {"${U:-\"}\"}", "}"}, {"${U:-$}", "$"},
    /* trimming */
    {"${P#*/}", "a/b/c.tar.gz"}, {"${P##*/}", "c.tar.gz"}, {"${P#/?}", "/b/c.tar.gz"}, {"${P#no}", "/a/b/c.tar.gz"},
    {"${P##*}", ""},
    {"${P#*}", "/a/b/c.tar.gz"}, {"${P#}", "/a/b/c.tar.gz"}, {"${P##}", "/a/b/c.tar.gz"},
    {"${P#\"/a\"}", "/b/c.tar.gz"},
    {"${P#'/a'}", "/b/c.tar.gz"}, {"${P#${NO:-/a/}}", "b/c.tar.gz"}, {"${U#x}", ""}, {"${P%.*}", "/a/b/c.tar"},
    {"${P%%.*}", "/a/b/c"},
    {"${P%/*}", "/a/b"}, {"${P%%/*}", ""}, {"${P%.?z}", "/a/b/c.tar"}, {"${P%z*z}", "/a/b/c.tar.gz"},
    {"v${P%gz}", "v/a/b/c.tar."},
    {"${P%}", "/a/b/c.tar.gz"}, {"${P%%*}", ""}, {"${S#a\\*}", "b?c[d].e"}, {"${S#a\\?}", "a*b?c[d].e"},
    {"${S%].e}", "a*b?c[d"},
    {"${S#a[*]}", "a*b?c[d].e"}, {"${BS#a\\\\}", "b"}, {"${BS%\\\\b}", "a"}, {"${SL%\\/c}", "a/b"},
    {"${BR#a\\}}", "b"}, {"${A#\\a}", "!invalid pattern (\\a) in substitution: invalid escape '\\a'"},
    {"${U8#?}", "\xc3\xb6\xc3\xbc"}, {"${U8%?}", "\xc3\xa4\xc3\xb6"}, {"${U8#??}", "\xc3\xbc"},
    {"${N#*b}", "\ncd\nab"}, {"${N##*b}", "\ncd\nab"},
    {"${N%%c*}", "ab\ncd\nab"}, {"${N%a*}", "ab\ncd\n"}, {"${N#*d}", "ab\ncd\nab"}, {"${N#ab?}", "ab\ncd\nab"},
    {"${A#$STAR}", "val"}, {"${A##$STAR}", ""},
    {"${P#/*/}", "b/c.tar.gz"}, {"${P##/*/}", "c.tar.gz"}, {"${P#**/}", "a/b/c.tar.gz"}, {"${ABAB##*a*b}", ""},
    {"${ABAB#*a*b}", "abab"}, {"${ABAB%a*}", "abab"},
    {"${ABAB%%b*}", "a"}, {"${A#'*'}", "val"}, {"${A##'*'}", ""}, {"${A#\"v\"}", "al"}, {"${A%%%l}", "val"},
    {"${A###v}", "val"},
    /* replacing */
    {"${V/./-}", "one-two.three"}, {"${V//./-}", "one-two-three"}, {"${V/t*e/X}", "one.X"},
    {"${V//o/0}", "0ne.tw0.three"}, {"${V/zzz/y}", "one.two.three"},
    {"${V//./}", "onetwothree"}, {"${V/o?e/$U}", ".two.three"}, {"${V/\\//x}", "one.two.three"},
    {"${SL/\\//x}", "axb/c"}, {"${SL//\\//}", "abc"},
    {"${V//t/${NO:-T}}", "one.Two.Three"}, {"${V/b}", "!syntax error: missing '/' in ${}"},
    {"${V/b/c", "!syntax error: missing '}'"}, {"${V/b", "!syntax error: missing '/'"},
    {"${A/*/x}", "x"}, {"${A//*/x}", "x"}, {"${E/*/x}", "x"}, {"${E//*/x}", "x"},
    {"${A//}/x}", "val"}, {"${A///-}", "-v-a-l-"}, {"${A//?/-}", "---"},
    {"${A/?/-}", "-al"}, {"${S/\\?/Q}", "a*bQc[d].e"}, {"${S/[d]/D}", "a*b?cD.e"}, {"${S/\\*/S}", "aSb?c[d].e"},
    {"${N//b/x}", "ax\ncd\nax"}, {"${N//*/L}", "L\nL\nL"},
    {"${N/c*/x}", "ab\nx\nab"}, {"${AAA//aa/b}", "bb"}, {"${AAA/a*a/b}", "b"}, {"${ABAB//b*/x}", "ax"},
    {"${A//a/$D}", "va$xl"}, {"${A/a/$D}", "v$5$0$$xl"},
    {"${A//a/${D#\\$5}}", "!invalid pattern"}, {"${A//a/'$0$0'}", "vaal"}, {"${A//a/'${0}'}", "val"},
    {"${A//a/'$1x'}", "vl"}, {"${A//a/'$'}", "v$l"}, {"${A//a/'${'}", "v${l"},
    {"${A/a/\\}}", "v\\}l"}, {"${U/a/b}", ""}, {"${A/$X/y}", "val"}, {"${V/$STAR/y}", "y"},
    {"${U8//\xc3\xb6/o}", "\xc3\xa4o\xc3\xbc"}, {"${U8//?/.}", "..."},
    {"${A/v\\x/y}", "!invalid pattern"}, {"${V/\"two\"/'2'}", "one.2.three"}, {"${TAB/\t/ }", "a b"},
    {"${V/e*e/}", "on"},
};

static const struct {
    const char *in, *out;
} backtick[] = {
    {"`$A", "$A"}, {"\"`$A\"", "$A"}, {"\\$A", "\\val"}, {"\"a`\"b\"", "a\"b"}, {"'`$A'", "`$A"}, {"a`bc", "abc"},
    {"${U:-a`}b}", "a}b"},
    {"C:\\dir\\new", "C:\\dir\\new"}, {"x`", "x"}, {"x``", "x`"}, {"\"a`b\"", "a`b"}, {"\"a\\\"", "a\\"},
};

static const struct {
    const char *in, *out;
} heredoc[] = {
    {"$A ${A} ${U:-def} \"$A\" '$A' \\$A\n", "val val def \"val\" 'val' $A\n"},
    {"back\\slash \\\\ \\n end\\$\nnext\n", "backslash \\ n end$\nnext\n"},
    {"it's\n", "it's\n"}, {"\"\n", "\"\n"}, {"a\\\nb\n", "a\nb\n"}, {"`$A\n", "`val\n"}, {"${U:-'x'}\n", "'x'\n"},
    {"${A:=x}", "!unsupported"}, {"", ""},
    {"<<x < \n", "<<x < \n"}, {"\xff\n", "\xef\xbf\xbd\n"}, {"$ $$\n", "$ \n"},
};

static const struct {
    const char *in, *out; /* words joined by "|" */
} words[] = {
    {"hello", "hello"}, {"hello${hi}bye", "hellobye"}, {"a b", "a|b"}, {"$B", "b|c"}, {"x$B", "xb|c"},
    {"\"$B\"", "b c"}, {"x\"$B\"y $B", "xb cy|b|c"},
    {"hello${LEAD}def", "hello|ab|cdef"}, {"hello\"${LEAD}\" def", "hello  ab c|def"}, {"hello${TRAIL}", "helloab|c"},
    {"hello${TRAIL}d", "helloab|c|d"},
    {"hello\" there  \"", "hello there  "}, {"hello\\ there", "hello there"}, {"hello\" there", "!unexpected"},
    {"hello\\\" there", "hello\"|there"}, {"\"\" a ''", "a"},
    {"$NO", ""}, {"$NO a", "a"}, {"  a  ", "a"}, {"a\xc2\xa0" "b", "a|b"}, {"", ""}, {"${U:-80 443}", "80|443"},
    {"1$A 2", "1val|2"}, {"${U:-'a b'}", "a|b"},
    {"a\tb\nc", "a|b|c"}, {"x${U:-1}y", "1y"}, {"x$U${U:-1}", "1"}, {"x\"y${U-1}\"", "y1"},
    {"a x${U-b} c", "a|b|c"}, {"x${A}y", "xvaly"}, {"x${U-}", ""},
};

static const struct {
    const char *in, *out; /* names joined by " " */
} undefined[] = {
    {"$A", ""}, {"$NO", "NO"}, {"$NO ${NO} $YES", "NO YES"}, {"${x:-$y}", "y x"}, {"'$NO'", ""}, {"\\$NO", ""},
    {"${A:+$b}${A:-$c}", "b c"}, {"$b$a$b$a", "b a"}, {"$1$$", "1 $"},
};

static void check(struct arena *arena, const char *in, const char *out, char escape, enum word_mode mode)
{
    unit_row("%s", in);
    struct word_result result = word_expand(arena, span_of(in), escape, mode, &env);
    if (out[0] == '!' && UNIT_TRUE(result.error != NULL))
        UNIT_STR(out + 1, arena_strndup(arena, result.error, strnlen(result.error, strlen(out + 1))));
    else if (out[0] != '!' && UNIT_STR(NULL, result.error))
        UNIT_MEM(out, strlen(out), result.text.text, result.text.len);
    UNIT_TRUE(result.error_at <= strlen(in));
}

static const char *joined(struct arena *arena, const struct span *items, size_t count, const char *between)
{
    struct buf text = {0};
    for (size_t i = 0; i < count; i++) {
        buf_puts(&text, i ? between : "");
        buf_add(&text, items[i].text, items[i].len);
    }
    const char *copy = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return copy;
}

static void check_words(struct arena *arena, const char *in, const char *out)
{
    unit_row("words %s", in);
    struct word_list list = word_split(arena, span_of(in), '\\', &env);
    if (out[0] == '!')
        UNIT_TRUE(list.error && !strncmp(list.error, out + 1, strlen(out + 1)));
    else if (UNIT_STR(NULL, list.error))
        UNIT_STR(out, joined(arena, list.words, list.count, "|"));
}

static void check_undefined(struct arena *arena, const char *in, const char *out)
{
    unit_row("undefined %s", in);
    struct word_result result = word_expand(arena, span_of(in), '\\', WORD_ONE, &env);
    UNIT_STR(out, joined(arena, result.undefined, result.undefined_count, " "));
}

static char *repeated(struct arena *arena, const char *begin, size_t count, const char *end)
{
    struct buf text = {0};
    for (size_t i = 0; i < count; i++)
        buf_puts(&text, begin);
    for (size_t i = 0; i < count && *end; i++)
        buf_puts(&text, end);
    char *copy = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return copy;
}

/* A variable of any name with a value of 1 MiB. */
static bool get_large(const void *data, struct span name, struct span *value)
{
    (void)name;
    *value = *(const struct span *)data;
    return true;
}

static void check_limits(struct arena *arena)
{
    struct span large = span_of(repeated(arena, "a", WORD_LIMIT, ""));
    struct word_env large_env = {get_large, &large, NULL};
    struct {
        const char *name, *text;
        bool is_ok;
    } rows[] = {
        {"depth 64", repeated(arena, "${U:-", 64, "}"), true},
        {"depth 65", repeated(arena, "${U:-", 65, "}"), false},
        {"depth 100000", repeated(arena, "${U:-\"", 100000, ""), false},
        {"1 MiB", "$A", true},
        {"1 MiB and a byte", "x$A", false},
        {"doubled", "$A$A", false},
        {"many unused", repeated(arena, "${A:+}", 10000, ""), true},
        {"many trimmed", repeated(arena, "${A##*b}${A:+}", 4000, ""), false},
        {"replaced by more", "${A//a/$A}", false},
        {"star after star", "${A#*b*b*b*b*b*b*b*b*c}", true},
        {"long part", "${A##*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab}", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("limit: %s", rows[i].name);
        bool is_large = i >= 3;
        struct word_result result =
            word_expand(arena, span_of(rows[i].text), '\\', WORD_ONE, is_large ? &large_env : &env);
        UNIT_INT(rows[i].is_ok, result.error == NULL);
    }
}

#define COUNT(table) (sizeof(table) / sizeof *(table))

int main(void)
{
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT(one); i++)
        check(&arena, one[i].in, one[i].out, '\\', WORD_ONE);
    for (size_t i = 0; i < COUNT(backtick); i++)
        check(&arena, backtick[i].in, backtick[i].out, '`', WORD_ONE);
    for (size_t i = 0; i < COUNT(heredoc); i++)
        check(&arena, heredoc[i].in, heredoc[i].out, '`', WORD_HEREDOC);
    for (size_t i = 0; i < COUNT(words); i++)
        check_words(&arena, words[i].in, words[i].out);
    for (size_t i = 0; i < COUNT(undefined); i++)
        check_undefined(&arena, undefined[i].in, undefined[i].out);
    check_limits(&arena);
    arena_free(&arena);
    return unit_end();
}
