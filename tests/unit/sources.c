/*
 * Guards what sources come to: cleaning, symlinks, wildcards, --parents, --exclude; and that a tree of only what was touched gives the
 * same answer, on which N.list rests.
 */
#include "tests/unit/unit.h"

#include <errno.h>

#include "tests/unit/trees.h"

#include "runtime/lib/pattern.h"
#include "runtime/lib/sources.h"

static const char tree_text[] =
    "f dir/ dir/a dir/b dir/s/ dir/s/c dir/s/d.o dir/.h dirfile up->../../etc/passwd etc/ etc/passwd link->f dlink->dir abs->/dir/a "
    "gone->nowhere loop1->loop2 loop2->loop1 w/ w/a.txt w/b.txt w/c.md w/l1->../f w/l2->../dir w/x/ w/x/n.txt w/y/ w/y/n.txt "
    "w/y/z/ w/y/z/n.txt q\\x q\\z.txt a[0] a0 st*r deep->dlink/s p/ p/a/ p/a/package.json p/b/ p/b/c/ p/b/c/package.json p/b/x.js "
    "package.json r.md src/ src/lib/ src/lib/a.c src/lib/b.h src/include/ src/include/y.h src/ln->lib nlink->./dir/../dlink/s "
    "e/ hl/ hl/a hl/b=hl/a fi|";

/* want: for each match NAME>REAL (or @RELATIVE>REAL), then in brackets what is walked; or the error. */
static const struct {
    const char *path;
    const char *flags;  /* "p": --parents; else patterns for --exclude, separated by spaces */
    const char *want;
} rows[] = {
    {"f", "", "f>f[]"}, {"/f", "", "f>f[]"}, {"../f", "", "f>f[]"}, {"./dir/../f", "", "f>f[]"}, {"f/", "", "f>f[]"},
    {"dir/s", "", "s>dir/s[c d.o]"}, {"dir/s/", "", "s>dir/s[c d.o]"}, {"/dir/s/.", "", "s>dir/s[c d.o]"}, {"e", "", "e>e[]"},
    {"link", "", "link>f[]"}, {"dlink/s", "", "s>dir/s[c d.o]"}, {"deep", "", "deep>dir/s[c d.o]"}, {"nlink", "", "nlink>dir/s[c d.o]"},
    {"abs", "", "abs>dir/a[]"}, {"up", "", "up>etc/passwd[]"}, {"dlink/a", "", "a>dir/a[]"}, {"fi", "", "fi>fi[]"},
    {"src", "", "src>src[include include/y.h lib lib/a.c lib/b.h ln]"},
    {"none", "", "!\"/none\": not found"}, {"dir/none", "", "!\"/dir/none\": not found"}, {"f/x", "", "!\"/f/x\": not found"},
    {"gone", "", "!\"/gone\": not found"}, {"loop1", "", "!\"/loop1\": too many symbolic links"}, {"link/x", "", "!\"/link/x\": not found"},
    {"q\\x", "", "q\\x>q\\x[]"}, {"q\\\\?.txt", "", "q\\z.txt>q\\z.txt[]"}, {"a[[]0]", "", "a[0]>a[0][]"}, {"a[0]", "", "a0>a0[]"},
    {"st[*]r", "", "st*r>st*r[]"}, {"st\\*r", "", "!\"/st\\*r\": not found"},
    {"w/*.txt", "", "a.txt>w/a.txt[] b.txt>w/b.txt[]"}, {"w/l*", "", "l1>f[] l2>dir[.h a b s s/c s/d.o]"}, {"w/*/n.txt", "", "n.txt>w/x/n.txt[] n.txt>w/y/n.txt[]"},
    {"w/**/n.txt", "", "n.txt>w/x/n.txt[] n.txt>w/y/n.txt[]"}, {"w/?", "", "x>w/x[n.txt] y>w/y[n.txt z z/n.txt]"}, {"w/[x]", "", "x>w/x[n.txt]"},
    {"w/[^x]", "", "y>w/y[n.txt z z/n.txt]"}, {"dlink/[ab]", "", "a>dir/a[] b>dir/b[]"}, {"w/l2/*", "", ".h>dir/.h[] a>dir/a[] b>dir/b[] s>dir/s[c d.o]"}, {"w/*/a", "", ""},
    {"none*", "", ""}, {"none/x*", "", "!\"/none\": not found"}, {"f/*", "", ""}, {"w/[", "", "!syntax error in pattern"}, {"[a-", "", "!syntax error in pattern"},
    {"gon*", "", "!\"/gone\": not found"}, {"dir*", "", "dir>dir[.h a b s s/c s/d.o] dirfile>dirfile[]"},
    {"dir", "s", "dir>dir[.h a b]"}, {"dir", "*", "dir>dir[]"}, {"dir", "**/*.o a", "dir>dir[.h b s s/c]"}, {"dir", "s !s/c", "dir>dir[.h a b s s/c]"},
    {"dir", "s !none/*", "dir>dir[.h a b]"}, {"dir", "** !s/d.o", "dir>dir[s s/d.o]"}, {"f", "f", "f>f[]"}, {"w/*.txt", "*.txt", "a.txt>w/a.txt[] b.txt>w/b.txt[]"},
    {"w/y", "z/n.txt", "y>w/y[n.txt z]"}, {"hl", "a", "hl>hl[b]"}, {"dir", "dir/a", "dir>dir[.h a b s s/c s/d.o]"},
    {"dir/s/c", "p", "@dir/s/c>dir/s/c[]"}, {"/dir/s", "p", "@dir/s>dir/s[c d.o]"}, {"dir/./s/c", "p", "@s/c>dir/s/c[]"}, {"dlink/./s", "p", "!\"/dlink/s\": not found"}, {"dlink/./s*", "p", "@s>dir/s[c d.o]"},
    {"gone", "p", "!\"/gone\": not found"}, {"gon?", "p", "!\"/gone\": not found"}, {"link", "p", "@link>link[]"}, {"gone", "p gone", "!\"/gone\": not found"},
    {".", "f", "!\"/gone\": not found"},
    {"**/package.json", "p", "@p/a/package.json>p/a/package.json[] @p/b/c/package.json>p/b/c/package.json[] @package.json>package.json[]"},
    {"*.md", "p", "@r.md>r.md[]"}, {"src/./lib/*.c", "p", "@lib/a.c>src/lib/a.c[]"}, {"src/./include", "p", "@include>src/include[y.h]"},
    {"src/./*", "p", "@include>src/include[y.h] @lib>src/lib[a.c b.h] @ln>src/ln[]"}, {"p/**", "p", "@p/a>p/a[package.json] @p/b>p/b[c c/package.json x.js]"},
    {"p/*/x.js", "p", "@p/b/x.js>p/b/x.js[]"}, {"none", "p", "!\"/none\": not found"}, {"none*", "p", ""}, {"dir/./none", "p", "!\"/dir/none\": not found"},
    {"none/./x", "p", "!\"/none\": not found"}, {"dlink/a", "p", "!\"/dlink/a\": not found"}, {"link", "p", "@link>link[]"}, {"[", "p", "!syntax error in pattern"},
    {"e/./.", "p", "!\"/e\": not found"}, {"src/./", "p", "!\"/src\": not found"}, {"/", "p", "!\"/\": not found"}, {"s*/./", "p", ""},
    {"src", "p src/lib", "@src>src[include include/y.h ln]"}, {"src/./lib", "p lib/a.c", "@lib>src/lib[b.h]"}, {"src/./lib", "p lib", "!\"/src/lib\": not found"},
};

static void add_walked(void *data, const char *path, const char *relative)
{
    struct buf *out = data;
    (void)path;
    if (!*relative) {
        buf_putc(out, '[');
        return;
    }
    if (out->data[out->len - 1] != '[')
        buf_putc(out, ' ');
    buf_puts(out, relative);
}

/* Flags are "p" and patterns. */
static struct source_spec make_spec(struct arena *arena, const char *path, const char *flags)
{
    struct source_spec spec = {.path = path};
    const char *patterns[8], *error = NULL;
    size_t count = 0;
    char *copy = arena_strdup(arena, flags);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        if (!strcmp(word, "p"))
            spec.parents = true;
        else
            patterns[count++] = word;
    }
    spec.exclude = pattern_list_of(arena, patterns, count, &error);
    return spec;
}

static void describe(const struct tree *tree, struct arena *arena, const struct source_spec *spec, struct buf *out)
{
    struct source_matches matches;
    const char *error = NULL;
    if (sources_expand(tree, arena, spec, NULL, NULL, &matches, &error) < 0) {
        buf_printf(out, "!%s", error);
        return;
    }
    for (size_t i = 0; i < matches.count; i++) {
        const struct source_match *match = &matches.items[i];
        buf_printf(out, "%s%s%s>%s", i ? " " : "", match->relative ? "@" : "", match->relative ? match->relative : match->name, match->real);
        size_t before = out->len;
        sources_walk(tree, arena, spec, match, add_walked, out);
        if (out->len > before)
            buf_putc(out, ']');
    }
}

static void add_touched(void *data, const struct entry *entry)
{
    list_builder_add(data, entry);
}

/* A tree of what the expansion came by. */
static struct tree *touched_tree(const struct tree *tree, struct arena *arena, const struct source_spec *spec)
{
    struct list_builder *builder = list_builder_new();
    struct sources_touch touch = {NULL, NULL, add_touched, builder};
    const char *error;
    struct buf text = {0};
    struct digest digest;
    sources_touched(tree, arena, spec, &touch, &error);
    list_builder_finish(builder, &text, &digest);
    size_t len = text.len;
    struct tree *out = tree_new();
    tree_add_layer(out, list_from_text(buf_take(&text), len, NULL), -1);
    return out;
}

int main(void)
{
    struct tree *tree = trees_make(tree_text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        struct buf out = {0}, again = {0};
        struct source_spec spec = make_spec(&arena, rows[i].path, rows[i].flags);
        unit_row("%s %s", rows[i].path, rows[i].flags);
        describe(tree, &arena, &spec, &out);
        UNIT_STR(rows[i].want, buf_text(&out));
        struct tree *part = touched_tree(tree, &arena, &spec);
        describe(part, &arena, &spec, &again);
        UNIT_STR(buf_text(&out), buf_text(&again));
        tree_free(part);
        buf_free(&out);
        buf_free(&again);
        arena_free(&arena);
    }
    tree_free(tree);
    return unit_end();
}
