/*
 * Owns what an image config says of how its image runs. Called by dfgen-shell, for roots that no RUN's step file describes. Must not know
 * who asks, nor what for.
 */
#include <jansson.h>

#include "runtime/sandbox/plan.h"

#include <fcntl.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/step.h"

enum { CONFIG_LIMIT = 8 * 1024 * 1024, SHM_SIZE = 64 * 1024 * 1024 };

static const char *text_of(const struct step *step, const char *file, const json_t *value)
{
    struct span text = json_is_string(value) ? json_bytes_value(step->arena, value) : (struct span){"", 0};
    if (!json_is_string(value) || memchr(text.text, 0, text.len))
        die_usage("%s: not an image config", file);
    return arena_strndup(step->arena, text.text, text.len);
}

static const char *text_member(const struct step *step, const char *file, const json_t *config, const char *name)
{
    const json_t *value = json_object_get(config, name);
    return value ? text_of(step, file, value) : "";
}

/* Appends the strings of two lists, either of which may be missing. */
static const char **join(const struct step *step, const char *file, const json_t *first, const json_t *second)
{
    size_t count = json_array_size(first), all = count + json_array_size(second);
    const char **texts = arena_array(step->arena, all + 1, sizeof *texts);
    for (size_t i = 0; i < all; i++)
        texts[i] = text_of(step, file, i < count ? json_array_get(first, i) : json_array_get(second, i - count));
    return texts;
}

void plan_of_config(struct plan *plan, const struct step *step)
{
    char *error = NULL;
    int folder = (int)(path_base(step->base) - step->base);
    const char *file = arena_printf(step->arena, "%.*sconfig.json", folder, step->base);
    json_t *json = json_read_at(AT_FDCWD, file, CONFIG_LIMIT, &error);
    if (!json)
        die_usage("%s: %s", file, error);
    const json_t *config = json_object_get(json, "config");
    const char *cwd = text_member(step, file, config, "WorkingDir");
    *plan = (struct plan){
        .entrypoint = join(step, file, json_object_get(config, "Entrypoint"), NULL),
        .argv = join(step, file, json_object_get(config, "Entrypoint"), json_object_get(config, "Cmd")),
        .env = join(step, file, json_object_get(config, "Env"), NULL),
        .proxy = join(step, file, json_object_get(step->settings, "proxy"), NULL),
        .hosts = join(step, file, NULL, NULL),
        .user = text_member(step, file, config, "User"),
        .cwd = arena_printf(step->arena, "/%s", path_clean(step->arena, span_of(*cwd ? cwd : "/"))),
        .hostname = "dfgen",
        .shm_size = SHM_SIZE,
    };
    plan->entered = plan->cwd;
    json_decref(json);
}
