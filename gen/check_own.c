/*
 * Owns the checks that BuildKit has not: RUNs that give something else each time, or what the network has at the
 * time, and bases that a lock leaves open. Called by check_stage. Must not know how a shell works beyond where a command begins.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/check_internal.h"

#include <string.h>

#include "gen/images.h"
#include "gen/lock.h"
#include "gen/opts.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"

/* A command that fetches. What has one of the words that settle it in the same RUN is as good as pinned. */
struct fetcher {
    const char *program, *verb;     /* verb NULL: any */
    const char *settled_by[4];
};

static const struct fetcher fetchers[] = {
    {"apk", "add", {NULL}},
    {"apk", "update", {NULL}},
    {"apk", "upgrade", {NULL}},
    {"apt", "install", {NULL}},
    {"apt", "update", {NULL}},
    {"apt-get", "install", {NULL}},
    {"apt-get", "update", {NULL}},
    {"cargo", "install", {"--locked", NULL}},
    {"curl", NULL, {"sha256sum", "sha512sum", "gpg", NULL}},
    {"dnf", "install", {NULL}},
    {"gem", "install", {NULL}},
    {"git", "clone", {"checkout", NULL}},
    {"git", "pull", {NULL}},
    {"go", "get", {NULL}},
    {"microdnf", "install", {NULL}},
    {"npm", "install", {NULL}},
    {"npm", "update", {NULL}},
    {"pip", "install", {"--require-hashes", "--no-index", NULL}},
    {"pip3", "install", {"--require-hashes", "--no-index", NULL}},
    {"wget", NULL, {"sha256sum", "sha512sum", "gpg", NULL}},
    {"yum", "install", {NULL}},
};

/* What is another thing each time: a command, or text anywhere. */
static const char *const varying_programs[] = {"uuidgen", "uptime", NULL};
static const char *const varying_text[] = {"$RANDOM", "${RANDOM", "/dev/urandom", "/dev/random",
                                           "/proc/sys/kernel/random/uuid", "openssl rand", NULL};

/* Behind these words a command begins as well. */
static const char *const prefixes[] = {"!", "do", "else", "env", "exec", "if",
                                       "sudo", "then", "time", "until", "while", "xargs", NULL};

static bool is_one_of(struct span word, const char *const *words)
{
    while (*words && !span_is(word, *words))
        words++;
    return *words != NULL;
}

static bool has_text(struct span text, const char *part)
{
    return text.len && memmem(text.text, text.len, part, strlen(part)) != NULL;
}

static bool is_separator(char c)
{
    return c == ';' || c == '&' || c == '|' || c == '(' || c == ')' || c == '`' || c == '\n' || c == '{' || c == '}';
}

/* The next word of a line of shell; *begins: a command begins with it. False at the end. */
static bool next_word(struct span *rest, struct span *word, bool *begins)
{
    size_t at = 0;
    for (; at < rest->len && (is_separator(rest->text[at]) || strchr(" \t\r\"'$", rest->text[at])); at++)
        *begins |= is_separator(rest->text[at]);
    *rest = span_skip(*rest, at);
    for (at = 0; at < rest->len && !is_separator(rest->text[at]) && !strchr(" \t\r\"'", rest->text[at]);)
        at++;
    *word = (struct span){rest->text, at};
    *rest = span_skip(*rest, at);
    return word->len > 0;
}

static struct span base_name(struct span path)
{
    const char *slash = path.len ? memrchr(path.text, '/', path.len) : NULL;
    return slash ? span_skip(path, (size_t)(slash - path.text) + 1) : path;
}

/* The first word behind a program that is no option. */
static struct span verb_of(struct span rest)
{
    struct span word = {"", 0};
    for (bool begins = false; next_word(&rest, &word, &begins) && !begins && *word.text == '-';)
        ;
    return word;
}

static bool is_settled(const struct fetcher *fetcher, struct span text)
{
    for (const char *const *word = fetcher->settled_by; *word; word++)
        if (has_text(text, *word))
            return true;
    return false;
}

static const struct fetcher *find_fetcher(struct span program, struct span rest, struct span text)
{
    for (size_t i = 0; i < sizeof fetchers / sizeof *fetchers; i++)
        if (span_is(program, fetchers[i].program) && (!fetchers[i].verb || span_is(verb_of(rest), fetchers[i].verb)) &&
            !is_settled(&fetchers[i], text))
            return &fetchers[i];
    return NULL;
}

/* "date", but not the time of a file or one that is given. */
static bool tells_time(struct span program, struct span rest)
{
    static const char *const given[] = {"-d", "--date", "-r", "--reference"};
    struct span word;
    bool begins = false, is_given = false;
    while (next_word(&rest, &word, &begins) && !begins)
        for (size_t i = 0; i < sizeof given / sizeof *given; i++)
            is_given |= span_starts(word, given[i]);
    return span_is(program, "date") && !is_given;
}

static void say_varying(struct checker *checker, struct place place, struct span what)
{
    check_say(checker, CHECK_RUN_NEVER_CUT_OFF, place,
              "%.*s is something else each time: when this step runs, all that is built on it runs again", SPAN(what));
}

static void check_commands(struct checker *checker, const struct insn *insn, struct span text, bool has_network)
{
    struct span rest = text, word;
    const struct fetcher *said = NULL;
    for (bool begins = true; next_word(&rest, &word, &begins); begins = is_one_of(word, prefixes)) {
        struct span program = base_name(word);
        if (!begins)
            continue;
        if (is_one_of(program, varying_programs) || tells_time(program, rest))
            say_varying(checker, insn->place, program);
        const struct fetcher *fetcher = has_network && !said ? find_fetcher(program, rest, text) : NULL;
        if (fetcher)
            check_say(checker, CHECK_RUN_USES_NETWORK, insn->place,
                      "%s%s%s takes what the network has at the time: pin it by a checksum, or use ADD --checksum or a base "
                      "that has it",
                      fetcher->program, fetcher->verb ? " " : "", fetcher->verb ? fetcher->verb : "");
        said = said ? said : fetcher;
    }
    for (const char *const *part = varying_text; *part; part++)
        if (has_text(text, *part))
            say_varying(checker, insn->place, span_of(*part));
}

void check_own_run(struct checker *checker, const struct insn *insn)
{
    bool has_network = true;
    for (size_t i = 0; i < insn->flag_count; i++)
        has_network &= strcmp(insn->flags[i].name, "network") || !span_is(insn->flags[i].value, "none");
    struct buf text = {0};
    for (size_t i = 0; i < insn->arg_count && !insn->is_heredoc_script; i++)
        buf_printf(&text, "%.*s ", SPAN(insn->args[i].value));
    check_commands(checker, insn, (struct span){buf_text(&text), text.len}, has_network);
    buf_free(&text);
    for (size_t i = 0; i < insn->heredoc_count; i++)
        if (insn->is_heredoc_script)
            check_commands(checker, insn, insn->heredocs[i].body, has_network);
}

void check_own_base(struct checker *checker, const struct insn *from, struct span name, const struct platform *platform)
{
    const struct lock *lock = checker->opts->lock;
    struct ref ref;
    if (!lock || !lock->is_there || !ref_parse(checker->arena, name, &ref) || ref.digest)
        return;
    /* A folder has no digest, and is read like the context. */
    const char *text = ref_text(checker->arena, &ref), *written = arena_strndup(checker->arena, name.text, name.len);
    if (images_context(checker->images, written, platform).kind == CONTEXT_FOLDER)
        return;
    if (!lock_find(lock, LOCK_IMAGE, text, platform_text(checker->arena, platform)))
        check_say(checker, CHECK_UNPINNED_BASE_IMAGE, check_arg_place(from, 0),
                  "%.*s is not in %s and has no digest: dfgen lock adds it", SPAN(name), LOCK_FILE);
}
