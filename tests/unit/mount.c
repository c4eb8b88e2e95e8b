/* Guards the grammar of RUN --mount: keys, their types and order, CSV quoting, expansion, and what conflicts. */
#include "gen/mount.h"

#include <inttypes.h>

#include "gen/word.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "tests/unit/unit.h"

/* want: what differs from a mount without keys, or "error: " and the message */
static const struct {
    const char *in, *want;
} rows[] = {
    {"", "error: failed to parse csv mounts"},
    {"target=/x,env=", "bind ro target=/x"},
    {"type=tmpfs,target=/t,env=", "tmpfs target=/t"},
    {"target=/x", "bind ro target=/x"},
    {"type=bind,src=a,dst=/x,rw", "bind target=/x source=a"},
    {"TYPE=Bind,Source=a,DESTINATION=/x", "bind ro target=/x source=a"},
    {"target=/x,readonly=false", "bind target=/x"},
    {"target=/x,readwrite=false", "bind ro target=/x"},
    {"target=/x,rw,ro", "bind ro target=/x"},
    {"target=/x,ro=maybe", "error: invalid value for ro: maybe"},
    {"from=base,target=/x", "bind ro target=/x from=base"},
    {"from=$S,target=/x", "error: 'from' doesn't support variable expansion"},
    {"from=a$,target=/x", "bind ro target=/x from=a$"},
    {"target=$D/y", "bind ro target=/dir/y"},
    {"target='a b'", "bind ro target=a b"},
    {"target=${", "error: failed to process \"${\""},
    {"\"target=/a,b\",ro", "bind ro target=/a,b"},
    {"\"target=/a\"\"b\"", "error: failed to process \"/a\"b\""},
    {"\"target=/a", "error: failed to parse csv mounts: extraneous or missing \""},
    {"\"target=/a\"x", "error: failed to parse csv mounts: extraneous or missing \""},
    {"target=/a\"b", "error: failed to parse csv mounts: bare \""},
    {"target=/x,", "error: invalid field '' must be a key=value pair"},
    {"target", "error: invalid field 'target' must be a key=value pair"},
    {"tarrget=/x", "error: unexpected key 'tarrget' in 'tarrget=/x'"},
    {"type=volume", "error: unsupported mount type \"volume\""},
    {"type=cache,target=/c", "cache target=/c"},
    {"type=cache,target=/c,id=i,sharing=LOCKED,mode=0700,uid=1,gid=2,ro", "cache ro target=/c id=i sharing=locked mode=700 uid=1 gid=2"},
    {"type=cache,target=/c,sharing=all", "error: unsupported sharing value \"all\""},
    {"type=bind,target=/c,sharing=locked", "error: invalid cache sharing set for bind mount"},
    {"type=bind,target=/c,mode=0700", "error: mode not allowed for \"bind\" type mounts"},
    {"type=tmpfs,target=/c,uid=1", "error: uid not allowed for \"tmpfs\" type mounts"},
    {"type=cache,target=/c,mode=8", "error: invalid value 8 for mode"},
    {"type=cache,target=/c,uid=-1", "error: invalid value -1 for uid"},
    {"type=cache,target=/c,uid=4294967296", "error: invalid value 4294967296 for uid"},
    {"type=tmpfs,target=/t,size=10m", "tmpfs target=/t size=10485760"},
    {"type=tmpfs,target=/t,size=x", "error: invalid value for size: x"},
    {"size=1m,type=tmpfs,target=/t", "error: unexpected key 'size' for mount type 'bind'"},
    {"type=secret,id=s", "secret ro id=s"},
    {"type=secret,id=s,required,env=V", "secret ro id=s env=V required"},
    {"type=secret,id=s,required=false", "secret ro id=s"},
    {"required,type=secret,id=s", "error: unexpected key 'required' for mount type 'bind'"},
    {"type=secret", "error: invalid secret mount. one of source, target required"},
    {"type=secret,id=s,source=s", "error: both source and id can't be set"},
    {"type=secret,id=s,from=a", "error: secret mount should not have a from"},
    {"type=secret,id=s,env=", "error: invalid value for env: "},
    {"type=ssh", "ssh ro"},
    {"type=ssh,required", "ssh ro required"},
    {"type=ssh,source=x", "error: ssh does not support source"},
};

static bool get(const void *data, struct span name, struct span *value)
{
    (void)data;
    *value = span_of("/dir");
    return span_is(name, "D");
}

static void add(struct buf *out, const char *key, struct span value)
{
    if (value.len)
        buf_printf(out, " %s=%.*s", key, SPAN(value));
}

static void show(struct buf *out, const struct mount *mount)
{
    buf_printf(out, "%s%s", mount_type_names[mount->type], mount->is_readonly ? " ro" : "");
    add(out, "target", mount->target);
    add(out, "source", mount->source);
    add(out, "from", mount->from);
    add(out, "id", mount->id);
    add(out, "env", mount->env);
    if (mount->sharing)
        buf_printf(out, " sharing=%s", mount->sharing);
    if (mount->size)
        buf_printf(out, " size=%" PRId64, mount->size);
    if (mount->mode >= 0)
        buf_printf(out, " mode=%" PRIo64, mount->mode);
    if (mount->uid >= 0)
        buf_printf(out, " uid=%" PRId64, mount->uid);
    if (mount->gid >= 0)
        buf_printf(out, " gid=%" PRId64, mount->gid);
    if (mount->is_required)
        buf_puts(out, " required");
}

/* Without variables only the record and "from" count. */
static const struct {
    const char *in, *from;
} early[] = {
    {"tarrget=/x,from=a", "a"},
    {"type=$T", ""},
    {"from=a,from=b", "b"},
    {"from=$S", NULL},
    {"\"from=a", NULL},
};

int main(void)
{
    const struct word_env vars = {get, NULL, NULL};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        struct mount mount;
        struct buf got = {0};
        unit_row("%s", rows[i].in);
        const char *error = mount_parse(&arena, span_of(rows[i].in), '\\', &vars, &mount);
        if (error)
            buf_printf(&got, "error: %s", error);
        else
            show(&got, &mount);
        bool is_error = !strncmp(rows[i].want, "error: ", 7);
        if (!is_error || strncmp(buf_text(&got), rows[i].want, strlen(rows[i].want)))
            UNIT_STR(rows[i].want, buf_text(&got));
        buf_free(&got);
        arena_free(&arena);
    }
    for (size_t i = 0; i < sizeof early / sizeof *early; i++) {
        struct arena arena = {0};
        struct mount mount;
        unit_row("early %s", early[i].in);
        const char *error = mount_parse(&arena, span_of(early[i].in), '\\', NULL, &mount);
        UNIT_INT(!early[i].from, error != NULL);
        if (!error && early[i].from)
            UNIT_MEM(early[i].from, strlen(early[i].from), mount.from.text, mount.from.len);
        arena_free(&arena);
    }
    return unit_end();
}
