/*
 * dfgen-push: the image of a stage goes to the registries that its names say. Reads the image layout, writes a stamp that says what
 * is where. Knows nothing of how the image was made.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/image/layout.h"
#include "runtime/image/name.h"
#include "runtime/image/referrer.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/json.h"
#include "runtime/lib/step.h"
#include "runtime/registry/push.h"
#include "runtime/registry/session.h"

static const char help[] = "Send an image to the registries of its names.";

typedef VEC(struct push_origin) origin_list;

static void read_origins(const struct step *step, origin_list *origins)
{
    const json_t *list = json_object_get(step->json, "origins");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        vec_push(origins, (struct push_origin){json_get_string(one, "digest", ""), json_get_string(one, "repository", "")});
    }
}

/* The layout's one image, the folder, and the documents that refer to the image. */
static json_t *open_image(const struct step *step, int *layout, json_t *referrers)
{
    const struct step_input *input = step_input(step, INPUT_IMAGE, 0);
    const char *end = input ? strrchr(input->paths[0], '/') : NULL;
    if (!end)
        die_usage("%s: an image layout's index.json is needed", step->file);
    const char *folder = arena_strndup(step->arena, input->paths[0], (size_t)(end - input->paths[0]));
    *layout = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *error = NULL;
    json_t *index = *layout < 0 ? NULL : layout_read_index(*layout, &error);
    json_t *descriptor = json_array_get(json_object_get(index, "manifests"), 0);
    if (!descriptor)
        step_die(step, "%s: cannot read its index.json; run ninja again, which makes it", folder);
    json_incref(descriptor);
    for (size_t i = 1; i < json_array_size(json_object_get(index, "manifests")); i++)
        if (referrer_is_one(json_array_get(json_object_get(index, "manifests"), i)))
            json_array_append(referrers, json_array_get(json_object_get(index, "manifests"), i));
    json_decref(index);
    return descriptor;
}

struct sent {
    json_t *image, *referrers;      /* a descriptor, and an array of them */
};

static void push_as(struct step *step, struct push *push, const char *name, const struct sent *sent, struct buf *stamp)
{
    const char *full = image_name_full(step->arena, name), *tag = image_name_tag(full);
    push->repository = arena_strndup(step->arena, full, strlen(full) - strlen(tag) - 1);
    push->tag = json_get_bool(step->json, "by_digest", false) ? NULL : tag;
    char *error = push_image(push, sent->image);
    /* Behind what they refer to, by digest. */
    push->tag = NULL;
    for (size_t i = 0; i < json_array_size(sent->referrers) && !error; i++)
        error = push_image(push, json_array_get(sent->referrers, i));
    if (error)
        step_die(step, "%s", error);
    const char *digest = json_get_string(sent->image, "digest", "");
    const char *shown = json_get_bool(step->json, "by_digest", false) ? push->repository : full;
    printf("%s@%s\n", shown, digest);
    buf_printf(stamp, "%s %s\n", shown, digest);
}

int main(int argc, char **argv)
{
    const char *file = step_main(argc, argv, "dfgen-push", help);
    struct step step;
    struct buf stamp = {0};
    origin_list origins = {0};
    char *error = NULL;
    int layout;
    step_load(&step, file, idmode_enter());
    const json_t *names = json_object_get(step.json, "names");
    if (strcmp(step.kind, "push"))
        die_usage("%s: a step of kind \"push\" is needed", step.file);
    if (!json_array_size(names))
        step_die(&step, "the image has no name to be pushed to: dfgen -t HOST/NAME[:TAG]");
    struct sent sent = {.referrers = json_array()};
    sent.image = open_image(&step, &layout, sent.referrers);
    read_origins(&step, &origins);
    struct registry *registry = registry_new(json_object_get(step.settings, "registry"), &error);
    if (!registry)
        step_die(&step, "%s", error);
    struct push push = {.registry = registry, .layout = layout, .origins = origins.items, .origin_count = origins.count};
    for (size_t i = 0; i < json_array_size(names); i++)
        push_as(&step, &push, json_string_value(json_array_get(names, i)), &sent, &stamp);
    step_write_out(&step, stamp.data, stamp.len);
    registry_free(registry);
    json_decref(sent.image);
    json_decref(sent.referrers);
    vec_free(&origins);
    buf_free(&stamp);
    step_close(&step);
    return EXIT_DONE;
}
