/*
 * Owns --output: docker's types and keywords, each of which works or is refused by its name, and what several outputs
 * mean together. Called by opts and its table. Must not know how anything is written.
 */
#include "gen/opts_output.h"

#include <stdlib.h>
#include <string.h>

#include "gen/opts.h"
#include "gen/opts_annotation.h"
#include "gen/opts_value.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/path.h"
#include "runtime/lib/span.h"

/* What an output is made from. */
enum origin { FROM_IMAGE = 1, FROM_ROOT = 2, FROM_ANY = 3 };

static const struct output_type {
    const char *name;
    enum origin origin;
    bool is_folder;         /* always: it can be no stream */
    bool has_no_dest;
} types[] = {
    {"oci", FROM_IMAGE, false, false},  {"docker", FROM_IMAGE, false, false}, {"tar", FROM_ROOT, false, false},
    {"local", FROM_ROOT, true, false},  {"bundle", FROM_ROOT, true, false},   {"squashfs", FROM_ROOT, false, false},
    {"image", FROM_IMAGE, false, true}, {"registry", FROM_IMAGE, false, true}, {"cacheonly", FROM_ANY, false, true},
    {"load", FROM_IMAGE, false, true},
};

static const struct output_type *find_type(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, name))
            return &types[i];
    return NULL;
}

/* --- keywords --- */

struct field {
    struct opts *opts;
    const char *base;       /* the folder that paths are relative to */
    struct opt_output *output;
    const char *name, *value;
};

static const char *read_bool(const struct field *field, bool *value)
{
    *value = !strcmp(field->value, "true") || !strcmp(field->value, "1");
    bool is_one = *value || !strcmp(field->value, "false") || !strcmp(field->value, "0");
    return is_one ? NULL
                  : arena_printf(field->opts->arena, "%s=%s: true or false is wanted", field->name, field->value);
}

static const char *set_type(const struct field *field)
{
    field->output->type = field->value;
    return NULL;
}

static const char *set_dest(const struct field *field)
{
    bool is_stdout = !strcmp(field->value, "-");
    field->output->dest = is_stdout ? "-" : opts_path(field->opts, field->base, field->value);
    field->output->is_stdout = is_stdout;
    return *field->value ? NULL : "dest= needs a path";
}

static const char *set_tar(const struct field *field)
{
    return read_bool(field, &field->output->tar);
}

static const char *set_push(const struct field *field)
{
    return read_bool(field, &field->output->push);
}

static const char *set_by_digest(const struct field *field)
{
    return read_bool(field, &field->output->by_digest);
}

static const char *set_force(const struct field *field)
{
    return read_bool(field, &field->output->force);
}

static const char *set_media_types(const struct field *field)
{
    bool is_oci;
    const char *error = read_bool(field, &is_oci);
    field->output->docker_types = !error && !is_oci;
    return error;
}

/* Files in layers have the epoch's time anyway; --timestamps is what keeps their own. */
static const char *set_rewrite(const struct field *field)
{
    bool value;
    const char *error = read_bool(field, &value);
    return error || value ? error : "rewrite-timestamp=false: --timestamps=keep keeps the times of files";
}

/* Documents about an image (--sbom, --provenance) are nothing else here. */
static const char *set_artifact(const struct field *field)
{
    bool value;
    const char *error = read_bool(field, &value);
    return error || value ? error : "oci-artifact=false: documents about an image are always OCI artifacts";
}

static const char *set_names(const struct field *field)
{
    size_t first = field->output->names.count;
    const char *error = opts_value_list(field->opts->arena, field->value, &field->output->names);
    for (size_t i = first; i < field->output->names.count && !error; i++)
        error = opts_value_tag(field->opts->arena, field->output->names.items[i]);
    return error;
}

/* A path in the root file system, as a file below dest. */
static const char *add_file(const struct field *field)
{
    const char *clean = path_clean(field->opts->arena, span_of(field->value));
    if (!*clean || !strcmp(clean, "..") || !strncmp(clean, "../", 3))
        return arena_printf(field->opts->arena, "file=%s is no file of an image", field->value);
    vec_push(&field->output->files, clean);
    return NULL;
}

static const char *set_compression(const struct field *field)
{
    static const struct {
        const char *name, *is;
    } known[] = {{"gzip", "gzip"}, {"zstd", "zstd"}, {"uncompressed", "none"}, {"none", "none"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].name, field->value))
            field->output->compression = known[i].is;
    return field->output->compression
               ? NULL
               : arena_printf(field->opts->arena,
                              "compression=%s is not supported: compressions are gzip, zstd and uncompressed",
                              field->value);
}

static const char *set_level(const struct field *field)
{
    char *end;
    long level = strtol(field->value, &end, 10);
    if (end == field->value || *end || level < 0 || level > 22)
        return "a compression level is a number from 0 to 22";
    field->output->level = (int)level;
    return NULL;
}

static const char *add_annotation(const struct field *field)
{
    return opts_annotation_keyword(field->opts, field->output, field->name, field->value);
}

/* A name that ends in a dot, a dash or a bracket takes anything behind it. set NULL: not supported, and why. */
static const struct keyword {
    const char *name;
    enum origin origin;
    const char *(*set)(const struct field *field);
    const char *why;
} keywords[] = {
    {"type", FROM_ANY, set_type, NULL},
    {"dest", FROM_ANY, set_dest, NULL},
    {"tar", FROM_ANY, set_tar, NULL},
    {"file", FROM_ROOT, add_file, NULL},
    {"name", FROM_IMAGE, set_names, NULL},
    {"push", FROM_IMAGE, set_push, NULL},
    {"push-by-digest", FROM_IMAGE, set_by_digest, NULL},
    {"compression", FROM_IMAGE, set_compression, NULL},
    {"compression-level", FROM_IMAGE, set_level, NULL},
    {"force-compression", FROM_IMAGE, set_force, NULL},
    {"oci-mediatypes", FROM_IMAGE, set_media_types, NULL},
    {"oci-artifact", FROM_IMAGE, set_artifact, NULL},
    {"rewrite-timestamp", FROM_ANY, set_rewrite, NULL},
    {"annotation.", FROM_IMAGE, add_annotation, NULL},
    {"annotation-", FROM_IMAGE, add_annotation, NULL},
    {"annotation[", FROM_IMAGE, add_annotation, NULL},
    {"attestation-prefix", FROM_ANY, NULL, "documents about an image stand in its layout alone"},
    {"buildinfo", FROM_IMAGE, NULL, "--provenance says what an image is made from"},
    {"buildinfo-attrs", FROM_IMAGE, NULL, "--provenance says what an image is made from"},
    {"compatibility-version", FROM_IMAGE, NULL, "images are made as format N of dfgen.lock says"},
    {"context", FROM_IMAGE, NULL, "DOCKER_HOST says which docker an image is put into"},
    {"dangling-name-prefix", FROM_IMAGE, NULL, "there is no image store: give a name"},
    {"name-canonical", FROM_IMAGE, NULL, "there is no image store: the digest is in --metadata-file"},
    {"platform-split", FROM_ROOT, NULL, "type=local has a folder for each of several platforms, and none for one"},
    {"prefer-nondist-layers", FROM_IMAGE, NULL, "layers are always distributed"},
    {"registry.insecure", FROM_IMAGE, NULL,
     "insecure = true in a section [registry \"HOST\"] of dfgen.ini, or --tls-verify=false, says so"},
    {"store", FROM_IMAGE, NULL, "there is no image store: the image stands in .dfgen/images/STAGE"},
    {"unpack", FROM_IMAGE, NULL, "there is no image store: type=local and type=bundle write files"},
};

static const struct keyword *find_keyword(const char *name)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        size_t len = strlen(keywords[i].name);
        bool is_family = strchr(".-[", keywords[i].name[len - 1]);
        if (is_family ? !strncmp(keywords[i].name, name, len) : !strcmp(keywords[i].name, name))
            return &keywords[i];
    }
    return NULL;
}

static const char *set_field(const struct field *field)
{
    struct arena *arena = field->opts->arena;
    const struct keyword *keyword = find_keyword(field->name);
    if (!keyword)
        return arena_printf(arena, "%s= is not supported: there is no such keyword", field->name);
    if (!keyword->set)
        return arena_printf(arena, "%s= is not supported: %s", field->name, keyword->why);
    if (!field->value)
        return arena_printf(arena, "invalid field %s: it must be KEY=VALUE", field->name);
    return keyword->set(field);
}

/* Keywords that the type does not have. */
static const char *check_origin(struct opts *opts, const opt_list *fields, const struct output_type *type)
{
    for (size_t i = 0; i < fields->count; i++) {
        const char *name = opts_value_pair(opts->arena, fields->items[i]).name;
        const struct keyword *keyword = find_keyword(name);
        if (!(keyword->origin & type->origin))
            return arena_printf(
                opts->arena, "%s= is for %s, not for type=%s", name,
                keyword->origin == FROM_IMAGE ? "images (oci, docker, image, registry)" : "files (local)", type->name);
    }
    return NULL;
}

static const char *check_output(struct opts *opts, struct opt_output *output)
{
    const struct output_type *type = find_type(output->type);
    bool is_pushed = !strcmp(output->type, "registry") || (!strcmp(output->type, "image") && output->push);
    if (output->push && !is_pushed)
        return "push=true is for type=image";
    if (output->by_digest && !is_pushed)
        return "push-by-digest=true is for what is pushed: type=registry, or type=image,push=true";
    if (output->by_digest && !output->names.count)
        return "push-by-digest=true needs name=REPOSITORY";
    if (is_pushed)
        output->type = "registry";
    /* docker's word for docker itself. */
    if (!strcmp(output->type, "docker") && !output->dest)
        output->type = "load";
    if (type->has_no_dest && output->dest)
        return arena_printf(opts->arena, is_pushed ? "type=%s takes no dest=: name=REF, or -t, says where it goes"
                                                   : "type=%s takes no dest=: it writes nothing", type->name);
    if (!output->dest && !type->has_no_dest && strcmp(output->type, "load"))
        return arena_printf(opts->arena, "type=%s needs dest=PATH", output->type);
    if (output->is_stdout && (type->is_folder || (!output->tar && type->origin == FROM_IMAGE)))
        return "dest=- is standard output, where no folder can go: use type=tar, or tar=true";
    if (output->files.count && strcmp(output->type, "local"))
        return "file= is for type=local: what the files are called that other rules depend on";
    if (!output->compression && type->origin == FROM_IMAGE)
        output->compression = "gzip";
    return NULL;
}

static const char *read_fields(struct opts *opts, const char *base, struct opt_output *output, const opt_list *fields)
{
    const char *error = NULL;
    for (size_t i = 0; i < fields->count && !error; i++) {
        struct opt_pair pair = opts_value_pair(opts->arena, fields->items[i]);
        error = set_field(&(struct field){opts, base, output, pair.name, pair.value});
    }
    if (error)
        return error;
    if (!output->type)
        return "an output needs a type: type=oci,dest=PATH";
    const struct output_type *type = find_type(output->type);
    if (!type || !strcmp(output->type, "load"))
        return arena_printf(
            opts->arena,
            "type=%s is not supported: types are oci, docker, tar, local, bundle, squashfs, image, registry and "
            "cacheonly",
            output->type);
    error = check_origin(opts, fields, type);
    return error ? error : check_output(opts, output);
}

const char *opts_set_output(struct opts *opts, const char *base, const char *text)
{
    struct opt_output output = {.tar = true, .level = -1};
    const char *error = NULL;
    if (!strcmp(text, "-")) {
        output.type = "tar";
        output.dest = "-";
        output.is_stdout = true;
    } else if (!strchr(text, '=')) {
        output.type = "local";
        output.dest = opts_path(opts, base, text);
    } else {
        opt_list fields = {0};
        error = opts_value_list(opts->arena, text, &fields);
        if (!error)
            error = read_fields(opts, base, &output, &fields);
        vec_free(&fields);
    }
    if (error) {
        vec_free(&output.names);
        vec_free(&output.files);
        vec_free(&output.annotations);
        return error;
    }
    vec_push(&opts->outputs, output);
    return NULL;
}

/* --- outputs together --- */

const struct opt_output *opts_output_main(const struct opts *opts)
{
    for (size_t i = 0; i < opts->outputs.count; i++)
        if (find_type(opts->outputs.items[i].type)->origin == FROM_IMAGE)
            return &opts->outputs.items[i];
    return NULL;
}

const struct opt_output *opts_output_stdout(const struct opts *opts)
{
    for (size_t i = 0; i < opts->outputs.count; i++)
        if (opts->outputs.items[i].is_stdout)
            return &opts->outputs.items[i];
    return NULL;
}

static bool has_other_names(const struct opt_output *one, const struct opt_output *other)
{
    bool is_other = one->names.count != other->names.count;
    for (size_t i = 0; i < one->names.count && !is_other; i++)
        is_other = strcmp(one->names.items[i], other->names.items[i]);
    return is_other;
}

static bool has_other_annotations(const struct opt_output *one, const struct opt_output *other)
{
    bool is_other = one->annotations.count != other->annotations.count;
    for (size_t i = 0; i < one->annotations.count && !is_other; i++) {
        const struct opt_annotation *a = &one->annotations.items[i], *b = &other->annotations.items[i];
        is_other = a->type != b->type || strcmp(a->key, b->key) || strcmp(a->value, b->value) ||
                   strcmp(a->platform ? a->platform : "", b->platform ? b->platform : "");
    }
    return is_other;
}

bool opts_output_is_other(const struct opts *opts, const struct opt_output *output)
{
    const struct opt_output *main = opts_output_main(opts);
    if (find_type(output->type)->origin != FROM_IMAGE)
        return false;
    if (output->force)
        return true;
    /* A push is told the names. */
    bool names_count = strcmp(output->type, "registry");
    return strcmp(output->compression, main->compression) || output->level != main->level ||
           output->docker_types != main->docker_types || has_other_annotations(output, main) ||
           (names_count && has_other_names(output, main));
}

static void check_platforms(const struct opts *opts, const struct opt_output *output)
{
    if (!strcmp(output->type, "docker") || !strcmp(output->type, "load"))
        die_usage("--output: type=docker holds one platform only: use type=oci for several");
    if (!strcmp(output->type, "tar") || !strcmp(output->type, "squashfs"))
        die_usage("--output: type=%s of several platforms is not supported: use type=local, or one --platform",
                  output->type);
    (void)opts;
}

void opts_output_finish(struct opts *opts)
{
    const struct opt_output *main = opts_output_main(opts);
    size_t streams = 0;
    for (size_t i = 0; i < opts->outputs.count; i++) {
        struct opt_output *output = &opts->outputs.items[i];
        if (opts->platforms.count > 1)
            check_platforms(opts, output);
        if (output != main && !strcmp(output->type, "image") && opts_output_is_other(opts, output))
            die_usage("--output: type=image is what stands in .dfgen/images/STAGE, and another output before it says "
                      "what that is like: put it first");
        if (opts_output_is_other(opts, output) && (opts->sbom_spdx || opts->sbom_cyclonedx || opts->provenance))
            die_usage("--output: documents (--sbom, --provenance) are about one image: leave them, or "
                      "force-compression= and whatever else "
                      "differs from the first output");
        streams += output->is_stdout;
        if (output->is_stdout)
            output->dest = opts_own(opts, arena_printf(opts->arena, "stdout-%zu", i + 1));
        output->own |= output->is_stdout;
    }
    if (streams > 1)
        die_usage("--output: dest=- is standard output, and %zu outputs want it", streams);
    opts->compression = main ? main->compression : "gzip";
    opts->compression_level = main ? main->level : -1;
}
