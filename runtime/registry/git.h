/*
 * The files of a git repository's commit, by the git program: without hooks, without configuration of system or user,
 * without a question to the user, and by the protocol of the address alone.
 */
#ifndef DFGEN_REGISTRY_GIT_H
#define DFGEN_REGISTRY_GIT_H

#include <stdbool.h>

struct git_request {
    const char *url;        /* http, https, git, ssh, or USER@HOST:PATH */
    const char *ref;        /* branch, tag, full ref or commit; "": what HEAD of the repository is */
    const char *subdir;     /* clean, relative; "": all */
    const char *commit; /* what it must be: at least the beginning of the hash of the commit or the tag; "": anything */
    const char *agent;      /* socket of the ssh agent; NULL: none */
    bool keeps_git_dir;     /* without subdir only */
    bool has_submodules;    /* get them too */
};

/* What a ref may look like: nothing that git takes for an option or an expression. */
bool git_is_ref(const char *text);
/* 40 or 64 hex digits. */
bool git_is_commit(const char *text);

/*
 * Make the files as the folder NAME in dir, where nothing else is; commit gets the hash of what came. NULL, or what went
 * wrong: malloc'd, without user and password.
 */
char *git_get(const struct git_request *request, int dir, const char *name, char commit[65]);

#endif
