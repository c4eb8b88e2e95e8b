/* What dfgen --help prints. */
#ifndef DFGEN_HELP_H
#define DFGEN_HELP_H

void help_print(void);

#endif
