/*
 * Owns the search for a step in places.json of a build folder. Called by dfgen shell and dfgen run. Must not know what
 * a step does.
 */
#include "gen/steps.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
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

enum { PLACES_LIMIT = 512 * 1024 * 1024 };

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

/* --- places --- */

typedef VEC(const char *) path_list;

/* The files of places: of the build folder, and of what was made in it with --prefix. */
static void find_files(struct arena *arena, path_list *files)
{
    glob_t found = {0};
    const char *own = ".dfgen/places.json";
    if (access(own, R_OK) == 0)
        vec_push(files, own);
    if (glob(".dfgen/@*/places.json", 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            vec_push(files, arena_strdup(arena, found.gl_pathv[i]));
    globfree(&found);
}

struct place {
    struct found step;      /* "number" may be "image", "1.mount1" as well */
    const char *label, *where;
};

typedef VEC(struct place) place_list;

static void read_file(struct arena *arena, const char *file, place_list *places)
{
    const char *key;
    json_t *value, *all = json_read_at(AT_FDCWD, file, PLACES_LIMIT, NULL);
    json_object_foreach(all, key, value) {
        const char *base = path_base(key);
        size_t len = (size_t)(path_base(file) - file) + (base > key ? (size_t)(base - key) - 1 : 0);
        const char *path = arena_printf(arena, "%.*s%s", (int)(path_base(file) - file), file, key);
        struct place place = {{arena_strndup(arena, path, len), arena_strdup(arena, base)},
                              arena_strdup(arena, json_get_string(value, "label", "")),
                              arena_strdup(arena, json_get_string(value, "where", ""))};
        vec_push(places, place);
    }
    json_decref(all);
}

static place_list read_places(struct arena *arena)
{
    path_list files = {0};
    place_list places = {0};
    find_files(arena, &files);
    for (size_t i = 0; i < files.count; i++)
        read_file(arena, files.items[i], &places);
    vec_free(&files);
    return places;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static path_list folders_of(const place_list *places)
{
    path_list folders = {0};
    size_t kept = 0;
    for (size_t i = 0; i < places->count; i++)
        vec_push(&folders, places->items[i].step.folder);
    if (folders.count)
        qsort(folders.items, folders.count, sizeof *folders.items, compare_paths);
    for (size_t i = 0; i < folders.count; i++)
        if (!i || strcmp(folders.items[i], folders.items[kept - 1]) != 0)
            folders.items[kept++] = folders.items[i];
    folders.count = kept;
    return folders;
}

/* --- steps --- */

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

static bool is_called(const struct search *search, const struct place *place)
{
    const char *folder = place->step.folder + strlen(state);
    const char *short_name = arena_printf(search->arena, "%s/%s", folder, place->step.number);
    const char *file = arena_printf(search->arena, ".dfgen/%s.json", short_name);
    const char *names[] = {short_name, file, place->label, place->where};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], search->name))
            return true;
    /* "Dockerfile:12" for what messages call "src/Dockerfile:12" */
    return !strcmp(path_base(place->where), search->name);
}

static void search_places(struct search *search, const place_list *places)
{
    const struct found *last = NULL;
    for (size_t i = 0; i < places->count; i++) {
        const struct place *place = &places->items[i];
        if (!is_number(place->step.number))
            continue;
        bool is_its = !strcmp(place->step.folder + strlen(state), search->name);
        if (is_its && (!last || atoi(last->number) < atoi(place->step.number)))
            last = &place->step;
        if (is_called(search, place))
            vec_push(&search->found, place->step);
    }
    if (last)
        vec_push(&search->found, *last);
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
    place_list places = read_places(arena);
    path_list folders = folders_of(&places);
    struct search search = {.arena = arena, .name = name};
    if (!folders.count)
        die_usage("there is no build here: run dfgen first, or name its folder with -C");
    const char *file = name ? NULL : newest_failure(arena, &folders);
    if (!name && !file)
        die_usage("no RUN has failed here: which step? dfgen shell STAGE/N");
    if (name)
        search_places(&search, &places);
    if (search.found.count > 1)
        refuse(&search);
    if (search.found.count == 1)
        file = arena_printf(arena, "%s/%s.json", search.found.items[0].folder, search.found.items[0].number);
    if (!file)
        die_usage("there is no step %s: STAGE/N, \"STAGE N/M\" or FILE:LINE, as messages have it, is wanted", name);
    vec_free(&search.found);
    vec_free(&folders);
    vec_free(&places);
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
    place_list places = read_places(arena);
    path_list folders = folders_of(&places);
    struct search search = {.arena = arena, .name = stage};
    for (size_t i = 0; i < folders.count; i++)
        if (access(arena_printf(arena, "%s/exports.json", folders.items[i]), R_OK) == 0 &&
            is_image(arena, folders.items[i], stage))
            vec_push(&search.found, ((struct found){folders.items[i], "exports"}));
    if (search.found.count > 1)
        refuse(&search);
    const char *folder = search.found.count ? search.found.items[0].folder : NULL;
    const char *file = folder ? arena_printf(arena, "%s/exports.json/local", folder) : NULL;
    vec_free(&search.found);
    vec_free(&folders);
    vec_free(&places);
    return file;
}
