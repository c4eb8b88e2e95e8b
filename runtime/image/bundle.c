/*
 * Owns the form of a runtime bundle's config.json: mounts, namespaces and capabilities that docker gives a container,
 * and what the image says of its process. Called by dfgen-export. Must not know how the root beside it was written.
 */
#include <jansson.h>

#include "runtime/image/bundle.h"

#include <string.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/json.h"

/* options: comma-separated. A row for root, one for a user, or one for both. */
enum who { FOR_BOTH, FOR_ROOT, FOR_USER };

static const struct {
    enum who who;
    const char *to, *type, *from, *options;
} mounts[] = {
    {FOR_BOTH, "/proc", "proc", "proc", "nosuid,noexec,nodev"},
    {FOR_BOTH, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
    {FOR_ROOT, "/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
    /* Group 5 is not mapped there. */
    {FOR_USER, "/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"},
    {FOR_BOTH, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"},
    {FOR_BOTH, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
    {FOR_ROOT, "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
    /* A sysfs of its own belongs to a network of its own, which a user's bundle does not ask for. */
    {FOR_USER, "/sys", "none", "/sys", "rbind,nosuid,noexec,nodev,ro"},
};

static const struct {
    enum who who;
    const char *type;
} namespaces[] = {
    {FOR_BOTH, "pid"}, {FOR_BOTH, "ipc"}, {FOR_BOTH, "uts"}, {FOR_BOTH, "mount"}, {FOR_ROOT, "network"}, {FOR_USER,
                                                                                                          "user"},
};

static const char *const capabilities[] = {
    "CAP_AUDIT_WRITE", "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID",     "CAP_KILL",  "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
};

static const char *const masked[] = {
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
    "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
};

static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool is_for(enum who who, const struct bundle_user *user)
{
    return who == FOR_BOTH || (who == FOR_USER) == user->is_rootless;
}

static json_t *strings(const char *const *texts, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(texts[i]));
    return array;
}

static json_t *split(const char *text)
{
    json_t *array = json_array();
    for (size_t len; *text; text += len + (text[len] == ',')) {
        len = strcspn(text, ",");
        json_array_append_new(array, json_stringn(text, len));
    }
    return array;
}

static json_t *mounts_json(const struct bundle_user *user)
{
    json_t *array = json_array();
    for (size_t i = 0; i < COUNT(mounts); i++)
        if (is_for(mounts[i].who, user))
            json_array_append_new(array, json_pack("{s:s,s:s,s:s,s:o}", "destination", mounts[i].to, "type",
                                                   mounts[i].type,
                                                   "source", mounts[i].from, "options", split(mounts[i].options)));
    return array;
}

static json_t *user_json(const struct bundle_user *user)
{
    json_t *json = json_pack("{s:I,s:I}", "uid", (json_int_t)user->uid, "gid",
                             (json_int_t)user->gid), *groups = json_array();
    for (size_t i = 0; i < user->group_count && !user->is_rootless; i++)
        if (user->groups[i] != user->gid)
            json_array_append_new(groups, json_integer(user->groups[i]));
    if (json_array_size(groups))
        json_object_set(json, "additionalGids", groups);
    json_decref(groups);
    return json;
}

/* An image without a command gets a shell, as umoci has it. */
static json_t *args_json(const json_t *own)
{
    json_t *args = json_array();
    json_array_extend(args, json_object_get(own, "Entrypoint"));
    json_array_extend(args, json_object_get(own, "Cmd"));
    if (!json_array_size(args))
        json_array_append_new(args, json_string("sh"));
    return args;
}

static json_t *process_json(const json_t *own, const struct bundle_user *user)
{
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    json_t *caps = json_object(), *env = json_array();
    json_array_extend(env, json_object_get(own, "Env"));
    /* A command of another user than root has none but those it may get. */
    for (size_t i = 0; i < COUNT(sets); i++)
        json_object_set_new(caps, sets[i], strings(capabilities, i && user->uid ? 0 : COUNT(capabilities)));
    const char *cwd = json_get_string(own, "WorkingDir", "/");
    return json_pack("{s:b,s:o,s:o,s:o,s:s,s:o,s:b}", "terminal", 0, "user", user_json(user), "args", args_json(own),
                     "env", env,
                     "cwd", *cwd == '/' ? cwd : "/", "capabilities", caps, "noNewPrivileges", 0);
}

static json_t *mapping(uint32_t inside, uint32_t outside)
{
    return json_pack("[{s:I,s:I,s:i}]", "containerID", (json_int_t)inside, "hostID", (json_int_t)outside, "size", 1);
}

static json_t *linux_json(const struct bundle_user *user)
{
    json_t *kinds = json_array();
    for (size_t i = 0; i < COUNT(namespaces); i++)
        if (is_for(namespaces[i].who, user))
            json_array_append_new(kinds, json_pack("{s:s}", "type", namespaces[i].type));
    json_t *json = json_pack("{s:o,s:o,s:o}", "namespaces", kinds, "maskedPaths", strings(masked, COUNT(masked)),
                             "readonlyPaths",
                             strings(read_only, COUNT(read_only)));
    if (user->is_rootless) {
        json_object_set_new(json, "uidMappings", mapping(user->uid, user->host_uid));
        json_object_set_new(json, "gidMappings", mapping(user->gid, user->host_gid));
    }
    return json;
}

void bundle_config(const json_t *image, const struct bundle_user *user, struct buf *text)
{
    const json_t *own = json_object_get(image, "config");
    json_t *json = json_pack("{s:s,s:{s:s,s:b},s:o,s:s,s:o,s:o}", "ociVersion", "1.0.2", "root", "path", "rootfs",
                             "readonly", 0,
                             "process", process_json(own,
                                                     user), "hostname", "bundle", "mounts", mounts_json(user), "linux",
                             linux_json(user));
    json_t *labels = json_object_get(own, "Labels");
    if (json_object_size(labels))
        json_object_set(json, "annotations", labels);
    json_write(json, text);
    json_decref(json);
}
