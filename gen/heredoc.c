/*
 * Owns the look of a heredoc word. Called by parse.c, which reads the bodies. Must not know instructions.
 */
#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/heredoc.h"

#include "gen/word.h"
#include "runtime/lib/arena.h"

static size_t count_quotes(struct span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.text[i] == '\'' || text.text[i] == '"';
    return count;
}

/* Digits, "<<", maybe "-", white space: what is behind it; empty when the text is no such thing. */
static struct span after_operator(struct span text, bool *strips_tabs)
{
    static const struct span none = {"", 0};
    size_t at = 0;
    while (at < text.len && text.text[at] >= '0' && text.text[at] <= '9')
        at++;
    if (!span_starts(span_skip(text, at), "<<"))
        return none;
    at += 2;
    *strips_tabs = at < text.len && text.text[at] == '-';
    at += *strips_tabs;
    while (at < text.len && strchr(" \t\n\f\r", text.text[at]) && text.text[at])
        at++;
    text = span_skip(text, at);
    return text.len && memchr(text.text, '<', text.len) ? none : text;
}

bool heredoc_match(struct arena *arena, struct span text, struct heredoc *heredoc)
{
    bool strips_tabs = false;
    struct span rest = after_operator(text, &strips_tabs);
    if (!rest.len)
        return false;
    struct word_list plain = word_shell(arena, rest, false, false);
    if (plain.error || plain.count != 1)
        return false;
    struct word_list quoted = word_shell(arena, rest, true, false);
    heredoc->name = plain.words[0];
    heredoc->word = text;
    heredoc->strips_tabs = strips_tabs;
    heredoc->is_quoted = quoted.count == 1 && count_quotes(quoted.words[0]) != count_quotes(plain.words[0]);
    return true;
}

void heredoc_find(struct arena *arena, struct span line, heredoc_words *words)
{
    struct word_list list = word_shell(arena, line, true, true);
    for (size_t i = 0; i < list.count; i++) {
        struct heredoc heredoc = {.word = {"", 0}};
        if (heredoc_match(arena, list.words[i], &heredoc))
            vec_push(words, (struct heredoc_word){heredoc.name, heredoc.word, heredoc.is_quoted, heredoc.strips_tabs,
                                                  list.offsets[i]});
    }
}
