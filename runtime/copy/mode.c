/*
 * Owns what --chmod means. Called by the plan of a copy. Must not touch files.
 */
#include "runtime/copy/mode.h"

#include <string.h>
#include <sys/stat.h>

enum { STANDARD = S_ISUID | S_ISGID | 0777, ALL = 07777, ANY_X = 0111 };

static bool parse_octal(const char *text, mode_t *mode)
{
    *mode = 0;
    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '7')
            return false;
        *mode = *mode << 3 | (mode_t)(*at - '0');
        if (*mode > ALL)
            return false;
    }
    return *text != 0;
}

/* One clause's state: who is meant, by which operator, what has gathered. */
struct clause {
    mode_t who;         /* 0: nobody was named, which is everybody */
    char op;
    mode_t bits;
    bool x_if_any;      /* X */
    bool is_cleared;    /* "=" has cleared already */
};

/* Bits that the clause may touch. */
static mode_t reach(const struct clause *clause)
{
    return clause->who ? clause->who : ALL;
}

static void put(const struct clause *clause, mode_t bits, mode_t *mode)
{
    if (clause->op == '-')
        *mode &= ~bits;
    else
        *mode |= bits;
}

/* Carry out what has gathered; `old` is the mode before all clauses. */
static void flush(struct clause *clause, mode_t old, bool is_dir, mode_t *mode)
{
    if (clause->op == '=' && !clause->is_cleared) {
        *mode &= ~(clause->who ? clause->who : (mode_t)STANDARD);
        clause->is_cleared = true;
    }
    put(clause, clause->bits & reach(clause), mode);
    if (clause->x_if_any && (is_dir || (old & ANY_X)))
        put(clause, ANY_X & reach(clause), mode);
    clause->bits = 0;
    clause->x_if_any = false;
}

/* "g=u": the permission bits of one class, given to those that are meant. */
static void copy_class(struct clause *clause, char from, mode_t *mode)
{
    mode_t value = (from == 'u' ? *mode >> 6 : from == 'g' ? *mode >> 3 : *mode) & 7;
    mode_t to = clause->who ? clause->who & 0777 : 0777;
    if (clause->op == '=' && !clause->is_cleared) {
        *mode &= ~to;
        clause->is_cleared = true;
    }
    put(clause, (value << 6 | value << 3 | value) & to, mode);
}

/* One permission letter; false when it is none. */
static bool take_letter(struct clause *clause, char c)
{
    /* For others alone, set-id and sticky bits mean nothing. */
    bool has_special = !clause->who || (clause->who & ~(mode_t)S_IRWXO);
    switch (c) {
    case 'r':
        clause->bits |= 0444;
        return true;
    case 'w':
        clause->bits |= 0222;
        return true;
    case 'x':
        clause->bits |= ANY_X;
        return true;
    case 'X':
        clause->x_if_any = true;
        return true;
    case 's':
        clause->bits |= has_special ? S_ISUID | S_ISGID : 0;
        return true;
    case 't':
        clause->bits |= has_special ? S_ISVTX : 0;
        if (clause->who && has_special)
            clause->who |= S_ISVTX;
        return true;
    default:
        return false;
    }
}

static mode_t parse_who(const char **at)
{
    mode_t who = 0;
    for (;; ++*at) {
        switch (**at) {
        case 'u':
            who |= S_ISUID | S_IRWXU;
            break;
        case 'g':
            who |= S_ISGID | S_IRWXG;
            break;
        case 'o':
            who |= S_IRWXO;
            break;
        case 'a':
            who |= STANDARD;
            break;
        default:
            return who;
        }
    }
}

/* One pass checks and changes; false on a syntax error. */
static bool run(const char *text, bool is_dir, mode_t *mode)
{
    mode_t old = *mode;
    for (const char *at = text;; at++) {
        struct clause clause = {.who = parse_who(&at)};
        if (!*at || !strchr("+-=", *at))
            return false;
        while (*at && strchr("+-=", *at)) {
            clause = (struct clause){.who = clause.who & ~(mode_t)S_ISVTX, .op = *at++};
            for (; *at && strchr("rwxXstugo", *at); at++) {
                if (take_letter(&clause, *at))
                    continue;
                /* What came before the class is done first; for "=" that must not clear what the class then copies. */
                if (clause.bits || clause.x_if_any)
                    flush(&clause, old, is_dir, mode);
                copy_class(&clause, *at, mode);
            }
            flush(&clause, old, is_dir, mode);
        }
        if (!*at)
            return true;
        if (*at != ',')
            return false;
    }
}

bool mode_is_valid(const char *text)
{
    mode_t mode;
    if (*text >= '0' && *text <= '9')
        return parse_octal(text, &mode);
    mode = 0;
    return run(text, false, &mode);
}

mode_t mode_apply(const char *change, mode_t mode, bool is_dir)
{
    mode_t octal;
    if (parse_octal(change, &octal))
        return octal;
    run(change, is_dir, &mode);
    return mode & ALL;
}

mode_t mode_of_made(const char *change)
{
    mode_t octal;
    return change && parse_octal(change, &octal) ? octal & 0777 : 0755;
}
