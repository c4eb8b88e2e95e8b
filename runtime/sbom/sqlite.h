/* SQLite's file format, as far as it takes to read one table of a database that nobody is writing. */
#ifndef DFGEN_SBOM_SQLITE_H
#define DFGEN_SBOM_SQLITE_H

#include "runtime/lib/span.h"

/*
 * take gets what each row of the table has in a column (from 0). NULL, or what is wrong with the file; rows may have been taken
 * then.
 */
const char *sqlite_read(int fd, const char *table, unsigned column, void (*take)(void *data, struct span value),
                        void *data);

#endif
