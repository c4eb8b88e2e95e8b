/* Guards ignore and exclude patterns: how lines are read, what each pattern covers, and which of many decides. */
#include "tests/unit/unit.h"

#include "runtime/lib/arena.h"
#include "runtime/lib/pattern.h"

/* One ignore file and one path: x excluded, . not, E the file is malformed. */
static const struct {
    const char *text, *path;
    char want;
} rows[] = {
    /* names, and what lies below them */
    {"a", "a", 'x'}, {"a", "b", '.'}, {"a", "a/b", 'x'}, {"a", "a/b/c", 'x'}, {"a", "b/a", '.'}, {"a", "ab", '.'},
    {"a/b", "a", '.'}, {"a/b", "a/b", 'x'}, {"a/b", "a/b/c", 'x'}, {"a/b", "x/a/b", '.'}, {"a.b", "a.b", 'x'},
    {"a.b", "axb", '.'}, {"a+b", "a+b", 'x'}, {"a$", "a$", 'x'}, {"(a|b)", "(a|b)", 'x'}, {"(a|b)", "a", '.'},
    {"a{1}", "a{1}", 'x'}, {"a^b", "a^b", 'x'},
    /* one star, question marks, classes */
    {"*", "a", 'x'}, {"*", ".a", 'x'}, {"*", "a/b", 'x'}, {"*.o", "a.o", 'x'}, {"*.o", "a/b.o", '.'}, {"*.o", ".o", 'x'},
    {"*.o", "a.oo", '.'}, {"a*", "abc", 'x'}, {"a*", "ab/c", 'x'}, {"a*c", "abc", 'x'}, {"a*c", "ab/c", '.'},
    {"*/b", "a/b", 'x'}, {"*/b", "b", '.'}, {"*/b", "a/x/b", '.'}, {"*/*", "a", '.'}, {"*/*", "a/b", 'x'},
    {"*/*", "a/b/c", 'x'}, {"dir/*", "dir", '.'}, {"dir/*", "dir/a", 'x'}, {"f?.txt", "f1.txt", 'x'},
    {"f?.txt", "f22.txt", '.'}, {"f?.txt", "f/.txt", '.'}, {"?", "\xc3\xbc", 'x'}, {"??", "\xc3\xbc", '.'},
    {"[ab]*", "a1", 'x'}, {"[ab]*", "c1", '.'}, {"[^w-z]z", "mz", 'x'}, {"[^w-z]z", "xz", '.'}, {"[!a]", "b", '.'},
    {"[!a]", "!", 'x'}, {"x[0-9][0-9]", "x42", 'x'}, {"x[0-9][0-9]", "x4", '.'},
    /* escapes */
    {"\\#a", "#a", 'x'}, {"\\!b", "!b", 'x'}, {"a\\*", "a*", 'x'}, {"a\\*", "ab", '.'}, {"\\-", "-", 'x'},
    {"a\\?", "a?", 'x'}, {"a\\?", "ab", '.'}, {"a\\[1]", "a[1]", 'x'}, {"a\\\\b", "a\\b", 'x'},
    /* as in the regular expressions that they are compiled to: sets of characters, and escapes that are none */
    {"q\\d", "q1", 'x'}, {"q\\d", "qd", '.'}, {"*\\wo", "foo", 'x'}, {"*\\wo", "f-o", '.'}, {"\\foo", "foo", '.'},
    {"a\\Db", "axb", 'x'}, {"a\\Db", "a1b", '.'}, {"a\\sb", "a b", 'x'}, {"a\\Sb", "a b", '.'}, {"a\\Wb", "a-b", 'x'},
    {"\\1*", "1", 'E'}, {"build\\packages", "x", 'E'}, {"q[\\d]", "q1", 'x'}, {"q[\\d]", "qd", '.'}, {"q[^\\d]", "qd", 'x'},
    {"[[:alpha:]]1", "q1", 'x'}, {"[[:alpha:]]1", "11", '.'}, {"[[:digit:]x]", "x", 'x'}, {"[^[:digit:]]", "1", '.'},
    {"[[:nope:]]", "a", 'E'}, {"[[:a]", ":", 'x'}, {"[[:a]", "[", 'x'}, {"[z-a]*", "b", 'E'}, {"[a\\-c]", "b", '.'}, {"[a\\-c]", "-", 'x'},
    {"^x*", "x1", 'x'}, {"x^*", "x^y", '.'}, {"x^y", "x^y", 'x'}, {"x[\\^]y", "x^y", 'x'}, {"*]", "a]", 'x'}, {"a.b*", "axb", '.'},
    {"a+*", "aab", '.'}, {"*.{a,b}", "x.a", '.'}, {"*.{a,b}", "x.{a,b}", 'x'}, {"(a*", "(ab", 'x'}, {"dol$*", "dol$x", 'x'},
    {"\\ a", " a", 'x'}, {"sp\\ ace", "sp ace", 'x'}, {"*\xef\xbb\xbf", "a", '.'},
    {"#c\n\xef\xbb\xbf*.md", "a.md", 'x'}, {"#c\n\xef\xbb\xbf" "a", "a", '.'},
    /* alternatives: the first begins the path, the last ends it; repetitions */
    {"a|*b", "ax", 'x'}, {"a|*b", "xa", '.'}, {"a|*b", "x/y/b", 'x'}, {"x|^u*", "au", '.'}, {"x|^u*", "u", 'x'}, {"*|", "a", 'x'}, {"*x|y|z", "ayb", 'x'},
    {"a|b", "a", '.'}, {"a\\|b", "a|b", 'x'}, {"[|]", "|", 'x'}, {"u{2}*", "uu", 'x'}, {"u{2}*", "ua", '.'}, {"?{2}", "ab", 'x'}, {"?{2}", "abc", '.'},
    {"[uw]{2,}", "uwu", 'x'}, {"[uw]{2,}", "u", '.'}, {"u{1,2}?", "uua", 'x'}, {"u{1,2}?", "u", '.'}, {"u{0}w*", "w", 'x'}, {"*u{,2}", "u{,2}", 'x'},
    {"u{02}*", "u{02}x", 'x'}, {"^{2}u*", "u", 'x'}, {"*u{1}{2}", "u", 'E'}, {"*{2}", "a", 'E'}, {"x|{2}*", "a", 'E'}, {"*x{1001}", "x", 'E'}, {"*x{2,1}", "x", 'E'},
    /* places, and characters by number */
    {"*\\bw", "x-w", 'x'}, {"*\\bw", "ww", '.'}, {"w\\B*", "ww", 'x'}, {"w\\B*", "w-", '.'}, {"\\Aw*", "wx", 'x'}, {"w*\\z", "wx", 'x'}, {"w\\z*", "wx", '.'},
    {"\\x75*", "u1", 'x'}, {"[\\x75]*", "u1", 'x'}, {"\\123*", "S", 'x'}, {"\\x{75}{2}", "uu", 'x'}, {"\\x7", "u", 'E'},
    /* quoted text, classes of regular expressions, a backslash at the end, anchors in the middle; as the reference said */
    {"\\Qa", "a", '.'}, {"\\Qa", "a$", 'x'}, {"\\Qa\\E*", "ab", 'x'}, {"\\Qa.b\\E*", "a.bc", '.'},
    {"\\Qa.b\\E*", "a\\.bc", 'x'}, {"x*\\Qa*b\\E", "xa[^/]*b", 'x'}, {"x*\\Qa*b\\E", "xaqb", '.'},
    {"x\\Q", "x$y", 'x'}, {"*\\Q?\\E", "[^/]", 'x'}, {"a*[]]", "ab]", 'x'}, {"a*[]]", "ab", '.'},
    {"a*[-]", "ax-", 'x'}, {"a*[b-]", "ab", 'x'}, {"b*[]a-]c", "b]c", 'x'}, {"a*\\", "ab$c", 'x'},
    {"a*\\", "ab", '.'}, {"*\\", "a", 'E'}, {"q[\\S]", "qx", 'x'}, {"q[\\S]", "q ", '.'}, {"q[\\D\\d]", "q1", 'x'},
    {"q[[:^digit:]]", "q1", '.'}, {"q[[:^digit:]]", "qx", 'x'}, {"q[\\t-\\r]", "q\n", 'x'}, {"*\\\303\251", "a", 'E'},
    {"[\\\303\251]", "\303\251", 'E'}, {"*^a", "a", 'x'}, {"x?^a", "xya", '.'}, {"*^", "a", '.'},
    {"\\b\\Aa*", "ab", 'x'}, {"/ [c]", "c", 'x'}, {"\302\240a\343\200\200", "a", 'x'}, {"a\342\200\203", "a", 'x'},
    {"/ !a\na", "a", 'x'}, {"a\n/ !a", "a", '.'}, {"[a-\\d]*", "b", 'E'}, {"q[\\a]", "q\007", 'x'},
    /* stars and question marks in a class */
    {"[*]", "]", 'x'}, {"[*]", "*", '.'}, {"[?]", "?", '.'}, {"[?]", "[]", 'x'}, {"[a*]*", "a", '.'}, {"[^*]", "q]", 'x'}, {"[**]", "*", 'x'}, {"[**]", "a", '.'},
    /* two stars */
    {"**", "a", 'x'}, {"**", "a/b", 'x'}, {"**/", "a", 'x'}, {"**/**", "a", 'x'}, {"**/a", "a", 'x'}, {"**/a", "b/a", 'x'},
    {"**/a", "b/c/a", 'x'}, {"**/a", "ba", '.'}, {"**/a", "a/b", 'x'}, {"**a", "ba", 'x'}, {"**a", "c/ba", 'x'},
    {"**foo", "x/foo/y", 'x'}, {"**foo", "food", '.'}, {"**/*.o", "a.o", 'x'}, {"**/*.o", "a/b/c.o", 'x'},
    {"**/*.o", "a/b/c.oo", '.'}, {"**.o", "a/b.o", 'x'}, {"a/**", "a", '.'}, {"a/**", "a/b", 'x'}, {"a/**", "a/b/c", 'x'},
    {"a/**", "ab", '.'}, {"a**", "a", 'x'}, {"a**", "ab/c", 'x'}, {"a**", "b", '.'}, {"a/**/b", "a/b", 'x'},
    {"a/**/b", "a/x/b", 'x'}, {"a/**/b", "a/x/y/b", 'x'}, {"a/**/b", "a/xb", '.'}, {"a/**/b", "b", '.'},
    {"x/**/tmp", "x/tmp", 'x'}, {"x/**/tmp", "x/y/z/tmp/f", 'x'}, {"x/**/tmp", "y/tmp", '.'}, {"**/a/**", "a", '.'},
    {"**/a/**", "a/b", 'x'}, {"**/a/**", "x/a/b", 'x'}, {"**/a/**", "x/ab", '.'}, {"*/**/b", "a/b", 'x'},
    {"*/**/b", "b", '.'}, {"a*/**", "ab/c", 'x'}, {"a*/**", "ab", '.'}, {"**/*/b", "a/b", 'x'}, {"**/*/b", "x/a/b", 'x'},
    {"**/*/b", "b", '.'}, {"**b*", "b1", 'x'}, {"**b*", "a/b1", 'x'}, {"**b*", "ab1", '.'}, {"***", "a", 'x'},
    {"****", "a/b", 'x'}, {"a/**b", "a/b", 'x'}, {"a/**b", "a/x/b", 'x'}, {"a/**b", "a/xb", '.'},
    {"**/node_modules", "p/node_modules/x.js", 'x'}, {"**/.git", ".git/config", 'x'}, {"**/[ab]/c", "x/a/c", 'x'},
    /* spellings */
    {"a/", "a", 'x'}, {"/a", "a", 'x'}, {"/a", "b/a", '.'}, {"./a", "a", 'x'}, {"a//b", "a/b", 'x'}, {"./c//d/../e", "c/e", 'x'},
    {"  a  ", "a", 'x'}, {"\ta\t", "a", 'x'}, {"a b", "a b", 'x'}, {"a\r\nb\r\n", "a", 'x'}, {"a\r\nb\r\n", "b", 'x'},
    {"\xef\xbb\xbf" "a", "a", 'x'}, {"#a", "#a", '.'}, {" #a", "#a", 'x'}, {"\n\n  \na", "a", 'x'}, {".", "a", '.'}, {"/", "a", '.'},
    {"..", "a", '.'}, {"../x", "x", '.'}, {"a/..", "a", '.'}, {"", "a", '.'}, {"!./a", "a", '.'}, {"//a", "a", 'x'},
    /* the last that applies */
    {"*.md\n!README.md", "a.md", 'x'}, {"*.md\n!README.md", "README.md", '.'}, {"!README.md\n*.md", "README.md", 'x'},
    {"*.md\n!R*.md\nREADME.md", "README.md", 'x'}, {"*.md\n!R*.md\nREADME.md", "RR.md", '.'}, {"a\n!a/b", "a/b", '.'},
    {"a\n!a/b", "a/c", 'x'}, {"a\n!a/b", "a/b/c", '.'}, {"*\n!src", "src/x", '.'}, {"*\n!src\nsrc/*.o", "src/x.o", 'x'},
    {"*\n!src\nsrc/*.o", "src/s/x.o", '.'}, {"*\n!dir\ndir/tmp\ndir/**/*.log", "dir/tmp/x", 'x'},
    {"*\n!dir\ndir/tmp\ndir/**/*.log", "dir/s/a.log", 'x'}, {"*\n!dir\ndir/tmp\ndir/**/*.log", "dir/s/a", '.'},
    {"*\n!a/b/keep\n!**/*.go", "p/q/m.go", '.'}, {"*\n!a/b/keep\n!**/*.go", "a/b/x", 'x'}, {"! a\na", "a", 'x'}, {"a\n! a", "a", '.'},
    {"a\n!/a", "a", '.'}, {"a\n!./a/", "a", '.'}, {"a\n!b", "a", 'x'}, {"dir/**\n!dir/k", "dir/k", '.'}, {"dir/**\n!dir/k", "dir/l", 'x'},
    /* what the reference did not look at for a folder does not count for what lies below */
    {"*/y\n!x", "x/y", 'x'}, {"*/y\n!x\n!x/y", "x/y", '.'}, {"x/y\n!x/*", "x/y", '.'},
    /* malformed */
    {"!", "a", 'E'}, {"a\n!\n", "a", 'E'}, {"[", "a", 'E'}, {"a[", "a", 'E'}, {"a\\", "a", 'E'}, {"[]", "a", 'E'}, {"[a-]", "a", 'E'},
    {"!  ", "a", 'E'}, {"![", "a", 'E'},
};

/* Where a walk must look into an excluded folder. */
static const struct {
    const char *text, *dir;
    bool may;
} below[] = {
    {"*", "a", false}, {"*\n!a/b", "a", true}, {"*\n!a/b", "b", false}, {"*\n!a/b", "ab", false}, {"*\n!a/b/c", "a/b", true},
    {"*\n!a/b/c", "a/x", false}, {"*\n!**/*.go", "a", true}, {"*\n!a*/x", "ab", true}, {"*\n!a*/x", "b", false},
    {"*\n!src", "node_modules", false}, {"*\n!src", "src", false}, {"*\n!a/b*", "a", true}, {"*\n!a/b*", "a/bc", true},
};

static void test_errors(void)
{
    static const struct {
        const char *text;
        int line;
        const char *error;
    } errors[] = {
        {"a\n\n#x\n!\n", 4, "illegal exclusion pattern: \"!\""}, {"[", 1, "syntax error in pattern"}, {"a\nb\nc[\nd", 3, "syntax error in pattern"},
    };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct arena arena = {0};
        const char *error = NULL;
        int line = 0;
        unit_row("error %s", errors[i].text);
        UNIT_TRUE(!pattern_list_parse(&arena, span_of(errors[i].text), &error, &line));
        UNIT_INT(errors[i].line, line);
        UNIT_STR(errors[i].error, error);
        arena_free(&arena);
    }
}

/* --exclude's patterns are not lines: nothing is a comment, a leading slash stays. */
static void test_list(void)
{
    static const char *const patterns[] = {"#a", " b ", "/c", "d/", "!d/keep", ""};
    struct arena arena = {0};
    const char *error = NULL;
    struct pattern_list *list = pattern_list_of(&arena, patterns, 6, &error);
    unit_row("--exclude");
    if (UNIT_TRUE(list != NULL)) {
        UNIT_INT(5, pattern_list_count(list));
        UNIT_STR("!d/keep", pattern_list_text(list, 4));
        UNIT_TRUE(pattern_list_excludes(list, "#a") && pattern_list_excludes(list, "b") && pattern_list_excludes(list, "d/x"));
        UNIT_TRUE(!pattern_list_excludes(list, "c") && !pattern_list_excludes(list, "d/keep"));
        UNIT_TRUE(pattern_list_has_negation(list) && !pattern_list_is_empty(list));
    }
    arena_free(&arena);
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        const char *error = NULL;
        int line;
        struct pattern_list *list = pattern_list_parse(&arena, span_of(rows[i].text), &error, &line);
        unit_row("%s on %s", rows[i].text, rows[i].path);
        UNIT_INT(rows[i].want, !list ? 'E' : pattern_list_excludes(list, rows[i].path) ? 'x' : '.');
        arena_free(&arena);
    }
    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        struct arena arena = {0};
        const char *error = NULL;
        int line;
        struct pattern_list *list = pattern_list_parse(&arena, span_of(below[i].text), &error, &line);
        unit_row("below %s in %s", below[i].dir, below[i].text);
        if (UNIT_TRUE(list != NULL))
            UNIT_INT(below[i].may, pattern_list_may_include_below(list, below[i].dir));
        arena_free(&arena);
    }
    test_errors();
    test_list();
    return unit_end();
}
