/*
 * Stands in for libdeflate.c where configure left libdeflate out. Called by compress.c, which then takes another library.
 */
#include "runtime/tar/codec.h"

#include <stddef.h>

const struct codec *const codec_libdeflate = NULL;
