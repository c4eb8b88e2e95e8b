/*
 * Fuzz entry: any bytes as a Dockerfile. Parsed, every argument's place looked at, triggers parsed again, everything
 * printed. Build with -fsanitize=fuzzer, or with -DFUZZ_STANDALONE to run the files that are named.
 */
#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/parse.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "tests/fuzz/fuzz.h"

static struct arena arena;

static size_t touch(struct span text)
{
    size_t sum = 0;
    for (size_t i = 0; i < text.len; i++)
        sum += (unsigned char)text.text[i];
    return sum;
}

static size_t look_at(const struct insn *insn, struct diag *diag)
{
    size_t sum = touch(insn->text) + touch(insn->rest) + touch(insn->keyword) + touch(insn->check) + touch(insn->comment);
    for (size_t i = 0; i < insn->flag_count; i++)
        sum += touch(insn->flags[i].value);
    for (size_t i = 0; i < insn->arg_count; i++) {
        sum += touch(insn->args[i].name) + touch(insn->args[i].value);
        if (insn->args[i].place.line < insn->place.line)
            abort();
    }
    for (size_t i = 0; i < insn->heredoc_count; i++) {
        const struct heredoc *heredoc = &insn->heredocs[i];
        if (heredoc->arg != SIZE_MAX && heredoc->arg + 1 >= insn->arg_count)
            abort();
        sum += touch(heredoc->name) + touch(heredoc->word) + touch(heredoc->body);
    }
    if (insn->kind == INSN_ONBUILD && !insn->is_bad) {
        struct insn trigger;
        parse_trigger(&arena, insn->trigger, insn->place, diag, &trigger);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct source source;
    struct diag *diag = diag_new();
    size_t sum = 0;
    source_from_text(&source, &arena, (struct span){(const char *)data, size}, "Dockerfile");
    struct dockerfile *file = parse_dockerfile(&arena, &source, diag);
    for (size_t i = 0; i < file->global_count; i++)
        sum += look_at(&file->globals[i], diag);
    for (size_t i = 0; i < file->stage_count; i++) {
        sum += look_at(&file->stages[i].from, diag) + touch(file->stages[i].image) + touch(file->stages[i].name);
        for (size_t k = 0; k < file->stages[i].insn_count; k++)
            sum += look_at(&file->stages[i].insns[k], diag);
    }
    FILE *out = fopen("/dev/null", "w");
    if (out) {
        fprintf(out, "%zu\n", sum);
        diag_print(diag, out, true);
        fclose(out);
    }
    diag_free(diag);
    arena_free(&arena);
    return 0;
}
