/*
 * Owns `dfgen save`: which images go into an archive, and for which platform. dfgen-save writes it. Must not know an
 * archive's form.
 */
#include "gen/manifest.h"

#include "gen/cmd.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/images.h"
#include "gen/layout.h"
#include "gen/opts.h"
#include "gen/platform.h"
#include "gen/ref.h"
#include "gen/sent.h"
#include "gen/tell.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/child.h"
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"
#include "runtime/lib/store.h"

struct saving {
    struct arena arena;
    struct opts *opts;
    struct images *images;
    const char **words;
    const char *dest, *form;    /* as given; NULL: not given */
};

_Noreturn static void help(void)
{
    puts("usage: dfgen save [OPTIONS] IMAGE... [-o FILE]\n\n"
         "Write images into one archive, which docker load and podman load read, and every reader of OCI layouts: of a "
         "stage that\n"
         "was built here, a layout, or an image of the store by its name. What several of them share is in it once.\n\n"
         "  -o, --output=FILE     where to; - is standard output, which it is without -o\n"
         "      --format=FORM     docker-archive (the default), which has each image for one platform, or oci-archive, "
         "which has them all\n"
         "      --platform=PLATFORM, --store=FOLDER, -C FOLDER, --offline and options for registries, as in dfgen "
         "--help");
    exit(EXIT_DONE);
}

/* The value of an option in argv[*i]; NULL: it is another one. */
static const char *value_of(char **argv, int *i, const char *letter, const char *name)
{
    size_t len = strlen(name);
    const char *word = argv[*i];
    if (letter && !strncmp(word, letter, 2) && word[2])
        return word + 2;
    if (!strncmp(word, name, len) && word[len] == '=')
        return word + len + 1;
    if ((letter && !strcmp(word, letter)) || !strcmp(word, name)) {
        if (!argv[*i + 1])
            die_usage("save: %s needs a value", word);
        return argv[++*i];
    }
    return NULL;
}

/* -o is a build's output elsewhere: here it is taken out before other options are read. */
static void take_words(struct saving *saving, int *argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        const char *value;
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            help();
        if ((value = value_of(argv, &i, "-o", "--output")))
            saving->dest = arena_strdup(&saving->arena, value);
        else if ((value = value_of(argv, &i, NULL, "--format")))
            saving->form = arena_strdup(&saving->arena, value);
        else
            argv[kept++] = argv[i];
    }
    argv[kept] = NULL;
    *argc = kept;
}

static struct platform wanted_platform(const struct saving *saving)
{
    struct platform platform = platform_host();
    const opt_list *list = &saving->opts->platforms;
    if (list->count > 1)
        die_usage("save: one --platform: an archive of several is --format=oci-archive, which has all that there are");
    const char *why = list->count ? platform_parse(saving->opts->arena, span_of(list->items[0]), &platform) : NULL;
    if (why)
        die_usage("save: --platform: %s", why);
    return platform;
}

/* Layers of a registry's image, which may never have been needed here. */
static const struct image *image_of_store(struct saving *saving, const char *name, const struct platform *platform)
{
    const char *why;
    const struct image *image = images_find(saving->images, name, platform, &why);
    if (image && !saving->opts->offline)
        why = images_get_layers(saving->images, image);
    if (why)
        die("%s", why);
    return image;
}

/* Of an index, the manifest for the platform: docker's form knows one for each image. */
static json_t *manifest_of(struct saving *saving, const struct sent *sent)
{
    const struct platform platform = wanted_platform(saving);
    struct descriptor top;
    const char *error = descriptor_read(&saving->arena, sent->descriptor, &top);
    if (error)
        die_usage("save: %s: %s", sent->folder, error);
    struct layout *layout = layout_of_store(&saving->arena, sent->folder, &top, "", &error);
    const struct image *image = layout ? layout_find(layout, &(struct layout_query){0}, &platform, true, &error) : NULL;
    if (!image)
        die_usage("save: %s",
                  error ? error : arena_printf(&saving->arena, "%s has no image %s", sent->folder, top.digest));
    char name[96];
    struct stat st;
    store_blob_name(image->digest, name);
    const char *path = arena_printf(&saving->arena, "%s/%s", sent->folder, name);
    json_t *manifest = stat(path, &st) < 0 ? NULL : json_read_at(AT_FDCWD, path, JSON_LIMIT, NULL);
    json_t *descriptor = json_pack("{s:s,s:s,s:I}", "mediaType",
                                   json_get_string(manifest, "mediaType", "application/vnd.oci.image.manifest.v1+json"),
                                   "digest", image->digest, "size", (json_int_t)(manifest ? st.st_size : 0));
    json_decref(manifest);
    layout_close(layout);
    return descriptor;
}

static json_t *describe(struct saving *saving, const char *word)
{
    struct sent sent = sent_find(saving->opts, word);
    json_t *names = json_array();
    for (size_t i = 0; i < sent.names.count; i++)
        json_array_append_new(names, json_text(span_of(sent.names.items[i])));
    if (sent.is_of_store) {
        struct platform platform = wanted_platform(saving);
        image_of_store(saving, sent.names.items[0], &platform);
    }
    bool has_all = !strcmp(saving->form, "oci-archive") && !saving->opts->platforms.count;
    json_t *descriptor = has_all ? json_incref(sent.descriptor) : manifest_of(saving, &sent);
    json_decref(sent.descriptor);
    json_decref(sent.referrers);
    return json_pack("{s:o,s:o,s:o}", "folder", json_bytes(span_of(sent.folder)), "names", names, "descriptor",
                     descriptor);
}

static int run_helper(struct saving *saving, const json_t *request)
{
    int code = child_wait(tell_helper(&saving->arena, "dfgen-save", request, -1));
    if (code < 0)
        die("cannot wait for dfgen-save:");
    return code;
}

int cmd_save(int argc, char **argv)
{
    struct saving saving = {0};
    take_words(&saving, &argc, argv);
    saving.opts = opts_read(&saving.arena, argc, argv, &saving.words);
    if (!saving.words[0])
        die_usage("save: which image? dfgen save IMAGE... -o FILE");
    if (!saving.form)
        saving.form = "docker-archive";
    if (strcmp(saving.form, "docker-archive") && strcmp(saving.form, "oci-archive"))
        die_usage("save: --format is docker-archive or oci-archive");
    bool is_stdout = !saving.dest || !strcmp(saving.dest, "-");
    if (is_stdout && isatty(STDOUT_FILENO))
        die_usage("save: an archive is nothing for a terminal: give a file with -o, or redirect the output");
    saving.images = images_new(&saving.arena, saving.opts);
    json_t *images = json_array();
    for (size_t i = 0; saving.words[i]; i++)
        json_array_append_new(images, describe(&saving, saving.words[i]));
    json_t *request =
        json_pack("{s:s,s:o,s:o}", "form", saving.form, "dest",
                  json_bytes(span_of(is_stdout ? "-" : opts_path(saving.opts, saving.opts->start_dir, saving.dest))),
                  "images", images);
    int result = run_helper(&saving, request);
    json_decref(request);
    images_free(saving.images);
    free(saving.words);
    opts_free(saving.opts);
    arena_free(&saving.arena);
    return result;
}
