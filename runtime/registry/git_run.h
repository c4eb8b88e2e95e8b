/* One call of the git program in clean surroundings. For git.c alone. */
#ifndef DFGEN_REGISTRY_GIT_RUN_H
#define DFGEN_REGISTRY_GIT_RUN_H

struct buf;

struct git_run {
    int dir;                /* where it runs */
    const char *protocols;  /* GIT_ALLOW_PROTOCOL: "https", "http:https" */
    const char *agent;      /* socket of the ssh agent; NULL: none */
};

/*
 * Run git with these words (NULL at the end); out (may be NULL) gets what it prints. NULL, or what went wrong: git's
 * own message on one line, printable, without user and password; malloc'd.
 */
char *git_run(const struct git_run *run, const char *const *words, struct buf *out);

#endif
