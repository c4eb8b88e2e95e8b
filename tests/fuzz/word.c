/*
 * Fuzz entry: any bytes as a word. Expanded in every mode with both escapes, split, looked at as a heredoc, and read as
 * each kind of value. The variables hold pieces of the input, so that they too are arbitrary.
 */
#include <stdint.h>
#include <stdlib.h>

#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/heredoc.h"
#include "gen/json_form.h"
#include "gen/value.h"
#include "gen/word.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "tests/fuzz/fuzz.h"

static bool get(const void *data, struct span name, struct span *value)
{
    const struct span *text = data;
    switch (name.len ? name.text[0] : 0) {
    case 'A':
        *value = *text;
        return true;
    case 'B':
        *value = span_skip(*text, text->len / 2);
        return true;
    case 'E':
        *value = span_of("");
        return true;
    case 'M':
        *value = span_of("a*b\nc?d\\e\xc3\xa4/\xff$0$$x");
        return true;
    default:
        return false;
    }
}

static void check_result(struct word_result result, size_t len)
{
    if (result.error_at > len || (result.error && result.text.len))
        abort();
    if (result.text.len > 0 && result.text.text[result.text.len] != 0)
        abort();
}

static void read_values(struct arena *arena, struct span text)
{
    int64_t number;
    int count;
    bool is_so;
    uint32_t mode;
    struct value_ports ports;
    struct buf out = {0};
    value_duration(arena, text, &number);
    value_interval(arena, "x", text, &number);
    value_retries(arena, text, &count);
    value_signal(arena, text);
    value_size(arena, text, &number);
    value_chmod(arena, text, &is_so, &mode);
    value_bool(text, &is_so);
    value_quote_list(&out, &text, 1);
    if (!value_ports(arena, text, &ports) && (ports.first > ports.last || ports.last > 65535))
        abort();
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct span text = {(const char *)data, size};
    struct word_env env = {get, &text, NULL};
    struct heredoc heredoc;
    heredoc_words words = {0};
    json_items items = {0};
    check_result(word_expand(&arena, text, '\\', WORD_ONE, &env), size);
    check_result(word_expand(&arena, text, '`', WORD_ONE, &env), size);
    check_result(word_expand(&arena, text, '\\', WORD_HEREDOC, &env), size);
    struct word_list list = word_split(&arena, text, '\\', &env);
    for (size_t i = 0; i < list.count; i++)
        if (!list.words[i].len || list.offsets[i] >= size)
            abort();
    heredoc_match(&arena, text, &heredoc);
    heredoc_find(&arena, text, &words);
    json_form_read(&arena, text, &items);
    read_values(&arena, text);
    vec_free(&words);
    vec_free(&items);
    arena_free(&arena);
    return 0;
}
