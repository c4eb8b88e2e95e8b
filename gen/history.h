/*
 * The created_by texts of an image's history (reference/dockerfile.md §12.2). Include gen/platform.h, gen/config.h,
 * gen/diag.h, gen/ast.h and gen/stage.h first.
 */
#ifndef DFGEN_HISTORY_H
#define DFGEN_HISTORY_H

struct arena;

/* "ENV k=v k=v" */
struct span history_pairs(struct arena *arena, const char *keyword, const struct label *pairs, size_t count);
/* "CMD [\"a\" \"b\"]" */
struct span history_quoted(struct arena *arena, const char *keyword, const span_seq *words);
/* "EXPOSE [80/tcp 90/udp]" */
struct span history_list(struct arena *arena, const char *keyword, const span_seq *words);
/* "USER x" */
struct span history_text(struct arena *arena, const char *keyword, struct span text);
struct span history_health(struct arena *arena, const struct health *health);
/* "COPY --chown=x a b /d/ # buildkit"; dest as written after expansion */
struct span history_copy(struct arena *arena, const char *keyword, const struct copy_action *copy, struct span dest);
/* "RUN |1 A=x /bin/sh -c text # buildkit" */
struct span history_run(struct arena *arena, const struct stage *stage, const struct run_action *run);

#endif
