/*
 * Owns the order of the files that hold credentials, and what stands in them. Called by session. Must not know how
 * credentials are used; says nothing of them in any message.
 */
#include "runtime/registry/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/vec.h"
#include "runtime/registry/credential_helper.h"

enum { FILE_LIMIT = 8 * 1024 * 1024 };

struct search {
    struct arena *arena;
    const char *repository, *host;
    struct credentials *found;
};

static bool has_found(const struct search *search)
{
    return search->found->user || search->found->identity_token || search->found->registry_token;
}

static const char *copy_of(struct arena *arena, const json_t *object, const char *key)
{
    const char *value = json_get_string(object, key, "");
    return *value ? arena_strdup(arena, value) : NULL;
}

/* "dXNlcjpwYXNz": user, colon, password; a NUL may end it. False: it is no such thing. */
static bool decode(struct arena *arena, const char *text, struct credentials *found)
{
    size_t len = strlen(text);
    unsigned char *plain = arena_alloc(arena, len / 4 * 3 + 4);
    int size = len % 4 || len > 1024 * 1024 ? -1 : EVP_DecodeBlock(plain, (const unsigned char *)text, (int)len);
    char *colon = size < 0 ? NULL : strchr((char *)plain, ':');
    if (!colon)
        return false;
    /* EVP_DecodeBlock counts the padding's zero bytes, which end the string. */
    *colon = 0;
    found->user = (char *)plain;
    found->password = colon + 1;
    return true;
}

static const char *take_entry(struct search *search, const char *file, const char *key, const json_t *entry)
{
    struct credentials *found = search->found;
    const char *auth = json_get_string(entry, "auth", "");
    found->identity_token = copy_of(search->arena, entry, "identitytoken");
    found->registry_token = copy_of(search->arena, entry, "registrytoken");
    if (*auth && !decode(search->arena, auth, found))
        return arena_printf(search->arena, "%s: \"auth\" of %s is not user:password in base64: log in again", file, key);
    if (!*auth && copy_of(search->arena, entry, "username")) {
        found->user = copy_of(search->arena, entry, "username");
        found->password = json_get_string(entry, "password", "");
        found->password = arena_strdup(search->arena, found->password);
    }
    return NULL;
}

/* Docker's keys may be addresses: "https://index.docker.io/v1/" is docker.io. */
static const char *host_of_key(struct arena *arena, const char *key)
{
    const char *colons = strstr(key, "://");
    const char *start = colons ? colons + 3 : key;
    size_t len = strcspn(start, "/");
    bool is_version = !strncmp(start + len, "/v1", 3) || !strncmp(start + len, "/v2", 3);
    const char *name = colons || is_version ? arena_strndup(arena, start, len) : start;
    bool is_docker = !strcmp(name, "index.docker.io") || !strcmp(name, "registry-1.docker.io");
    return is_docker ? "docker.io" : name;
}

/* Keys are hosts or namespaces in them: the longest that covers the repository. */
static const json_t *best_entry(const struct search *search, json_t *auths, const char **best_key)
{
    const char *key;
    json_t *entry;
    const json_t *best = NULL;
    size_t longest = 0;
    json_object_foreach(auths, key, entry) {
        const char *name = host_of_key(search->arena, key);
        size_t len = strlen(name);
        bool fits = !strncmp(name, search->repository, len) && (!search->repository[len] || search->repository[len] == '/');
        /* Of two keys for one host, the exact one. */
        if (fits && json_object_size(entry) && (len > longest || (len == longest && !strcmp(key, name)))) {
            longest = len;
            best = entry;
            *best_key = key;
        }
    }
    return best;
}

static const char *ask_helper(struct search *search, const char *name)
{
    bool is_docker = !strcmp(search->host, "docker.io");
    const char *why = credential_helper_ask(search->arena, name, search->host, search->found);
    /* docker login keeps Docker Hub's under its old address. */
    if (!why && is_docker && !has_found(search))
        why = credential_helper_ask(search->arena, name, "https://index.docker.io/v1/", search->found);
    return why;
}

/* The helper of a file for the host. docker's key for Docker Hub is its old address. */
static const char *helper_of(const struct search *search, const json_t *json)
{
    const json_t *helpers = json_object_get(json, "credHelpers");
    static const char *const aliases[] = {"https://index.docker.io/v1/", "index.docker.io"};
    const char *helper = json_get_string(helpers, search->host, NULL);
    for (size_t i = 0; !helper && !strcmp(search->host, "docker.io") && i < sizeof aliases / sizeof *aliases; i++)
        helper = json_get_string(helpers, aliases[i], NULL);
    return helper ? helper : json_get_string(json, "credsStore", "");
}

static const char *look_into(struct search *search, const char *file, bool is_legacy)
{
    char *error = NULL;
    /* How the variable says "none". */
    if (!strcmp(file, "/dev/null"))
        return NULL;
    json_t *json = json_read_at(AT_FDCWD, file, FILE_LIMIT, &error);
    const char *why = json ? NULL : arena_printf(search->arena, "%s: %s", file, error);
    free(error);
    const char *helper = helper_of(search, json);
    if (*helper)
        why = ask_helper(search, arena_strdup(search->arena, helper));
    const char *key = NULL;
    const json_t *entry = has_found(search) ? NULL : best_entry(search, is_legacy ? json : json_object_get(json, "auths"), &key);
    if (entry && !why)
        why = take_entry(search, file, arena_strdup(search->arena, key), entry);
    json_decref(json);
    return why;
}

typedef VEC(const char *) file_list;

static void add_file(struct arena *arena, file_list *files, const char *folder, const char *name)
{
    if (folder && *folder)
        vec_push(files, arena_printf(arena, "%s/%s", folder, name));
}

/* The usual files, first choice first; the last is the legacy one. */
static void usual_files(struct arena *arena, file_list *files)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    const char *docker = getenv("DOCKER_CONFIG");
    if (!runtime || !*runtime)
        runtime = arena_printf(arena, "/run/user/%u", getuid());
    add_file(arena, files, runtime, "containers/auth.json");
    if (!getuid())
        add_file(arena, files, "/run", "containers/0/auth.json");
    if (!config || !*config)
        config = home ? arena_printf(arena, "%s/.config", home) : NULL;
    add_file(arena, files, config, "containers/auth.json");
    if (!docker || !*docker)
        docker = home ? arena_printf(arena, "%s/.docker", home) : NULL;
    add_file(arena, files, docker, "config.json");
    add_file(arena, files, home, ".dockercfg");
}

static const char *look_everywhere(struct search *search)
{
    file_list files = {0};
    const char *why = NULL;
    usual_files(search->arena, &files);
    for (size_t i = 0; i < files.count && !why && !has_found(search); i++)
        if (access(files.items[i], F_OK) == 0)
            why = look_into(search, files.items[i], i + 1 == files.count);
    vec_free(&files);
    return why;
}

const char *credentials_find(struct arena *arena, const char *authfile, const char *const *helpers, size_t helper_count,
                             const char *repository, struct credentials *credentials)
{
    *credentials = (struct credentials){0};
    struct search search = {arena, repository, arena_strndup(arena, repository, strcspn(repository, "/")), credentials};
    const char *own = authfile ? authfile : getenv("REGISTRY_AUTH_FILE");
    /* One that is named is the only one. */
    const char *why = own && *own ? look_into(&search, own, false) : look_everywhere(&search);
    for (size_t i = 0; i < helper_count && !why && !has_found(&search); i++)
        why = ask_helper(&search, helpers[i]);
    return why;
}
