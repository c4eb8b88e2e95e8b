/* What the files of check share. No other file includes it. Include gen/diag.h and gen/ast.h first. */
#ifndef DFGEN_CHECK_INTERNAL_H
#define DFGEN_CHECK_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "gen/scope.h"
#include "gen/seq.h"

struct arena;
struct images;
struct opts;
struct pattern_list;
struct platform;

enum check_rule {
    CHECK_STAGE_NAME_CASING,
    CHECK_FROM_AS_CASING,
    CHECK_NO_EMPTY_CONTINUATION,
    CHECK_CONSISTENT_INSTRUCTION_CASING,
    CHECK_DUPLICATE_STAGE_NAME,
    CHECK_RESERVED_STAGE_NAME,
    CHECK_JSON_ARGS_RECOMMENDED,
    CHECK_MAINTAINER_DEPRECATED,
    CHECK_UNDEFINED_ARG_IN_FROM,
    CHECK_INVALID_DEFAULT_ARG_IN_FROM,
    CHECK_UNDEFINED_VAR,
    CHECK_WORKDIR_RELATIVE_PATH,
    CHECK_MULTIPLE_INSTRUCTIONS_DISALLOWED,
    CHECK_LEGACY_KEY_VALUE_FORMAT,
    CHECK_INVALID_BASE_IMAGE_PLATFORM,
    CHECK_REDUNDANT_TARGET_PLATFORM,
    CHECK_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
    CHECK_SECRETS_USED_IN_ARG_OR_ENV,
    CHECK_COPY_IGNORED_FILE,
    CHECK_EXPOSE_PROTO_CASING,
    CHECK_EXPOSE_INVALID_FORMAT,
    CHECK_INVALID_DEFINITION_DESCRIPTION,
    CHECK_UNPINNED_BASE_IMAGE,
    CHECK_RUN_NEVER_CUT_OFF,
    CHECK_RUN_USES_NETWORK,
    CHECK_COUNT,
};

/* What one "# check=" asks for. */
struct check_options {
    bool skips[CHECK_COUNT], tries[CHECK_COUNT];
    bool is_error;
};

struct checker {
    struct arena *arena;
    const struct opts *opts;
    const struct dockerfile *file;
    struct images *images;
    struct diag *diag;
    struct check_options options;   /* of the file */
    struct check_options current;   /* with those of the instruction that is looked at */
    size_t spent;                   /* by expansion */
    size_t compared;                /* names, for suggestions */
    bool is_alone;                  /* nothing is built, so that nobody else says what cannot be expanded */
    bool has_fired[CHECK_COUNT];
    size_t *base;                   /* by stage: the stage that it is built on; SIZE_MAX: none */
    bool *is_looked_at;             /* by stage */
    struct scope globals;
    span_seq global_names;          /* declared by ARG, with or without a value */
    const struct platform *target;
};

/* The rules from here on hold for this instruction, with its own "# check=". */
void check_enter(struct checker *checker, const struct insn *insn);
/* A rule fires at place, unless it is switched off. */
void check_say(struct checker *checker, enum check_rule rule, struct place place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* " (did you mean PREFIXname?)", or "". */
const char *check_suggest(struct checker *checker, struct span name, const char *prefix, const struct scope *scope,
                          const span_seq *more);
/* The place of an argument, or of the instruction when it has fewer. */
struct place check_arg_place(const struct insn *insn, size_t arg);

/* check_needed.c: which stages are looked at, and what each is built on. */
void check_find_stages(struct checker *checker, bool all_stages);
/* check_file.c: what can be told from the text alone. */
void check_file(struct checker *checker);
/* check_stage.c: what variables and paths tell. */
void check_stages(struct checker *checker);
/* check_own.c: what BuildKit has not. */
void check_own_run(struct checker *checker, const struct insn *insn);
void check_own_base(struct checker *checker, const struct insn *from, struct span name,
                    const struct platform *platform);

#endif
