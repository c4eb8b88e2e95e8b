/*
 * Owns the files of a step: finding, reading and checking them, its key and its output. Called by every helper's main. Knows where gen
 * puts things; must not know what a kind of step does.
 */
#include <jansson.h>

#include "runtime/lib/step.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "config.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/escape.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/step_internal.h"
#include "runtime/lib/vec.h"

enum {
    OPEN_FILES = 65536, /* a tree has a descriptor for each layer */
};

/* --- inputs --- */

static const struct role {
    const char *name;
    size_t min, max;    /* words after it */
    size_t by;          /* how many more there may be at a time */
} roles[] = {
    [INPUT_ROOT] = {"root", 1, 1, 1},
    [INPUT_STAGE] = {"stage", 1, SIZE_MAX, 1},
    [INPUT_CONTEXT] = {"context", 2, 3, 1},
    [INPUT_FETCH] = {"fetch", 1, 1, 1},
    [INPUT_BLOB] = {"blob", 1, 3, 2},
    [INPUT_REGISTRY] = {"registry", 1, 1, 1},
    [INPUT_LAYER] = {"layer", 1, 1, 1},
    [INPUT_CONFIG] = {"config", 1, 1, 1},
    [INPUT_IMAGE] = {"image", 1, 1, 1},
    [INPUT_OUT] = {"out", 1, 1, 1},
};

static bool takes_words(const struct role *role, size_t count)
{
    return count >= role->min && count <= role->max && (count - role->min) % role->by == 0;
}

static const char *parse_input(struct arena *arena, struct span line, struct step_input *input)
{
    VEC(const char *) words = {0};
    const char *wrong = NULL;
    for (size_t start = 0; start <= line.len && !wrong;) {
        const char *space = start < line.len ? memchr(line.text + start, ' ', line.len - start) : NULL;
        size_t end = space ? (size_t)(space - line.text) : line.len;
        const char *word = escape_undo(arena, (struct span){line.text + start, end - start}, true);
        if (!word || !*word)
            wrong = "malformed word";
        else
            vec_push(&words, word);
        start = end + 1;
    }
    size_t role = 0, count = sizeof roles / sizeof *roles;
    while (!wrong && role < count && strcmp(words.items[0], roles[role].name))
        role++;
    if (!wrong && role == count)
        wrong = arena_printf(arena, "unknown role %s", words.items[0]);
    if (!wrong && !takes_words(&roles[role], words.count - 1))
        wrong = arena_printf(arena, "wrong number of words for %s", words.items[0]);
    if (!wrong) {
        *input = (struct step_input){.role = (enum input_role)role, .count = words.count - 1};
        input->paths = arena_array(arena, input->count, sizeof *input->paths);
        memcpy(input->paths, words.items + 1, input->count * sizeof *input->paths);
    }
    vec_free(&words);
    return wrong;
}

const char *step_parse_inputs(struct arena *arena, const json_t *lines, struct step_input **inputs, size_t *count)
{
    *count = 0;
    *inputs = arena_array(arena, json_array_size(lines), sizeof **inputs);
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const json_t *line = json_array_get(lines, i);
        const char *wrong =
            json_is_string(line) ? parse_input(arena, json_bytes_value(arena, line), &(*inputs)[i]) : "no string";
        if (wrong)
            return arena_printf(arena, "\"in\" %zu: %s", i + 1, wrong);
    }
    *count = json_array_size(lines);
    return NULL;
}

const struct step_input *step_input(const struct step *step, enum input_role role, size_t n)
{
    for (size_t i = 0; i < step->input_count; i++)
        if (step->inputs[i].role == role && n-- == 0)
            return &step->inputs[i];
    return NULL;
}

/* "in" says where things lie, never what they are: it is taken out of what the key is made of. */
static void load_inputs(struct step *step)
{
    const char *wrong = step_parse_inputs(step->arena, json_object_get(step->json, "in"), &step->inputs, &step->input_count);
    if (wrong)
        die_usage("%s: %s", step->file, wrong);
    if (!step_input(step, INPUT_OUT, 0) || step_input(step, INPUT_OUT, 1))
        die_usage("%s: \"in\" takes one line \"out\"", step->file);
    step->out = step_input(step, INPUT_OUT, 0)->paths[0];
    json_object_del(step->json, "in");
}

/* --- JSON files --- */

static json_t *read_json(const char *path)
{
    char *error = NULL;
    json_t *value = json_read_at(AT_FDCWD, path, JSON_LIMIT, &error);
    if (!value)
        die_usage("%s: %s", path, error);
    if (!json_is_object(value)) {
        json_decref(value);
        die_usage("%s: no JSON object", path);
    }
    return value;
}

static void check_step_file(struct step *step)
{
    int64_t format = json_get_int(step->json, "format", STEP_FORMAT);
    if (format != STEP_FORMAT)
        die_usage("%s: of format %" PRId64 ", but this is dfgen " DFGEN_VERSION " with format %d: run dfgen again", step->file, format,
                  STEP_FORMAT);
    step->kind = json_get_string(step->json, "kind", NULL);
    if (!step->kind)
        die_usage("%s: no \"kind\"", step->file);
}

/* make has no words of its own for an edge, and no text of a Dockerfile may stand in a command: so the helper says what it is at. */
static void say(const struct step *step)
{
    if (!getenv("DFGEN_SAY"))
        return;
    char *line = xasprintf("[%s] %s\n", step->label, !strcmp(step->kind, "layer") ? "layer" : step->text);
    /* In one piece: others write to the same terminal. */
    fd_write_all(STDOUT_FILENO, line, strlen(line));
    free(line);
    /* dfgen-run starts itself again. */
    unsetenv("DFGEN_SAY");
}

/* A file that many steps have in common: of the nearest folder above the step file that has it, .dfgen the last one to look into. */
const char *step_common_file(const struct step *step, const char *file)
{
    static const char name[] = ".dfgen/";
    size_t len = sizeof name - 1;
    for (const char *at = step->base + strlen(step->base); at > step->base; at--) {
        if (at[-1] != '/')
            continue;
        size_t before = (size_t)(at - step->base);
        const char *path = arena_printf(step->arena, "%.*s%s", (int)before, step->base, file);
        bool is_last = before >= len && !strncmp(at - len, name, len) && (before == len || at[-(int)len - 1] == '/');
        if (is_last || access(path, F_OK) == 0)
            return path;
    }
    die_usage("%s: not in a folder .dfgen", step->file);
}

static const char *without_suffix(const struct step *step, const char *suffix)
{
    size_t len = strlen(step->file), tail = strlen(suffix);
    bool has = len > tail && !strcmp(step->file + len - tail, suffix) && step->file[len - tail - 1] != '/';
    return has ? arena_strndup(step->arena, step->file, len - tail) : NULL;
}

/* All layers of a build are packed the same way: one file says how, and a layer's name says from which stamp. */
static json_t *layer_step(const struct step *step, const char *base)
{
    json_t *json = read_json(step_common_file(step, "layer.json"));
    struct buf stamp = {0};
    escape_add(&stamp, span_of(base), true);
    json_object_set_new(json, "in", json_pack("[o,o]", json_sprintf("root %s.stamp", buf_text(&stamp)),
                                              json_sprintf("out %s.layer", buf_text(&stamp))));
    buf_free(&stamp);
    return json;
}

/* "exports.json/docker": a member of a file that holds several steps. NULL: the name is none of that kind. */
static json_t *member_step(struct step *step)
{
    static const char suffix[] = ".json";
    const char *member = path_base(step->file);
    size_t len = (size_t)(member - step->file), tail = sizeof suffix - 1;
    if (len < tail + 2 || strncmp(step->file + len - 1 - tail, suffix, tail) != 0 || step->file[len - 2 - tail] == '/')
        return NULL;
    step->member = member;
    step->base = arena_strndup(step->arena, step->file, len - 1 - tail);
    json_t *all = read_json(arena_strndup(step->arena, step->file, len - 1));
    json_t *json = json_incref(json_object_get(all, member));
    json_decref(all);
    if (!json_is_object(json))
        die_usage("%s: there is no such step", step->file);
    return json;
}

static void load_step_file(struct step *step)
{
    const char *base = without_suffix(step, ".layer");
    step->base = base ? step->file : without_suffix(step, ".json");
    step->json = base ? layer_step(step, base) : step->base ? read_json(step->file) : member_step(step);
    if (!step->json)
        die_usage("%s: a step file is called NAME.json (or, for a layer, NAME.layer)", step->file);
    check_step_file(step);
}

static void open_store(struct step *step, enum id_mode mode)
{
    const char *path = json_get_string(step->settings, "store", NULL);
    char *fallback = path ? NULL : store_default_path();
    path = path ? path : fallback;
    if (!path)
        die_usage("no place for the store: set HOME or DFGEN_STORE");
    if (store_open(&step->store, path, mode) < 0) {
        if (errno == EPERM)
            die("store %s: belongs to somebody else, or others may write to it", path);
        die("store %s:", path);
    }
    free(fallback);
}

static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= OPEN_FILES)
        return;
    limit.rlim_cur = limit.rlim_max < OPEN_FILES ? limit.rlim_max : OPEN_FILES;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void step_load(struct step *step, const char *file, enum id_mode mode)
{
    *step = (struct step){.arena = xcalloc(1, sizeof *step->arena)};
    step->file = arena_strdup(step->arena, file);
    load_step_file(step);
    load_inputs(step);
    step_load_place(step);
    say(step);
    step->settings = read_json(step_common_file(step, "settings.json"));
    raise_limit();
    open_store(step, mode);
}

void step_close(struct step *step)
{
    store_close(&step->store);
    json_decref(step->json);
    json_decref(step->settings);
    arena_free(step->arena);
    free(step->arena);
    *step = (struct step){0};
}

/* --- the output --- */

void step_write_out(const struct step *step, const void *data, size_t len)
{
    if (file_write_if_changed_at(AT_FDCWD, step->out, data, len, NULL) < 0)
        step_die(step, "cannot write %s:", step->out);
}

/* --- the key --- */

static void add_json_field(struct digest_state *key, const json_t *value)
{
    struct buf text = {0};
    json_write(value, &text);
    digest_add_field(key, text.data);
    buf_free(&text);
}

void step_key_begin(const struct step *step, const struct stamp *root, struct digest_state *key)
{
    char number[32];
    struct utsname machine;
    digest_begin(key);
    snprintf(number, sizeof number, "dfgen %d", STEP_FORMAT);
    digest_add_field(key, number);
    add_json_field(key, step->json);
    /* A step that names no platform is for this machine's. */
    if (json_object_get(step->json, "platform"))
        digest_add_field(key, "");
    else
        digest_add_field(key, uname(&machine) == 0 ? machine.machine : "");
    snprintf(number, sizeof number, "%zu", root ? root->count : 0);
    digest_add_field(key, number);
    for (size_t i = 0; root && i < root->count; i++)
        digest_add_field(key, root->ids[i]);
}

void step_key_end(struct digest_state *key, char hex[65])
{
    struct digest digest = digest_end(key);
    digest_hex(&digest, hex);
}

/* --- main --- */

const char *step_main(int argc, char **argv, const char *program, const char *help)
{
    program_name = program;
    umask(022);
    signal(SIGPIPE, SIG_DFL);
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        printf("Usage: %s STEPFILE\n\n%s\n", program, help);
        exit(EXIT_DONE);
    }
    if (argc == 2 && !strcmp(argv[1], "--version")) {
        printf("%s " DFGEN_VERSION "\n", program);
        exit(EXIT_DONE);
    }
    if (argc != 2 || argv[1][0] == '-')
        die_usage("usage: %s STEPFILE", program);
    return argv[1];
}
