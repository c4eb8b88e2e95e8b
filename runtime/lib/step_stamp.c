/*
 * Owns stamps: reading and writing them, the trees they name, and what to do when a layer that they name is gone. Called by helpers.
 * Must not know what made a layer.
 */
#include <jansson.h>

#include "runtime/lib/step.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/span.h"
#include "runtime/lib/step_internal.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"

enum { STAMP_LIMIT = 16 * 1024 * 1024 };

struct id_list {
    const char **items;
    size_t count, room;
};

/* --- reading --- */

static bool parse_stamp(struct arena *arena, struct span text, struct id_list *ids)
{
    if (span_is(text, "\n"))
        return true;
    if (!text.len || text.text[text.len - 1] != '\n')
        return false;
    while (text.len) {
        size_t len = (size_t)((const char *)memchr(text.text, '\n', text.len) - text.text);
        const char *id = arena_strndup(arena, text.text, len);
        if (strlen(id) != len || !store_id_is_valid(id))
            return false;
        vec_push(ids, id);
        text = span_skip(text, len + 1);
    }
    return true;
}

/* -1 with errno; EINVAL when it is no stamp. */
static int read_stamp(struct arena *arena, const char *path, struct id_list *ids)
{
    struct buf text = {0};
    int result = file_read_at(AT_FDCWD, path, &text, STAMP_LIMIT);
    if (result == 0 && !parse_stamp(arena, (struct span){buf_text(&text), text.len}, ids)) {
        errno = EINVAL;
        result = -1;
    }
    buf_free(&text);
    return result;
}

static void add_input(const struct step *step, const struct step_input *input, struct id_list *ids)
{
    for (size_t i = 0; i < input->count; i++) {
        const char *path = input->paths[i];
        if (read_stamp(step->arena, path, ids) == 0)
            continue;
        if (errno == EINVAL && unlink(path) == 0)
            step_die(step, "stamp %s was damaged and is removed: run ninja again", path);
        step_die(step, "stamp %s:", path);
    }
}

static struct stamp take(const struct step *step, struct id_list *ids)
{
    struct stamp stamp = {arena_array(step->arena, ids->count, sizeof *ids->items), ids->count};
    if (ids->count)
        memcpy(stamp.ids, ids->items, ids->count * sizeof *ids->items);
    vec_free(ids);
    return stamp;
}

struct stamp step_stamp(const struct step *step, const struct step_input *input)
{
    struct id_list ids = {0};
    add_input(step, input, &ids);
    return take(step, &ids);
}

struct stamp step_root(const struct step *step)
{
    struct id_list ids = {0};
    const struct step_input *input;
    for (size_t n = 0; (input = step_input(step, INPUT_ROOT, n)); n++)
        add_input(step, input, &ids);
    return take(step, &ids);
}

/* --- a layer is gone --- */

struct search {
    struct arena *arena;
    const char *id;
    VEC(const char *) stamps;   /* seen, in the order of being looked at */
    size_t removed;
};

static void add_stamps(struct search *search, const struct step_input *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool has_stamps = inputs[i].role == INPUT_ROOT || inputs[i].role == INPUT_STAGE || inputs[i].role == INPUT_FETCH;
        for (size_t k = 0; has_stamps && k < inputs[i].count; k++) {
            size_t at = 0;
            while (at < search->stamps.count && strcmp(search->stamps.items[at], inputs[i].paths[k]))
                at++;
            if (at == search->stamps.count)
                vec_push(&search->stamps, inputs[i].paths[k]);
        }
    }
}

static bool names(struct search *search, const char *stamp)
{
    struct id_list ids = {0};
    bool is_named = false;
    if (read_stamp(search->arena, stamp, &ids) == 0)
        for (size_t i = 0; i < ids.count; i++)
            is_named |= !strcmp(ids.items[i], search->id);
    vec_free(&ids);
    return is_named;
}

/* What the step that wrote a stamp started from. */
static void add_inputs_of(struct search *search, const char *stamp)
{
    static const char suffix[] = ".stamp";
    size_t len = strlen(stamp), tail = sizeof suffix - 1;
    struct step_input *inputs;
    size_t count;
    if (len <= tail || strcmp(stamp + len - tail, suffix))
        return;
    const char *path = arena_printf(search->arena, "%.*s.json", (int)(len - tail), stamp);
    json_t *json = json_read_at(AT_FDCWD, path, JSON_LIMIT, NULL);
    if (!step_parse_inputs(search->arena, json_object_get(json, "in"), &inputs, &count))
        add_stamps(search, inputs, count);
    json_decref(json);
}

/* Every stamp that names it was made from one that names it, back to the step whose layer it is: all must be made again. */
static size_t remove_stamps(const struct step *step, const char *id)
{
    struct search search = {.arena = step->arena, .id = id};
    add_stamps(&search, step->inputs, step->input_count);
    for (size_t i = 0; i < search.stamps.count; i++) {
        const char *stamp = search.stamps.items[i];
        if (!names(&search, stamp))
            continue;
        add_inputs_of(&search, stamp);
        search.removed += unlink(stamp) == 0;
    }
    vec_free(&search.stamps);
    return search.removed;
}

struct tree *step_tree(const struct step *step, const struct stamp *stamp)
{
    const char *missing = NULL;
    struct tree *tree = store_tree(&step->store, stamp->ids, stamp->count, &missing);
    if (tree)
        return tree;
    if (errno != ENOENT)
        step_die(step, "layer %s:", missing);
    if (!remove_stamps(step, missing))
        step_die(step, "layer %s is gone from the store", missing);
    step_die(step, "layer %s is gone from the store; its stamps were removed: run ninja again", missing);
}

/* --- writing --- */

void step_write_stamp(const struct step *step, const struct stamp *root, const char *id)
{
    struct buf text = {0};
    for (size_t i = 0; root && i < root->count; i++)
        buf_printf(&text, "%s\n", root->ids[i]);
    if (id)
        buf_printf(&text, "%s\n", id);
    if (!text.len)
        buf_putc(&text, '\n');
    step_write_out(step, text.data, text.len);
    buf_free(&text);
}
