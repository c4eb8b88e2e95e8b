/*
 * Owns the conversation with dfgen-registry. Called by images and by `dfgen pull`. Must not know what an image is.
 */
#include "gen/manifest.h"

#include "gen/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gen/programs.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"

extern char **environ;

struct remote {
    struct arena *arena;
    const char *store, *credentials;
    json_t *registry;
    pid_t helper;           /* 0: not started */
    FILE *answers;
    int socket;
};

struct remote *remote_new(struct arena *arena, const char *store, json_t *registry, const char *credentials)
{
    struct remote *remote = arena_alloc(arena, sizeof *remote);
    *remote = (struct remote){.arena = arena, .store = store, .registry = registry, .credentials = credentials, .socket = -1};
    return remote;
}

void remote_free(struct remote *remote)
{
    json_decref(remote->registry);
    if (!remote->helper)
        return;
    fclose(remote->answers);
    waitpid(remote->helper, NULL, 0);
}

/* MSG_NOSIGNAL: that the helper is gone is an error, not the end. */
static bool say(struct remote *remote, json_t *request)
{
    struct buf text = {0};
    json_write(request, &text);
    json_decref(request);
    bool is_said = true;
    for (size_t done = 0; done < text.len && is_said;) {
        ssize_t sent = send(remote->socket, text.data + done, text.len - done, MSG_NOSIGNAL);
        is_said = sent > 0 || (sent < 0 && errno == EINTR);
        done += sent > 0 ? (size_t)sent : 0;
    }
    buf_free(&text);
    return is_said;
}

/* A request and its answer, which the caller frees. NULL with *error. */
static json_t *converse(struct remote *remote, json_t *request, const char **error)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len = say(remote, request) ? getline(&line, &room, remote->answers) : -1;
    json_t *answer = len > 0 ? json_parse((struct span){line, (size_t)len}, NULL) : NULL;
    const char *failure = json_get_string(answer, "error", NULL);
    *error = !answer ? "dfgen-registry ended without an answer" : failure ? arena_strdup(remote->arena, failure) : NULL;
    free(line);
    if (!*error)
        return answer;
    json_decref(answer);
    return NULL;
}

static void spawn(struct remote *remote)
{
    int pair[2];
    struct programs programs = programs_find(remote->arena);
    char *path = arena_printf(remote->arena, "%s/dfgen-registry", programs.helpers), *argv[] = {path, NULL};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        die("cannot make a socket pair:");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDOUT_FILENO);
    errno = posix_spawn(&remote->helper, path, &actions, NULL, argv, environ);
    if (errno)
        die("cannot run %s:", path);
    posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    remote->socket = pair[0];
    remote->answers = fdopen(pair[0], "r");
    if (!remote->answers)
        die("out of memory");
}

/* The helper, and its first line. NULL, or what is wrong. */
static const char *start(struct remote *remote)
{
    const char *error = NULL;
    if (remote->helper)
        return NULL;
    spawn(remote);
    json_t *settings = json_object();
    json_object_set_new(settings, "store", json_string(remote->store));
    json_object_set(settings, "registry", remote->registry);
    if (remote->credentials)
        json_object_set_new(settings, "credentials", json_string(remote->credentials));
    json_decref(converse(remote, settings, &error));
    return error;
}

static json_t *descriptor_json(const struct descriptor *descriptor)
{
    return json_pack("{s:s,s:s,s:I}", "mediaType", descriptor->media_type ? descriptor->media_type : "", "digest",
                     descriptor->digest, "size", (json_int_t)descriptor->size);
}

const char *remote_manifest(struct remote *remote, const char *repository, const char *reference, const struct descriptor *want,
                            struct descriptor *found)
{
    const char *error = start(remote);
    if (error)
        return error;
    json_t *request = json_pack("{s:s,s:s}", "repository", repository, "manifest", reference);
    if (want)
        json_object_set_new(request, "want", descriptor_json(want));
    json_t *answer = converse(remote, request, &error);
    if (!answer)
        return error;
    error = descriptor_read(remote->arena, json_object_get(answer, "descriptor"), found);
    found->media_type = arena_strdup(remote->arena, found->media_type);
    found->digest = arena_strdup(remote->arena, found->digest);
    json_decref(answer);
    return error;
}

const char *remote_blobs(struct remote *remote, const char *repository, const struct descriptor *blobs, size_t count, int64_t limit)
{
    const char *error = start(remote);
    if (error)
        return error;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, descriptor_json(&blobs[i]));
    json_t *request = json_pack("{s:s,s:o,s:I}", "repository", repository, "blobs", list, "limit", (json_int_t)limit);
    json_decref(converse(remote, request, &error));
    return error;
}

const char *remote_push(struct remote *remote, const struct remote_image *image)
{
    const char *error = start(remote);
    if (error)
        return error;
    json_t *request = json_pack("{s:s,s:O,s:s,s:s}", "push", image->folder, "descriptor", image->descriptor,
                                "repository", image->repository, "tag", image->tag);
    if (image->source)
        json_object_set_new(request, "source", json_string(image->source));
    if (image->referrers)
        json_object_set(request, "referrers", (json_t *)image->referrers);
    json_decref(converse(remote, request, &error));
    return error;
}
