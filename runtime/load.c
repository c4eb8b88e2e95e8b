/*
 * dfgen-load: a finished image goes into docker or podman, by their own programs. docker gets an archive through a
 * pipe, unless it has the image; podman reads the layout where it lies, and takes the layers that it lacks. Writes
 * into nobody's store itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/image/archive.h"
#include "runtime/image/facts.h"
#include "runtime/image/layout.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/child.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/step.h"
#include "runtime/tar/write.h"

static const char help[] = "Put an image into docker or podman.";

enum { SAID_LIMIT = 64 * 1024 };

struct load {
    struct step *step;
    const char *folder;     /* of the layout */
    int layout;
    json_t *index;
    const char *id;         /* "sha256:HEX" of the config */
    struct digests names;   /* in full; not digests, but a list all the same */
};

/* --- running a tool --- */

/* COMMAND(…): words with a NULL behind them. */
#define COMMAND(...) ((const char *const[]){__VA_ARGS__, NULL})

/*
 * in: its standard input, -1 for none; out: where it prints, -1 for a question, of which neither output nor errors
 * are shown.
 */
static pid_t start(const char *const *words, int in, int out)
{
    pid_t child = fork();
    if (child)
        return child;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(in < 0 ? null : in, STDIN_FILENO) < 0 || dup2(out < 0 ? null : out, STDOUT_FILENO) < 0 ||
        (out < 0 && dup2(null, STDERR_FILENO) < 0))
        _exit(126);
    execvp(words[0], (char **)(uintptr_t)words);
    _exit(errno == ENOENT ? 127 : 126);
}

static int finish(pid_t child)
{
    int code = child_wait(child);
    return code < 0 ? 126 : code;
}

/* Its exit code, 127 when it is not there. */
static int ask(const char *const *words)
{
    return finish(start(words, -1, -1));
}

/* What it prints, without the line end. */
static const char *listen_to(struct load *load, const char *const *words)
{
    int ends[2];
    struct buf said = {0};
    if (pipe2(ends, O_CLOEXEC) < 0)
        step_die(load->step, "cannot make a pipe:");
    pid_t child = start(words, -1, ends[1]);
    close(ends[1]);
    int result = fd_read_all(ends[0], &said, SAID_LIMIT);
    close(ends[0]);
    int code = finish(child);
    if (result < 0 || code)
        step_die(load->step, "%s %s failed with exit code %d", words[0], words[1], code);
    const char *text = arena_strndup(load->step->arena, buf_text(&said), strcspn(buf_text(&said), "\n"));
    buf_free(&said);
    return text;
}

static int run(const char *const *words)
{
    return finish(start(words, -1, STDERR_FILENO));
}

static void do_it(struct load *load, const char *const *words)
{
    int code = run(words);
    if (code)
        step_die(load->step, "%s %s failed with exit code %d", words[0], words[1], code);
}

/* --- docker --- */

static int put(void *data, const void *bytes, size_t len)
{
    return fd_write_all(*(const int *)data, bytes, len);
}

static char *send_archive(struct load *load, int to)
{
    struct digests blobs = {0};
    struct buf index = {0}, manifest = {0};
    char *error = layout_reach(load->layout, load->step->arena, load->index, false, &blobs);
    if (!error)
        error = archive_docker_manifest(&(struct archive_layouts){&load->layout, 1}, load->step->arena, load->index, &manifest);
    json_write(load->index, &index);
    struct archive_parts parts = {{&load->layout, 1}, &blobs, buf_text(&index), buf_text(&manifest)};
    if (!error)
        error = archive_write(&parts, &(struct tar_sink){put, &to});
    vec_free(&blobs.list);
    buf_free(&index);
    buf_free(&manifest);
    return error;
}

static void load_docker(struct load *load)
{
    int ends[2];
    if (ask(COMMAND("docker", "image", "inspect", load->id)) == 0) {
        for (size_t i = 0; i < load->names.list.count; i++)
            do_it(load, COMMAND("docker", "tag", load->id, load->names.list.items[i]));
        return;
    }
    if (pipe2(ends, O_CLOEXEC) < 0)
        step_die(load->step, "cannot make a pipe:");
    signal(SIGPIPE, SIG_IGN);
    pid_t child = start(COMMAND("docker", "load", "--quiet"), ends[0], STDOUT_FILENO);
    close(ends[0]);
    char *error = send_archive(load, ends[1]);
    close(ends[1]);
    int code = finish(child);
    if (code)
        step_die(load->step, "docker load failed with exit code %d", code);
    if (error)
        step_die(load->step, "%s", error);
}

/* --- podman --- */

/* A folder whose path can be part of an image's name: lower case. */
static const char *link_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    bool is_fit = tmp && *tmp == '/';
    for (const char *c = tmp; is_fit && *c; c++)
        is_fit = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || (*c == '/' && c[1] != '/' && c[1]);
    return is_fit ? tmp : "/tmp";
}

/*
 * It makes a name of the layout's path, which ".dfgen" cannot be part of: so it gets another path, and the name is
 * taken away again.
 */
static void load_podman(struct load *load)
{
    struct step *step = load->step;
    const char *hex = load->id + 7;
    char real[PATH_MAX];
    if (ask(COMMAND("podman", "image", "exists", hex))) {
        const char *link = arena_printf(step->arena, "%s/dfgen-load.%ld", link_folder(), (long)getpid());
        const json_t *notes = json_object_get(json_array_get(json_object_get(load->index, "manifests"), 0),
                                              "annotations");
        const char *tag = json_get_string(notes, "org.opencontainers.image.ref.name", "latest");
        const char *source = arena_printf(step->arena, "oci:%s:%s", link, tag);
        unlink(link);
        if (!realpath(load->folder, real) || symlink(real, link) < 0)
            step_die(step, "cannot make %s:", link);
        int code = run(COMMAND("podman", "pull", "--quiet", source));
        unlink(link);
        if (code)
            step_die(step,
                "podman pull of %s failed with exit code %d; try: podman load -i with the archive of docker/STAGE", load->folder, code);
        const char *list = listen_to(load, COMMAND("podman", "image", "inspect", "--format",
                                                   "{{range .RepoTags}}{{.}} {{end}}", hex));
        for (size_t len; *list; list += len + (list[len] == ' ')) {
            len = strcspn(list, " ");
            const char *name = arena_strndup(step->arena, list, len);
            if (strstr(name, "dfgen-load."))
                do_it(load, COMMAND("podman", "untag", hex, name));
        }
    }
    for (size_t i = 0; i < load->names.list.count; i++)
        do_it(load, COMMAND("podman", "tag", hex, load->names.list.items[i]));
}

/* --- which --- */

/* The first that is there and answers. */
static const struct {
    const char *name;
    void (*load)(struct load *load);
} tools[] = {{"docker", load_docker}, {"podman", load_podman}};

static void choose(struct load *load)
{
    bool is_silent = false;
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        int code = ask(COMMAND(tools[i].name, "version"));
        if (code == 0) {
            tools[i].load(load);
            printf("%s %s\n", tools[i].name, load->id);
            return;
        }
        is_silent |= code != 127;
    }
    step_die(load->step, "%s; skopeo copy oci:%s:TAG DESTINATION takes the image elsewhere",
             is_silent ? "docker and podman do not answer: `docker version` or `podman version` says why"
                       : "neither docker nor podman is installed",
             load->folder);
}

static void open_image(struct load *load)
{
    struct step *step = load->step;
    const struct step_input *input = step_input(step, INPUT_IMAGE, 0);
    char *error = NULL;
    struct buf id = {0};
    if (!input)
        die_usage("%s.json has no image", step->base);
    const char *base = path_base(input->paths[0]);
    load->folder = base == input->paths[0] ? "." : arena_strndup(step->arena, input->paths[0],
                                                                 (size_t)(base - input->paths[0]) - 1);
    load->layout = open(load->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (load->layout < 0)
        step_die(step, "cannot open %s:", load->folder);
    load->index = layout_read_index(load->layout, &error);
    if (!error)
        error = facts_id(load->layout, step->arena, load->index, &id);
    if (error)
        step_die(step, "%s: %s", input->paths[0], error);
    load->id = arena_strdup(step->arena, buf_text(&id));
    buf_free(&id);
    const json_t *list = json_object_get(load->index, "manifests");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *notes = json_object_get(json_array_get(list, i), "annotations");
        const char *name = json_get_string(notes, "io.containerd.image.name", NULL);
        if (name)
            digests_add(&load->names, name);
    }
}

int main(int argc, char **argv)
{
    const char *file = step_main(argc, argv, "dfgen-load", help);
    struct step step;
    /* The tools are started as the user that this is. */
    step_load(&step, file, idmode_detect(NULL));
    struct load load = {.step = &step};
    open_image(&load);
    choose(&load);
    char *line = xasprintf("%s\n", load.id);
    step_write_out(&step, line, strlen(line));
    free(line);
    close(load.layout);
    json_decref(load.index);
    vec_free(&load.names.list);
    step_close(&step);
    return EXIT_DONE;
}
