/*
 * Owns the wording of history entries. Called by the resolvers of instructions. Must not know when an entry is made,
 * nor its time.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/history.h"

#include <inttypes.h>

#include "gen/value.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"

static struct span take(struct arena *arena, struct buf *text)
{
    struct span taken = arena_span(arena, (struct span){buf_text(text), text->len});
    buf_free(text);
    return taken;
}

static void add_span(struct buf *out, struct span text)
{
    buf_add(out, text.text, text.len);
}

struct span history_pairs(struct arena *arena, const char *keyword, const struct label *pairs, size_t count)
{
    struct buf out = {0};
    buf_puts(&out, keyword);
    for (size_t i = 0; i < count; i++) {
        buf_putc(&out, ' ');
        add_span(&out, pairs[i].name);
        buf_putc(&out, '=');
        add_span(&out, pairs[i].value);
    }
    return take(arena, &out);
}

struct span history_quoted(struct arena *arena, const char *keyword, const span_seq *words)
{
    struct buf out = {0};
    buf_printf(&out, "%s ", keyword);
    value_quote_list(&out, words->items, words->count);
    return take(arena, &out);
}

static void add_words(struct buf *out, const span_seq *words)
{
    for (size_t i = 0; i < words->count; i++) {
        if (i)
            buf_putc(out, ' ');
        add_span(out, words->items[i]);
    }
}

struct span history_list(struct arena *arena, const char *keyword, const span_seq *words)
{
    struct buf out = {0};
    buf_printf(&out, "%s [", keyword);
    add_words(&out, words);
    buf_putc(&out, ']');
    return take(arena, &out);
}

struct span history_text(struct arena *arena, const char *keyword, struct span text)
{
    struct buf out = {0};
    buf_printf(&out, "%s ", keyword);
    add_span(&out, text);
    return take(arena, &out);
}

/* A fraction without the zeros at its end: "1.5". */
static void add_decimal(struct buf *out, uint64_t value, uint64_t unit)
{
    buf_printf(out, "%" PRIu64, value / unit);
    uint64_t rest = value % unit;
    if (!rest)
        return;
    buf_putc(out, '.');
    for (; rest; rest = rest * 10 % unit)
        buf_putc(out, (char)('0' + rest * 10 / unit));
}

/* As Go writes a duration: "1h30m0s", "1.5ms". */
static void add_duration(struct buf *out, int64_t nanoseconds)
{
    const uint64_t second = 1000000000, value = (uint64_t)nanoseconds;
    if (!value) {
        buf_puts(out, "0s");
    } else if (value < second) {
        static const struct {
            uint64_t size;
            const char *name;
        } units[] = {{1000000, "ms"}, {1000, "\xc2\xb5s"}, {1, "ns"}};
        size_t i = 0;
        while (value < units[i].size)
            i++;
        add_decimal(out, value, units[i].size);
        buf_puts(out, units[i].name);
    } else {
        uint64_t hours = value / second / 3600, minutes = value / second / 60 % 60;
        if (hours)
            buf_printf(out, "%" PRIu64 "h", hours);
        if (hours || minutes)
            buf_printf(out, "%" PRIu64 "m", minutes);
        add_decimal(out, value % (60 * second), second);
        buf_putc(out, 's');
    }
}

struct span history_health(struct arena *arena, const struct health *health)
{
    const struct {
        const char *name;
        int64_t value;
    } durations[] = {
        {"Interval", health->interval},
        {"Timeout", health->timeout},
        {"StartPeriod", health->start_period},
        {"StartInterval", health->start_interval},
    };
    struct buf out = {0};
    buf_puts(&out, "HEALTHCHECK {Test:[");
    add_words(&out, &health->test);
    buf_putc(&out, ']');
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        buf_printf(&out, " %s:", durations[i].name);
        add_duration(&out, durations[i].value);
    }
    buf_printf(&out, " Retries:%d}", health->retries);
    return take(arena, &out);
}

struct span history_copy(struct arena *arena, const char *keyword, const struct copy_action *copy, struct span dest)
{
    struct buf out = {0};
    buf_printf(&out, "%s%s", keyword, copy->has_parents ? " --parents" : "");
    if (copy->chown.len)
        buf_printf(&out, " --chown=%.*s", SPAN(copy->chown));
    if (copy->chmod.len)
        buf_printf(&out, " --chmod=%.*s", SPAN(copy->chmod));
    for (size_t i = 0; i < copy->sources.count; i++) {
        buf_putc(&out, ' ');
        add_span(&out, copy->sources.items[i].path);
    }
    for (size_t i = 0; i < copy->contents.count; i++) {
        buf_puts(&out, " <<");
        add_span(&out, copy->contents.items[i].name);
    }
    buf_putc(&out, ' ');
    add_span(&out, dest);
    buf_puts(&out, " # buildkit");
    return take(arena, &out);
}

struct span history_run(struct arena *arena, const struct stage *stage, const struct run_action *run)
{
    struct buf out = {0};
    buf_puts(&out, "RUN ");
    if (stage->declared_args.count)
        buf_printf(&out, "|%zu ", stage->declared_args.count);
    for (size_t i = 0; i < stage->declared_args.count; i++) {
        struct span name = stage->declared_args.items[i], value = {"", 0};
        scope_get(&stage->scope, name, &value);
        add_span(&out, name);
        buf_putc(&out, '=');
        add_span(&out, value);
        buf_putc(&out, ' ');
    }
    add_words(&out, &run->argv);
    buf_puts(&out, " # buildkit");
    return take(arena, &out);
}
