/* Which sources of ADD lie elsewhere (reference/dockerfile.md §8.6). */
#ifndef DFGEN_REMOTE_H
#define DFGEN_REMOTE_H

#include "runtime/lib/span.h"

enum remote_kind { REMOTE_NONE, REMOTE_HTTP, REMOTE_GIT };

enum remote_kind remote_kind_of(struct span source);

#endif
