/*
 * Owns the form of dfgen.lock. Called by cmd_lock, which writes it, and by those who find images and remote files.
 * Must not know how a thing is found.
 */
#include "gen/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/escape.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/span.h"
#include "runtime/lib/step.h"

enum { LOCK_LIMIT = 16 * 1024 * 1024, MAX_WORDS = 4 };

/* By name, which is how they are sorted in the file. */
static const struct {
    const char *name;
    size_t words;       /* of a line */
} kinds[] = {
    [LOCK_GIT] = {"git", 3}, [LOCK_IMAGE] = {"image", 4}, [LOCK_URL] = {"url", 3},
};

static const char head[] = "# What the build takes from elsewhere. Made by dfgen lock; keep it with the sources.\n";

struct reading {
    struct lock *lock;
    size_t line;
};

_Noreturn static void malformed(const struct reading *reading, const char *why)
{
    die_usage("%s:%zu: %s; remove the line, or the file, and run dfgen lock", reading->lock->path, reading->line, why);
}

static bool is_hash(const char *text)
{
    size_t len = strspn(text, "0123456789abcdef");
    return !text[len] && (len == 40 || len == 64);
}

static void read_format(const struct reading *reading, const char *text)
{
    char *end;
    long format = strtol(text, &end, 10);
    if (end == text || *end)
        malformed(reading, "\"format\" needs a number");
    if (format != STEP_FORMAT)
        die_usage("%s has format %ld, this dfgen makes images of format %d, with other digests: %s",
                  reading->lock->path, format,
                  STEP_FORMAT, format < STEP_FORMAT ? "run dfgen lock to take the new one" : "use a newer dfgen");
}

static void read_words(struct reading *reading, char *const *words, size_t count)
{
    struct lock_entry entry = {.platform = ""};
    size_t kind = 0, known = sizeof kinds / sizeof *kinds;
    while (kind < known && strcmp(kinds[kind].name, words[0]))
        kind++;
    if (kind == known)
        malformed(reading, "it begins with none of format, git, image, url");
    if (count != kinds[kind].words)
        malformed(reading, "a word is missing, or there is one too many");
    entry.kind = (enum lock_kind)kind;
    entry.name = words[1];
    entry.digest = words[count - 1];
    if (entry.kind == LOCK_IMAGE)
        entry.platform = words[2];
    if (entry.kind == LOCK_GIT ? !is_hash(entry.digest) : !digest_is_valid_name(entry.digest))
        malformed(reading, entry.kind == LOCK_GIT ? "the last word is no commit" : "the last word is no sha256 digest");
    if (lock_find(reading->lock, entry.kind, entry.name, entry.platform))
        malformed(reading, "the same is locked twice");
    vec_push(&reading->lock->entries, entry);
}

static void read_line(struct reading *reading, struct span line)
{
    char *words[MAX_WORDS + 1];
    size_t count = 0;
    if (!line.len || *line.text == '#')
        return;
    while (line.len && count <= MAX_WORDS) {
        const char *space = memchr(line.text, ' ', line.len);
        struct span word = {line.text, space ? (size_t)(space - line.text) : line.len};
        words[count] = escape_undo(reading->lock->arena, word, true);
        if (!words[count] || !word.len)
            malformed(reading, "it is no line of words with one space between them");
        count++;
        line = span_skip(line, word.len + (space != NULL));
    }
    if (count == 2 && !strcmp(words[0], "format") && !reading->lock->is_there) {
        read_format(reading, words[1]);
        reading->lock->is_there = true;
    } else if (!reading->lock->is_there) {
        malformed(reading, "the first line must be \"format N\"");
    } else {
        read_words(reading, words, count);
    }
}

struct lock *lock_read(struct arena *arena, const char *path)
{
    struct lock *lock = arena_alloc(arena, sizeof *lock);
    struct reading reading = {.lock = lock};
    struct buf text = {0};
    lock->arena = arena;
    lock->path = arena_strdup(arena, path);
    if (file_read_at(AT_FDCWD, path, &text, LOCK_LIMIT) < 0) {
        if (errno != ENOENT)
            die_usage("cannot read %s:", path);
        return lock;
    }
    for (const char *at = buf_text(&text), *end = at + text.len; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        reading.line++;
        if (!stop || memchr(at, 0, (size_t)(stop - at)))
            malformed(&reading, "it is cut off, or no text");
        read_line(&reading, (struct span){at, (size_t)(stop - at)});
        at = stop + 1;
    }
    if (!lock->is_there)
        malformed(&reading, "the line \"format N\" is missing");
    buf_free(&text);
    return lock;
}

void lock_free(struct lock *lock)
{
    vec_free(&lock->entries);
    vec_free(&lock->found);
}

static bool is_same(const struct lock_entry *entry, enum lock_kind kind, const char *name, const char *platform)
{
    return entry->kind == kind && !strcmp(entry->name, name) && !strcmp(entry->platform, platform);
}

const char *lock_find(const struct lock *lock, enum lock_kind kind, const char *name, const char *platform)
{
    for (size_t i = 0; i < lock->entries.count; i++)
        if (is_same(&lock->entries.items[i], kind, name, platform))
            return lock->entries.items[i].digest;
    return NULL;
}

void lock_note(struct lock *lock, enum lock_kind kind, const char *name, const char *platform, const char *digest)
{
    for (size_t i = 0; i < lock->found.count; i++)
        if (is_same(&lock->found.items[i], kind, name, platform))
            return;
    struct arena *arena = lock->arena;
    vec_push(&lock->found, (struct lock_entry){kind, arena_strdup(arena, name), arena_strdup(arena, platform),
                                               digest ? arena_strdup(arena, digest) : NULL});
}

void lock_set(struct lock *lock, const struct lock_entry *entry)
{
    for (size_t i = 0; i < lock->entries.count; i++) {
        if (is_same(&lock->entries.items[i], entry->kind, entry->name, entry->platform)) {
            lock->entries.items[i].digest = entry->digest;
            return;
        }
    }
    vec_push(&lock->entries, *entry);
}

void lock_drop(struct lock *lock, size_t i)
{
    lock->entries.items[i] = lock->entries.items[--lock->entries.count];
}

static int compare(const void *a, const void *b)
{
    const struct lock_entry *one = a, *other = b;
    int order = one->kind != other->kind ? (one->kind < other->kind ? -1 : 1) : strcmp(one->name, other->name);
    return order ? order : strcmp(one->platform, other->platform);
}

int lock_write(struct lock *lock, bool *changed)
{
    struct buf text = {0};
    if (lock->entries.count)
        qsort(lock->entries.items, lock->entries.count, sizeof *lock->entries.items, compare);
    buf_puts(&text, head);
    buf_printf(&text, "format %d\n", STEP_FORMAT);
    for (size_t i = 0; i < lock->entries.count; i++) {
        const struct lock_entry *entry = &lock->entries.items[i];
        buf_printf(&text, "%s ", kinds[entry->kind].name);
        escape_add(&text, span_of(entry->name), true);
        if (entry->kind == LOCK_IMAGE)
            buf_printf(&text, " %s", entry->platform);
        buf_printf(&text, " %s\n", entry->digest);
    }
    int result = file_write_if_changed_at(AT_FDCWD, lock->path, text.data, text.len, changed);
    buf_free(&text);
    return result;
}
