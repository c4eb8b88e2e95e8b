/*
 * Owns `dfgen pull` and `dfgen push`: images between registries and the store or the build folder. Must not know Dockerfiles.
 */
#include "gen/manifest.h"

#include "gen/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/images.h"
#include "gen/opts.h"

#include "gen/opts_registry.h"
#include "gen/platform.h"
#include "gen/record.h"
#include "gen/ref.h"
#include "gen/remote.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"

enum { INDEX_LIMIT = 4 * 1024 * 1024 };

struct request {
    struct arena arena;
    struct opts *opts;
    const char **words;
    const char *credentials;
};

/* --creds is of these commands alone: what dfgen notes of a build must hold no secret. */
static void take_credentials(struct request *request, int *argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (!strncmp(argv[i], "--creds=", 8))
            request->credentials = arena_strdup(&request->arena, argv[i] + 8);
        else if (!strcmp(argv[i], "--creds") && i + 1 < *argc)
            request->credentials = arena_strdup(&request->arena, argv[++i]);
        else
            argv[kept++] = argv[i];
    }
    argv[kept] = NULL;
    *argc = kept;
}

static void read_request(struct request *request, int argc, char **argv)
{
    take_credentials(request, &argc, argv);
    request->opts = opts_read(&request->arena, argc, argv, &request->words);
    request->opts->credentials = request->credentials;
}

static void end_request(struct request *request)
{
    free(request->words);
    opts_free(request->opts);
    arena_free(&request->arena);
}

static struct ref read_ref(struct request *request, const char *text)
{
    struct ref ref;
    if (!ref_parse(&request->arena, span_of(text), &ref))
        die_usage("%s: %s", text, ref_error(&request->arena, span_of(text)));
    return ref;
}

/* --- pull --- */

static struct platform wanted_platform(struct request *request, size_t i)
{
    struct platform platform = platform_host();
    if (!request->opts->platforms.count)
        return platform;
    const char *text = request->opts->platforms.items[i], *why = platform_parse(&request->arena, span_of(text), &platform);
    if (why)
        die_usage("--platform %s: %s", text, why);
    return platform;
}

static void pull(struct request *request, struct images *images, const char *text)
{
    struct ref ref = read_ref(request, text);
    const char *reference = ref_text(&request->arena, &ref), *why = NULL;
    size_t count = request->opts->platforms.count ? request->opts->platforms.count : 1;
    struct descriptor top;
    why = images_resolve(images, reference, &top);
    for (size_t i = 0; i < count && !why; i++) {
        struct platform platform = wanted_platform(request, i);
        const struct image *image = images_find(images, reference, &platform, &why);
        why = image ? images_get_layers(images, image) : why;
    }
    if (why)
        die("%s", why);
    printf("%s %s\n", reference, top.digest);
}

int cmd_pull(int argc, char **argv)
{
    struct request request = {0};
    read_request(&request, argc, argv);
    if (!request.words[0])
        die_usage("pull: which image? dfgen pull REF...");
    request.opts->pull = true;
    /* What it has is not looked for elsewhere. */
    request.opts->image_folders.count = 0;
    struct images *images = images_new(&request.arena, request.opts);
    for (size_t i = 0; request.words[i]; i++)
        pull(&request, images, request.words[i]);
    images_free(images);
    end_request(&request);
    return EXIT_DONE;
}

/* --- push --- */

/* What is sent: a descriptor, and the layout that it stands in. */
struct sent {
    const char *folder;
    json_t *descriptor;
    const char *name;       /* its own; NULL: it has none */
};

/* The layout's entry of that name, NULL: its only one. */
static bool find_in_layout(struct request *request, const char *folder, const char *reference, struct sent *sent)
{
    json_t *index = json_read_at(AT_FDCWD, arena_printf(&request->arena, "%s/index.json", folder), INDEX_LIMIT, NULL);
    const json_t *entries = json_object_get(index, "manifests");
    const char *first = json_get_string(json_array_get(entries, 0), "digest", "");
    for (size_t i = 1; i < json_array_size(entries) && !reference; i++)
        if (!json_object_get(json_array_get(entries, i), "artifactType") &&
            strcmp(json_get_string(json_array_get(entries, i), "digest", ""), first))
            die_usage("%s has several images, which cannot all go to one name", folder);
    for (size_t i = 0; i < json_array_size(entries) && !sent->descriptor; i++) {
        json_t *entry = json_array_get(entries, i);
        const char *own = json_get_string(json_object_get(entry, "annotations"), "io.containerd.image.name", NULL);
        if (reference && (!own || strcmp(own, reference)))
            continue;
        sent->folder = folder;
        sent->name = own ? arena_strdup(&request->arena, own) : NULL;
        sent->descriptor = json_incref(entry);
    }
    json_decref(index);
    return sent->descriptor;
}

static bool find_in_store(struct request *request, const char *word, struct sent *sent)
{
    struct ref ref;
    struct descriptor descriptor;
    const char *store = request->opts->store;
    if (!ref_parse(&request->arena, span_of(word), &ref))
        return false;
    const char *reference = ref_text(&request->arena, &ref);
    if (!record_read(&request->arena, store, reference, &descriptor))
        return find_in_layout(request, store, reference, sent);
    sent->folder = store;
    sent->name = reference;
    sent->descriptor = json_pack("{s:s,s:s,s:I}", "mediaType", descriptor.media_type, "digest", descriptor.digest, "size",
                                 (json_int_t)descriptor.size);
    return true;
}

/* A stage of the build folder, a layout, or an image of the store. */
static struct sent find_image(struct request *request, const char *word)
{
    struct sent sent = {0};
    const char *stage = arena_printf(&request->arena, ".dfgen/images/%s", word);
    const char *folder = opts_path(request->opts, request->opts->start_dir, word);
    if ((!strchr(word, '/') && find_in_layout(request, stage, NULL, &sent)) || find_in_layout(request, folder, NULL, &sent) ||
        find_in_store(request, word, &sent))
        return sent;
    die_usage("%s: not found: it is no image that was built here (-C says where), no image layout, and no image of the store "
              "(dfgen load, dfgen pull)", word);
}

int cmd_push(int argc, char **argv)
{
    struct request request = {0};
    read_request(&request, argc, argv);
    const char **words = request.words;
    if (!words[0] || (words[1] && words[2]))
        die_usage("push: which image, and where to? dfgen push IMAGE [REF]");
    struct sent sent = find_image(&request, words[0]);
    const char *to = words[1] ? words[1] : sent.name;
    if (!to)
        die_usage("%s has no name to be pushed to: dfgen push %s HOST/NAME[:TAG]", words[0], words[0]);
    struct ref ref = read_ref(&request, to);
    if (ref.digest)
        die_usage("%s: an image is pushed to a tag, not to a digest", to);
    struct remote *remote = remote_new(&request.arena, request.opts->store, opts_registry_json(request.opts), request.credentials);
    const char *repository = arena_printf(&request.arena, "%s/%s", ref.host, ref.path);
    const char *why = remote_push(remote, sent.folder, sent.descriptor, repository, ref.tag);
    if (why)
        die("%s", why);
    printf("%s@%s\n", ref_text(&request.arena, &ref), json_get_string(sent.descriptor, "digest", ""));
    remote_free(remote);
    json_decref(sent.descriptor);
    end_request(&request);
    return EXIT_DONE;
}
