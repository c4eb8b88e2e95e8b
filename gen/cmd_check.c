/*
 * Owns the command check, and --check: a Dockerfile is read and judged, and nothing is written. Must not know any rule.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/cmd.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gen/build.h"
#include "gen/check.h"
#include "gen/frontend.h"
#include "gen/images.h"
#include "gen/opts.h"
#include "gen/parse.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"

static int check_file(struct opts *opts)
{
    struct source source;
    struct diag *diag = diag_new();
    build_read_source(opts, &source);
    cmd_read_lock(opts);
    /* What is not in the store is not asked for: a text is judged in milliseconds, and without a network. */
    opts->offline = true;
    struct images *images = images_new(opts->arena, opts);
    struct dockerfile *file = parse_dockerfile(opts->arena, &source, diag);
    frontend_check(opts, file, diag);
    if (!diag_error_count(diag))
        check_run(opts->arena, opts, file, images, true, diag);
    diag_print(diag, stderr, true);
    int result = diag_error_count(diag) ? EXIT_USAGE : diag_check_count(diag) ? EXIT_BUILD : EXIT_DONE;
    images_free(images);
    diag_free(diag);
    return result;
}

/* With images of dfgen.ini, all of them; the exit code is the worst. */
int cmd_check_file(struct opts *opts)
{
    int result = opts->images.count ? EXIT_DONE : check_file(opts);
    for (size_t i = 0; i < opts->images.count; i++) {
        int one = check_file(opts->images.items[i]);
        result = one > result ? one : result;
    }
    return result;
}

int cmd_check(int argc, char **argv)
{
    struct arena arena = {0};
    char **words = arena_array(&arena, (size_t)argc + 1, sizeof *words);
    bool is_trial = false;
    int count = 0;
    for (int i = 0; i < argc; i++) {
        bool is_own = !strcmp(argv[i], "--reproducible");
        is_trial |= is_own;
        if (!is_own)
            words[count++] = argv[i];
    }
    struct opts *opts = opts_read(&arena, count, words, NULL);
    int result = is_trial ? cmd_reproduce(opts) : cmd_check_file(opts);
    opts_free(opts);
    arena_free(&arena);
    return result;
}
