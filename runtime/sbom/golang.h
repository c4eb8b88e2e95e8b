/* What Go programs say of the modules that they were made from. */
#ifndef DFGEN_SBOM_GOLANG_H
#define DFGEN_SBOM_GOLANG_H

struct packages;

/* fd: of a file that can be run. One that no Go compiler made is passed over. */
void golang_read(struct packages *packages, const char *path, int fd);

#endif
