/* --annotation and the keywords of --output: what is annotated, for which platform. Include gen/opts.h first. */
#ifndef DFGEN_OPTS_ANNOTATION_H
#define DFGEN_OPTS_ANNOTATION_H

/* docker's [TYPE[[PLATFORM]],…:]KEY=VALUE. NULL, or what is wrong. */
const char *opts_set_annotation(struct opts *opts, const char *base, const char *text);
/* A key of dfgen.ini behind "annotation-": TYPE[[PLATFORM]].KEY=VALUE. A colon would end the key there. */
const char *opts_set_typed_annotation(struct opts *opts, const char *base, const char *text);
/* A keyword of --output: annotation[-TYPE][[PLATFORM]].KEY, with its value. */
const char *opts_annotation_keyword(struct opts *opts, struct opt_output *output, const char *name, const char *value);

/* Ends the process when there is no index to annotate; warns of a platform that nothing is made for. */
void opts_annotation_finish(const struct opts *opts);

#endif
