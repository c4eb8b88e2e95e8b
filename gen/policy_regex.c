/*
 * Owns what a regular expression of Go means in POSIX. Called by policy for selectors and constraints. Must not know
 * what is matched.
 */
#include "gen/policy_regex.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"

enum { PATTERN_LIMIT = 4096, GROUP_LIMIT = 64, REPEAT_LIMIT = 1000, ASCII = 128 };

struct policy_regex {
    regex_t posix;
    size_t groups[GROUP_LIMIT];     /* of Go → of POSIX, which numbers (?:...) as well */
    size_t group_count;             /* with 0, the whole */
};

struct translation {
    struct arena *arena;
    const char *at;
    struct buf out;
    struct policy_regex *regex;
    size_t posix_groups, depth;
    bool open_counts[GROUP_LIMIT];  /* by depth: a counted repetition is in there */
    bool has_atom, atom_counts;     /* what a repetition would be of, and whether it repeats something by number */
    const char *error;
};

static void fail(struct translation *translation, const char *why)
{
    if (!translation->error)
        translation->error = arena_printf(translation->arena, "%s: \"%s\"", why, translation->at);
}

/* --- classes --- */

static const struct {
    const char *name;
    int (*has)(int c);
} classes[] = {
    {"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank},   {"cntrl", iscntrl},
    {"digit", isdigit}, {"graph", isgraph}, {"lower", islower},   {"print", isprint},
    {"punct", ispunct}, {"upper", isupper}, {"xdigit", isxdigit},
};

/* \d, \w, \s: in Go of ASCII alone, and \s without \v. */
static bool is_in_letter_class(char letter, int c)
{
    switch (letter | 0x20) {
    case 'd': return isdigit(c);
    case 'w': return isalnum(c) || c == '_';
    default: return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
    }
}

static bool is_letter_class(char c)
{
    return c && strchr("dDwWsS", c);
}

static void add_letter_class(bool *set, char letter)
{
    for (int c = 1; c < ASCII; c++)
        set[c] |= is_in_letter_class(letter, c) == !isupper((unsigned char)letter);
}

/* "[:name:]", at its bracket. */
static bool add_named_class(struct translation *translation, bool *set)
{
    const char *name = translation->at + 2, *end = strstr(name, ":]");
    for (size_t i = 0; end && i < sizeof classes / sizeof *classes; i++) {
        if (strlen(classes[i].name) != (size_t)(end - name) || strncmp(classes[i].name, name, (size_t)(end - name)))
            continue;
        for (int c = 1; c < ASCII; c++)
            set[c] |= classes[i].has(c) != 0;
        translation->at = end + 2;
        return true;
    }
    fail(translation, "this class of characters is not supported");
    return false;
}

/* One character of a class, escaped or not; -1: none. */
static int class_character(struct translation *translation)
{
    const char *at = translation->at;
    bool is_escaped = *at == '\\';
    unsigned char c = (unsigned char)at[is_escaped];
    if (!c || c >= ASCII || (is_escaped && isalnum(c))) {
        fail(translation, c ? "this is not supported in a class of characters" : "a \"[\" has no \"]\"");
        return -1;
    }
    translation->at += 1 + is_escaped;
    return c;
}

static void add_range(struct translation *translation, bool *set)
{
    int first = class_character(translation), last = first;
    if (first >= 0 && translation->at[0] == '-' && translation->at[1] && translation->at[1] != ']') {
        translation->at++;
        last = class_character(translation);
    }
    if (first >= 0 && last >= 0 && last < first)
        fail(translation, "a range of characters runs backwards");
    for (int c = first; c >= 0 && c <= last; c++)
        set[c] = true;
}

/* In an order in which POSIX takes each for itself. */
static void write_set(struct translation *translation, const bool *set, bool is_negated)
{
    struct buf *out = &translation->out;
    size_t count = 0;
    for (int c = 1; c < ASCII; c++)
        count += set[c];
    if (!is_negated && count == 1 && set['^']) {
        buf_puts(out, "\\^");
        return;
    }
    buf_puts(out, is_negated ? "[^" : "[");
    if (set[']'])
        buf_putc(out, ']');
    for (int c = 1; c < ASCII; c++)
        if (set[c] && !strchr("]^-[", c))
            buf_putc(out, (char)c);
    for (const char *late = "[^-"; *late; late++)
        if (set[(unsigned char)*late])
            buf_putc(out, *late);
    buf_putc(out, ']');
}

static void translate_set(struct translation *translation)
{
    bool set[ASCII] = {false}, is_negated = translation->at[1] == '^', is_first = true;
    translation->at += 1 + is_negated;
    for (; !translation->error && (*translation->at != ']' || is_first); is_first = false) {
        const char *at = translation->at;
        if (at[0] == '[' && at[1] == ':') {
            add_named_class(translation, set);
        } else if (at[0] == '\\' && is_letter_class(at[1])) {
            add_letter_class(set, at[1]);
            translation->at += 2;
        } else {
            add_range(translation, set);
        }
    }
    translation->at++;
    if (!translation->error)
        write_set(translation, set, is_negated);
}

/* --- the rest --- */

static void set_atom(struct translation *translation, bool counts)
{
    translation->has_atom = true;
    translation->atom_counts = counts;
}

static void translate_escape(struct translation *translation)
{
    char c = translation->at[1];
    bool set[ASCII] = {false};
    if (c == 'A' || c == 'z') {
        buf_putc(&translation->out, c == 'A' ? '^' : '$');
        translation->has_atom = false;
    } else if (is_letter_class(c)) {
        add_letter_class(set, (char)tolower((unsigned char)c));
        write_set(translation, set, isupper((unsigned char)c));
        set_atom(translation, false);
    } else if (c && ispunct((unsigned char)c)) {
        if (strchr(".[]()*+?{}|^$\\", c))
            buf_putc(&translation->out, '\\');
        buf_putc(&translation->out, c);
        set_atom(translation, false);
    } else {
        fail(translation, "this escape is not supported");
        return;
    }
    translation->at += 2;
}

static void open_group(struct translation *translation)
{
    bool is_plain = translation->at[1] == '?';
    if (is_plain && translation->at[2] != ':')
        fail(translation, "flags and names of groups are not supported");
    if (translation->depth + 1 >= GROUP_LIMIT || translation->posix_groups + 1 >= GROUP_LIMIT)
        fail(translation, "there are too many groups");
    if (translation->error)
        return;
    translation->posix_groups++;
    if (!is_plain)
        translation->regex->groups[translation->regex->group_count++] = translation->posix_groups;
    translation->open_counts[++translation->depth] = false;
    buf_putc(&translation->out, '(');
    translation->at += is_plain ? 3 : 1;
    translation->has_atom = false;
}

static void close_group(struct translation *translation)
{
    if (!translation->depth) {
        fail(translation, "a \")\" has no \"(\"");
        return;
    }
    bool counts = translation->open_counts[translation->depth--];
    buf_putc(&translation->out, ')');
    translation->at++;
    set_atom(translation, counts);
}

/* "{2}", "{2,}", "{2,5}"; 0: it is none, so each character stands for itself. */
static size_t count_length(const char *at)
{
    size_t len = 1 + strspn(at + 1, "0123456789");
    if (len == 1)
        return 0;
    if (at[len] == ',')
        len += 1 + strspn(at + len + 1, "0123456789");
    return at[len] == '}' ? len + 1 : 0;
}

static void translate_repeat(struct translation *translation, size_t len)
{
    const char *at = translation->at;
    bool counts = len > 1;
    char *end;
    long low = counts ? strtol(at + 1, &end, 10) : 0,
         high = counts && *end == ',' && end[1] != '}' ? strtol(end + 1, NULL, 10) : low;
    if (!translation->has_atom)
        fail(translation, "a repetition has nothing to repeat");
    else if (at[len] == '?')
        fail(translation, "a repetition that takes as little as it can is not supported");
    else if (at[len] == '*' || at[len] == '+' || (at[len] == '{' && count_length(at + len)))
        fail(translation, "a repetition is repeated");
    else if (low > REPEAT_LIMIT || high > REPEAT_LIMIT || high < low || (counts && translation->atom_counts))
        fail(translation, "a repetition is too long");
    buf_add(&translation->out, at, len);
    translation->at += len;
    translation->has_atom = false;
    translation->open_counts[translation->depth] |= counts || translation->atom_counts;
}

static void translate_one(struct translation *translation)
{
    char c = *translation->at;
    size_t len = c == '{' ? count_length(translation->at) : 0;
    if (c == '\\') {
        translate_escape(translation);
    } else if (c == '[') {
        translate_set(translation);
        set_atom(translation, false);
    } else if (c == '(') {
        open_group(translation);
    } else if (c == ')') {
        close_group(translation);
    } else if (c == '*' || c == '+' || c == '?' || len) {
        translate_repeat(translation, len ? len : 1);
    } else {
        if (c == '{')
            buf_putc(&translation->out, '\\');
        buf_putc(&translation->out, c);
        translation->at++;
        translation->has_atom = c != '|' && c != '^' && c != '$';
        translation->atom_counts = false;
    }
}

struct policy_regex *policy_regex_new(struct arena *arena, const char *pattern, const char **error)
{
    struct policy_regex *regex = arena_alloc(arena, sizeof *regex);
    struct translation translation = {.arena = arena, .at = pattern, .regex = regex};
    char why[256];
    regex->group_count = 1;
    if (strlen(pattern) > PATTERN_LIMIT)
        fail(&translation, "the pattern is too long");
    /* An error may stand behind the end: what is open there. */
    while (!translation.error && *translation.at)
        translate_one(&translation);
    if (translation.depth)
        fail(&translation, "a \"(\" has no \")\"");
    if (!translation.error) {
        int result = regcomp(&regex->posix, buf_text(&translation.out), REG_EXTENDED);
        if (result)
            regerror(result, &regex->posix, why, sizeof why);
        if (result)
            translation.error = arena_strdup(arena, why);
    }
    buf_free(&translation.out);
    *error = translation.error;
    return translation.error ? NULL : regex;
}

struct policy_regex *policy_regex_wildcard(struct arena *arena, const char *pattern, const char **error)
{
    struct buf out = {0};
    if (strstr(pattern, "**")) {
        *error = "\"**\" is no wildcard";
        return NULL;
    }
    buf_putc(&out, '^');
    for (; *pattern; pattern++) {
        if (*pattern != '*' && ispunct((unsigned char)*pattern))
            buf_putc(&out, '\\');
        if (*pattern == '*')
            buf_puts(&out, "(.*)");
        else
            buf_putc(&out, *pattern);
    }
    buf_putc(&out, '$');
    struct policy_regex *regex = policy_regex_new(arena, buf_text(&out), error);
    buf_free(&out);
    return regex;
}

void policy_regex_free(struct policy_regex *regex)
{
    regfree(&regex->posix);
}

bool policy_regex_matches(const struct policy_regex *regex, const char *text)
{
    return regexec(&regex->posix, text, 0, NULL, 0) == 0;
}

/* --- replacing --- */

/* A group by its number as it stands in a template; a name is none, and none is empty. */
static void add_group(const struct policy_regex *regex, const char *text, const regmatch_t *groups, struct span name,
                      struct buf *out)
{
    size_t number = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (!isdigit((unsigned char)name.text[i]))
            return;
        if (number < GROUP_LIMIT)
            number = number * 10 + (size_t)(name.text[i] - '0');
    }
    if (number >= regex->group_count)
        return;
    const regmatch_t *group = &groups[regex->groups[number]];
    if (group->rm_so >= 0)
        buf_add(out, text + group->rm_so, (size_t)(group->rm_eo - group->rm_so));
}

static size_t name_length(const char *text)
{
    size_t len = 0;
    while (isalnum((unsigned char)text[len]) || text[len] == '_')
        len++;
    return len;
}

static void expand(const struct policy_regex *regex, const char *text, const regmatch_t *groups, const char *template,
                   struct buf *out)
{
    while (*template) {
        bool is_braced = template[0] == '$' && template[1] == '{';
        size_t len = name_length(template + 1 + is_braced);
        if (template[0] == '$' && template[1] == '$') {
            buf_putc(out, '$');
            template += 2;
        } else if (template[0] != '$' || !len || (is_braced && template[2 + len] != '}')) {
            buf_putc(out, *template++);
        } else {
            add_group(regex, text, groups, (struct span){template + 1 + is_braced, len}, out);
            template += 1 + len + 2 * (size_t)is_braced;
        }
    }
}

void policy_regex_replace(const struct policy_regex *regex, const char *text, const char *template, struct buf *out)
{
    regmatch_t groups[GROUP_LIMIT];
    bool is_first = true, was_match = false;
    while (regexec(&regex->posix, text, GROUP_LIMIT, groups, is_first ? 0 : REG_NOTBOL) == 0) {
        buf_add(out, text, (size_t)groups[0].rm_so);
        bool is_empty = groups[0].rm_eo == groups[0].rm_so;
        /* An empty match right behind another one is none. */
        if (!is_empty || !was_match || groups[0].rm_so)
            expand(regex, text, groups, template, out);
        text += groups[0].rm_eo;
        was_match = !is_empty;
        is_first = false;
        if (is_empty && !*text)
            return;
        if (is_empty)
            buf_putc(out, *text++);
    }
    buf_puts(out, text);
}
