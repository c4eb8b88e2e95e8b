/*
 * Owns the contexts of a plan: folders under their ignore files, opened once, and what of them build.ninja depends on. Called by
 * plan_copy. Must not know instructions.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/stage.h"

#include "gen/plan_state.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/ignore.h"
#include "gen/opts.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/context.h"
#include "runtime/lib/path.h"
#include "runtime/lib/pattern.h"

/* What dfgen and ninja themselves put into the build folder: no part of a context that the folder lies in. */
static const char *const own_files[] = {".dfgen", ".ninja_log", ".ninja_deps", ".ninja_lock", ".siso_state", ".siso_config",
                                        ".siso_deps", ".siso_filegroups", ".siso_fs_state", ".siso_lock"};

enum { OWN_FILES = sizeof own_files / sizeof *own_files };

static bool is_own(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < OWN_FILES; i++)
        if (!strcmp(own_files[i], name))
            return true;
    return !strcmp(name, plan->opts->build_file) || !strcmp(name, ".") || !strcmp(name, "..");
}

/* A build folder that only dfgen uses is hidden whole: an image must not depend on where it is built. */
static bool holds_only_own(struct plan *plan)
{
    if (plan->holds_only_own >= 0)
        return plan->holds_only_own;
    DIR *dir = opendir(".");
    bool only = dir;
    for (struct dirent *entry; only && (entry = readdir(dir));) {
        only = is_own(plan, entry->d_name);
        for (size_t i = 0; i < plan->dests.count && !only; i++)
            only = !strcmp(plan->dests.items[i], path_join(plan->arena, plan->root->build_real, entry->d_name));
    }
    if (dir)
        closedir(dir);
    plan->holds_only_own = only;
    return only;
}

/* Clean paths in the context that do not exist for it, NULL-terminated. */
static const char **hidden_paths(struct plan *plan, const char *folder)
{
    char real[PATH_MAX];
    const char **hidden = arena_array(plan->arena, OWN_FILES + plan->dests.count + 3, sizeof *hidden);
    size_t count = 0;
    if (!realpath(folder, real))
        return hidden;
    const char *build = plan->opts->build_real;
    const char *own = path_relative(plan->arena, real, build);
    bool is_inside = !strcmp(own, ".") || (strcmp(own, "..") && strncmp(own, "../", 3));
    const char *at = strcmp(own, ".") ? own : "";
    if (is_inside && *at && holds_only_own(plan))
        hidden[count++] = at;
    for (size_t i = 0; is_inside && i < OWN_FILES; i++)
        hidden[count++] = path_join(plan->arena, at, own_files[i]);
    if (is_inside)
        hidden[count++] = path_join(plan->arena, at, plan->opts->build_file);
    size_t len = strlen(real);
    for (size_t i = 0; i < plan->dests.count; i++)
        if (!strncmp(plan->dests.items[i], real, len) && plan->dests.items[i][len] == '/')
            hidden[count++] = plan->dests.items[i] + len + 1;
    return hidden;
}

static bool read_patterns(struct plan *plan, struct plan_context *context)
{
    const char *path = context->ignore, *error = NULL;
    if (!path)
        return true;
    vec_push(&plan->graph->generator_inputs, path);
    struct source *source = arena_alloc(plan->arena, sizeof *source);
    if (source_read_file(source, plan->arena, path) < 0) {
        context->error = arena_printf(plan->arena, "cannot read %s: %s", path, strerror(errno));
        return false;
    }
    int line = 0;
    context->patterns = pattern_list_parse(plan->arena, source->text, &error, &line);
    if (!context->patterns) {
        diag_error(plan->diag, (struct place){.source = source, .line = line}, "%s", error);
        context->error = error;
    }
    return context->patterns;
}

/* The same folder under other patterns is another context. */
static bool is_context(const struct plan_context *context, const char *folder, const char *ignore)
{
    if (strcmp(context->folder, folder) || !context->ignore != !ignore)
        return false;
    return !ignore || !strcmp(context->ignore, ignore);
}

void plan_contexts_begin(struct plan *plan)
{
    plan->holds_only_own = -1;
    for (size_t i = 0; i <= plan->root->images.count; i++) {
        const struct opts *opts = i ? plan->root->images.items[i - 1] : plan->root;
        for (size_t k = 0; k < opts->outputs.count; k++) {
            const char *dest = opts->outputs.items[k].dest;
            if (!dest)
                continue;
            if (*dest != '/')
                dest = path_clean_go(plan->arena, span_of(path_join(plan->arena, opts->build_real, dest)));
            seq_push(plan->arena, &plan->dests, dest);
        }
    }
}

struct plan_context *plan_context(struct plan *plan, const char *folder)
{
    bool is_main = !folder;
    folder = folder ? folder : plan->opts->context;
    const char *ignore = ignore_file(plan->arena, plan->opts, folder, is_main);
    for (size_t i = 0; i < plan->contexts.count; i++)
        if (is_context(plan->contexts.items[i], folder, ignore))
            return plan->contexts.items[i];
    struct plan_context *context = arena_alloc(plan->arena, sizeof *context);
    context->folder = folder;
    context->ignore = ignore;
    seq_push(plan->arena, &plan->contexts, context);
    if (!read_patterns(plan, context))
        return context;
    context->context = context_open(folder, context->patterns, hidden_paths(plan, folder));
    if (!context->context)
        context->error = arena_printf(plan->arena, "cannot open the folder %s: %s", folder, strerror(errno));
    return context;
}

/* Folders that were read: build.ninja is out of date when a file in one comes or goes. */
void plan_contexts_finish(struct plan *plan)
{
    for (size_t i = 0; i < plan->contexts.count; i++) {
        struct plan_context *context = plan->contexts.items[i];
        if (!context->context)
            continue;
        size_t count;
        const char *const *folders = context_folders(context->context, &count);
        for (size_t k = 0; k < count; k++) {
            const char *path = path_join(plan->arena, context->folder, folders[k]);
            vec_push(&plan->graph->generator_inputs, *path ? path : ".");
        }
    }
    plan_contexts_close(plan);
}

void plan_contexts_close(struct plan *plan)
{
    for (size_t i = 0; i < plan->contexts.count; i++) {
        struct plan_context *context = plan->contexts.items[i];
        if (context->context)
            context_close(context->context);
        context->context = NULL;
    }
}
