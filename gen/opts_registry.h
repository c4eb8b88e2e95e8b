/* What the user says of registries: options, and [registry "PREFIX"] of dfgen.ini. Include gen/opts.h first. */
#ifndef DFGEN_OPTS_REGISTRY_H
#define DFGEN_OPTS_REGISTRY_H

struct json_t;

/* Setters as in opts_table.h: NULL, or what is wrong. */
const char *opts_set_authfile(struct opts *opts, const char *base, const char *value);
const char *opts_set_cert_dir(struct opts *opts, const char *base, const char *value);
const char *opts_set_tls_verify(struct opts *opts, const char *base, const char *value);

/* A key of the section whose name is prefix, with its quotes. */
const char *opts_set_registry(struct opts *opts, const char *base, const char *prefix, const char *key, const char *value);

/* All of it as the helpers read it: "registry" of settings.json. Holds no secret. */
struct json_t *opts_registry_json(const struct opts *opts);

#endif
