/*
 * dfgen-registry: what dfgen asks of registries while it reads a Dockerfile, and for `dfgen pull`. One process for a run of
 * dfgen, so that connections and tokens serve all its questions: a JSON object a line comes on standard input, and one goes
 * back for each. The first line says where the store is and what is known of registries. Knows nothing of images.
 *
 *     {"store": PATH, "registry": {...}, "credentials": "USER:PASSWORD"}   -> {}
 *     {"manifest": REFERENCE, "repository": NAME, "want": DESCRIPTOR}      -> {"descriptor": DESCRIPTOR}
 *     {"blobs": [DESCRIPTOR...], "repository": NAME, "limit": BYTES}       -> {}
 *     {"push": FOLDER, "descriptor": DESCRIPTOR, "repository": NAME, "tag": TAG,
 *      "source": NAME, "referrers": [DESCRIPTOR...]}                           -> {}
 *
 * "want" and "limit" may be absent, and so may "source" (the repository that an image of the store is from) and
 * "referrers". {"error": TEXT} is the answer to what cannot be done.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/store.h"
#include "runtime/registry/pull.h"
#include "runtime/registry/push.h"
#include "runtime/registry/session.h"

struct service {
    struct store store;
    struct registry *registry;
};

static json_t *failed(char *error)
{
    json_t *answer = json_object();
    json_object_set_new(answer, "error", json_text(span_of(error)));
    free(error);
    return answer;
}

static json_t *get_manifest(struct service *service, const json_t *request)
{
    const json_t *wanted = json_object_get(request, "want");
    struct pull_descriptor want = {.size = json_get_int(wanted, "size", -1)}, found = {0};
    snprintf(want.media_type, sizeof want.media_type, "%s", json_get_string(wanted, "mediaType", ""));
    char *error = pull_manifest(service->registry, &service->store, json_get_string(request, "repository", ""),
                                json_get_string(request, "manifest", ""), wanted ? &want : NULL, &found);
    return error ? failed(error)
                 : json_pack("{s:{s:s,s:s,s:I}}", "descriptor", "mediaType", found.media_type, "digest", found.digest, "size",
                             (json_int_t)found.size);
}

static json_t *get_blobs(struct service *service, const json_t *request)
{
    const json_t *list = json_object_get(request, "blobs");
    size_t count = json_array_size(list);
    struct pull_blob *blobs = xcalloc(count + 1, sizeof *blobs);
    for (size_t i = 0; i < count; i++) {
        const json_t *blob = json_array_get(list, i);
        blobs[i] = (struct pull_blob){json_get_string(blob, "digest", ""), json_get_int(blob, "size", -1),
                                      json_get_int(request, "limit", INT64_MAX)};
        if (!digest_is_valid_name(blobs[i].digest))
            die_usage("a blob has no sha256 digest");
    }
    char *error = pull_blobs(service->registry, &service->store, json_get_string(request, "repository", ""), blobs, count);
    free(blobs);
    return error ? failed(error) : json_object();
}

static json_t *push(struct service *service, const json_t *request)
{
    const char *folder = json_get_string(request, "push", "");
    autoclose int layout = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (layout < 0)
        return failed(xasprintf("cannot open %s: %s", folder, strerror(errno)));
    struct push what = {.registry = service->registry, .layout = layout, .tag = json_get_string(request, "tag", ""),
                        .repository = json_get_string(request, "repository", ""),
                        .source = json_get_string(request, "source", NULL)};
    const json_t *referrers = json_object_get(request, "referrers");
    /* What is missing there has a place to go to, if the store is what is sent. */
    what.store = what.source ? &service->store : NULL;
    char *error = push_image(&what, json_object_get(request, "descriptor"));
    /* Behind what they refer to, by digest. */
    what.tag = NULL;
    for (size_t i = 0; i < json_array_size(referrers) && !error; i++)
        error = push_image(&what, json_array_get(referrers, i));
    return error ? failed(error) : json_object();
}

static json_t *begin(struct service *service, const json_t *request)
{
    const char *path = json_get_string(request, "store", ""), *credentials = json_get_string(request, "credentials", NULL);
    char *error = NULL;
    if (store_open(&service->store, path, MODE_ROOT) < 0)
        return failed(xasprintf("cannot use the store %s: %s", path, strerror(errno)));
    service->registry = registry_new(json_object_get(request, "registry"), &error);
    if (!service->registry)
        return failed(error);
    if (credentials)
        registry_set_credentials(service->registry, credentials);
    return json_object();
}

static json_t *answer(struct service *service, const json_t *request)
{
    if (!service->registry)
        return begin(service, request);
    if (json_object_get(request, "push"))
        return push(service, request);
    return json_object_get(request, "manifest") ? get_manifest(service, request) : get_blobs(service, request);
}

static void serve(struct service *service)
{
    char *line = NULL;
    size_t room = 0;
    for (ssize_t len; (len = getline(&line, &room, stdin)) > 0;) {
        json_t *request = json_parse((struct span){line, (size_t)len}, NULL);
        if (!request)
            die_usage("a line on standard input is not JSON");
        json_t *reply = answer(service, request);
        struct buf text = {0};
        json_write(reply, &text);
        if (fd_write_all(STDOUT_FILENO, text.data, text.len) < 0)
            die("cannot answer:");
        buf_free(&text);
        json_decref(reply);
        json_decref(request);
        if (!service->registry)
            break;
    }
    free(line);
}

int main(int argc, char **argv)
{
    struct service service = {0};
    program_name = "dfgen-registry";
    if (argc == 2 && !strcmp(argv[1], "--version")) {
        puts("dfgen-registry " DFGEN_VERSION);
        return EXIT_DONE;
    }
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        puts("usage: dfgen-registry <REQUESTS\n\nAsk registries for dfgen: requests and answers are JSON objects, one a line.");
        return EXIT_DONE;
    }
    if (argc > 1)
        die_usage("no arguments: requests come on standard input (--help)");
    serve(&service);
    if (service.registry) {
        registry_free(service.registry);
        store_close(&service.store);
    }
    return EXIT_DONE;
}
