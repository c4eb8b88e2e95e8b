/*
 * dfgen-export: a finished image as an archive or folder for others, or a root file system as a tar or folder. What is written appears
 * whole, under a name of its own until then. Knows nothing of how images are made.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/image/archive.h"
#include "runtime/image/bundle.h"
#include "runtime/image/facts.h"
#include "runtime/image/layout.h"
#include "runtime/image/referrer.h"
#include "runtime/image/rootfs.h"
#include "runtime/image/squashfs.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/json.h"
#include "runtime/lib/list.h"
#include "runtime/lib/path.h"
#include "runtime/lib/step.h"
#include "runtime/lib/times.h"
#include "runtime/lib/tree.h"
#include "runtime/sandbox/user.h"
#include "runtime/tar/write.h"

static const char help[] = "Write an image or a root file system as an archive or a folder.";

struct export {
    struct step *step;
    const char *dest;
    bool as_tar, docker;
    uint32_t uid, gid;  /* of who runs this, outside of any namespace */
};

/* The image layout that is exported. */
struct origin {
    int layout;
    json_t *index;
    struct digests blobs;
    struct buf index_text, manifest_text;
};

/* --- a tar, written beside its name --- */

struct output {
    struct export *export;
    char *temporary;
    int fd;
};

static int put_output(void *data, const void *bytes, size_t len)
{
    struct output *output = data;
    return fd_write_all(output->fd, bytes, len);
}

static void make_parent(struct export *export)
{
    const char *base = path_base(export->dest);
    if (base == export->dest)
        return;
    const char *folder = arena_strndup(export->step->arena, export->dest, (size_t)(base - export->dest));
    if (dir_make_at(AT_FDCWD, folder, 0755) < 0)
        step_die(export->step, "cannot make %s:", folder);
}

static struct output open_output(struct export *export)
{
    struct output output = {.export = export, .temporary = xasprintf("%s.%ld.tmp", export->dest, (long)getpid())};
    make_parent(export);
    unlink(output.temporary);
    output.fd = open(output.temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (output.fd < 0)
        step_die(export->step, "cannot make %s:", output.temporary);
    return output;
}

/* The same bytes as are there already: ninja shall see that nothing changed. */
static bool is_unchanged(const struct output *output)
{
    struct stat old, new;
    autoclose int fd = open(output->export->dest, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &old) < 0 || fstat(output->fd, &new) < 0 || !S_ISREG(old.st_mode) || old.st_size != new.st_size)
        return false;
    enum { PIECE = 64 * 1024 };
    static char one[PIECE], other[PIECE];
    for (int64_t at = 0; at < old.st_size;) {
        size_t len = old.st_size - at < PIECE ? (size_t)(old.st_size - at) : PIECE;
        if (fd_pread_all(fd, one, len, at) < 0 || fd_pread_all(output->fd, other, len, at) < 0 || memcmp(one, other, len))
            return false;
        at += (int64_t)len;
    }
    return true;
}

static void close_output(struct output *output, char *error)
{
    struct export *export = output->export;
    bool is_same = !error && is_unchanged(output);
    if (close(output->fd) < 0 && !error)
        error = xstrdup(strerror(errno));
    if (!error && !is_same && rename(output->temporary, export->dest) < 0)
        error = xstrdup(strerror(errno));
    if (error || is_same)
        unlink(output->temporary);
    if (error)
        step_die(export->step, "cannot write %s: %s", export->dest, error);
    free(output->temporary);
}

/* --- images --- */

static void open_origin(struct export *export, struct origin *origin)
{
    struct step *step = export->step;
    const struct step_input *input = step_input(step, INPUT_IMAGE, 0);
    char *error = NULL;
    if (!input)
        die_usage("%s.json has no image", step->base);
    const char *base = path_base(input->paths[0]);
    const char *folder = base == input->paths[0] ? "." : arena_strndup(step->arena, input->paths[0],
                                                                      (size_t)(base - input->paths[0]));
    origin->layout = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (origin->layout < 0)
        step_die(step, "cannot open %s:", folder);
    origin->index = layout_read_index(origin->layout, &error);
    /* docker load takes every manifest for an image. */
    if (!error && export->docker)
        referrer_drop_all(origin->index);
    if (!error)
        error = layout_reach(origin->layout, step->arena, origin->index, false, &origin->blobs);
    if (!error && export->docker)
        error = archive_docker_manifest(&(struct archive_layouts){&origin->layout, 1}, step->arena, origin->index, &origin->manifest_text);
    if (error)
        step_die(step, "%s: %s", input->paths[0], error);
    json_write(origin->index, &origin->index_text);
}

static void close_origin(struct origin *origin)
{
    close(origin->layout);
    json_decref(origin->index);
    vec_free(&origin->blobs.list);
    buf_free(&origin->index_text);
    buf_free(&origin->manifest_text);
}

static void export_archive(struct export *export, const struct origin *origin)
{
    struct output output = open_output(export);
    struct archive_parts parts = {{&origin->layout, 1}, &origin->blobs, buf_text(&origin->index_text),
                                  export->docker ? buf_text(&origin->manifest_text) : NULL};
    close_output(&output, archive_write(&parts, &(struct tar_sink){put_output, &output}));
}

static const char *ref_name(const json_t *descriptor)
{
    const json_t *annotations = json_object_get(descriptor, "annotations");
    return json_get_string(annotations, "io.containerd.image.name",
                           json_get_string(annotations, "org.opencontainers.image.ref.name", ""));
}

static bool has_name(const json_t *index, const char *name)
{
    const json_t *manifests = json_object_get(index, "manifests");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        if (!strcmp(ref_name(json_array_get(manifests, i)), name))
            return true;
    }
    return false;
}

/* The index that dest gets: images there by other names stay. Those that are replaced go to *gone. */
static json_t *merge_index(const json_t *ours, const json_t *old, json_t *gone)
{
    json_t *index = json_deep_copy(ours);
    json_t *manifests = json_object_get(index, "manifests");
    const json_t *before = json_object_get(old, "manifests");
    for (size_t i = 0; i < json_array_size(before); i++) {
        json_t *descriptor = json_array_get(before, i);
        bool is_replaced = has_name(ours, ref_name(descriptor));
        if (!referrer_is_one(descriptor))
            json_array_append(is_replaced ? json_object_get(gone, "manifests") : manifests, descriptor);
    }
    return index;
}

/* Documents that are there stay with their image, wherever in an index it is; of our images, those of today count. */
static void keep_documents(json_t *index, const json_t *old, const struct origin *ours, const struct digests *kept, json_t *gone)
{
    const json_t *before = json_object_get(old, "manifests");
    for (size_t i = 0; i < json_array_size(before); i++) {
        json_t *descriptor = json_array_get(before, i);
        bool is_replaced = referrer_is_of(descriptor, &ours->blobs) || !referrer_is_of(descriptor, kept);
        if (referrer_is_one(descriptor))
            json_array_append(json_object_get(is_replaced ? gone : index, "manifests"), descriptor);
    }
}

static void check_dest(struct export *export)
{
    int is_empty = layout_is_empty(export->dest);
    if (is_empty < 0)
        step_die(export->step, "%s:", export->dest);
    if (!is_empty && !layout_is_one(export->dest))
        step_die(export->step, "%s is a folder with other things in it; choose a new one for the image", export->dest);
}

static void export_layout(struct export *export, struct origin *origin)
{
    struct step *step = export->step;
    check_dest(export);
    autoclose int dest = layout_make(export->dest);
    if (dest < 0)
        step_die(step, "cannot make %s:", export->dest);
    for (size_t i = 0; i < origin->blobs.list.count; i++) {
        if (layout_take(dest, origin->layout, origin->blobs.list.items[i]) < 0)
            step_die(step, "cannot put blob %s into %s:", origin->blobs.list.items[i], export->dest);
    }
    json_t *old = layout_read_index(dest, NULL), *gone = json_pack("{s:[]}", "manifests");
    json_t *index = merge_index(origin->index, old, gone);
    struct digests before = {0}, images = {0}, after = {0};
    struct buf text = {0};
    free(layout_reach(dest, step->arena, index, true, &images));
    keep_documents(index, old, origin, &images, gone);
    free(layout_reach(dest, step->arena, gone, true, &before));
    free(layout_reach(dest, step->arena, index, true, &after));
    json_write(index, &text);
    if (export->docker && file_write_if_changed_at(dest, "manifest.json", origin->manifest_text.data, origin->manifest_text.len,
                                                   NULL) < 0)
        step_die(step, "cannot write %s/manifest.json:", export->dest);
    if (file_write_if_changed_at(dest, "index.json", text.data, text.len, NULL) < 0)
        step_die(step, "cannot write %s/index.json:", export->dest);
    if (layout_prune(dest, &after, &before) < 0)
        step_die(step, "cannot remove old blobs from %s:", export->dest);
    buf_free(&text);
    vec_free(&before.list);
    vec_free(&images.list);
    vec_free(&after.list);
    json_decref(old);
    json_decref(gone);
    json_decref(index);
}

static void export_image(struct export *export)
{
    struct origin origin = {.layout = -1};
    open_origin(export, &origin);
    if (export->as_tar)
        export_archive(export, &origin);
    else
        export_layout(export, &origin);
    close_origin(&origin);
}

/* A file that says something of the image. */
static void export_text(struct export *export, char *(*say)(int, struct arena *, const json_t *, struct buf *))
{
    struct origin origin = {.layout = -1};
    struct buf text = {0};
    open_origin(export, &origin);
    char *error = say(origin.layout, export->step->arena, origin.index, &text);
    if (error)
        step_die(export->step, "%s: %s", export->dest, error);
    make_parent(export);
    if (file_write_if_changed_at(AT_FDCWD, export->dest, text.data, text.len, NULL) < 0)
        step_die(export->step, "cannot write %s:", export->dest);
    buf_free(&text);
    close_origin(&origin);
}

static void export_id(struct export *export)
{
    export_text(export, facts_id);
}

static void export_metadata(struct export *export)
{
    export_text(export, facts_metadata);
}

/* --- root file systems --- */

/* The folder written in place of one of dfgen's own, which then goes: it shall hold what the image has and nothing else. */
static char *replace_folder(const char *fresh, const char *dest)
{
    char *old = xasprintf("%s.old", fresh), *error = NULL;
    if (rename(dest, old) < 0 && errno != ENOENT)
        error = xstrdup(strerror(errno));
    if (!error && rename(fresh, dest) < 0)
        error = xstrdup(strerror(errno));
    if (!error)
        tree_remove_at(AT_FDCWD, old);
    free(old);
    return error;
}

static void export_folder(struct export *export, const struct rootfs *rootfs)
{
    struct step *step = export->step;
    int is_empty = layout_is_empty(export->dest);
    if (is_empty < 0)
        step_die(step, "%s:", export->dest);
    make_parent(export);
    /* A new folder, and one of dfgen's own, appears whole; one with files of others in it is written into. */
    bool is_new = is_empty || json_get_bool(step->json, "own", false);
    const char *target = is_new ? arena_printf(step->arena, "%s.%ld.tmp", export->dest, (long)getpid()) : export->dest;
    if (is_new && (tree_remove_at(AT_FDCWD, target) < 0 || mkdir(target, 0755) < 0))
        step_die(step, "cannot make %s:", target);
    autoclose int folder = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        step_die(step, "cannot open %s:", target);
    char *error = rootfs_write_folder(rootfs, folder, step->store.mode == MODE_ROOT);
    if (!error && is_new)
        error = replace_folder(target, export->dest);
    if (error && is_new)
        tree_remove_at(AT_FDCWD, target);
    if (error)
        step_die(step, "cannot write %s: %s", export->dest, error);
}

/* "files": what other rules of the build depend on must be there. */
static void set_watched(struct export *export, struct rootfs *rootfs)
{
    struct step *step = export->step;
    const json_t *files = json_object_get(step->json, "files");
    const char **watched = arena_array(step->arena, json_array_size(files) + 1, sizeof *watched);
    for (size_t i = 0; i < json_array_size(files); i++) {
        struct span name = json_bytes_value(step->arena, json_array_get(files, i));
        struct tree_node node;
        struct entry entry;
        watched[i] = arena_strndup(step->arena, name.text, name.len);
        if (!tree_lookup(rootfs->tree, step->arena, watched[i], &node, &entry) || entry.type != ENTRY_FILE)
            step_die(step, "the image has no file /%s, which --output (file=) says it has", watched[i]);
    }
    rootfs->watched = watched;
    rootfs->watched_count = json_array_size(files);
}

struct merged {
    struct stamp root;
    struct tree *tree;
    struct rootfs rootfs;
};

static void open_merged(struct export *export, struct merged *merged)
{
    struct step *step = export->step;
    enum times times;
    if (!times_parse(json_get_string(step->json, "times", "epoch"), &times))
        die_usage("%s.json: \"times\" is none of epoch, clamp, keep", step->base);
    merged->root = step_root(step);
    merged->tree = step_tree(step, &merged->root);
    merged->rootfs = (struct rootfs){
        .tree = merged->tree,
        .ids = merged->root.ids,
        .times = (int)times,
        .epoch = json_get_int(step->json, "epoch", 0),
    };
}

/* What stands for a folder in the graph: which layers are in it. */
static void write_stamp(struct step *step, const struct stamp *root)
{
    struct buf text = {0};
    for (size_t i = 0; i < root->count; i++)
        buf_printf(&text, "%s\n", root->ids[i]);
    step_write_out(step, text.data, text.len);
    buf_free(&text);
}

static void export_rootfs(struct export *export)
{
    struct merged merged;
    open_merged(export, &merged);
    set_watched(export, &merged.rootfs);
    if (export->as_tar) {
        struct output output = open_output(export);
        close_output(&output, rootfs_write_tar(&merged.rootfs, &(struct tar_sink){put_output, &output}));
    } else {
        export_folder(export, &merged.rootfs);
        write_stamp(export->step, &merged.root);
    }
    tree_free(merged.tree);
}

static void export_squashfs(struct export *export)
{
    struct step *step = export->step;
    struct merged merged;
    open_merged(export, &merged);
    struct output output = open_output(export);
    unlink(output.temporary);
    char *error = squashfs_write(&merged.rootfs, output.temporary);
    close(output.fd);
    output.fd = error ? -1 : open(output.temporary, O_RDONLY | O_CLOEXEC);
    if (error)
        unlink(output.temporary);
    if (output.fd < 0)
        step_die(step, "cannot write %s: %s", export->dest, error ? error : strerror(errno));
    close_output(&output, NULL);
    tree_free(merged.tree);
}

/* --- runtime bundles --- */

/* A folder that holds a bundle and nothing else may be replaced. */
static bool is_bundle(const char *path)
{
    DIR *dir = opendir(path);
    bool is_one = dir;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        is_one &= entry->d_name[0] == '.' || !strcmp(entry->d_name, "rootfs") || !strcmp(entry->d_name, "config.json");
    if (dir)
        closedir(dir);
    return is_one;
}

static void write_bundle_config(struct export *export, int bundle, int rootfs)
{
    struct step *step = export->step;
    const struct step_input *input = step_input(step, INPUT_CONFIG, 0);
    struct identity identity;
    struct buf text = {0};
    char *error = NULL;
    if (!input)
        die_usage("%s.json has no config", step->base);
    json_t *image = json_read_at(AT_FDCWD, input->paths[0], JSON_LIMIT, &error);
    if (!image)
        step_die(step, "%s: %s", input->paths[0], error);
    user_resolve(step, rootfs, json_get_string(json_object_get(image, "config"), "User", ""), &identity);
    struct bundle_user user = {identity.uid, identity.gid, identity.groups, identity.group_count, step->store.mode != MODE_ROOT,
                               export->uid, export->gid};
    bundle_config(image, &user, &text);
    if (file_write_at(bundle, "config.json", text.data, text.len, 0644) < 0)
        step_die(step, "cannot write %s/config.json:", export->dest);
    buf_free(&text);
    json_decref(image);
}

static void export_bundle(struct export *export)
{
    struct step *step = export->step;
    struct merged merged;
    open_merged(export, &merged);
    if (!json_get_bool(step->json, "own", false) && layout_is_empty(export->dest) == 0 && !is_bundle(export->dest))
        step_die(step, "%s is a folder with other things in it; choose a new one for the bundle", export->dest);
    make_parent(export);
    const char *target = arena_printf(step->arena, "%s.%ld.tmp", export->dest, (long)getpid());
    if (tree_remove_at(AT_FDCWD, target) < 0 || mkdir(target, 0755) < 0)
        step_die(step, "cannot make %s:", target);
    autoclose int bundle = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    autoclose int rootfs = bundle < 0 || mkdirat(bundle, "rootfs", 0755) < 0
                               ? -1
                               : openat(bundle, "rootfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (rootfs < 0)
        step_die(step, "cannot make %s/rootfs:", target);
    char *error = rootfs_write_folder(&merged.rootfs, rootfs, step->store.mode == MODE_ROOT);
    if (!error) {
        write_bundle_config(export, bundle, rootfs);
        error = replace_folder(target, export->dest);
    }
    if (error) {
        tree_remove_at(AT_FDCWD, target);
        step_die(step, "cannot write %s: %s", export->dest, error);
    }
    write_stamp(step, &merged.root);
    tree_free(merged.tree);
}

/* --- which --- */

static const struct {
    const char *type;
    void (*run)(struct export *export);
    bool docker, as_tar;    /* as_tar: when the step does not say */
    bool has_choice;        /* the step may say otherwise */
} types[] = {
    {"oci", export_image, false, true, true},
    {"docker", export_image, true, true, true},
    {"tar", export_rootfs, false, true, false},
    {"local", export_rootfs, false, false, false},
    {"squashfs", export_squashfs, false, true, false},
    {"bundle", export_bundle, false, false, false},
    {"iid", export_id, false, true, false},
    {"metadata", export_metadata, false, true, false},
};

int main(int argc, char **argv)
{
    const char *file = step_main(argc, argv, "dfgen-export", help);
    struct step step;
    uint32_t uid = getuid(), gid = getgid();
    step_load(&step, file, idmode_enter());
    const char *type = json_get_string(step.json, "type", "");
    struct span dest = json_bytes_value(step.arena, json_object_get(step.json, "dest"));
    if (!dest.len)
        die_usage("%s: an export needs \"dest\"", file);
    size_t row = 0, rows = sizeof types / sizeof *types;
    while (row < rows && strcmp(types[row].type, type))
        row++;
    if (row == rows)
        die_usage("%s: cannot export as \"%s\"", file, type);
    while (dest.len > 1 && dest.text[dest.len - 1] == '/')
        dest.len--;
    struct export export = {
        .step = &step,
        .dest = arena_strndup(step.arena, dest.text, dest.len),
        .uid = uid,
        .gid = gid,
        .docker = types[row].docker,
        .as_tar = types[row].has_choice ? json_get_bool(step.json, "tar", types[row].as_tar) : types[row].as_tar,
    };
    types[row].run(&export);
    step_close(&step);
    return EXIT_DONE;
}
