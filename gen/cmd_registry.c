/*
 * Owns `dfgen pull` and `dfgen push`: images between registries and the store or the build folder. Must not know Dockerfiles.
 */
#include "gen/manifest.h"

#include "gen/cmd.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/images.h"
#include "gen/opts.h"

#include "gen/opts_registry.h"
#include "gen/platform.h"
#include "gen/ref.h"
#include "gen/remote.h"
#include "gen/sent.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"

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

int cmd_push(int argc, char **argv)
{
    struct request request = {0};
    read_request(&request, argc, argv);
    const char **words = request.words;
    if (!words[0] || (words[1] && words[2]))
        die_usage("push: which image, and where to? dfgen push IMAGE [REF]");
    if (request.opts->offline)
        die_usage("push: --offline says that no registry is asked");
    struct sent sent = sent_find(request.opts, words[0]);
    const char *to = words[1] ? words[1] : sent.names.count ? sent.names.items[0] : NULL;
    if (!to)
        die_usage("%s has no name to be pushed to: dfgen push %s HOST/NAME[:TAG]", words[0], words[0]);
    struct ref ref = read_ref(&request, to);
    if (ref.digest)
        die_usage("%s: an image is pushed to a tag, not to a digest", to);
    struct remote *remote = remote_new(&request.arena, request.opts->store, opts_registry_json(request.opts), request.credentials);
    const struct remote_image image = {
        .folder = sent.folder,
        .descriptor = sent.descriptor,
        .referrers = sent.referrers,
        .source = sent.source,
        .repository = arena_printf(&request.arena, "%s/%s", ref.host, ref.path),
        .tag = ref.tag,
    };
    const char *why = remote_push(remote, &image);
    if (why)
        die("%s", why);
    printf("%s@%s\n", ref_text(&request.arena, &ref), json_get_string(sent.descriptor, "digest", ""));
    remote_free(remote);
    json_decref(sent.descriptor);
    json_decref(sent.referrers);
    end_request(&request);
    return EXIT_DONE;
}
