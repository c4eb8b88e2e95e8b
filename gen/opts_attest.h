/* What the user says of documents about the image: --sbom, --provenance, --attest. Include gen/opts.h first. */
#ifndef DFGEN_OPTS_ATTEST_H
#define DFGEN_OPTS_ATTEST_H

/* Setters as in opts_table.h: NULL, or what is wrong. value NULL: the option stood alone. */
const char *opts_set_sbom(struct opts *opts, const char *base, const char *value);
const char *opts_set_provenance(struct opts *opts, const char *base, const char *value);
const char *opts_set_attest(struct opts *opts, const char *base, const char *value);

#endif
