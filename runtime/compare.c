/*
 * dfgen-compare: what differs between two images that should be one: members of the config, and in layers each file,
 * header field and byte, with the instruction that made it. For dfgen check --reproducible. Changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/image/differ.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/store.h"

enum { LINES_A_LAYER = 100 };

struct image {
    const char *path;
    int layout;
    const char *digest;     /* of the manifest */
    json_t *index, *manifest, *config;
};

/* --- reading --- */

static json_t *read_blob(const struct image *image, const char *digest)
{
    char name[96], *why = NULL;
    if (!digest_is_valid_name(digest))
        die_usage("%s: a descriptor has no sha256 digest", image->path);
    store_blob_name(digest, name);
    json_t *json = json_read_at(image->layout, name, JSON_LIMIT, &why);
    if (!json)
        die_usage("%s/%s: %s", image->path, name, why);
    return json;
}

static void open_image(struct image *image, const char *path)
{
    char *why = NULL;
    image->path = path;
    image->layout = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (image->layout < 0)
        die_usage("cannot open %s:", path);
    image->index = json_read_at(image->layout, "index.json", JSON_LIMIT, &why);
    if (!image->index)
        die_usage("%s/index.json: %s", path, why);
    image->digest = json_get_string(json_array_get(json_object_get(image->index, "manifests"), 0), "digest", "");
    image->manifest = read_blob(image, image->digest);
    image->config = read_blob(image, json_get_string(json_object_get(image->manifest, "config"), "digest", ""));
}

static void close_image(struct image *image)
{
    json_decref(image->index);
    json_decref(image->manifest);
    json_decref(image->config);
    close(image->layout);
}

/* --- JSON --- */

static char *text_of(const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    return text ? text : xstrdup("nothing");
}

static void compare_json(const char *path, const json_t *one, const json_t *other)
{
    if (one == other || (one && other && json_equal(one, other)))
        return;
    if (json_is_object(one) && json_is_object(other)) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)one, key, value) {
            char *below = xasprintf("%s.%s", path, key);
            compare_json(below, value, json_object_get(other, key));
            free(below);
        }
        json_object_foreach((json_t *)other, key, value) {
            char *below = xasprintf("%s.%s", path, key);
            if (!json_object_get(one, key))
                compare_json(below, NULL, value);
            free(below);
        }
        return;
    }
    if (json_is_array(one) && json_is_array(other)) {
        size_t count = json_array_size(one) > json_array_size(other) ? json_array_size(one) : json_array_size(other);
        for (size_t i = 0; i < count; i++) {
            char *below = xasprintf("%s[%zu]", path, i);
            compare_json(below, json_array_get(one, i), json_array_get(other, i));
            free(below);
        }
        return;
    }
    char *mine = text_of(one), *theirs = text_of(other);
    printf("%s: %.200s and %.200s\n", path, mine, theirs);
    free(mine);
    free(theirs);
}

/* --- layers --- */

/* The instruction of the n-th layer. */
static const char *made_by(const struct image *image, size_t n)
{
    const json_t *history = json_object_get(image->config, "history");
    for (size_t i = 0; i < json_array_size(history); i++) {
        const json_t *entry = json_array_get(history, i);
        if (!json_get_bool(entry, "empty_layer", false) && n-- == 0)
            return json_get_string(entry, "created_by", "?");
    }
    return "?";
}

static void say(void *data, const char *line)
{
    (void)data;
    printf("    %s\n", line);
}

static int open_layer(const struct image *image, const json_t *layer)
{
    char name[96];
    const char *digest = json_get_string(layer, "digest", "");
    if (!digest_is_valid_name(digest))
        die_usage("%s: a layer has no sha256 digest", image->path);
    store_blob_name(digest, name);
    int fd = openat(image->layout, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die_usage("cannot open %s/%s:", image->path, name);
    return fd;
}

static void compare_layer(const struct image *images, size_t n, const json_t *one, const json_t *other)
{
    struct differ differ = {.say = say, .limit = LINES_A_LAYER};
    printf("layer %zu, %s\n", n + 1, made_by(&images[0], n));
    autoclose int first = open_layer(&images[0], one);
    autoclose int second = open_layer(&images[1], other);
    char *error = differ_layers(&differ, first, second);
    if (error)
        die("layer %zu: %s", n + 1, error);
    if (differ.count > differ.limit)
        printf("    and %zu more\n", differ.count - differ.limit);
    if (!differ.count)
        printf("    the files are the same: they are packed in another way (%s and %s)\n", json_get_string(one,
            "digest", ""),
               json_get_string(other, "digest", ""));
}

static void compare_layers(const struct image *images)
{
    const json_t *one = json_object_get(images[0].manifest, "layers"), *other = json_object_get(images[1].manifest,
                                                                                                "layers");
    size_t count = json_array_size(one);
    if (count != json_array_size(other)) {
        printf("%zu layers and %zu\n", count, json_array_size(other));
        count = count < json_array_size(other) ? count : json_array_size(other);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *mine = json_array_get(one, i), *theirs = json_array_get(other, i);
        if (strcmp(json_get_string(mine, "digest", ""), json_get_string(theirs, "digest", "")))
            compare_layer(images, i, mine, theirs);
    }
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: dfgen-compare LAYOUT LAYOUT\n\nSay what differs between the first images of two OCI image layouts. "
                                "Exit code 1 when something does.";
    struct image images[2] = {{0}};
    program_name = "dfgen-compare";
    if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "--version"))) {
        puts(usage);
        return EXIT_DONE;
    }
    if (argc != 3)
        die_usage("two image layouts are needed: dfgen-compare LAYOUT LAYOUT");
    for (size_t i = 0; i < 2; i++)
        open_image(&images[i], argv[i + 1]);
    bool is_same = !strcmp(images[0].digest, images[1].digest);
    if (!is_same) {
        json_object_del(images[0].config, "rootfs");
        json_object_del(images[1].config, "rootfs");
        compare_json("config", images[0].config, images[1].config);
        compare_json("annotations", json_object_get(images[0].manifest, "annotations"),
                     json_object_get(images[1].manifest, "annotations"));
        compare_layers(images);
    }
    for (size_t i = 0; i < 2; i++)
        close_image(&images[i]);
    return is_same ? EXIT_DONE : EXIT_BUILD;
}
