/*
 * What the parser makes of a Dockerfile: stages with instructions, arguments as written (not expanded), every
 * piece with its place. Made by parse.c, read by stage.c and check.c; nothing changes it afterwards.
 * Include gen/diag.h first.
 */
#ifndef DFGEN_AST_H
#define DFGEN_AST_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"

enum insn_kind {
    INSN_ADD, INSN_ARG, INSN_CMD, INSN_COPY, INSN_ENTRYPOINT, INSN_ENV, INSN_EXPOSE, INSN_FROM, INSN_HEALTHCHECK,
    INSN_LABEL, INSN_MAINTAINER, INSN_ONBUILD, INSN_RUN, INSN_SHELL, INSN_STOPSIGNAL, INSN_USER, INSN_VOLUME,
    INSN_WORKDIR,
};

/* --name=value. A bool flag has value "true" or "false". Names and kinds have been checked against the table. */
struct flag {
    const char *name;   /* from the table in insn.c, so comparable with strcmp */
    struct span value;  /* quotes and escapes of the flag lexer removed (dockerfile.md §1.4); not expanded */
    struct place place;
};

/* One argument. For ENV, LABEL, ARG: name and value; else value alone. */
struct arg {
    struct span name;    /* text before the first '=', as written */
    struct span value;   /* as written (quotes and escapes kept) */
    bool has_value;      /* ARG name without '=': false */
    struct place place;
};

struct heredoc {
    struct span name;    /* unquoted */
    struct span word;    /* as written in the line: 3<<-"EOF" */
    struct span body;    /* raw, with its last newline; tabs not cut */
    bool is_quoted;      /* no expansion in the body */
    bool strips_tabs;    /* <<- */
    size_t arg;          /* COPY, ADD: index of the argument that it is; SIZE_MAX: none ("<< EOF", as in RUN) */
    struct place place;  /* of the word */
};

struct insn {
    enum insn_kind kind;
    struct place place;       /* of the keyword */
    int last_line;            /* last physical line, before its heredocs */
    struct span keyword;      /* as written: for casing checks */
    struct span text;         /* whole logical line, continuations joined: for messages and ONBUILD */
    struct span rest;         /* what follows keyword and flags, trimmed */
    struct flag *flags;
    size_t flag_count;
    struct arg *args;
    size_t arg_count;
    bool is_json;             /* the arguments came from a JSON array: args[].value are decoded */
    bool is_old_form;         /* ENV and LABEL: "KEY rest" */
    struct heredoc *heredocs;
    size_t heredoc_count;
    struct span subtype;      /* HEALTHCHECK: CMD or NONE as written; ONBUILD: the keyword of its trigger */
    struct span trigger;      /* ONBUILD: text to store in the image's OnBuild, heredoc bodies appended */
    struct span check;        /* value of "# check=" in the comments above; empty: none */
    struct span comment;      /* last comment line right above, without "# "; empty: none */
    bool is_heredoc_script;   /* RUN: the whole command is one heredoc word: its body is the script (§9.3) */
    bool is_bad;              /* an error about it was reported: what is here may be incomplete (only FROMs are kept then) */
    bool has_empty_continuation;
};

/* FROM and what follows it. */
struct stage_ast {
    struct insn from;
    struct span image;        /* as written */
    struct span platform;     /* value of --platform, empty: none */
    struct span name;         /* lower-cased; empty: none */
    struct span name_written;
    struct span as_keyword;   /* as written, for casing checks; empty: none */
    struct insn *insns;
    size_t insn_count;
    size_t index;             /* 0-based position in the file */
};

struct dockerfile {
    const struct source *source;
    char escape;              /* '\\' or '`' */
    struct span syntax;       /* value of "# syntax=", empty: none */
    struct span check;        /* value of "# check=", empty: none; first word */
    struct place syntax_place, check_place;
    struct insn *globals;     /* ARGs before the first FROM */
    size_t global_count;
    struct stage_ast *stages;
    size_t stage_count;
};

#endif
