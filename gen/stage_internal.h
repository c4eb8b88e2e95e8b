/*
 * What the files of stage share: the state of a resolution. No other file includes it. Include first: gen/diag.h,
 * gen/ast.h, gen/platform.h, gen/config.h, gen/stage.h.
 */
#ifndef DFGEN_STAGE_INTERNAL_H
#define DFGEN_STAGE_INTERNAL_H

#include "gen/word.h"

struct name_entry;

struct resolver {
    struct arena *arena;
    const struct opts *opts;
    const struct dockerfile *file;
    struct images *images;
    struct stages *stages;
    struct scope globals;           /* ARGs before the first FROM, and the automatic ones */
    struct diag *user;              /* what the user is told */
    struct diag *hidden;            /* errors of stages that are not needed */
    struct diag *diag;              /* where errors go now */
    struct stage *stage;            /* that is being resolved */
    struct name_entry *names;       /* stages by name, sorted */
    size_t name_count;
    size_t spent;                   /* by expansion and what RUNs are given */
};

/* --- helpers of all (stage.c) --- */

/* Expand one word with these variables; false: said in diag, at place. */
bool stage_expand_with(struct resolver *resolver, const struct scope *scope, struct span text, struct place place,
                       struct span *out);
/* The same in the environment of the current stage. */
bool stage_expand(struct resolver *resolver, struct span text, struct place place, struct span *out);
/* The build argument of that name; the last given wins. */
bool stage_build_arg(const struct resolver *resolver, struct span name, struct span *value);
/* Value of a flag; false: not given. */
bool stage_flag(const struct insn *insn, const char *name, struct span *value, struct place *place);
bool stage_has_flag(const struct insn *insn, const char *name);

/* --- stage_global.c: what holds for the whole file --- */

void stage_set_globals(struct resolver *resolver);

/* --- stage_names.c: which stage a name means --- */

void stage_index_names(struct resolver *resolver);
/* The last stage of that name (lower case) with an index below before. */
struct stage *stage_find(const struct resolver *resolver, struct span name, size_t before);
/*
 * What COPY --from (with numbers) and mounts name: *stage is NULL when it is no stage. False: a wrong number, said in
 * diag.
 */
bool stage_find_source(struct resolver *resolver, struct span name, bool takes_numbers, struct place place,
                       struct stage **stage);

/* --- stage_from.c: FROM --- */

/* Read all FROM lines: names, platforms, base stages. */
void stage_read_froms(struct resolver *resolver);
/* Find the base image of the current stage, and the triggers that fire in it. Once for each. */
void stage_enter(struct resolver *resolver);
/* Begin the config and environment of the current stage; its base is resolved. */
void stage_begin(struct resolver *resolver);
/* An image or named context by the name that FROM, COPY --from or a mount has for it. False: said in diag. */
bool stage_find_image(struct resolver *resolver, struct span name, struct place place, struct origin *origin);

/* --- stage_lock.c: dfgen.lock, --locked, --offline --- */

/* Where it is said that something is missing: of a needed stage always, even of one that has failed already. */
struct diag *stage_missing_diag(const struct resolver *resolver);

/* An image that was found for this name. False: it is not what is locked, said in diag. */
bool stage_lock_image(struct resolver *resolver, struct span text, struct place place, const struct image *image);
/* A remote source with its flags: without a checksum of its own it gets the locked one. */
void stage_lock_remote(struct resolver *resolver, struct add_source *remote, struct place place);
/* Say all that would have to be fetched for the target. */
void stage_check_offline(struct resolver *resolver);

/* --- needed.c: which stages use which --- */

/* Note the stages that an instruction of stage uses; wrong numbers and what can be told of mounts are said in diag. */
void needed_scan(struct resolver *resolver, struct stage *stage, const struct insn *insn);
/* Cycles are said in diag. */
void needed_check_cycles(struct resolver *resolver);
/* Mark what the target needs, entering each such stage. */
void needed_mark(struct resolver *resolver);

/* --- stage_insn.c and the resolvers that are too long for it --- */

void stage_resolve_insn(struct resolver *resolver, const struct insn *insn);
void stage_resolve_copy(struct resolver *resolver, const struct insn *insn);
void stage_resolve_run(struct resolver *resolver, const struct insn *insn);
/* A new action of the current stage. */
struct action *stage_add_action(struct resolver *resolver, enum action_kind kind, const struct insn *insn);
/* --no-cache, --no-cache-filter: what the current stage does is done again. */
bool stage_is_forced(const struct resolver *resolver);
/* SHELL's words, or the default's. */
void stage_add_shell(const struct resolver *resolver, span_seq *words);
/* What COPY and a bind mount take from when they do not say. */
struct origin stage_main_context(const struct resolver *resolver);
/* Where COPY --from and mounts take files: a stage that is finished, else an image or context. False: said in diag. */
bool stage_find_origin(struct resolver *resolver, struct span name, bool takes_numbers, struct place place,
                       const char *target, struct origin *origin);
/* No base and no action so far. */
bool stage_is_empty(const struct stage *stage);
/* A heredoc's body, less its leading tabs for "<<-". */
struct span stage_heredoc_body(struct arena *arena, const struct heredoc *heredoc);
/* What becomes a file must have the name of one: else it is said in diag. */
void stage_check_heredoc_name(struct resolver *resolver, const struct heredoc *heredoc);

#endif
