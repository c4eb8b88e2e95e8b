/*
 * Owns the steps of RUN: the whole command, its environment and mounts as a step file. Called by plan. Must not know how a sandbox is made.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/stage.h"

#include "gen/plan_state.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gen/opts.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"

static json_t *spans(const span_seq *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_bytes(list->items[i]));
    return array;
}

static void set_span(json_t *json, const char *key, struct span text)
{
    if (text.len)
        json_object_set_new(json, key, json_bytes(text));
}

static void set_number(json_t *json, const char *key, int64_t number)
{
    if (number >= 0)
        json_object_set_new(json, key, json_integer(number));
}

/* A cache without an id has its target's path as one. */
static struct span mount_id(struct plan *plan, const struct run_mount *mount)
{
    if (mount->mount.id.len || mount->mount.type != MOUNT_CACHE)
        return mount->mount.id;
    return span_of(arena_printf(plan->arena, "/%s", path_clean(plan->arena, mount->target)));
}

static json_t *mount_json(struct plan *plan, const struct run_mount *run_mount)
{
    const struct mount *mount = &run_mount->mount;
    json_t *json = json_pack("{s:s}", "type", mount_type_names[mount->type]);
    set_span(json, "target", run_mount->target);
    set_span(json, "id", mount_id(plan, run_mount));
    set_span(json, "env", mount->env);
    if (mount->type == MOUNT_BIND || mount->type == MOUNT_CACHE) {
        const char *source = path_clean(plan->arena, mount->source);
        json_object_set_new(json, "source", json_bytes(span_of(arena_printf(plan->arena, "/%s", source))));
        json_object_set_new(json, "readonly", json_boolean(mount->is_readonly));
    }
    if (mount->type == MOUNT_TMPFS && mount->is_readonly)
        json_object_set_new(json, "readonly", json_true());
    if (mount->type == MOUNT_CACHE)
        json_object_set_new(json, "sharing", json_string(mount->sharing ? mount->sharing : "shared"));
    if (mount->size)
        json_object_set_new(json, "size", json_integer(mount->size));
    set_number(json, "mode", mount->mode);
    set_number(json, "uid", mount->uid);
    set_number(json, "gid", mount->gid);
    if (mount->is_required)
        json_object_set_new(json, "required", json_true());
    return json;
}

/* dfgen.ini wants a changed secret to run the step again: only a look at the secret tells, so its helper always looks. */
static void key_secret(struct plan_step *step, const struct plan *plan, const struct mount *mount, json_t *json)
{
    const opt_list *keyed = &plan->opts->keyed_secrets;
    bool is_keyed = false;
    for (size_t i = 0; i < keyed->count; i++)
        is_keyed |= !*keyed->items[i] || span_is(mount->id, keyed->items[i]);
    if (mount->type != MOUNT_SECRET || !is_keyed)
        return;
    json_object_set_new(json, "key", json_string("content"));
    const char *always = arena_printf(plan->arena, "%s/always", plan->root->state);
    graph_add_path(&step->edge->inputs, graph_target(plan->graph, always)->name);
}

/* Where the mount's files are: a stage input of the step, one for each such mount. False: something is wrong, said. */
static bool add_mount(struct plan_step *step, struct planned *planned, const struct run_mount *mount, const struct action *action,
                      size_t number, size_t *stages)
{
    struct plan *plan = step->plan;
    json_t *json = mount_json(plan, mount), *mounts = json_object_get(step->json, "mounts");
    json_array_append_new(mounts, json);
    key_secret(step, plan, &mount->mount, json);
    bool has_source = mount->mount.type == MOUNT_BIND || mount->mount.type == MOUNT_CACHE;
    if (!has_source || mount->from.kind == ORIGIN_SCRATCH)
        return true;
    stamp_seq from = {0};
    if (mount->from.kind == ORIGIN_CONTEXT || mount->from.kind == ORIGIN_FOLDER) {
        const char *name = arena_printf(plan->arena, "%zu.mount%zu", planned->steps, number);
        const char *label = arena_printf(plan->arena, "%s %zu mount", planned->label, planned->steps);
        const char *stamp = plan_mount_files(plan, planned, mount, action, name, label);
        if (!stamp)
            return false;
        seq_push(plan->arena, &from, stamp);
    } else {
        from = plan_origin(plan, &mount->from, mount->place);
    }
    json_object_set_new(json, "n", json_integer((json_int_t)(*stages)++));
    plan_step_stage(step, &from);
    return true;
}

/* HOST:IP or HOST=IP, as docker takes it; an IPv6 address may be in brackets. */
static json_t *hosts(const struct plan *plan)
{
    json_t *array = json_array();
    for (size_t i = 0; i < plan->opts->add_hosts.count; i++) {
        const char *text = plan->opts->add_hosts.items[i];
        size_t len = strcspn(text, strchr(text, '=') ? "=" : ":");
        if (!len || !text[len] || !text[len + 1])
            die_usage("--add-host %s: HOST:IP is wanted", text);
        const char *address = text + len + 1;
        size_t size = strlen(address);
        if (*address == '[' && address[size - 1] == ']')
            address = arena_strndup(plan->arena, address + 1, size - 2);
        json_array_append_new(array, json_bytes(span_of(arena_printf(plan->arena, "%s\t%.*s", address, (int)len, text))));
    }
    return array;
}

static const char *build_arg(const struct plan *plan, const char *name)
{
    for (size_t i = plan->opts->build_args.count; i-- > 0;)
        if (!strcmp(plan->opts->build_args.items[i].name, name))
            return plan->opts->build_args.items[i].value;
    return NULL;
}

/* What the options say of every RUN; only what was given stands in the step file. */
static void set_options(const struct plan *plan, json_t *json)
{
    const char *hostname = build_arg(plan, "BUILDKIT_SANDBOX_HOSTNAME");
    if (hostname && *hostname)
        json_object_set_new(json, "hostname", json_bytes(span_of(hostname)));
    if (plan->opts->add_hosts.count)
        json_object_set_new(json, "hosts", hosts(plan));
    if (plan->opts->shm_size)
        json_object_set_new(json, "shm_size", json_integer(plan->opts->shm_size));
    json_t *ulimits = json_array();
    for (size_t i = 0; i < plan->opts->ulimits.count; i++)
        json_array_append_new(ulimits, json_bytes(span_of(plan->opts->ulimits.items[i])));
    if (plan->opts->ulimits.count)
        json_object_set(json, "ulimits", ulimits);
    json_decref(ulimits);
}

static json_t *files(const struct run_action *run)
{
    json_t *array = json_array();
    for (size_t i = 0; i < run->files.count; i++)
        json_array_append_new(array, json_pack("{s:o,s:o}", "name", json_bytes(run->files.items[i].name), "data",
                                               json_bytes(run->files.items[i].data)));
    return array;
}

static struct span env_text(struct plan *plan, const struct variables *env)
{
    struct buf text = {0}, pair = {0};
    if (plan->env_text.len && plan->env.items == env->items && plan->env.count == env->count)
        return plan->env_text;
    buf_putc(&text, '[');
    for (size_t i = 0; i < env->count; i++) {
        buf_clear(&pair);
        buf_add(&pair, env->items[i].name.text, env->items[i].name.len);
        buf_putc(&pair, '=');
        buf_add(&pair, env->items[i].value.text, env->items[i].value.len);
        if (i)
            buf_putc(&text, ',');
        json_bytes_add(&text, (struct span){pair.data, pair.len});
    }
    buf_putc(&text, ']');
    free((char *)(uintptr_t)plan->env_text.text);
    plan->env = *env;
    plan->env_text.len = text.len;
    plan->env_text.text = buf_take(&text);
    buf_free(&pair);
    return plan->env_text;
}

static void set_run(const struct plan *plan, const struct planned *planned, const struct run_action *run, json_t *json)
{
    json_object_set_new(json, "kind", json_string("run"));
    json_object_set_new(json, "argv", spans(&run->argv));
    json_object_set_new(json, "cwd", json_bytes(run->cwd.len ? run->cwd : span_of("/")));
    set_span(json, "user", run->user);
    json_object_set_new(json, "network", json_string(run->network ? run->network : "default"));
    json_object_set_new(json, "security", json_string(run->security ? run->security : "sandbox"));
    json_object_set_new(json, "platform", json_string(planned->stage->platform_text));
    json_object_set_new(json, "mounts", json_array());
    if (run->files.count)
        json_object_set_new(json, "files", files(run));
    set_options(plan, json);
}

/* What cannot travel to another machine has a rule of its own (docs/architecture.md). */
static bool must_be_local(const struct run_action *run)
{
    if (run->network && !strcmp(run->network, "host"))
        return true;
    for (size_t i = 0; i < run->mounts.count; i++) {
        const struct mount *mount = &run->mounts.items[i].mount;
        if (mount->type == MOUNT_SECRET || mount->type == MOUNT_SSH ||
            (mount->type == MOUNT_CACHE && mount->sharing && strcmp(mount->sharing, "shared")))
            return true;
    }
    return false;
}

bool plan_run(struct plan *plan, struct planned *planned, const struct action *action, const char *label)
{
    const struct run_action *run = &action->run;
    const char *name = arena_printf(plan->arena, "%zu", ++planned->steps);
    struct plan_step step =
        plan_step_begin(planned, plan, must_be_local(run) ? RULE_RUN_LOCAL : RULE_RUN, name, label, action);
    set_run(plan, planned, run, step.json);
    step.text = (struct json_member){"env", env_text(plan, &run->env)};
    if (run->is_forced)
        plan_step_force(&step);
    plan_step_root(&step, &planned->root);
    bool is_fine = true;
    size_t stages = 0;
    for (size_t i = 0; i < run->mounts.count; i++)
        is_fine &= add_mount(&step, planned, &run->mounts.items[i], action, i + 1, &stages);
    const char *stamp = plan_step_end(&step, arena_printf(plan->arena, "%s.stamp", step.base));
    planned->root = (stamp_seq){0};
    seq_push(plan->arena, &planned->root, stamp);
    return is_fine;
}
