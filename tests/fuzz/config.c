/* Fuzz entry: any JSON as an image's config. Read, changed, inherited, written; what was written must be JSON that is read the same again. */
#include "gen/platform.h"

#include "gen/config.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/json.h"
#include "tests/fuzz/fuzz.h"

static void write_config(struct config *config, struct arena *arena, struct buf *text)
{
    static const struct span fill[] = {{"one", 3}, {"two", 3}, {"three", 5}};
    struct config_times times = {1, false};
    struct config_layers layers = {fill, sizeof fill / sizeof *fill};
    config_write(config, arena, &times, &layers, text);
}

static void change(struct config *config, struct arena *arena, struct span text)
{
    config_set_env(config, arena, text, text);
    config_set_label(config, arena, text, text);
    config_add_port(config, arena, text);
    config_add_volume(config, arena, text);
    config->workdir = config_join_workdir(arena, config->workdir, text);
    config_add_history(config, arena, text, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct buf first = {0}, second = {0};
    struct span text = {(const char *)data, size};
    json_t *image = json_parse(text, NULL);
    if (image) {
        struct config config, child, again;
        config_from_image(&config, &arena, image);
        config_inherit(&child, &arena, &config);
        write_config(&config, &arena, &first);
        json_t *back = json_parse((struct span){buf_text(&first), first.len}, NULL);
        if (!back)
            abort();
        config_from_image(&again, &arena, back);
        if (again.env.count != config.env.count || again.labels.count != config.labels.count)
            abort();
        change(&child, &arena, size > 64 ? (struct span){text.text, 64} : text);
        write_config(&child, &arena, &second);
        json_decref(back);
    }
    json_decref(image);
    buf_free(&first);
    buf_free(&second);
    arena_free(&arena);
    return 0;
}
