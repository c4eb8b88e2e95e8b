/*
 * Owns the reading of a run step's JSON: members, words and their values, defaults, permissions. Called by dfgen-run. Must not know how
 * anything is carried out. A word that is in no table ends the process: an unknown mode is never taken for a harmless one.
 */
#include <jansson.h>

#include "runtime/sandbox/plan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/step.h"
#include "runtime/sandbox/cgroup.h"

enum { SHM_SIZE = 64 * 1024 * 1024 };

/* Words of the step file: the index is the value. */
static const char *const network_words[] = {"default", "none", "host", NULL};
static const char *const security_words[] = {"sandbox", "insecure", NULL};
static const char *const sharing_words[] = {"shared", "private", "locked", NULL};
static const char *const key_words[] = {"id", "content", NULL};

/* One row a mount type: what its members are when absent. */
static const struct mount_row {
    const char *name;
    bool needs_id, readonly;
    mode_t mode;
} mount_rows[] = {
    [MOUNT_BIND] = {"bind", false, true, 0755},
    [MOUNT_CACHE] = {"cache", true, false, 0755},
    [MOUNT_TMPFS] = {"tmpfs", false, false, 01777},
    [MOUNT_SECRET] = {"secret", true, true, 0400},
    [MOUNT_SSH] = {"ssh", true, true, 0600},
};

static const struct {
    const char *name;
    int resource;
} limit_rows[] = {
    {"as", RLIMIT_AS}, {"core", RLIMIT_CORE}, {"cpu", RLIMIT_CPU}, {"data", RLIMIT_DATA}, {"fsize", RLIMIT_FSIZE},
    {"locks", RLIMIT_LOCKS}, {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC}, {"rss", RLIMIT_RSS}, {"rtprio", RLIMIT_RTPRIO},
    {"rttime", RLIMIT_RTTIME}, {"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK},
};

_Noreturn static void bad(const struct step *step, const char *member)
{
    die_usage("%s: \"%s\" is missing or not as it should be", step->file, member);
}

/* A string that goes to a system call: no NUL inside. */
static const char *text_of(const struct step *step, const json_t *value, const char *member)
{
    if (!json_is_string(value))
        bad(step, member);
    struct span text = json_bytes_value(step->arena, value);
    if (memchr(text.text, 0, text.len))
        bad(step, member);
    return arena_strndup(step->arena, text.text, text.len);
}

static const char *text_member(const struct step *step, const json_t *object, const char *member, const char *fallback)
{
    const json_t *value = json_object_get(object, member);
    return value ? text_of(step, value, member) : fallback;
}

static const char **texts_member(const struct step *step, const json_t *object, const char *member)
{
    const json_t *array = json_object_get(object, member);
    if (array && !json_is_array(array))
        bad(step, member);
    size_t count = json_array_size(array);
    const char **texts = arena_array(step->arena, count + 1, sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = text_of(step, json_array_get(array, i), member);
    return texts;
}

static int64_t int_member(const struct step *step, const json_t *object, const char *member, int64_t fallback, int64_t max)
{
    const json_t *value = json_object_get(object, member);
    if (!value)
        return fallback;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
        bad(step, member);
    return json_integer_value(value);
}

static bool bool_member(const struct step *step, const json_t *object, const char *member, bool fallback)
{
    const json_t *value = json_object_get(object, member);
    if (value && !json_is_boolean(value))
        bad(step, member);
    return value ? json_is_true(value) : fallback;
}

static int word_member(const struct step *step, const json_t *object, const char *member, const char *const *words)
{
    const char *text = text_member(step, object, member, words[0]);
    for (int i = 0; words[i]; i++)
        if (!strcmp(words[i], text))
            return i;
    bad(step, member);
}

/* --- mounts --- */

static enum mount_type type_of(const struct step *step, const json_t *json)
{
    const char *name = text_member(step, json, "type", "bind");
    for (size_t i = 0; i < sizeof mount_rows / sizeof *mount_rows; i++)
        if (!strcmp(mount_rows[i].name, name))
            return (enum mount_type)i;
    bad(step, "mounts: type");
}

static struct plan_mount mount_of(const struct step *step, const json_t *json)
{
    enum mount_type type = type_of(step, json);
    const struct mount_row *row = &mount_rows[type];
    struct plan_mount mount = {
        .type = type,
        .sharing = (enum sharing)word_member(step, json, "sharing", sharing_words),
        .target = text_member(step, json, "target", NULL),
        .source = text_member(step, json, "source", "/"),
        .n = int_member(step, json, "n", -1, INT_MAX),
        .id = text_member(step, json, "id", NULL),
        .env = text_member(step, json, "env", NULL),
        .readonly = bool_member(step, json, "readonly", row->readonly),
        .required = bool_member(step, json, "required", false),
        .is_keyed = word_member(step, json, "key", key_words) == 1,
        .mode = (mode_t)int_member(step, json, "mode", row->mode, 07777),
        .uid = (uint32_t)int_member(step, json, "uid", 0, INT_MAX),
        .gid = (uint32_t)int_member(step, json, "gid", 0, INT_MAX),
        .has_owner = json_object_get(json, "mode") || json_object_get(json, "uid") || json_object_get(json, "gid"),
        .size = int_member(step, json, "size", 0, INT64_MAX),
    };
    if ((!mount.target && !(type == MOUNT_SECRET && mount.env)) || (mount.target && mount.target[0] != '/'))
        bad(step, "mounts: target");
    if (row->needs_id && !mount.id)
        bad(step, "mounts: id");
    if (mount.n >= 0 && !step_input(step, INPUT_STAGE, (size_t)mount.n))
        bad(step, "mounts: n");
    return mount;
}

static void load_mounts(struct plan *plan, const struct step *step)
{
    const json_t *array = json_object_get(step->json, "mounts");
    if (array && !json_is_array(array))
        bad(step, "mounts");
    plan->mount_count = json_array_size(array);
    plan->mounts = arena_array(step->arena, plan->mount_count, sizeof *plan->mounts);
    for (size_t i = 0; i < plan->mount_count; i++) {
        plan->mounts[i] = mount_of(step, json_array_get(array, i));
        plan->mounts[i].order = i;
    }
}

/* --- files and limits --- */

static void load_files(struct plan *plan, const struct step *step)
{
    const json_t *array = json_object_get(step->json, "files");
    if (array && !json_is_array(array))
        bad(step, "files");
    plan->file_count = json_array_size(array);
    plan->files = arena_array(step->arena, plan->file_count, sizeof *plan->files);
    for (size_t i = 0; i < plan->file_count; i++) {
        const json_t *json = json_array_get(array, i);
        const json_t *content = json_object_get(json, "data");
        const char *name = text_member(step, json, "name", "");
        if (!json_is_string(content) || !*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
            bad(step, "files");
        struct span data = json_bytes_value(step->arena, content);
        plan->files[i] = (struct plan_file){name, data.text, data.len};
    }
}

static bool parse_number(const char *text, const char *end, uint64_t *number)
{
    if ((size_t)(end - text) == 2 && !strncmp(text, "-1", 2)) {
        *number = RLIM_INFINITY;
        return true;
    }
    *number = 0;
    for (const char *at = text; at < end; at++)
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
            return false;
    return text < end;
}

/* "name=soft:hard" or "name=both" */
static bool parse_limit(const char *text, struct plan_limit *limit)
{
    size_t name = strcspn(text, "=");
    const char *soft = text + name + 1;
    if (!text[name])
        return false;
    const char *end = soft + strlen(soft), *colon = strchr(soft, ':');
    if (!parse_number(soft, colon ? colon : end, &limit->soft) || !parse_number(colon ? colon + 1 : soft, end, &limit->hard))
        return false;
    for (size_t i = 0; i < sizeof limit_rows / sizeof *limit_rows; i++)
        if (strlen(limit_rows[i].name) == name && !strncmp(limit_rows[i].name, text, name)) {
            limit->resource = limit_rows[i].resource;
            return true;
        }
    return false;
}

static void load_limits(struct plan *plan, const struct step *step)
{
    const char **texts = texts_member(step, step->json, "ulimits");
    while (texts[plan->limit_count])
        plan->limit_count++;
    plan->limits = arena_array(step->arena, plan->limit_count, sizeof *plan->limits);
    for (size_t i = 0; i < plan->limit_count; i++)
        if (!parse_limit(texts[i], &plan->limits[i]))
            step_die(step, "ulimit \"%s\" is not NAME=SOFT[:HARD] of a known name", texts[i]);
}

/* Limits of control groups: {"memory": "1048576"}. */
static void load_group_limits(struct plan *plan, const struct step *step)
{
    json_t *limits = json_object_get(step->settings, "limits"), *value;
    const char *name;
    if (limits && !json_is_object(limits))
        die_usage("settings.json: \"limits\" is not as it should be");
    plan->group_limits = arena_array(step->arena, json_object_size(limits), sizeof *plan->group_limits);
    json_object_foreach(limits, name, value) {
        const char *text = json_string_value(value);
        if (!cgroup_knows(name) || !text || !*text || text[strspn(text, "0123456789,-")])
            die_usage("settings.json: \"limits\": \"%s\" is not as it should be", name);
        plan->group_limits[plan->group_limit_count++] = (struct cgroup_limit){name, text};
    }
}

/* --- permissions --- */

static bool is_allowed(const struct step *step, const char *what)
{
    const json_t *allow = json_object_get(step->settings, "allow");
    for (size_t i = 0; i < json_array_size(allow); i++) {
        const char *text = json_string_value(json_array_get(allow, i));
        if (text && !strcmp(text, what))
            return true;
    }
    return false;
}

static void check_allowed(const struct plan *plan, const struct step *step)
{
    const struct {
        bool is_asked;
        const char *option, *permission;
    } rows[] = {
        {plan->is_insecure, "--security=insecure", "security.insecure"},
        {plan->network == NETWORK_HOST, "--network=host", "network.host"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].is_asked && !is_allowed(step, rows[i].permission))
            step_die(step, "RUN %s is not allowed; dfgen --allow %s allows it", rows[i].option, rows[i].permission);
}

/* Only for messages: what the kernel can run, it runs. */
static const char *foreign_platform(const struct step *step)
{
    static const struct {
        const char *architecture, *machine;
    } natives[] = {
        {"amd64", "x86_64"}, {"386", "x86_64"}, {"386", "i686"}, {"arm64", "aarch64"}, {"arm", "armv7l"}, {"riscv64", "riscv64"},
        {"ppc64le", "ppc64le"}, {"s390x", "s390x"}, {"loong64", "loongarch64"},
    };
    struct utsname name;
    const char *platform = text_member(step, step->json, "platform", ""), *slash = strchr(platform, '/');
    if (!slash || uname(&name) < 0)
        return NULL;
    size_t len = strcspn(slash + 1, "/");
    for (size_t i = 0; i < sizeof natives / sizeof *natives; i++)
        if (!strcmp(natives[i].machine, name.machine) && strlen(natives[i].architecture) == len &&
            !strncmp(natives[i].architecture, slash + 1, len))
            return NULL;
    return platform;
}

void plan_load(struct plan *plan, const struct step *step)
{
    const json_t *json = step->json;
    if (strcmp(step->kind, "run"))
        die_usage("%s: its kind is \"%s\", not \"run\"", step->file, step->kind);
    *plan = (struct plan){
        .argv = texts_member(step, json, "argv"),
        .env = texts_member(step, json, "env"),
        .proxy = texts_member(step, step->settings, "proxy"),
        .cwd = text_member(step, json, "cwd", "/"),
        .user = text_member(step, json, "user", ""),
        .hostname = text_member(step, json, "hostname", "buildkitsandbox"),
        .network = (enum network)word_member(step, json, "network", network_words),
        .is_insecure = word_member(step, json, "security", security_words) != 0,
        .hosts = texts_member(step, json, "hosts"),
        .shm_size = int_member(step, json, "shm_size", SHM_SIZE, INT64_MAX),
        .dns = text_member(step, step->settings, "dns", NULL),
        .timeout = int_member(step, step->settings, "timeout", 0, INT_MAX / 1000),
    };
    if (!plan->argv[0])
        bad(step, "argv");
    if (*plan->cwd && plan->cwd[0] != '/')
        bad(step, "cwd");
    /* As the folder was made, "/a/../b" is /b; but it is entered as it is written. */
    plan->entered = plan->cwd;
    plan->cwd = arena_printf(step->arena, "/%s", path_clean(step->arena, span_of(plan->cwd)));
    plan->foreign = foreign_platform(step);
    load_mounts(plan, step);
    load_files(plan, step);
    load_limits(plan, step);
    load_group_limits(plan, step);
    check_allowed(plan, step);
}
