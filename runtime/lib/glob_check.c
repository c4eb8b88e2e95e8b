/*
 * Owns whether Go's filepath.Match finds a §7.2 pattern malformed. Called for each that is compiled. The reference
 * asks it with the path "." and it looks no further than it has to: behind a piece that does not match, nothing is
 * looked at. Must not know regular expressions.
 */
#include "runtime/lib/glob.h"

#include <stdint.h>

#include "runtime/lib/glob_internal.h"

/* What is left of the path; has_failed: it did not match, and only the form of the piece still counts. */
struct match {
    struct span path;
    bool has_failed;
};

/* One end of a range. */
static bool take_char(struct span *text, uint32_t *c)
{
    if (!text->len || text->text[0] == '-' || text->text[0] == ']')
        return false;
    if (text->text[0] == '\\')
        *text = span_skip(*text, 1);
    if (!text->len)
        return false;
    size_t len;
    *c = glob_decode(*text, &len);
    *text = span_skip(*text, len);
    return *c < NO_CHAR && text->len;
}

static void take_path(struct match *match, uint32_t *c)
{
    size_t len;
    match->has_failed |= !match->path.len;
    *c = NO_CHAR;
    if (match->has_failed)
        return;
    *c = glob_decode(match->path, &len);
    match->path = span_skip(match->path, len);
}

/* Behind "[". */
static bool check_class(struct span *text, struct match *match)
{
    bool is_negated = text->len && text->text[0] == '^', found = false;
    uint32_t c, low, high;
    take_path(match, &c);
    *text = span_skip(*text, is_negated);
    for (bool is_first = true; is_first || !text->len || text->text[0] != ']'; is_first = false) {
        if (!take_char(text, &low))
            return false;
        high = low;
        if (text->text[0] == '-') {
            *text = span_skip(*text, 1);
            if (!take_char(text, &high))
                return false;
        }
        found |= low <= c && c <= high;
    }
    *text = span_skip(*text, 1);
    match->has_failed |= found == is_negated;
    return true;
}

/* A piece without stars against the beginning of the path. */
static bool check_piece(struct span piece, struct match *match)
{
    while (piece.len) {
        char first = piece.text[0];
        uint32_t c, wanted;
        size_t len;
        if (first == '[') {
            piece = span_skip(piece, 1);
            if (!check_class(&piece, match))
                return false;
            continue;
        }
        take_path(match, &c);
        if (first == '\\')
            piece = span_skip(piece, 1);
        if (!piece.len)
            return false;
        wanted = glob_decode(piece, &len);
        piece = span_skip(piece, len);
        match->has_failed |= first == '?' ? c == '/' : c != wanted;
    }
    return true;
}

/* The next piece: the stars before it, and up to the next star that is in no class. */
static struct span take_piece(struct span *pattern, bool *has_star)
{
    bool in_class = false;
    size_t len = 0;
    *has_star = false;
    for (; pattern->len && pattern->text[0] == '*'; *pattern = span_skip(*pattern, 1))
        *has_star = true;
    for (; len < pattern->len && (in_class || pattern->text[len] != '*'); len++) {
        if (pattern->text[len] == '\\' && len + 1 < pattern->len)
            len++;
        else if (pattern->text[len] == '[')
            in_class = true;
        else if (pattern->text[len] == ']')
            in_class = false;
    }
    struct span piece = {pattern->text, len};
    *pattern = span_skip(*pattern, len);
    return piece;
}

bool glob_is_malformed(struct span pattern)
{
    struct span path = {".", 1};
    while (pattern.len) {
        bool has_star, is_found = false;
        struct span piece = take_piece(&pattern, &has_star);
        if (has_star && !piece.len)
            return false;
        for (size_t skip = 0; !is_found && skip <= (has_star ? path.len : 0); skip++) {
            struct match match = {span_skip(path, skip), false};
            if (!check_piece(piece, &match))
                return true;
            is_found = !match.has_failed && (!match.path.len || pattern.len);
            if (is_found)
                path = match.path;
        }
        if (!is_found)
            return false;
    }
    return false;
}
