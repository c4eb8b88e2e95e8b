/* registries.conf and its drop-ins (containers-registries.conf(5), version 2). */
#ifndef DFGEN_REGISTRY_REGISTRIES_CONF_H
#define DFGEN_REGISTRY_REGISTRIES_CONF_H

struct hosts;

/* Append what the files say to hosts->rules and hosts->helpers. NULL, or FILE:LINE and what is wrong there (the arena's). */
const char *registries_conf_read(struct hosts *hosts);

#endif
