/*
 * Fuzz entry: any bytes as an archive of images, of which one is looked up; and as JSON that is an index's descriptor and a manifest at once.
 */
#include "gen/images.h"

#include "gen/layout.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gen/manifest.h"
#include "gen/platform.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "tests/fuzz/fuzz.h"

static void look_up(struct layout *layout, const struct layout_query *query)
{
    const struct platform wanted = {"linux", "amd64", ""};
    const char *error;
    const struct image *image = layout_find(layout, query, &wanted, false, &error);
    if (!image)
        return;
    for (size_t i = 0; i < image->layer_count; i++)
        if (!image->layers[i].digest || !image->layers[i].diff_id || !image->layers[i].media_type || !image->layers[i].blob)
            abort();
    if (error || !image->config || !image->digest || !image->input_count)
        abort();
}

static void read_archive(struct arena *arena, const uint8_t *data, size_t size)
{
    const char *error = NULL;
    autoclose int fd = memfd_create("archive", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, data, size) < 0)
        abort();
    struct layout *layout = layout_open(arena, arena_printf(arena, "/proc/self/fd/%d", fd), &error);
    if (!layout && !error)
        abort();
    if (!layout)
        return;
    look_up(layout, &(struct layout_query){.tag = "latest", .accept_only = true});
    look_up(layout, &(struct layout_query){.reference = "docker.io/library/busybox:latest"});
    layout_close(layout);
}

static void read_manifest(struct arena *arena, struct span text)
{
    json_t *json = json_parse(text, NULL);
    struct descriptor descriptor, config;
    const char *error = json ? descriptor_read(arena, json, &descriptor) : "no JSON";
    if (json && error)
        descriptor = (struct descriptor){.media_type = "application/vnd.oci.image.manifest.v1+json", .kind = DESCRIPTOR_MANIFEST};
    if (json)
        manifest_check(arena, json, &descriptor, &config);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    read_manifest(&arena, (struct span){(const char *)data, size});
    read_archive(&arena, data, size);
    arena_free(&arena);
    return 0;
}
