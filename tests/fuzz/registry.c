/*
 * Fuzz entry: any bytes as what a registry and its token server answer, one answer after the other, to a pull or push.
 * libcurl and the pauses between tries are replaced; all the rest is as it is. The first byte: 'p' push, else pull. An
 * answer: "STATUS\n", header lines, an empty line, the body up to a line "%%". Status 0: a connection that is cut; a
 * header "Cut:" cuts the body.
 */
#include "runtime/registry/pull.h"
#include "runtime/registry/push.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/store.h"
#include "runtime/registry/client.h"
#include "runtime/registry/retry.h"
#include "runtime/registry/session.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_ANSWERS = 2000 };

static const char repository[] = "127.0.0.1:1/a/b", source[] = "127.0.0.1:1/a/c";
static const char content[] = "{}";

/* The answers that are left. */
static const char *at, *end;
static int answers;

struct client {
    char nothing;
};

struct client *client_new(void)
{
    return xcalloc(1, sizeof(struct client));
}

void client_free(struct client *client)
{
    free(client);
}

bool retry_wait(struct retry *retry, int64_t asked_ms)
{
    return asked_ms < 120000 && ++retry->tries < 5;
}

static struct span next_line(void)
{
    const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    struct span line = {at, (size_t)((newline ? newline : end) - at)};
    at = newline ? newline + 1 : end;
    return line;
}

static struct span next_body(void)
{
    static const char mark[] = "\n%%\n";
    const char *found = at < end ? memmem(at, (size_t)(end - at), mark, sizeof mark - 1) : NULL;
    struct span body = {at, (size_t)((found ? found : end) - at)};
    at = found ? found + sizeof mark - 1 : end;
    return body;
}

static void deliver(const struct client_request *request, struct span body, struct client_response *response)
{
    bool is_body = response->status >= 200 && response->status <= 299;
    if (!is_body || !request->take) {
        if (is_body && (int64_t)body.len > request->limit) {
            response->is_too_big = true;
            response->error = xstrdup("it is larger than dfgen takes");
            return;
        }
        buf_add(&response->text, body.text, body.len);
        return;
    }
    for (size_t i = 0; i < body.len; i += 7) {
        size_t len = body.len - i < 7 ? body.len - i : 7;
        if (request->take(request->to, body.text + i, len) < 0) {
            response->write_error = errno;
            response->error = xstrdup("cannot write");
            return;
        }
    }
}

void client_send(struct client *client, const struct client_request *request, struct client_response *response)
{
    (void)client;
    *response = (struct client_response){0};
    if (at == end || ++answers > MOST_ANSWERS) {
        response->error = xstrdup("there are no more answers");
        return;
    }
    char *status = xstrndup(at, (size_t)(end - at) < 3 ? (size_t)(end - at) : 3);
    response->status = atol(status);
    free(status);
    next_line();
    for (struct span line; (line = next_line()).len;) {
        buf_add(&response->headers, line.text, line.len);
        buf_puts(&response->headers, "\r\n");
    }
    struct span body = next_body();
    char *location = client_header(response, "Location", 0), *later = client_header(response, "Retry-After", 0);
    if (response->status >= 300 && response->status <= 399 && location && strstr(location, "://"))
        response->redirect = xstrdup(location);
    response->delay_ms = later ? (int64_t)(atol(later) % 100000) * 1000 : 0;
    free(location);
    free(later);
    deliver(request, body, response);
    char *cut = client_header(response, "Cut", 0);
    if (!response->error && (cut || response->status <= 0)) {
        response->error = xstrdup("the connection was cut");
        response->may_pass = true;
    }
    free(cut);
}

/* --- what asks --- */

static struct world {
    struct store store;
    int layout;
    json_t *settings, *image;
    char digest[72];        /* of the one blob */
} world;

static char folder[] = "/dev/shm/dfgen-fuzz.XXXXXX";

static void clean_up(void)
{
    store_close(&world.store);
    close(world.layout);
    tree_remove_at(AT_FDCWD, folder);
    json_decref(world.settings);
    json_decref(world.image);
}

static void put_manifest(void)
{
    struct buf text = {0};
    char digest[72];
    const char type[] = "application/vnd.oci.image.manifest.v1+json";
    /* Config and layer are one blob: two would be two threads, which share the answers. */
    json_t *blob = json_pack("{s:s, s:s, s:i}", "mediaType", "application/vnd.oci.empty.v1+json", "digest",
                             world.digest, "size", 2);
    json_t *subject = json_pack("{s:s, s:s, s:i}", "mediaType", type, "digest", world.digest, "size", 2);
    json_t *json = json_pack("{s:i, s:s, s:O, s:[o], s:o}", "schemaVersion", 2, "mediaType", type, "config", blob,
                             "layers", blob, "subject", subject);
    json_write(json, &text);
    if (store_blob_put(&world.store, text.data, text.len, digest) < 0)
        abort();
    world.image = json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", digest, "size", (json_int_t)text.len);
    json_decref(json);
    buf_free(&text);
}

static void begin(void)
{
    static const char auth[] = "{\"auths\":{\"127.0.0.1:1/a/b\":{\"identitytoken\":\"i\"},"
                               "\"127.0.0.1:1\":{\"auth\":\"dTpw\"}}}";
    char path[64];
    int fd = memfd_create("auth.json", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, auth, sizeof auth - 1) < 0 || !mkdtemp(folder) ||
        store_open(&world.store, folder, MODE_ROOT) < 0)
        abort();
    world.layout = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    world.settings = json_pack("{s:s}", "authfile", path);
    setenv("HOME", "/nowhere", 1);
    unsetenv("XDG_CONFIG_HOME");
    setenv("CONTAINERS_REGISTRIES_CONF", "/dev/null", 1);
    if (store_blob_put(&world.store, content, 2, world.digest) < 0)
        abort();
    put_manifest();
    atexit(clean_up);
}

static void drop_blob(const char *digest)
{
    char name[96];
    store_blob_name(digest, name);
    unlinkat(world.layout, name, 0);
}

static char *pull(struct registry *registry)
{
    struct pull_descriptor found = {0};
    struct pull_blob blob = {world.digest, 2, 2};
    char *error = pull_manifest(registry, &world.store, repository, "tag", NULL, &found);
    if (!error && strcmp(found.digest, json_get_string(world.image, "digest", "")))
        drop_blob(found.digest);
    if (!error) {
        drop_blob(world.digest);
        error = pull_blobs(registry, &world.store, source, &blob, 1);
    }
    return error;
}

static char *push(struct registry *registry)
{
    struct push what = {.registry = registry, .layout = world.layout, .repository = repository, .tag = "tag",
                        .store = &world.store, .source = source};
    return push_image(&what, world.image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char digest[72], *error = NULL;
    if (!world.image)
        begin();
    if (!size)
        return 0;
    at = (const char *)data + 1;
    end = (const char *)data + size;
    answers = 0;
    if (store_blob_put(&world.store, content, 2, digest) < 0)
        abort();
    struct registry *registry = registry_new(world.settings, &error);
    if (!registry)
        abort();
    error = data[0] == 'p' ? push(registry) : pull(registry);
    for (const char *c = error; c && *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
            abort();
    free(error);
    registry_free(registry);
    return 0;
}
