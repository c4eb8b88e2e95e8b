/*
 * Owns the order in which images are planned: each after those that it is based on, for each of its platforms. Called
 * by cmd_generate and cmd_graph. Must not know what a Dockerfile says.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/check.h"
#include "gen/frontend.h"
#include "gen/images.h"
#include "gen/opts.h"
#include "gen/opts_images.h"
#include "gen/parse.h"
#include "gen/plan.h"
#include "gen/policy.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"

/* Sources of this machine are sources, too: a source policy may deny all that it does not name. */
static void check_local(struct opts *opts, const char *name)
{
    const char *error = policy_check(opts->policy, opts->arena, arena_printf(opts->arena, "local://%s", name));
    if (error)
        die_usage("%s", error);
}

void build_read_source(struct opts *opts, struct source *source)
{
    check_local(opts, "context");
    check_local(opts, "dockerfile");
    if (!opts->file)
        die_usage("the Dockerfile is in the context %s, which is no folder: give one of this machine with -f",
                  opts->context_name);
    if (source_read(source, opts->arena, opts->file, opts->file_name) == 0)
        return;
    if (errno == EISDIR)
        die_usage("%s is a folder, not a Dockerfile", opts->file_name);
    if (errno == EFBIG)
        die_usage("%s has more than %d bytes: is it a Dockerfile?", opts->file_name, SOURCE_LIMIT);
    if (errno == ENOENT)
        die_usage("%s is not there: give the Dockerfile with -f, and its context as the last word", opts->file_name);
    die_usage("cannot read %s:", opts->file_name);
}

/* --- order --- */

struct order {
    struct opts *opts;
    unsigned char *state;       /* of each image */
    /* The way from one image to what it is based on, and where it stands in each one's contexts */
    size_t *path, *next;
    size_t *images;             /* numbers, those that others are based on first */
    size_t count;
};

enum { IMAGE_NEW, IMAGE_OPEN, IMAGE_DONE };

static size_t find_image(const struct opts *opts, const char *name)
{
    size_t i = 0;
    while (i < opts->images.count && strcmp(opts->images.items[i]->image, name))
        i++;
    return i;
}

/* context.NAME = target:IMAGE of an image; NULL: it has no more. */
static const char *next_base(const struct opts *image, size_t *at)
{
    while (*at < image->contexts.count) {
        const char *value = image->contexts.items[(*at)++].value;
        if (!strncmp(value, "target:", 7))
            return value + 7;
    }
    return NULL;
}

_Noreturn static void die_of_cycle(const struct order *order, const size_t *path, size_t depth, size_t again)
{
    char *way = xstrdup("");
    size_t start = 0;
    while (path[start] != again)
        start++;
    for (size_t i = start; i < depth; i++)
        way = xasprintf("%s%s, based on ", way, order->opts->images.items[path[i]]->image);
    die_usage("dfgen.ini: images are based on each other: %s%s", way, order->opts->images.items[again]->image);
}

/* Without recursion: a chain may be long. */
static void put_in_order(struct order *order, size_t first)
{
    struct opts *opts = order->opts;
    size_t count = opts->images.count, depth = 0, *path = order->path, *next = order->next;
    if (order->state[first] == IMAGE_NEW) {
        order->state[first] = IMAGE_OPEN;
        next[depth] = 0;
        path[depth++] = first;
    }
    while (depth) {
        size_t top = path[depth - 1];
        const struct opts *image = opts->images.items[top];
        const char *base = next_base(image, &next[depth - 1]);
        if (!base) {
            order->state[top] = IMAGE_DONE;
            order->images[order->count++] = top;
            depth--;
            continue;
        }
        size_t number = find_image(opts, base);
        if (number == count)
            die_usage("dfgen.ini: [image \"%s\"]: target:%s: there is no [image \"%s\"]", image->image, base, base);
        if (order->state[number] == IMAGE_OPEN)
            die_of_cycle(order, path, depth, number);
        if (order->state[number] == IMAGE_NEW) {
            order->state[number] = IMAGE_OPEN;
            next[depth] = 0;
            path[depth++] = number;
        }
    }
}

/* --- planning --- */

/* Of several platforms, the first one's warnings are those of all. */
static struct unit *plan_one(struct build *build, struct opts *opts)
{
    struct source *source = arena_alloc(opts->arena, sizeof *source);
    struct diag *diag = diag_new();
    build_read_source(opts, source);
    images_use(build->images, opts);
    struct dockerfile *file = parse_dockerfile(opts->arena, source, diag);
    frontend_check(opts, file, diag);
    if (!diag_error_count(diag))
        check_run(opts->arena, opts, file, build->images, false, diag);
    struct unit *unit = diag_error_count(diag) ? NULL : plan_add(build->plan, opts, file, build->images, diag);
    bool is_quiet = opts->quiet || (opts->platform && !opts->is_first);
    if (!is_quiet || !unit)
        diag_print(diag, stderr, !is_quiet);
    if (!unit && opts->image)
        fprintf(stderr, "dfgen: this is about the image %s of dfgen.ini\n", opts->image);
    diag_free(diag);
    if (unit && build->on_stages)
        build->on_stages(build->data, opts, plan_stages_of(unit));
    if (unit && opts->image) {
        struct platform platform = platform_host();
        if (opts->platforms.count)
            platform_parse(opts->arena, span_of(opts->platforms.items[0]), &platform);
        images_add_built(build->images, opts->image, &platform, plan_built(unit));
    }
    return unit;
}

/* "linux_arm64": what docker calls a platform's folder. */
static const char *platform_folder(struct opts *opts, const char *text)
{
    struct platform platform;
    const char *error = platform_parse(opts->arena, span_of(text), &platform);
    if (error)
        die_usage("--platform: %s", error);
    char *name = arena_strdup(opts->arena, platform_text(opts->arena, &platform));
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '_';
    return name;
}

static struct opts *for_platform(const struct opts *opts, const char *text, const char *folder)
{
    struct opts *copy = opts_copy(opts);
    copy->platforms.count = 0;
    vec_push(&copy->platforms, text);
    copy->platform = folder;
    copy->folder = opts_own(opts, folder);
    return copy;
}

static bool plan_platforms(struct build *build, struct opts *opts)
{
    struct unit **units = arena_array(opts->arena, opts->platforms.count, sizeof *units);
    size_t count = 0, first = build->platform_count;
    build->platforms = xrealloc(build->platforms, first + opts->platforms.count, sizeof *build->platforms);
    const char **folders = arena_array(opts->arena, opts->platforms.count, sizeof *folders);
    bool is_fine = true;
    for (size_t i = 0; i < opts->platforms.count; i++)
        folders[i] = platform_folder(opts, opts->platforms.items[i]);
    for (size_t i = 0; i < opts->platforms.count; i++) {
        const char *folder = folders[i];
        bool is_again = false;
        for (size_t k = first; k < build->platform_count; k++)
            is_again |= !strcmp(build->platforms[k]->platform, folder);
        if (is_again)
            continue;
        struct opts *copy = for_platform(opts, opts->platforms.items[i], folder);
        copy->is_first = !count;
        build->platforms[build->platform_count++] = copy;
        units[count] = plan_one(build, copy);
        is_fine &= units[count] != NULL;
        /* Of what is missing all is said; of a wrong Dockerfile the same would be. */
        if (!units[count++] && !opts->offline)
            return false;
    }
    if (is_fine)
        plan_join(build->plan, opts, units, count);
    return is_fine;
}

static bool plan_image_of(struct build *build, struct opts *opts)
{
    return opts->platforms.count > 1 ? plan_platforms(build, opts) : plan_one(build, opts) != NULL;
}

/* An image that is based on one that could not be planned is not looked at. */
static bool has_failed_base(const struct order *order, size_t number, const bool *failed)
{
    const struct opts *image = order->opts->images.items[number];
    size_t next = 0;
    for (const char *base; (base = next_base(image, &next));)
        if (failed[find_image(order->opts, base)])
            return true;
    return false;
}

/* In their order. With --offline all that is missing is said at once, so the first failure is not the end. */
static bool plan_images(struct build *build, const struct order *order)
{
    size_t count = order->opts->images.count;
    bool is_fine = true, *failed = arena_array(order->opts->arena, count + 1, sizeof *failed);
    for (size_t i = 0; i < count && (is_fine || order->opts->offline); i++) {
        size_t number = order->images[i];
        failed[number] =
            has_failed_base(order, number, failed) || !plan_image_of(build, order->opts->images.items[number]);
        is_fine &= !failed[number];
    }
    return is_fine;
}

bool build_plan(struct build *build, struct arena *arena, struct opts *opts)
{
    size_t count = opts->images.count;
    struct order order = {.opts = opts, .state = arena_alloc(arena, count + 1)};
    order.images = arena_array(arena, count + 1, sizeof *order.images);
    order.path = arena_array(arena, count + 1, sizeof *order.path);
    order.next = arena_array(arena, count + 1, sizeof *order.next);
    build->images = images_new(arena, opts);
    build->plan = plan_new(arena, opts);
    for (size_t i = 0; i < count; i++)
        put_in_order(&order, i);
    bool is_fine = count ? plan_images(build, &order) : plan_image_of(build, opts);
    if (is_fine)
        build->graph = plan_finish(build->plan, &build->files);
    return is_fine;
}

void build_free(struct build *build)
{
    plan_free(build->plan);
    images_free(build->images);
    for (size_t i = 0; i < build->platform_count; i++)
        opts_free(build->platforms[i]);
    free(build->platforms);
}
