/*
 * Owns the search for a step among the places.json of a build folder. Called by dfgen shell and dfgen run. Must not know what a step does.
 */
#include "gen/steps.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/vec.h"

enum { PLACES_LIMIT = 64 * 1024 * 1024, DEPTH_LIMIT = 4 };

static const char state[] = ".dfgen/";

/* A step: ".dfgen/production" and "3". */
struct found {
    const char *folder, *number;
};

struct search {
    struct arena *arena;
    const char *name;
    VEC(struct found) found;
};

/* --- folders of steps --- */

typedef VEC(const char *) path_list;

static void add_folders(struct arena *arena, const char *folder, int depth, path_list *folders)
{
    if (access(arena_printf(arena, "%s/places.json", folder), R_OK) == 0)
        vec_push(folders, folder);
    struct dirent **entries;
    int count = depth < DEPTH_LIMIT ? scandir(folder, &entries, NULL, alphasort) : -1;
    for (int i = 0; i < count; i++) {
        struct stat st;
        const char *path = arena_printf(arena, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            add_folders(arena, path, depth + 1, folders);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* --- steps --- */

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

static bool is_called(const struct search *search, const struct found *step, const json_t *place)
{
    const char *short_name = arena_printf(search->arena, "%s/%s", step->folder + strlen(state), step->number);
    const char *names[] = {short_name, arena_printf(search->arena, ".dfgen/%s.json", short_name),
                           json_get_string(place, "label", ""), json_get_string(place, "where", "")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], search->name))
            return true;
    /* "Dockerfile:12" for what messages call "src/Dockerfile:12" */
    return !strcmp(path_base(names[3]), search->name);
}

static void search_folder(struct search *search, const char *folder)
{
    json_t *places = json_read_at(AT_FDCWD, arena_printf(search->arena, "%s/places.json", folder), PLACES_LIMIT, NULL);
    const char *key;
    json_t *place;
    const char *last = NULL;
    json_object_foreach(places, key, place) {
        if (!is_number(key))
            continue;
        struct found step = {folder, arena_strdup(search->arena, key)};
        if (!last || atoi(last) < atoi(key))
            last = step.number;
        if (is_called(search, &step, place))
            vec_push(&search->found, step);
    }
    if (last && !strcmp(folder + strlen(state), search->name))
        vec_push(&search->found, ((struct found){folder, last}));
    json_decref(places);
}

static const char *newest_failure(struct arena *arena, const path_list *folders)
{
    struct timespec newest = {0};
    const char *file = NULL;
    for (size_t i = 0; i < folders->count; i++) {
        struct dirent **entries;
        int count = scandir(folders->items[i], &entries, NULL, alphasort);
        for (int k = 0; k < count; k++) {
            struct stat st;
            const char *name = entries[k]->d_name, *dot = strrchr(name, '.');
            const char *path = arena_printf(arena, "%s/%s", folders->items[i], name);
            if (dot && !strcmp(dot, ".failed") && lstat(path, &st) == 0 &&
                (!file || st.st_mtim.tv_sec > newest.tv_sec ||
                 (st.st_mtim.tv_sec == newest.tv_sec && st.st_mtim.tv_nsec > newest.tv_nsec))) {
                newest = st.st_mtim;
                file = arena_printf(arena, "%s/%.*s.json", folders->items[i], (int)(dot - name), name);
            }
            free(entries[k]);
        }
        if (count >= 0)
            free(entries);
    }
    return file;
}

_Noreturn static void refuse(const struct search *search)
{
    fprintf(stderr, "%s: %s may be any of these:\n", program_name, search->name);
    for (size_t i = 0; i < search->found.count; i++)
        fprintf(stderr, "  %s%s%s\n", search->found.items[i].folder + strlen(state), is_number(search->found.items[i].number) ? "/" : "",
                is_number(search->found.items[i].number) ? search->found.items[i].number : "");
    exit(EXIT_USAGE);
}

const char *steps_find(struct arena *arena, const char *name)
{
    path_list folders = {0};
    struct search search = {.arena = arena, .name = name};
    add_folders(arena, ".dfgen", 0, &folders);
    if (!folders.count)
        die_usage("there is no build here: run dfgen first, or name its folder with -C");
    const char *file = name ? NULL : newest_failure(arena, &folders);
    if (!name && !file)
        die_usage("no RUN has failed here: which step? dfgen shell STAGE/N");
    for (size_t i = 0; i < folders.count && name; i++)
        search_folder(&search, folders.items[i]);
    if (search.found.count > 1)
        refuse(&search);
    if (search.found.count == 1)
        file = arena_printf(arena, "%s/%s.json", search.found.items[0].folder, search.found.items[0].number);
    if (!file)
        die_usage("there is no step %s: STAGE/N, \"STAGE N/M\" or FILE:LINE, as messages have it, is wanted", name);
    vec_free(&search.found);
    vec_free(&folders);
    return file;
}

/* As targets are called: "image-production" of .dfgen/@image-/production, "api/production" or just "api" of dfgen.ini's image api. */
static bool is_image(struct arena *arena, const char *folder, const char *name)
{
    const char *rest = folder + strlen(state), *slash = strchr(rest, '/');
    if (*rest == '@' && slash)
        rest = arena_printf(arena, "%.*s%s", (int)(slash - rest) - 1, rest + 1, slash + 1);
    slash = strchr(rest, '/');
    size_t len = slash ? (size_t)(slash - rest) : 0;
    return !strcmp(rest, name) || (len && !strncmp(rest, name, len) && !name[len]);
}

const char *steps_find_image(struct arena *arena, const char *stage)
{
    path_list folders = {0};
    struct search search = {.arena = arena, .name = stage};
    add_folders(arena, ".dfgen", 0, &folders);
    for (size_t i = 0; i < folders.count; i++)
        if (access(arena_printf(arena, "%s/to-rootfs.json", folders.items[i]), R_OK) == 0 &&
            is_image(arena, folders.items[i], stage))
            vec_push(&search.found, ((struct found){folders.items[i], "to-rootfs"}));
    if (search.found.count > 1)
        refuse(&search);
    const char *file = search.found.count ? arena_printf(arena, "%s/to-rootfs.json", search.found.items[0].folder) : NULL;
    vec_free(&search.found);
    vec_free(&folders);
    return file;
}
