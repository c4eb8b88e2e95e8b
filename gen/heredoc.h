/* Which words are heredocs, and their names (reference/dockerfile.md §1.6). Includes first: gen/diag.h, gen/ast.h. */
#ifndef DFGEN_HEREDOC_H
#define DFGEN_HEREDOC_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"
#include "runtime/lib/vec.h"

struct arena;
struct heredoc;

/* Is this whole text one heredoc word? Then its name, quoting and "-" are filled in. */
bool heredoc_match(struct arena *arena, struct span text, struct heredoc *heredoc);

struct heredoc_word {
    struct span name, word;
    bool is_quoted, strips_tabs;
    size_t at; /* where it begins in the line */
};

typedef VEC(struct heredoc_word) heredoc_words;

/* The heredocs of a logical line, in order. None where its quotes or substitutions are wrong. */
void heredoc_find(struct arena *arena, struct span line, heredoc_words *words);

#endif
