/* What is refused on purpose: foreign frontends and Windows. Include gen/ast.h and gen/platform.h first. */
#ifndef DFGEN_FRONTEND_H
#define DFGEN_FRONTEND_H

#include <stdbool.h>

struct diag;
struct opts;

/* Errors for a "# syntax=" (or BUILDKIT_SYNTAX) that is not BuildKit's own, and for --platform windows. */
void frontend_check(const struct opts *opts, const struct dockerfile *file, struct diag *diag);
/* No stage can be built for it. */
bool frontend_is_foreign(const struct platform *platform);

#endif
