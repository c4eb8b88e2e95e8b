/*
 * Owns RUN: its argument vector, environment, mounts and permissions. Called through the table of stage_insn.c. Must
 * not know how it is run.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/stage_internal.h"

#include <string.h>

#include "gen/history.h"
#include "gen/opts.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/path.h"

/* The command line and each heredoc with its end, for the shell to read. */
static struct span with_heredocs(struct arena *arena, const struct insn *insn)
{
    struct buf text = {0};
    if (insn->arg_count)
        buf_add(&text, insn->args[0].value.text, insn->args[0].value.len);
    for (size_t i = 0; i < insn->heredoc_count; i++) {
        const struct heredoc *heredoc = &insn->heredocs[i];
        buf_putc(&text, '\n');
        buf_add(&text, heredoc->body.text, heredoc->body.len);
        buf_add(&text, heredoc->name.text, heredoc->name.len);
    }
    struct span whole = arena_span(arena, (struct span){buf_text(&text), text.len});
    buf_free(&text);
    return whole;
}

/* The body is the script; with "#!" it is a program of its own. */
static struct span script_of(struct resolver *resolver, struct run_action *run, const struct heredoc *heredoc)
{
    struct span body = stage_heredoc_body(resolver->arena, heredoc);
    if (!span_starts(body, "#!"))
        return body;
    stage_check_heredoc_name(resolver, heredoc);
    seq_push(resolver->arena, &run->files, (struct inline_file){heredoc->name, body});
    return span_of(arena_printf(resolver->arena, "/dev/pipes/%.*s", SPAN(heredoc->name)));
}

static void set_argv(struct resolver *resolver, const struct insn *insn, struct run_action *run)
{
    if (insn->is_json) {
        if (!insn->arg_count)
            diag_error(resolver->diag, insn->place, "arguments are required");
        for (size_t i = 0; i < insn->arg_count; i++)
            seq_push(resolver->arena, &run->argv, insn->args[i].value);
        return;
    }
    stage_add_shell(resolver, &run->argv);
    struct span text = insn->arg_count ? insn->args[0].value : (struct span){"", 0};
    if (insn->is_heredoc_script)
        text = script_of(resolver, run, &insn->heredocs[0]);
    else if (insn->heredoc_count)
        text = with_heredocs(resolver->arena, insn);
    seq_push(resolver->arena, &run->argv, text);
}

static void set_env(struct resolver *resolver, struct run_action *run, struct place place)
{
    struct scope *scope = &resolver->stage->scope;
    size_t before = resolver->spent;
    for (size_t i = 0; i < scope->variables.count; i++)
        resolver->spent += scope->variables.items[i].name.len + 2 * scope->variables.items[i].value.len;
    if (resolver->spent <= WORD_TOTAL)
        run->env = scope_share(scope, resolver->arena);
    else if (before <= WORD_TOTAL)
        diag_error(resolver->diag, place, "all variables of all RUNs together are longer than %d MiB",
                   WORD_TOTAL >> 20);
}

static bool is_allowed(const struct opts *opts, const char *permission)
{
    for (size_t i = 0; i < opts->allow.count; i++)
        if (!strcmp(opts->allow.items[i], permission))
            return true;
    return false;
}

/* What a RUN asks for itself needs permission; --network is the user's own word. */
static void set_permissions(struct resolver *resolver, const struct insn *insn, struct run_action *run)
{
    const struct opts *opts = resolver->opts;
    struct span value;
    struct place place;
    run->network = opts->network ? opts->network : "default";
    run->security = "sandbox";
    if (stage_flag(insn, "network", &value, &place) && !span_is(value, "default")) {
        run->network = span_is(value, "host") ? "host" : "none";
        if (span_is(value, "host") && !is_allowed(opts, "network.host"))
            diag_error(resolver->diag, place, "network.host is not allowed: this RUN asks for the host's network; "
                                              "if that is wanted, give --allow network.host");
    }
    if (stage_flag(insn, "security", &value, &place) && span_is(value, "insecure")) {
        run->security = "insecure";
        if (!is_allowed(opts, "security.insecure"))
            diag_error(resolver->diag, place, "security.insecure is not allowed: this RUN asks for all capabilities; "
                                              "if that is wanted, give --allow security.insecure");
    }
    if (stage_flag(insn, "device", &value, &place))
        diag_error(resolver->diag, place,
                   "device feature is only supported in Dockerfile frontend 1.14.0-labs or later");
}

/* Absolute: relative ones are joined to the working directory and cleaned. */
static struct span absolute(struct resolver *resolver, struct span path)
{
    struct span workdir = resolver->stage->config.workdir;
    if (path.len && path.text[0] == '/')
        return path;
    const char *joined = arena_printf(resolver->arena, "/%.*s/%.*s", SPAN(workdir), SPAN(path));
    return span_of(path_clean_go(resolver->arena, span_of(joined)));
}

/* The last component as it is written: "." and ".." are names, too. */
static struct span base_of(struct span path)
{
    while (path.len && path.text[path.len - 1] == '/')
        path.len--;
    const char *slash = path.len ? memrchr(path.text, '/', path.len) : NULL;
    return slash ? span_skip(path, (size_t)(slash - path.text) + 1) : path;
}

static const char *set_secret(struct resolver *resolver, struct run_mount *mount)
{
    struct mount *parsed = &mount->mount;
    if (parsed->source.len)
        parsed->id = parsed->source;
    if (!parsed->id.len)
        parsed->id = base_of(parsed->target);
    if (parsed->target.len)
        mount->target = absolute(resolver, parsed->target);
    else if (!parsed->env.len)
        mount->target = span_of(arena_printf(resolver->arena, "/run/secrets/%.*s",
                                             SPAN(base_of(parsed->id))));
    return NULL;
}

static const char *set_ssh(struct resolver *resolver, struct run_mount *mount, size_t number)
{
    /* Nothing of it is used, but it has to be there. */
    struct origin unused;
    if (mount->mount.from.len)
        stage_find_origin(resolver, mount->mount.from, false, mount->place, "the agent's socket", &unused);
    if (!mount->mount.id.len)
        mount->mount.id = span_of("default");
    const char *usual = arena_printf(resolver->arena, "/run/buildkit/ssh_agent.%zu", number);
    mount->target = mount->mount.target.len ? absolute(resolver, mount->mount.target) : span_of(usual);
    return NULL;
}

/* A cache is known by its id: the target as written when there is none; with a namespace, when the user gave one. */
static void set_cache_id(struct resolver *resolver, struct mount *mount)
{
    struct span space;
    if (!mount->id.len)
        mount->id = span_of(path_clean_go(resolver->arena, mount->target));
    if (stage_build_arg(resolver, span_of("BUILDKIT_CACHE_MOUNT_NS"), &space) && space.len)
        mount->id = span_of(arena_printf(resolver->arena, "%.*s/%.*s", SPAN(space), SPAN(mount->id)));
    if (!mount->sharing)
        mount->sharing = "shared";
}

/*
 * What a cache begins with: a folder of its source comes as it is, whatever owner and mode are asked for; the root of a source is
 * not taken when some are.
 */
static const char *set_cache_start(struct resolver *resolver, struct run_mount *mount)
{
    struct mount *parsed = &mount->mount;
    const char *source = path_clean(resolver->arena, parsed->source);
    if (*source && !parsed->from.len)
        return arena_printf(resolver->arena, "\"/%s\": not found: a cache without from= begins empty", source);
    if (*source)
        parsed->mode = parsed->uid = parsed->gid = -1;
    else if (parsed->mode >= 0 || parsed->uid >= 0 || parsed->gid >= 0)
        mount->from = (struct origin){.kind = ORIGIN_SCRATCH};
    return NULL;
}

static const char *set_place(struct resolver *resolver, struct run_mount *mount)
{
    struct mount *parsed = &mount->mount;
    mount->target = absolute(resolver, parsed->target);
    if (!*path_clean(resolver->arena, mount->target))
        return arena_printf(resolver->arena, "invalid mount target \"%.*s\"", SPAN(mount->target));
    if (parsed->type == MOUNT_CACHE)
        set_cache_id(resolver, parsed);
    mount->from = parsed->type == MOUNT_BIND ? stage_main_context(resolver) : (struct origin){.kind = ORIGIN_SCRATCH};
    if (parsed->from.len) {
        /* Nothing of it is used for a tmpfs, but it has to be there. */
        struct origin found;
        const char *target = arena_strndup(resolver->arena, mount->target.text, mount->target.len);
        stage_find_origin(resolver, parsed->from, false, mount->place, target, &found);
        if (parsed->type != MOUNT_TMPFS)
            mount->from = found;
    }
    return parsed->type == MOUNT_CACHE ? set_cache_start(resolver, mount) : NULL;
}

static void add_mount(struct resolver *resolver, const struct flag *flag, struct run_action *run, size_t *agents)
{
    struct word_env env = {scope_lookup, &resolver->stage->scope, &resolver->spent};
    struct run_mount mount = {.place = flag->place, .target = {"", 0}, .from = {.kind = ORIGIN_SCRATCH}};
    const char *error = mount_parse(resolver->arena, flag->value, resolver->file->escape, &env, &mount.mount);
    if (!error && mount.mount.type == MOUNT_SECRET)
        error = set_secret(resolver, &mount);
    else if (!error && mount.mount.type == MOUNT_SSH)
        error = set_ssh(resolver, &mount, (*agents)++);
    else if (!error)
        error = set_place(resolver, &mount);
    if (error)
        diag_error(resolver->diag, flag->place, "%s", error);
    else
        seq_push(resolver->arena, &run->mounts, mount);
}

bool stage_is_forced(const struct resolver *resolver)
{
    const struct opts *opts = resolver->opts;
    for (size_t i = 0; i < opts->no_cache_filter.count; i++)
        if (!strcasecmp(opts->no_cache_filter.items[i], resolver->stage->name))
            return true;
    return opts->no_cache;
}

void stage_resolve_run(struct resolver *resolver, const struct insn *insn)
{
    const struct config *config = &resolver->stage->config;
    struct run_action run = {.user = config->user, .is_forced = stage_is_forced(resolver)};
    size_t agents = 0;
    run.cwd = config->workdir.len ? config->workdir : (struct span){"/", 1};
    set_argv(resolver, insn, &run);
    set_env(resolver, &run, insn->place);
    set_permissions(resolver, insn, &run);
    for (size_t i = 0; i < insn->flag_count; i++)
        if (!strcmp(insn->flags[i].name, "mount"))
            add_mount(resolver, &insn->flags[i], &run, &agents);
    if (resolver->spent > WORD_TOTAL)
        return;
    config_add_history(&resolver->stage->config, resolver->arena, history_run(resolver->arena, resolver->stage, &run),
                       true);
    stage_add_action(resolver, ACTION_RUN, insn)->run = run;
}
