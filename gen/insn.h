/* The table of instructions and their flags (reference/dockerfile.md §1.4, §1.5). Includes first: gen/diag.h, gen/ast.h. */
#ifndef DFGEN_INSN_H
#define DFGEN_INSN_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"

enum flag_kind { FLAG_BOOL, FLAG_STRING, FLAG_LIST };

struct flag_spec {
    const char *name;              /* NULL ends a list */
    enum flag_kind kind;
    const char *const *values;     /* the only ones allowed, NULL at the end; NULL: any */
    const char *complaint;         /* said of another value, with one %s for it, quoted */
};

/* How what follows the flags becomes arguments. */
enum insn_form {
    FORM_TEXT,      /* JSON, else one string */
    FORM_LIST,      /* JSON, else split at white space */
    FORM_SPLIT,     /* split at white space */
    FORM_STRING,    /* one string */
    FORM_PAIRS,     /* name=value words, or the old form */
    FORM_WORDS,     /* words with or without a value */
    FORM_HEALTH,    /* a word, then as FORM_TEXT */
    FORM_NESTED,    /* an instruction */
};

struct insn_spec {
    const char *name;
    enum insn_form form;
    size_t least_args;
    const char *too_few;             /* said when there are fewer, with one %s for the name */
    const struct flag_spec *flags;   /* NULL: none */
    bool ignores_flags;              /* read, but not checked */
    bool has_heredocs;
};

/* By enum insn_kind. */
extern const struct insn_spec insn_specs[];
/* Their names, in any order, NULL at the end. */
extern const char *const insn_names[];

/* The kind of a keyword in any case; false: there is none. */
bool insn_find(struct span keyword, enum insn_kind *kind);

#endif
