/* Guards what becomes of a base image's config, what a child stage inherits and does not, and the history with its times. */
#include "gen/platform.h"

#include "gen/config.h"

#include <jansson.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/json.h"
#include "tests/unit/unit.h"

#define PATH_ENV "\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\""
#define HEAD "{\"architecture\":\"amd64\","

/* A base's config JSON, and what the image without any instruction has. */
static const struct {
    const char *base, *want;
} bases[] = {
    {"{}", "{\"architecture\":\"\",\"config\":{\"Env\":[" PATH_ENV "]},\"created\":\"1970-01-01T00:00:00Z\",\"history\":[],\"os\":\"linux\","
           "\"rootfs\":{\"type\":\"layers\"}}"},
    {"{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"me\",\"created\":\"2020-01-02T03:04:05Z\",\"unknown\":1,"
     "\"config\":{\"Env\":[\"A=1\",\"PATH=/p\"],\"Cmd\":[\"sh\"],\"Hostname\":\"lost\",\"WorkingDir\":\"a/../b\",\"Labels\":{\"l\":\"1\"},"
     "\"ExposedPorts\":{\"80/tcp\":{}},\"Healthcheck\":{\"Test\":[\"NONE\"],\"Interval\":5}},"
     "\"history\":[{\"created\":\"2020-01-02T03:04:05Z\",\"created_by\":\"x\"}]}",
     HEAD "\"author\":\"me\",\"config\":{\"Cmd\":[\"sh\"],\"Env\":[\"A=1\",\"PATH=/p\"],\"ExposedPorts\":{\"80/tcp\":{}},"
     "\"Healthcheck\":{\"Interval\":5,\"Test\":[\"NONE\"]},\"Labels\":{\"l\":\"1\"},\"WorkingDir\":\"/b/b\"},\"created\":\"2020-01-02T03:04:05Z\","
     "\"history\":[{\"created\":\"2020-01-02T03:04:05Z\",\"created_by\":\"x\"}],\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\"}}"},
    /* Members of other types count as empty. */
    {"{\"architecture\":\"amd64\",\"config\":{\"Env\":\"A=1\",\"Cmd\":[1,\"x\"],\"Labels\":[],\"ExposedPorts\":null,\"User\":{}}}",
     HEAD "\"config\":{\"Cmd\":[\"x\"],\"Env\":[" PATH_ENV "]},\"created\":\"1970-01-01T00:00:00Z\",\"history\":[],\"os\":\"linux\","
     "\"rootfs\":{\"type\":\"layers\"}}"},
};

static char *write_text(struct config *config, const struct config_times *times, const struct span *fill, size_t layers)
{
    struct buf text = {0};
    struct arena arena = {0};
    config_write(config, &arena, times, &(struct config_layers){fill, layers}, &text);
    config->history_text = (struct span){0};
    arena_free(&arena);
    text.data[strcspn(text.data, "\n")] = 0;
    return buf_take(&text);
}

static void test_bases(void)
{
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        struct arena arena = {0};
        struct config config;
        struct config_times times = {0};
        unit_row("base %zu", i);
        json_t *base = json_parse(span_of(bases[i].base), NULL);
        config_from_image(&config, &arena, base);
        char *got = write_text(&config, &times, NULL, 0);
        UNIT_STR(bases[i].want, got);
        free(got);
        json_decref(base);
        arena_free(&arena);
    }
}

static void test_inherit(void)
{
    struct arena arena = {0};
    struct config parent, child;
    struct platform platform = {"linux", "amd64", ""};
    config_init(&parent, &arena, &platform);
    config_set_env(&parent, &arena, span_of("A"), span_of("1"));
    config_set_label(&parent, &arena, span_of("l"), span_of("1"));
    config_add_port(&parent, &arena, span_of("80/tcp"));
    seq_push(&arena, &parent.on_build, span_of("RUN x"));
    config_add_history(&parent, &arena, span_of("ENV A=1"), false);
    config_inherit(&child, &arena, &parent);
    config_set_env(&child, &arena, span_of("A"), span_of("2"));
    config_set_label(&child, &arena, span_of("l"), span_of("2"));
    config_add_port(&child, &arena, span_of("80/tcp"));
    config_add_port(&child, &arena, span_of("90/tcp"));
    config_add_history(&child, &arena, span_of("ENV A=2"), false);

    unit_row("the parent is as it was");
    UNIT_STR("A=1", parent.env.items[1].text);
    UNIT_STR("1", parent.labels.items[0].value.text);
    UNIT_INT(1, parent.ports.count);
    UNIT_INT(1, parent.on_build.count);
    unit_row("the child has its own, and no triggers");
    UNIT_STR("A=2", child.env.items[1].text);
    UNIT_INT(2, child.ports.count);
    UNIT_INT(0, child.on_build.count);
    unit_row("history of both, the parent's first; layers without an entry at the end");
    struct span fill[] = {span_of("[1/2] ADD"), span_of("[2/2] COPY")};
    struct config_times times = {1, true};
    char *got = write_text(&child, &times, fill, 2);
    static const char want[] =
        "\"history\":["
        "{\"comment\":\"buildkit.dockerfile.v0\",\"created\":\"1970-01-01T00:00:01Z\",\"created_by\":\"ENV A=1\",\"empty_layer\":true},"
        "{\"comment\":\"buildkit.dockerfile.v0\",\"created\":\"1970-01-01T00:00:01Z\",\"created_by\":\"ENV A=2\",\"empty_layer\":true},"
        "{\"comment\":\"buildkit.exporter.image.v0\",\"created\":\"1970-01-01T00:00:01Z\",\"created_by\":\"[1/2] ADD\"},"
        "{\"comment\":\"buildkit.exporter.image.v0\",\"created\":\"1970-01-01T00:00:01Z\",\"created_by\":\"[2/2] COPY\"}]";
    UNIT_TRUE(strstr(got, want));
    free(got);
    arena_free(&arena);
}

/* created: of the base, unless there is news or the user gave a time */
static const struct {
    const char *name, *want;
    int64_t epoch;
    bool is_given, has_news;
} created[] = {
    {"nothing new", "2020-01-02T03:04:05Z", 0, false, false},
    {"news", "1970-01-01T00:00:00Z", 0, false, true},
    {"a given time", "2023-11-14T22:13:20Z", 1700000000, true, false},
    {"a given time and news", "2023-11-14T22:13:20Z", 1700000000, true, true},
    {"before 1970", "1969-12-31T23:59:59Z", -1, true, true},
};

static void test_created(void)
{
    for (size_t i = 0; i < sizeof created / sizeof *created; i++) {
        struct arena arena = {0};
        struct config config;
        struct config_times times = {created[i].epoch, created[i].is_given};
        unit_row("created: %s", created[i].name);
        json_t *base = json_parse(span_of("{\"created\":\"2020-01-02T03:04:05Z\"}"), NULL);
        config_from_image(&config, &arena, base);
        if (created[i].has_news)
            config_add_history(&config, &arena, span_of("LABEL x=y"), false);
        struct buf text = {0};
        config_write(&config, &arena, &times, &(struct config_layers){0}, &text);
        json_t *json = json_parse((struct span){text.data, text.len}, NULL);
        buf_free(&text);
        UNIT_STR(created[i].want, json_get_string(json, "created", NULL));
        json_decref(json);
        json_decref(base);
        arena_free(&arena);
    }
}

static const struct {
    const char *current, *path, *want;
} workdirs[] = {
    {"/", "a", "/a"},         {"/a", "b", "/a/b"},     {"/a", "../b/./c", "/b/c"}, {"/a", "/b/../c/", "/b/../c/"},
    {"/a", "", "/a"},         {"", "", "/"},           {"", "a", "/a"},            {"/a/../b/", "c", "/b/c"},
    {"/a", "../../..", "/"},  {"/a", "~", "/a/~"},     {"/a", "b c", "/a/b c"},
};

static void test_workdirs(void)
{
    for (size_t i = 0; i < sizeof workdirs / sizeof *workdirs; i++) {
        struct arena arena = {0};
        unit_row("%s in %s", workdirs[i].path, workdirs[i].current);
        struct span got = config_join_workdir(&arena, span_of(workdirs[i].current), span_of(workdirs[i].path));
        UNIT_MEM(workdirs[i].want, strlen(workdirs[i].want), got.text, got.len);
        arena_free(&arena);
    }
}

int main(void)
{
    test_bases();
    test_inherit();
    test_created();
    test_workdirs();
    return unit_end();
}
