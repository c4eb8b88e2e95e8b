/*
 * Owns COPY and ADD: sources, destination, flags and heredocs, expanded and checked as far as that can be told without
 * looking at files. Called through the table of stage_insn.c. Must not know which files there are.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/stage_internal.h"

#include <string.h>

#include "gen/add.h"
#include "gen/history.h"
#include "gen/value.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/path.h"
#include "runtime/lib/url.h"
#include "runtime/lib/users.h"

/*
 * The destination as the step has it (dockerfile.md §8.2): absolute and clean, and whether a folder is meant. "a/.."
 * is cut before any symlink is looked at.
 */
static void set_dest(struct resolver *resolver, struct copy_action *copy, struct span dest)
{
    struct arena *arena = resolver->arena;
    struct span workdir = resolver->stage->config.workdir;
    bool is_dot = !dest.len || span_is(dest, ".");
    copy->is_slash = is_dot || dest.text[dest.len - 1] == '/' ||
                     (dest.len > 1 && dest.text[dest.len - 1] == '.' && dest.text[dest.len - 2] == '/');
    bool is_absolute = dest.len && dest.text[0] == '/';
    const char *whole = is_absolute ? arena_printf(arena, "%.*s", SPAN(dest))
                                    : arena_printf(arena, "/%.*s/%.*s", SPAN(workdir), SPAN(dest));
    copy->dest = span_of(path_clean_go(arena, span_of(whole)));
}

/* Leading tabs of every line away: "<<-". */
static struct span cut_tabs(struct arena *arena, struct span body)
{
    char *out = arena_alloc(arena, body.len + 1);
    size_t len = 0;
    bool at_start = true;
    for (size_t i = 0; i < body.len; i++) {
        if (at_start && body.text[i] == '\t')
            continue;
        out[len++] = body.text[i];
        at_start = body.text[i] == '\n';
    }
    return (struct span){out, len};
}

struct span stage_heredoc_body(struct arena *arena, const struct heredoc *heredoc)
{
    return heredoc->strips_tabs ? cut_tabs(arena, heredoc->body) : heredoc->body;
}

void stage_check_heredoc_name(struct resolver *resolver, const struct heredoc *heredoc)
{
    if (!url_is_file_name(heredoc->name))
        diag_error(resolver->diag, heredoc->place, "a heredoc that becomes a file cannot be called \"%.*s\"",
                   SPAN(heredoc->name));
}

static void add_heredoc(struct resolver *resolver, struct copy_action *copy, const struct heredoc *heredoc)
{
    struct inline_file file = {heredoc->name, stage_heredoc_body(resolver->arena, heredoc)};
    stage_check_heredoc_name(resolver, heredoc);
    if (!heredoc->is_quoted) {
        struct word_env env = {scope_lookup, &resolver->stage->scope, &resolver->spent};
        struct word_result word = word_expand(resolver->arena, file.data, resolver->file->escape, WORD_HEREDOC, &env);
        if (word.error)
            diag_error(resolver->diag, heredoc->place, "failed to process the heredoc %.*s: %s", SPAN(heredoc->name),
                       word.error);
        file.data = word.text;
    }
    seq_push(resolver->arena, &copy->contents, file);
}

static const struct heredoc *heredoc_of(const struct insn *insn, size_t arg)
{
    for (size_t i = 0; i < insn->heredoc_count; i++)
        if (insn->heredocs[i].arg == arg)
            return &insn->heredocs[i];
    return NULL;
}

/* What an expanded source is; a remote one is known by what may be shown of it from here on. */
static void classify(struct resolver *resolver, const struct insn *insn, struct copy_source *source)
{
    struct add_source *remote = arena_alloc(resolver->arena, sizeof *remote);
    const char *error = add_classify(resolver->arena, source->path, remote);
    if (remote->kind == ADD_PATH)
        return;
    if (insn->kind == INSN_COPY)
        error = remote->kind == ADD_GIT ? "source can't be a git ref for COPY" : "source can't be a URL for COPY";
    if (error)
        diag_error(resolver->diag, source->place, "%s", error);
    source->path = remote->public_text;
    source->remote = remote;
}

static void add_sources(struct resolver *resolver, const struct insn *insn, struct copy_action *copy)
{
    for (size_t i = 0; i + 1 < insn->arg_count; i++) {
        const struct heredoc *heredoc = heredoc_of(insn, i);
        struct copy_source source = {.place = insn->args[i].place};
        if (heredoc) {
            add_heredoc(resolver, copy, heredoc);
        } else if (stage_expand(resolver, insn->args[i].value, source.place, &source.path)) {
            classify(resolver, insn, &source);
            seq_push(resolver->arena, &copy->sources, source);
        }
    }
}

/* The remote sources take their flags over; they are this copy's own. */
static void set_checksum(struct resolver *resolver, const struct insn *insn, const struct copy_action *copy)
{
    struct span text, value;
    struct place place;
    const char *error;
    if (!stage_flag(insn, "checksum", &text, &place) || !stage_expand(resolver, text, place, &value) || !value.len)
        return;
    if (insn->arg_count != 2)
        error = "checksum can't be specified for multiple sources";
    else if (!copy->sources.count || !copy->sources.items[0].remote)
        error = "checksum requires HTTP(S) or Git sources";
    else
        error = add_set_checksum(resolver->arena, copy->sources.items[0].remote, value);
    if (error)
        diag_error(resolver->diag, place, "%s", error);
}

static void set_keep_git_dir(struct resolver *resolver, const struct insn *insn, const struct copy_action *copy)
{
    struct span text;
    struct place place;
    if (!stage_flag(insn, "keep-git-dir", &text, &place))
        return;
    for (size_t i = 0; i < copy->sources.count; i++) {
        struct add_source *remote = copy->sources.items[i].remote;
        const char *error = remote ? add_set_keep_git_dir(remote, span_is(text, "true")) : NULL;
        if (error)
            diag_error(resolver->diag, place, "%s", error);
    }
}

static bool is_id_or_root(struct span text)
{
    uint32_t id;
    return !text.len || users_parse_owner(text, &id);
}

/* Names are looked up in the stage's own files: on an empty root, or in a layer apart from it, there are none. */
static void check_chown(struct resolver *resolver, const struct copy_action *copy, struct place place)
{
    const char *colon = copy->chown.len ? memchr(copy->chown.text, ':', copy->chown.len) : NULL;
    struct span user = {copy->chown.text, colon ? (size_t)(colon - copy->chown.text) : copy->chown.len};
    struct span group = colon ? span_skip(copy->chown, user.len + 1) : (struct span){"", 0};
    if (is_id_or_root(user) && is_id_or_root(group))
        return;
    if (copy->is_link || stage_is_empty(resolver->stage))
        diag_error(resolver->diag, place,
                   "invalid user index: -1: --chown=%.*s needs names, and there is no /etc/passwd %s",
                   SPAN(copy->chown), copy->is_link ? "with --link" : "in an empty stage");
}

static void add_flags(struct resolver *resolver, const struct insn *insn, struct copy_action *copy)
{
    struct span text;
    struct place place;
    bool is_symbolic;
    uint32_t mode;
    if (stage_flag(insn, "chmod", &text, &place) && stage_expand(resolver, text, place, &copy->chmod) &&
        copy->chmod.len) {
        const char *error = value_chmod(resolver->arena, copy->chmod, &is_symbolic, &mode);
        if (error)
            diag_error(resolver->diag, place, "%s", error);
    }
    copy->is_link = stage_has_flag(insn, "link") && !copy->chmod.len;
    copy->has_parents = stage_has_flag(insn, "parents");
    copy->unpacks = insn->kind == INSN_ADD && (!stage_flag(insn, "unpack", &text, &place) || span_is(text, "true"));
    if (stage_flag(insn, "chown", &text, &place) && stage_expand(resolver, text, place, &copy->chown))
        check_chown(resolver, copy, place);
    for (size_t i = 0; i < insn->flag_count; i++)
        if (!strcmp(insn->flags[i].name, "exclude"))
            seq_push(resolver->arena, &copy->exclude, insn->flags[i].value);
    copy->unpacks_remote = stage_has_flag(insn, "unpack");
    set_checksum(resolver, insn, copy);
    set_keep_git_dir(resolver, insn, copy);
    for (size_t i = 0; i < copy->sources.count; i++)
        if (copy->sources.items[i].remote)
            stage_lock_remote(resolver, copy->sources.items[i].remote, copy->sources.items[i].place);
}

static void set_origin(struct resolver *resolver, const struct insn *insn, struct copy_action *copy)
{
    struct span from;
    struct place place;
    copy->from = stage_main_context(resolver);
    if (!stage_flag(insn, "from", &from, &place) || !from.len)
        return;
    if (memchr(from.text, '$', from.len))
        diag_error(resolver->diag, place,
                   "variable expansion is not supported for --from, define a new stage with FROM using ARG "
                   "from global scope as a workaround");
    else
        stage_find_origin(resolver, from, true, place, NULL, &copy->from);
}

void stage_resolve_copy(struct resolver *resolver, const struct insn *insn)
{
    struct copy_action copy = {.chown = {"", 0}, .chmod = {"", 0}};
    struct span dest = {"", 0};
    const struct arg *last = &insn->args[insn->arg_count - 1];
    add_sources(resolver, insn, &copy);
    if (stage_expand(resolver, last->value, last->place, &dest))
        set_dest(resolver, &copy, dest);
    add_flags(resolver, insn, &copy);
    set_origin(resolver, insn, &copy);
    copy.is_forced = stage_is_forced(resolver);
    struct span text = history_copy(resolver->arena, insn->kind == INSN_ADD ? "ADD" : "COPY", &copy, dest);
    config_add_history(&resolver->stage->config, resolver->arena, text, true);
    struct action *action = stage_add_action(resolver, ACTION_COPY, insn);
    action->copy = copy;
    /* A password may stand in any URL of the text. */
    struct buf shown = {0};
    url_add_public(&shown, insn->text);
    action->text = arena_span(resolver->arena, (struct span){buf_text(&shown), shown.len});
    buf_free(&shown);
}
