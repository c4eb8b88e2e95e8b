/*
 * Owns the steps that copy: COPY and ADD, WORKDIR, and the files that a bind mount of a folder may see. Finds which files of a context each
 * reads. Called by plan for one action after the other. Must not know how dfgen-copy places files.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/stage.h"

#include "gen/plan_state.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gen/add.h"
#include "gen/opts.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/context.h"
#include "runtime/lib/json.h"
#include "runtime/lib/list.h"
#include "runtime/lib/path.h"
#include "runtime/lib/pattern.h"
#include "runtime/lib/sources.h"
#include "runtime/lib/tree.h"

/* A list of context files while it is made. */
struct listing {
    struct plan *plan;
    struct plan_context *context;
    struct context_list *list;
    struct edge *edge;
    bool is_needed;         /* for the target: only then is something said */
};

/* ninja watches regular files; symlinks and the rest are in the list, and their folder's time tells when they change. */
static void touch(void *data, const struct entry *entry)
{
    struct listing *listing = data;
    context_list_add(listing->list, entry);
    if (entry->type == ENTRY_FILE)
        vec_push(&listing->edge->context_files,
                 path_join(listing->plan->arena, listing->context->folder, arena_strdup(listing->plan->arena, entry->path)));
}

static bool has_wildcard(struct arena *arena, const char *path)
{
    char *rest = arena_strdup(arena, path);
    for (char *part; (part = strsep(&rest, "/"));)
        if (glob_is_wildcard(part))
            return true;
    return false;
}

static const char *text_of(struct arena *arena, struct span text)
{
    return arena_strndup(arena, text.text, text.len);
}

/*
 * Named without wildcards and not there: another edge of a surrounding build may make it. What is there but excluded by the ignore file
 * never will be.
 */
static bool add_missing(struct listing *listing, const char *path, struct place place, const char *error)
{
    struct plan *plan = listing->plan;
    const struct pattern_list *patterns = listing->context->patterns;
    const char *clean = path_clean(plan->arena, span_of(path)), *real = clean;
    struct stat st;
    /* Where symlinks lead: that is the place where the file would have to be. */
    tree_resolve(context_tree(listing->context->context), plan->arena, clean, true, &real);
    if (has_wildcard(plan->arena, path) || !*real) {
        if (listing->is_needed)
            diag_error(plan->diag, place, "%s", error);
        return false;
    }
    bool is_there = fstatat(context_dir(listing->context->context), real, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there || (patterns && pattern_list_excludes(patterns, real))) {
        if (listing->is_needed)
            diag_error(plan->diag, place, "\"/%s\": not found: the ignore file excludes it", clean);
        return false;
    }
    if (listing->is_needed && !*plan->root->prefix)
        diag_warn(plan->diag, place, "\"/%s\": not found; ninja needs an edge that makes it", clean);
    context_list_add_missing(listing->list, real, patterns);
    vec_push(&listing->edge->context_files, path_join(plan->arena, listing->context->folder, real));
    return true;
}

/* Which folder it was: the walk knows. */
static void say_unreadable(struct listing *listing, struct place place)
{
    int why = errno;
    const struct plan_context *context = listing->context;
    diag_error(listing->plan->diag, place, "cannot read \"%s\": %s",
               path_join(listing->plan->arena, context->folder, context_failed(context->context)), strerror(why));
}

/* Is this a file in folders, symlinks nowhere, or could it be? */
static bool is_plain(struct arena *arena, int dir, const char *clean)
{
    char *part = arena_strdup(arena, clean);
    struct stat st;
    for (char *slash = strchr(part, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return errno == ENOENT;
        if (!S_ISDIR(st.st_mode))
            return false;
        *slash = '/';
    }
    if (fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT;
    return S_ISREG(st.st_mode);
}

/*
 * A file of another build's graph, named without wildcards: its edge, if it has one, makes it again and again, which is no reason to run
 * dfgen. So it is looked up when the step runs, and no folder is watched for it: should it come to more than a file, the step itself asks
 * for a new graph.
 */
static bool add_plain(struct listing *listing, const struct source_spec *spec)
{
    struct plan *plan = listing->plan;
    struct plan_context *context = listing->context;
    const char *clean = path_clean(plan->arena, span_of(spec->path));
    bool is_simple = *clean && !spec->parents && !spec->exclude && !has_wildcard(plan->arena, spec->path) &&
                     strncmp(clean, ".dfgen", 6);
    if (!*plan->root->prefix || !is_simple || (context->patterns && pattern_list_excludes(context->patterns, clean)))
        return false;
    if (!is_plain(plan->arena, context_dir(context->context), clean))
        return false;
    context_list_add_missing(listing->list, clean, context->patterns);
    vec_push(&listing->edge->context_files, path_join(plan->arena, context->folder, clean));
    return true;
}

static bool list_source(struct listing *listing, const struct source_spec *spec, struct place place)
{
    struct plan *plan = listing->plan;
    struct sources_touch touches = {context_need, listing->context->context, touch, listing};
    const char *error = NULL;
    if (listing->is_needed)
        plan_lost_note(plan, listing->context, spec, place);
    if (add_plain(listing, spec))
        return true;
    if (sources_touched(context_tree(listing->context->context), plan->arena, spec, &touches, &error) == 0)
        return true;
    if (errno == ENOENT)
        return add_missing(listing, spec->path, place, error);
    if (listing->is_needed && errno != EINVAL)
        say_unreadable(listing, place);
    else if (listing->is_needed)
        diag_error(plan->diag, place, "%s", error ? error : strerror(errno));
    return false;
}

static struct pattern_list *excludes(struct plan *plan, const struct planned *planned, const struct copy_action *copy,
                                     struct place place, bool *is_bad)
{
    if (!copy->exclude.count)
        return NULL;
    const char **texts = arena_array(plan->arena, copy->exclude.count, sizeof *texts), *error = NULL;
    for (size_t i = 0; i < copy->exclude.count; i++)
        texts[i] = text_of(plan->arena, copy->exclude.items[i]);
    struct pattern_list *list = pattern_list_of(plan->arena, texts, copy->exclude.count, &error);
    *is_bad = !list;
    if (!list && planned->stage->is_needed)
        diag_error(plan->diag, place, "--exclude: %s", error);
    return list;
}

/* The context's files that the sources come to: N.list, and inputs of the edge. */
static bool list_context(struct plan_step *step, struct planned *planned, const struct copy_action *copy, struct place place)
{
    struct plan *plan = step->plan;
    struct plan_context *context = plan_context(plan, copy->from.kind == ORIGIN_FOLDER ? copy->from.folder : NULL);
    bool is_bad = false;
    struct pattern_list *exclude = excludes(plan, planned, copy, place, &is_bad);
    if (context->error && planned->stage->is_needed)
        diag_error(plan->diag, place, "%s", context->error);
    if (context->error || is_bad)
        return false;
    struct listing listing = {plan, context, context_list_begin(), step->edge, planned->stage->is_needed};
    bool is_fine = true;
    for (size_t i = 0; i < copy->sources.count; i++) {
        if (copy->sources.items[i].remote)
            continue;
        struct source_spec spec = {text_of(plan->arena, copy->sources.items[i].path), copy->has_parents, exclude};
        is_fine &= list_source(&listing, &spec, copy->sources.items[i].place);
    }
    struct buf text = {0};
    context_list_finish(listing.list, &text);
    plan_step_context(step, context->folder, &text);
    return is_fine;
}

static void set_span(json_t *json, const char *key, struct span text)
{
    if (text.len)
        json_object_set_new(json, key, json_bytes(text));
}

static void set_true(json_t *json, const char *key, bool value)
{
    if (value)
        json_object_set_new(json, key, json_true());
}

/* A path that is no pattern, as a source: it would be read as one where it has a wildcard. */
static const char *literal(struct arena *arena, const char *path)
{
    if (!has_wildcard(arena, path))
        return path;
    char *escaped = arena_alloc(arena, strlen(path) * 3 + 1), *out = escaped;
    for (const char *c = path; *c; c++)
        out += sprintf(out, *c == '\\' ? "\\%c" : strchr("*?[", *c) ? "[%c]" : "%c", *c);
    return escaped;
}

/* All that git brought, or the one file. */
static const char *remote_path(struct arena *arena, const struct add_source *remote)
{
    return remote->kind == ADD_GIT ? "/" : literal(arena, remote->name);
}

static size_t count_remote(const struct copy_action *copy)
{
    size_t count = 0;
    for (size_t i = 0; i < copy->sources.count; i++)
        count += copy->sources.items[i].remote != NULL;
    return count;
}

static json_t *sources_json(struct arena *arena, const struct copy_action *copy, const char *input)
{
    json_t *sources = json_array();
    size_t fetched = 0;
    for (size_t i = 0; i < copy->sources.count; i++) {
        const struct copy_source *source = &copy->sources.items[i];
        json_t *json;
        if (source->remote)
            json = json_pack("{s:s,s:i,s:o}", "input", "fetch", "n", (int)fetched++, "path",
                             json_bytes(span_of(remote_path(arena, source->remote))));
        else
            json = json_pack("{s:s,s:i,s:o}", "input", input, "n", 0, "path", json_bytes(source->path));
        /* Only where the sources differ in it. */
        if (source->remote && copy->unpacks != copy->unpacks_remote)
            json_object_set_new(json, "unpack", json_boolean(copy->unpacks_remote));
        json_array_append_new(sources, json);
    }
    return sources;
}

static void set_copy(struct arena *arena, json_t *json, const struct copy_action *copy, const char *input)
{
    json_object_set_new(json, "kind", json_string("copy"));
    json_t *sources = sources_json(arena, copy, input), *contents = json_array(), *exclude = json_array();
    for (size_t i = 0; i < copy->contents.count; i++)
        json_array_append_new(contents, json_pack("{s:o,s:o}", "name", json_bytes(copy->contents.items[i].name), "data",
                                                  json_bytes(copy->contents.items[i].data)));
    for (size_t i = 0; i < copy->exclude.count; i++)
        json_array_append_new(exclude, json_bytes(copy->exclude.items[i]));
    json_object_set_new(json, "sources", sources);
    json_object_set_new(json, "contents", contents);
    if (copy->exclude.count)
        json_object_set(json, "exclude", exclude);
    json_decref(exclude);
    json_object_set_new(json, "dest", json_bytes(copy->dest));
    set_true(json, "slash", copy->is_slash);
    set_span(json, "chown", copy->chown);
    set_span(json, "chmod", copy->chmod);
    set_true(json, "link", copy->is_link);
    set_true(json, "parents", copy->has_parents);
    set_true(json, "unpack", copy->unpacks);
}

static bool is_folder(const struct origin *origin)
{
    return origin->kind == ORIGIN_CONTEXT || origin->kind == ORIGIN_FOLDER;
}

static bool plan_copy_step(struct plan_step *step, struct planned *planned, const struct copy_action *copy, struct place place)
{
    bool is_fine = true;
    set_copy(step->plan->arena, step->json, copy, is_folder(&copy->from) ? "context" : "stage");
    json_object_set_new(step->json, "platform", json_string(planned->stage->platform_text));
    bool has_paths = copy->sources.count > count_remote(copy);
    if (has_paths && is_folder(&copy->from)) {
        is_fine = list_context(step, planned, copy, place);
    } else if (has_paths) {
        stamp_seq from = plan_origin(step->plan, &copy->from, place);
        plan_step_stage(step, &from);
    }
    return is_fine;
}

static void add_remote(struct plan_step *step, struct planned *planned, const struct action *action)
{
    size_t count = 0;
    for (size_t i = 0; i < action->copy.sources.count; i++) {
        const struct copy_source *source = &action->copy.sources.items[i];
        if (!source->remote)
            continue;
        const char *name = arena_printf(step->plan->arena, "%zu.fetch%zu", planned->steps, ++count);
        const char *stamp = plan_fetch(step->plan, planned, action, source, name);
        plan_step_line(step, "fetch", &stamp, 1);
        graph_add_path(&step->edge->inputs, stamp);
    }
}

bool plan_copy(struct plan *plan, struct planned *planned, const struct action *action, const char *label)
{
    const char *name = arena_printf(plan->arena, "%zu", ++planned->steps);
    struct plan_step step = plan_step_begin(planned, plan, RULE_COPY, name, label, action);
    plan_step_root(&step, &planned->root);
    bool is_fine = plan_copy_step(&step, planned, &action->copy, action->place);
    add_remote(&step, planned, action);
    const char *stamp = plan_step_end(&step, arena_printf(plan->arena, "%s.stamp", step.base));
    planned->root = (stamp_seq){0};
    seq_push(plan->arena, &planned->root, stamp);
    return is_fine;
}

const char *plan_mount_files(struct plan *plan, struct planned *planned, const struct run_mount *mount, const struct action *action,
                             const char *name, const char *label)
{
    /* The files keep their place, so that the mount's source is the same path in this layer. */
    struct copy_action copy = {.from = mount->from};
    const char *clean = path_clean(plan->arena, mount->mount.source);
    copy.dest = span_of(arena_printf(plan->arena, "/%s", clean));
    struct span path = span_of(literal(plan->arena, arena_printf(plan->arena, "/%s", clean)));
    seq_push(plan->arena, &copy.sources, (struct copy_source){.path = path, .place = mount->place});
    struct plan_step step = plan_step_begin(planned, plan, RULE_COPY, name, label, action);
    set_true(step.json, "folder", true);
    bool is_fine = plan_copy_step(&step, planned, &copy, mount->place);
    const char *stamp = plan_step_end(&step, arena_printf(plan->arena, "%s.stamp", step.base));
    return is_fine ? stamp : NULL;
}

void plan_workdir(struct plan *plan, struct planned *planned, const struct action *action, const char *label)
{
    const char *name = arena_printf(plan->arena, "%zu", ++planned->steps);
    struct plan_step step = plan_step_begin(planned, plan, RULE_COPY, name, label, action);
    json_object_set_new(step.json, "kind", json_string("workdir"));
    json_object_set_new(step.json, "path", json_bytes(span_of(path_clean_go(plan->arena, action->workdir.path))));
    set_span(step.json, "user", action->workdir.user);
    plan_step_root(&step, &planned->root);
    const char *stamp = plan_step_end(&step, arena_printf(plan->arena, "%s.stamp", step.base));
    planned->root = (stamp_seq){0};
    seq_push(plan->arena, &planned->root, stamp);
}
