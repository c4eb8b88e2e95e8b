/*
 * Owns the image configuration while a stage is resolved: where it begins, and how it changes. Called by stage. Must
 * not know the syntax of instructions, nor where the image is written (config_json.c writes it).
 */
#include "gen/platform.h"

#include "gen/config.h"

#include <jansson.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

void config_init(struct config *config, struct arena *arena, const struct platform *platform)
{
    *config = (struct config){.platform = *platform, .workdir = {"/", 1}};
    config_set_env(config, arena, span_of("PATH"), span_of(DEFAULT_PATH));
}

static struct span text_of(struct arena *arena, const json_t *value)
{
    return json_is_string(value) ? arena_span(arena, (struct span){json_string_value(value), json_string_length(value)})
                                 : (struct span){"", 0};
}

static void read_list(span_seq *list, struct arena *arena, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (json_is_string(json_array_get(array, i)))
            seq_push(arena, list, text_of(arena, json_array_get(array, i)));
}

static void read_set(span_seq *set, struct arena *arena, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
        seq_push(arena, set, span_of(arena_strdup(arena, key)));
}

static void read_labels(struct config *config, struct arena *arena, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
        seq_push(arena, &config->labels, (struct label){span_of(arena_strdup(arena, key)), text_of(arena, value)});
}

static void read_health(struct config *config, struct arena *arena, const json_t *object)
{
    if (!json_is_object(object))
        return;
    struct health *health = arena_alloc(arena, sizeof *health);
    read_list(&health->test, arena, json_object_get(object, "Test"));
    health->interval = json_get_int(object, "Interval", 0);
    health->timeout = json_get_int(object, "Timeout", 0);
    health->start_period = json_get_int(object, "StartPeriod", 0);
    health->start_interval = json_get_int(object, "StartInterval", 0);
    health->retries = (int)json_get_int(object, "Retries", 0);
    config->health = health;
}

static bool has_env(const struct config *config, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < config->env.count; i++)
        if (span_starts(config->env.items[i], name) &&
            (config->env.items[i].len == len || config->env.items[i].text[len] == '='))
            return true;
    return false;
}

void config_from_image(struct config *config, struct arena *arena, const json_t *image)
{
    const json_t *own = json_object_get(image, "config");
    *config = (struct config){.image = image};
    config->platform = platform_of_json(arena, image);
    config->author = text_of(arena, json_object_get(image, "author"));
    read_list(&config->env, arena, json_object_get(own, "Env"));
    config->user = text_of(arena, json_object_get(own, "User"));
    config->workdir = text_of(arena, json_object_get(own, "WorkingDir"));
    config->stop_signal = text_of(arena, json_object_get(own, "StopSignal"));
    read_list(&config->cmd, arena, json_object_get(own, "Cmd"));
    read_list(&config->entrypoint, arena, json_object_get(own, "Entrypoint"));
    read_list(&config->shell, arena, json_object_get(own, "Shell"));
    read_list(&config->on_build, arena, json_object_get(own, "OnBuild"));
    read_labels(config, arena, json_object_get(own, "Labels"));
    read_set(&config->ports, arena, json_object_get(own, "ExposedPorts"));
    read_set(&config->volumes, arena, json_object_get(own, "Volumes"));
    read_health(config, arena, json_object_get(own, "Healthcheck"));
    config->args_escaped = json_get_bool(own, "ArgsEscaped", false);
    if (!has_env(config, "PATH"))
        config_set_env(config, arena, span_of("PATH"), span_of(DEFAULT_PATH));
    /* A relative one is joined to itself, as the reference does it. */
    if (config->workdir.len)
        config->workdir = config_join_workdir(arena, span_of(arena_printf(arena, "/%.*s", SPAN(config->workdir))),
                                              config->workdir);
}

void config_inherit(struct config *config, struct arena *arena, struct config *parent)
{
    *config = *parent;
    config->parent = parent;
    config->has_heirs = false;
    parent->has_heirs = true;
    config->history.items = NULL;
    config->history.count = config->history.room = 0;
    config->history_text = (struct span){0};
    config->env_names = config->label_names = config->port_names = config->volume_names = (struct name_index){0};
    /* What is changed in place or added to must be a copy. */
    seq_copy(arena, &config->env, &parent->env);
    seq_copy(arena, &config->labels, &parent->labels);
    seq_copy(arena, &config->ports, &parent->ports);
    seq_copy(arena, &config->volumes, &parent->volumes);
    config->on_build = (span_seq){0};
}

static struct span name_of(struct span pair)
{
    const char *equals = memchr(pair.text, '=', pair.len);
    return (struct span){pair.text, equals ? (size_t)(equals - pair.text) : pair.len};
}

void config_set_env(struct config *config, struct arena *arena, struct span name, struct span value)
{
    struct span pair = span_of(arena_printf(arena, "%.*s=%.*s", SPAN(name), SPAN(value)));
    size_t i;
    while (config->env_names.items.count < config->env.count)
        names_add(&config->env_names, arena, name_of(config->env.items[config->env_names.items.count]));
    if (!names_find(&config->env_names, name, &i)) {
        seq_push(arena, &config->env, pair);
        return;
    }
    config->env.items[i] = pair;
    /* A base image may have a variable twice. */
    while (config->env_names.has_twins && ++i < config->env.count)
        if (span_equal(name_of(config->env.items[i]), name))
            config->env.items[i] = pair;
}

void config_set_label(struct config *config, struct arena *arena, struct span name, struct span value)
{
    size_t i;
    while (config->label_names.items.count < config->labels.count)
        names_add(&config->label_names, arena, config->labels.items[config->label_names.items.count].name);
    if (names_find(&config->label_names, name, &i))
        config->labels.items[i].value = value;
    else
        seq_push(arena, &config->labels, (struct label){name, value});
}

/* Once; the names grow beside the set. */
static void add_to_set(span_seq *set, struct name_index *names, struct arena *arena, struct span text)
{
    size_t i;
    while (names->items.count < set->count)
        names_add(names, arena, set->items[names->items.count]);
    if (!names_find(names, text, &i))
        seq_push(arena, set, text);
}

void config_add_port(struct config *config, struct arena *arena, struct span port)
{
    add_to_set(&config->ports, &config->port_names, arena, port);
}

void config_add_volume(struct config *config, struct arena *arena, struct span path)
{
    add_to_set(&config->volumes, &config->volume_names, arena, path);
}

void config_add_history(struct config *config, struct arena *arena, struct span created_by, bool is_layer)
{
    struct history_entry entry = {created_by, "buildkit.dockerfile.v0", is_layer};
    seq_push(arena, &config->history, entry);
}

struct span config_join_workdir(struct arena *arena, struct span current, struct span path)
{
    if (!path.len)
        return current.len ? current : (struct span){"/", 1};
    if (path.text[0] == '/')
        return path;
    return span_of(path_clean_go(arena, span_of(arena_printf(arena, "%.*s/%.*s", SPAN(current), SPAN(path)))));
}
