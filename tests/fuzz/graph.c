/*
 * Fuzz entry: any bytes as a Dockerfile, from the text to the graph, with a context of a few files and an image of one layer with a trigger. Nothing
 * is written but these, once.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/plan.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/check.h"
#include "gen/graph.h"
#include "gen/images.h"
#include "gen/opts.h"
#include "gen/parse.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "tests/fuzz/fuzz.h"

static struct arena lasting;
static char folder[] = "/tmp/dfgen-fuzz-XXXXXX";

static void put(const char *path, const char *text, size_t len)
{
    if (file_write_if_changed_at(AT_FDCWD, path, text, len, NULL) < 0)
        abort();
}

/* A blob, and its descriptor. */
static char *put_blob(const char *type, const char *text)
{
    char hex[DIGEST_HEX + 1];
    struct buf whole = {0};
    buf_puts(&whole, text);
    struct digest digest = digest_of(buf_text(&whole), whole.len);
    digest_hex(&digest, hex);
    put(arena_printf(&lasting, "base/blobs/sha256/%s", hex), buf_text(&whole), whole.len);
    char *descriptor = arena_printf(&lasting, "{\"mediaType\":\"application/vnd.oci.image.%s\",\"digest\":\"sha256:%s\",\"size\":%zu}", type,
                                    hex, whole.len);
    buf_free(&whole);
    return descriptor;
}

static void make_base(void)
{
    const char *layer = put_blob("layer.v1.tar", "no gen opens it");
    const char *config = put_blob("config.v1+json",
                                  "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Env\":[\"PATH=/bin\",\"A=b\"],"
                                  "\"OnBuild\":[\"RUN $A\",\"COPY --from=s a b\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:"
                                  "0123456789012345678901234567890123456789012345678901234567890123\"]}}");
    const char *manifest = put_blob("manifest.v1+json", arena_printf(&lasting, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]}", config, layer));
    const char *index = arena_printf(&lasting, "{\"schemaVersion\":2,\"manifests\":[%s]}", manifest);
    put("base/index.json", index, strlen(index));
    put("base/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", 30);
}

static void remove_folder(void)
{
    char *command = arena_printf(&lasting, "rm -rf '%s'", folder);
    if (system(command))
        perror(folder);
}

static const struct opts *prepare(void)
{
    static char *argv[] = {"dfgen", "-C", "build", "--build-context", "busybox=oci-layout:base", "--build-context", "other=context/d",
                           "--build-arg", "G=given", "--platform", "linux/amd64", "--offline", "context", NULL};
    if (!mkdtemp(folder) || chdir(folder) < 0 || dir_make_at(AT_FDCWD, "base/blobs/sha256", 0777) < 0 ||
        dir_make_at(AT_FDCWD, "context/d", 0777) < 0 || symlink("d", "context/l") < 0)
        abort();
    atexit(remove_folder);
    setenv("DFGEN_STORE", arena_printf(&lasting, "%s/store", folder), 1);
    put("context/a", "a", 1);
    put("context/d/b", "b", 1);
    put("context/Dockerfile", "FROM scratch", 12);
    put("context/.dockerignore", "Dockerfile\n!d/*\n", 16);
    make_base();
    return opts_read(&lasting, sizeof argv / sizeof *argv - 1, argv, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct opts *opts;
    struct arena arena = {0};
    struct source source;
    struct outbox *files;
    if (!opts)
        opts = prepare();
    struct diag *diag = diag_new();
    struct images *images = images_new(&arena, opts);
    source_from_text(&source, &arena, (struct span){(const char *)data, size}, "Dockerfile");
    struct dockerfile *file = parse_dockerfile(&arena, &source, diag);
    if (!diag_error_count(diag))
        check_run(&arena, opts, file, images, false, diag);
    struct plan *plan = plan_new(&arena, opts);
    struct unit *unit = diag_error_count(diag) ? NULL : plan_add(plan, opts, file, images, diag);
    if (!unit != (diag_error_count(diag) > 0))
        abort();
    if (unit)
        plan_finish(plan, &files);
    plan_free(plan);
    diag_free(diag);
    images_free(images);
    arena_free(&arena);
    return 0;
}
