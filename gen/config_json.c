/*
 * Owns the form of an image config file: which members, which are left out when empty, and the times of its history.
 * Called by plan. Must not know how the values came about.
 */
#include "gen/platform.h"

#include "gen/config.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/json.h"

static void set_text(json_t *object, const char *key, struct span text)
{
    if (text.len)
        json_object_set_new(object, key, json_text(text));
}

static json_t *texts(const span_seq *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_text(list->items[i]));
    return array;
}

static void set_list(json_t *object, const char *key, const span_seq *list)
{
    if (list->count)
        json_object_set_new(object, key, texts(list));
}

/* Keys may be any bytes; what json_text makes of them is UTF-8. */
static void set_member(json_t *object, struct span name, json_t *value)
{
    json_t *key = json_text(name);
    json_object_set_new(object, json_string_value(key), value);
    json_decref(key);
}

static void set_set(json_t *object, const char *key, const span_seq *set)
{
    if (!set->count)
        return;
    json_t *members = json_object();
    for (size_t i = 0; i < set->count; i++)
        set_member(members, set->items[i], json_object());
    json_object_set_new(object, key, members);
}

static void set_labels(json_t *object, const struct config *config)
{
    if (!config->labels.count)
        return;
    json_t *members = json_object();
    for (size_t i = 0; i < config->labels.count; i++)
        set_member(members, config->labels.items[i].name, json_text(config->labels.items[i].value));
    json_object_set_new(object, "Labels", members);
}

static void set_number(json_t *object, const char *key, int64_t number)
{
    if (number)
        json_object_set_new(object, key, json_integer(number));
}

static void set_health(json_t *object, const struct health *health)
{
    if (!health)
        return;
    json_t *members = json_object();
    set_list(members, "Test", &health->test);
    set_number(members, "Interval", health->interval);
    set_number(members, "Timeout", health->timeout);
    set_number(members, "StartPeriod", health->start_period);
    set_number(members, "StartInterval", health->start_interval);
    set_number(members, "Retries", health->retries);
    json_object_set_new(object, "Healthcheck", members);
}

static json_t *write_own(const struct config *config)
{
    json_t *own = json_object();
    set_text(own, "User", config->user);
    set_set(own, "ExposedPorts", &config->ports);
    set_list(own, "Env", &config->env);
    set_list(own, "Entrypoint", &config->entrypoint);
    set_list(own, "Cmd", &config->cmd);
    set_set(own, "Volumes", &config->volumes);
    set_text(own, "WorkingDir", config->workdir);
    set_labels(own, config);
    set_text(own, "StopSignal", config->stop_signal);
    if (config->args_escaped)
        json_object_set_new(own, "ArgsEscaped", json_true());
    set_health(own, config->health);
    set_list(own, "OnBuild", &config->on_build);
    set_list(own, "Shell", &config->shell);
    return own;
}

/* "1970-01-01T00:00:00Z" */
static json_t *time_text(int64_t seconds)
{
    time_t time = (time_t)seconds;
    struct tm parts;
    char text[64] = "1970-01-01T00:00:00Z";
    if (gmtime_r(&time, &parts))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return json_string(text);
}

static void add_entry(struct buf *out, const struct history_entry *entry, const struct config_times *times)
{
    json_t *members = json_object();
    json_object_set_new(members, "created", time_text(times->epoch));
    set_text(members, "created_by", entry->created_by);
    if (entry->comment)
        json_object_set_new(members, "comment", json_string(entry->comment));
    if (!entry->is_layer)
        json_object_set_new(members, "empty_layer", json_true());
    json_write_with(members, NULL, 0, out);
    out->data[out->len - 1] = ',';
    json_decref(members);
}

size_t config_layer_count(const struct config *config)
{
    size_t layers = 0;
    const json_t *entries = json_object_get(config->image, "history");
    for (size_t i = 0; i < json_array_size(entries); i++)
        layers += !json_get_bool(json_array_get(entries, i), "empty_layer", false);
    for (; config; config = config->parent)
        for (size_t i = 0; i < config->history.count; i++)
            layers += config->history.items[i].is_layer;
    return layers;
}

static void add_base_entries(struct buf *out, const json_t *image)
{
    const json_t *entries = json_object_get(image, "history");
    for (size_t i = 0; i < json_array_size(entries); i++) {
        json_write(json_array_get(entries, i), out);
        out->data[out->len - 1] = ',';
    }
}

/* The entries of one stage: where stages on top of it have them, too, the text is kept for those. */
static void add_own_entries(struct config *config, struct arena *arena, const struct config_times *times, struct buf *out)
{
    size_t start = out->len;
    if (config->history_text.text) {
        buf_add(out, config->history_text.text, config->history_text.len);
        return;
    }
    for (size_t i = 0; i < config->history.count; i++)
        add_entry(out, &config->history.items[i], times);
    if (config->has_heirs && out->len > start)
        config->history_text = arena_span(arena, (struct span){out->data + start, out->len - start});
}

/* The base image's entries, those of the base stages from the lowest on, its own, those of layers that none is about. */
static void add_history(struct config *config, struct arena *arena, const struct config_times *times,
                        const struct config_layers *layers, struct buf *out)
{
    SEQ(struct config *) chain = {0};
    struct arena scratch = {0};
    for (struct config *at = config; at; at = at->parent)
        seq_push(&scratch, &chain, at);
    buf_putc(out, '[');
    add_base_entries(out, chain.items[chain.count - 1]->image);
    for (size_t i = chain.count; i-- > 0;)
        add_own_entries(chain.items[i], arena, times, out);
    for (size_t known = config_layer_count(config); known < layers->count; known++) {
        struct history_entry entry = {layers->fill[known], "buildkit.exporter.image.v0", true};
        add_entry(out, &entry, times);
    }
    out->len -= out->data[out->len - 1] == ',';
    buf_putc(out, ']');
    arena_free(&scratch);
}

/* When nothing is new, the image is as old as its base, unless the user gave a time. */
static json_t *created(const struct config *config, const struct config_times *times, size_t layers)
{
    bool has_news = config_layer_count(config) < layers;
    for (const struct config *at = config; at; at = at->parent)
        has_news |= at->history.count > 0;
    const char *text = json_get_string(config->image, "created", NULL);
    return times->is_given || has_news || !text ? time_text(times->epoch) : json_string(text);
}

/* What the base says of its operating system beyond the name, as long as the image is one for the same. */
static void copy_os(json_t *whole, const struct config *config)
{
    static const char *const names[] = {"os.version", "os.features"};
    if (!config->image || strcmp(config->platform.os, json_get_string(config->image, "os", "linux")) ||
        strcmp(config->platform.architecture, json_get_string(config->image, "architecture", "")))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(config->image, names[i]);
        if (json_is_string(value) || json_is_array(value))
            json_object_set(whole, names[i], value);
    }
}

void config_write(struct config *config, struct arena *arena, const struct config_times *times,
                  const struct config_layers *layers, struct buf *out)
{
    json_t *before = json_object(), *after = json_object(), *rootfs = json_object();
    json_object_set_new(before, "architecture", json_string(config->platform.architecture));
    set_text(before, "author", config->author);
    json_object_set_new(before, "config", write_own(config));
    json_object_set_new(before, "created", created(config, times, layers->count));
    json_object_set_new(after, "os", json_string(config->platform.os));
    json_object_set_new(rootfs, "type", json_string("layers"));
    json_object_set_new(after, "rootfs", rootfs);
    copy_os(after, config);
    set_text(after, "variant", span_of(config->platform.variant));
    /* In the order of the names; the history, which may be long, is written where it stands. */
    json_write(before, out);
    out->len -= strlen("}\n");
    buf_puts(out, ",\"history\":");
    add_history(config, arena, times, layers, out);
    size_t start = out->len;
    json_write(after, out);
    out->data[start] = ',';
    json_decref(before);
    json_decref(after);
}
