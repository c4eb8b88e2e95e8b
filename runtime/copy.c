/*
 * dfgen-copy: COPY, ADD and WORKDIR. Sources become trees, trees a plan, the plan a listing and so an id; files are
 * copied only when the store has no layer of that id. The rules are in runtime/copy/; here is the order of things and
 * what is said when one goes wrong.
 */
#include <jansson.h>

#include "runtime/lib/list.h"
#include "runtime/lib/step.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/copy/archive.h"
#include "runtime/copy/mode.h"
#include "runtime/copy/owner.h"
#include "runtime/copy/place.h"
#include "runtime/copy/plan.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/context.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/json.h"
#include "runtime/lib/pattern.h"
#include "runtime/lib/sources.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"

static const char help[] = "Run a COPY, ADD or WORKDIR step: put files into a new layer.";

enum { STAMP_LIMIT = 16 * 1024 * 1024, ID_SIZE = 80 };

/* A source's tree, loaded once however many sources are in it. */
struct loaded {
    const struct step_input *input;
    struct tree *tree;
    bool is_context;
};

struct copy {
    struct step *step;
    struct stamp root;
    struct tree *tree;      /* of root */
    VEC(struct loaded) loaded;
    struct plan *plan;
    bool unpack;
};

/* --- members of the step file --- */

static const char *text_of(const struct copy *copy, const json_t *value)
{
    return json_is_string(value) ? json_bytes_value(copy->step->arena, value).text : NULL;
}

static const char *member(const struct copy *copy, const char *key)
{
    const json_t *value = json_object_get(copy->step->json, key);
    if (value && !json_is_string(value))
        die_usage("%s: \"%s\" must be a string", copy->step->file, key);
    return text_of(copy, value);
}

static const char *needed(const struct copy *copy, const char *key)
{
    const char *text = member(copy, key);
    if (!text)
        die_usage("%s: \"%s\" is missing", copy->step->file, key);
    return text;
}

static const struct pattern_list *read_exclude(const struct copy *copy)
{
    const json_t *array = json_object_get(copy->step->json, "exclude");
    VEC(const char *) patterns = {0};
    const char *error = NULL;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = text_of(copy, json_array_get(array, i));
        if (!text)
            die_usage("%s: \"exclude\" must hold strings", copy->step->file);
        vec_push(&patterns, text);
    }
    const struct pattern_list *list = pattern_list_of(copy->step->arena, patterns.items, patterns.count, &error);
    if (!list)
        step_die(copy->step, "--exclude: %s", error);
    vec_free(&patterns);
    return list;
}

static const struct owner *read_owner(const struct copy *copy, const char *text, bool has_names)
{
    struct owner *owner = arena_alloc(copy->step->arena, sizeof *owner);
    const char *error = NULL;
    if (!text || !*text)
        return NULL;
    if (owner_find(has_names && copy->root.count ? copy->tree : NULL, copy->step->arena, text, owner, &error) < 0)
        step_die(copy->step, "%s", error);
    return owner;
}

/* --- sources --- */

static const struct {
    const char *name;
    enum input_role role;
} kinds[] = {
    {"context", INPUT_CONTEXT},
    {"stage", INPUT_STAGE},
    {"fetch", INPUT_FETCH},
};

static const struct step_input *find_input(const struct copy *copy, const json_t *source)
{
    const char *name = json_get_string(source, "input", "");
    int64_t n = json_get_int(source, "n", 0);
    const struct step_input *input = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(name, kinds[i].name) && n >= 0)
            input = step_input(copy->step, kinds[i].role, (size_t)n);
    if (!input)
        die_usage("%s: no input \"%s\" number %lld", copy->step->file, name, (long long)n);
    return input;
}

/* The graph that has this step does not know of all that it read: a new time has it made again, before anything is stale. */
static void ask_for_graph(const struct copy *copy, const char *file)
{
    if (utimensat(AT_FDCWD, file, NULL, 0) < 0)
        step_die(copy->step, "cannot set the time of %s:", file);
}

static struct tree *load_context(struct copy *copy, const struct step_input *input)
{
    struct context_loaded loaded = {0};
    struct tree *tree = context_load(&copy->step->store, input->paths[0], input->paths[1], copy->step->arena, &loaded);
    const char *failed = loaded.failed;
    if (tree && loaded.found_more && input->count > 2)
        ask_for_graph(copy, input->paths[2]);
    if (tree)
        return tree;
    if (errno == ESTALE || errno == ENOENT)
        step_die(copy->step, "\"%s\" changed while it was read: run ninja again", failed);
    if (errno == EINVAL && !strcmp(failed, input->paths[1]))
        step_die(copy->step, "%s is damaged: run dfgen again", failed);
    step_die(copy->step, "cannot read \"%s\":", failed);
}

static const struct loaded *load_tree(struct copy *copy, const struct step_input *input)
{
    for (size_t i = 0; i < copy->loaded.count; i++)
        if (copy->loaded.items[i].input == input)
            return &copy->loaded.items[i];
    struct loaded loaded = {.input = input, .is_context = input->role == INPUT_CONTEXT};
    if (loaded.is_context) {
        loaded.tree = load_context(copy, input);
    } else {
        struct stamp stamp = step_stamp(copy->step, input);
        loaded.tree = step_tree(copy->step, &stamp);
    }
    vec_push(&copy->loaded, loaded);
    return &copy->loaded.items[copy->loaded.count - 1];
}

/* The tree of an archive that a file is, NULL when it is none. */
static struct tree *unpack_match(struct copy *copy, const struct loaded *from, const struct source_match *match)
{
    struct tree_node node;
    struct entry entry;
    char *error = NULL;
    if (match->is_dir || !tree_lookup(from->tree, copy->step->arena, match->real, &node, &entry) ||
        entry.type != ENTRY_FILE)
        return NULL;
    autoclose int fd = tree_open_file(from->tree, &node);
    if (fd < 0)
        step_die(copy->step, "cannot read \"/%s\":", match->real);
    struct tree *tree = archive_open(&copy->step->store, fd, &entry, &error);
    if (error)
        step_die(copy->step, "cannot unpack \"/%s\": %s", match->real, error);
    if (tree)
        vec_push(&copy->loaded, (struct loaded){.tree = tree});
    return tree;
}

static void add_source(struct copy *copy, const json_t *source, const struct pattern_list *exclude)
{
    const struct step *step = copy->step;
    const struct loaded from = *load_tree(copy, find_input(copy, source));
    struct source_spec spec = {
        .path = text_of(copy, json_object_get(source, "path")),
        .parents = json_get_bool(step->json, "parents", false),
        .exclude = exclude,
    };
    bool unpacks = json_get_bool(source, "unpack", copy->unpack) && !spec.parents;
    struct source_matches matches;
    const char *error = NULL;
    if (!spec.path)
        die_usage("%s: a source without \"path\"", step->file);
    if (sources_expand(from.tree, step->arena, &spec, NULL, NULL, &matches, &error) < 0)
        step_die(step, "%s", error);
    /* Without archives all matches go in at once: files that are one in the source stay one. */
    for (size_t i = 0, done = 0; i <= matches.count; i++) {
        struct tree *archive = i < matches.count && unpacks ? unpack_match(copy, &from, &matches.items[i]) : NULL;
        if (!archive && i < matches.count)
            continue;
        if (copy_plan_add_source(copy->plan, from.tree, &spec, matches.items + done, i - done, &error) < 0 ||
            (archive && copy_plan_add_archive(copy->plan, archive, &error) < 0))
            step_die(step, "%s", error);
        done = i + 1;
    }
}

static void add_content(struct copy *copy, const json_t *content)
{
    const char *name = text_of(copy, json_object_get(content, "name")), *error = NULL;
    const json_t *data = json_object_get(content, "data");
    if (!name || !json_is_string(data))
        die_usage("%s: an entry of \"contents\" needs name and data", copy->step->file);
    if (copy_plan_add_content(copy->plan, name, json_bytes_value(copy->step->arena, data), &error) < 0)
        step_die(copy->step, "%s", error);
}

/* --- the two kinds --- */

static void plan_copy(struct copy *copy)
{
    const json_t *json = copy->step->json;
    const char *error = NULL;
    struct plan_options options = {
        .dest = needed(copy, "dest"),
        .slash = json_get_bool(json, "slash", false),
        .chmod = member(copy, "chmod"),
    };
    if (options.chmod && !mode_is_valid(options.chmod))
        step_die(copy->step, "invalid --chmod \"%s\": an octal number of 0 to 07777, or clauses like u+x,go=",
                 options.chmod);
    /* The reference makes a plain copy of a linked one that changes modes. */
    options.link = json_get_bool(json, "link", false) && !options.chmod;
    options.folder = json_get_bool(json, "folder", false);
    options.owner = read_owner(copy, member(copy, "chown"), !options.link);
    copy->unpack = json_get_bool(json, "unpack", false);
    copy->plan = copy_plan_new(copy->tree, copy->step->arena, &options, &error);
    if (!copy->plan)
        step_die(copy->step, "%s", error);
    const struct pattern_list *exclude = read_exclude(copy);
    const json_t *sources = json_object_get(json, "sources"), *contents = json_object_get(json, "contents");
    for (size_t i = 0; i < json_array_size(sources); i++)
        add_source(copy, json_array_get(sources, i), exclude);
    for (size_t i = 0; i < json_array_size(contents); i++)
        add_content(copy, json_array_get(contents, i));
}

static void plan_workdir(struct copy *copy)
{
    const char *error = NULL;
    struct plan_options options = {.dest = needed(copy, "path"), .slash = true};
    options.owner = read_owner(copy, member(copy, "user"), true);
    copy->plan = copy_plan_new(copy->tree, copy->step->arena, &options, &error);
    if (!copy->plan || copy_plan_add_folder(copy->plan, &error) < 0)
        step_die(copy->step, "%s", error);
}

/* --- the layer --- */

/* The layer that the step made the last time, if it can still be had: files that did not change come from there. */
static struct list *open_old(const struct copy *copy, int *fs)
{
    const struct step *step = copy->step;
    struct buf text = {0};
    struct list *list = NULL;
    *fs = -1;
    if (file_read_at(AT_FDCWD, step->out, &text, STAMP_LIMIT) == 0 && text.len > 1 && text.data[text.len - 1] == '\n') {
        text.data[text.len - 1] = 0;
        const char *newline = strrchr(text.data, '\n');
        const char *id = newline ? newline + 1 : text.data;
        autoclose int layer = store_id_is_valid(id) ? store_layer_open(&step->store, id) : -1;
        if (layer >= 0)
            *fs = openat(layer, "fs", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (*fs >= 0)
            list = list_open_at(layer, "list", NULL);
    }
    buf_free(&text);
    return list;
}

/* Frees the listing. */
static void make_layer(struct copy *copy, struct buf *listing, const char *id)
{
    struct step *step = copy->step;
    struct store_tmp tmp;
    if (store_tmp_make(&step->store, &tmp) < 0)
        step_die(step, "cannot make a folder in the store:");
    struct place place = {.mode = step->store.mode, .fs = -1};
    if (mkdirat(tmp.dir, "layer", 0755) < 0 || mkdirat(tmp.dir, "layer/fs", 0755) < 0 ||
        (place.fs = openat(tmp.dir, "layer/fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        step_die(step, "cannot make a folder in the store:");
    if (file_write_at(tmp.dir, "layer/list", listing->data, listing->len, 0644) < 0)
        step_die(step, "cannot write the layer's listing into the store:");
    buf_free(listing);
    const struct tree **checked = arena_array(step->arena, copy->loaded.count + 1, sizeof *checked);
    for (size_t i = 0; i < copy->loaded.count; i++)
        if (copy->loaded.items[i].is_context)
            checked[place.checked_count++] = copy->loaded.items[i].tree;
    place.checked = checked;
    struct list *old = open_old(copy, &place.old_fs);
    place.old = old;
    char *error = place_plan(&place, copy->plan);
    list_close(old);
    fd_close_scope(&place.old_fs);
    fd_close_scope(&place.fs);
    if (error) {
        store_tmp_drop(&step->store, &tmp);
        step_die(step, "%s", error);
    }
    if (store_layer_commit(&step->store, &tmp, "layer", id) < 0)
        step_die(step, "cannot put the layer into the store:");
    store_tmp_drop(&step->store, &tmp);
}

static void finish(struct copy *copy)
{
    struct buf listing = {0};
    struct digest digest;
    char id[ID_SIZE] = "tree:";
    copy_plan_finish(copy->plan, &listing, &digest);
    digest_hex(&digest, id + strlen(id));
    if (!store_has_layer(&copy->step->store, id))
        make_layer(copy, &listing, id);
    buf_free(&listing);
    step_write_stamp(copy->step, &copy->root, id);
}

int main(int argc, char **argv)
{
    /* Texts of megabytes come and go: each is to be given back when it goes. */
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    const char *file = step_main(argc, argv, "dfgen-copy", help);
    struct step step;
    step_load(&step, file, idmode_enter());
    struct copy copy = {.step = &step};
    copy.root = step_root(&step);
    copy.tree = step_tree(&step, &copy.root);
    if (!strcmp(step.kind, "copy"))
        plan_copy(&copy);
    else if (!strcmp(step.kind, "workdir"))
        plan_workdir(&copy);
    else
        die_usage("%s: a step of kind \"%s\" is not for dfgen-copy", file, step.kind);
    finish(&copy);
    copy_plan_free(copy.plan);
    for (size_t i = 0; i < copy.loaded.count; i++)
        tree_free(copy.loaded.items[i].tree);
    vec_free(&copy.loaded);
    tree_free(copy.tree);
    step_close(&step);
    return EXIT_DONE;
}
