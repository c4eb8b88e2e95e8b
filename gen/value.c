/*
 * Owns the grammars of single values. Called by stage.c and plan.c with expanded text, by parse.c for those that are
 * never expanded. Must not know which instruction a value belongs to, beyond what its message says.
 */
#include "gen/value.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "gen/unicode.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *quoted(struct arena *arena, const char *before, struct span text, const char *after)
{
    struct buf out = {0};
    buf_puts(&out, before);
    value_quote(&out, text);
    buf_puts(&out, after);
    const char *message = arena_strndup(arena, buf_text(&out), out.len);
    buf_free(&out);
    return message;
}

/* A decimal integer with an optional sign, within the limits: 0; -1: no number; 1: out of range. */
static int read_integer(struct span text, int64_t least, int64_t most, int64_t *value)
{
    bool is_negative = text.len && text.text[0] == '-', is_out = false;
    if (is_negative || (text.len && text.text[0] == '+'))
        text = span_skip(text, 1);
    if (!text.len)
        return -1;
    int64_t sum = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.text[i]))
            return -1;
        int64_t digit = is_negative ? -(text.text[i] - '0') : text.text[i] - '0';
        is_out = is_out || __builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, digit, &sum);
    }
    *value = sum;
    return is_out || sum < least || sum > most;
}

static const struct {
    const char *name;
    uint64_t nanoseconds;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* micro sign */
    {"\xce\xbcs", 1000}, /* Greek mu */
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", 60000000000},
    {"h", 3600000000000},
};

static const uint64_t duration_limit = (uint64_t)1 << 63;

static uint64_t find_unit(struct span name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (span_is(name, units[i].name))
            return units[i].nanoseconds;
    return 0;
}

static bool take_whole(struct span *text, uint64_t *value)
{
    *value = 0;
    for (; text->len && is_digit(text->text[0]); *text = span_skip(*text, 1)) {
        if (*value > duration_limit / 10)
            return false;
        *value = *value * 10 + (uint64_t)(text->text[0] - '0');
        if (*value > duration_limit)
            return false;
    }
    return true;
}

/* Digits behind the point; those that no longer fit do not count. */
static void take_fraction(struct span *text, uint64_t *value, double *scale)
{
    bool is_full = false;
    *value = 0;
    *scale = 1;
    for (; text->len && is_digit(text->text[0]); *text = span_skip(*text, 1)) {
        is_full = is_full || *value > (duration_limit - 1) / 10;
        if (is_full)
            continue;
        *value = *value * 10 + (uint64_t)(text->text[0] - '0');
        *scale *= 10;
    }
}

static const char *bad_duration(struct arena *arena, struct span text)
{
    return quoted(arena, "time: invalid duration ", text, "");
}

/* One number with its unit, from the left of text. */
static const char *take_term(struct arena *arena, struct span all, struct span *text, uint64_t *sum)
{
    uint64_t whole, fraction = 0, unit, value;
    double scale = 1;
    size_t before = text->len;
    if (!take_whole(text, &whole))
        return bad_duration(arena, all);
    bool has_digits = text->len != before;
    if (text->len && text->text[0] == '.') {
        *text = span_skip(*text, 1);
        before = text->len;
        take_fraction(text, &fraction, &scale);
        has_digits = has_digits || text->len != before;
    }
    if (!has_digits)
        return bad_duration(arena, all);
    size_t len = 0;
    while (len < text->len && text->text[len] != '.' && !is_digit(text->text[len]))
        len++;
    struct span name = {text->text, len};
    if (!len)
        return quoted(arena, "time: missing unit in duration ", all, "");
    *text = span_skip(*text, len);
    unit = find_unit(name);
    if (!unit)
        return quoted(arena, quoted(arena, "time: unknown unit ", name, " in duration "), all, "");
    if (whole > duration_limit / unit)
        return bad_duration(arena, all);
    value = whole * unit + (uint64_t)((double)fraction * ((double)unit / scale));
    if (value > duration_limit || *sum + value > duration_limit)
        return bad_duration(arena, all);
    *sum += value;
    return NULL;
}

const char *value_duration(struct arena *arena, struct span all, int64_t *nanoseconds)
{
    struct span text = all;
    bool is_negative = text.len && text.text[0] == '-';
    uint64_t sum = 0;
    *nanoseconds = 0;
    if (is_negative || (text.len && text.text[0] == '+'))
        text = span_skip(text, 1);
    if (span_is(text, "0"))
        return NULL;
    if (!text.len)
        return bad_duration(arena, all);
    while (text.len) {
        const char *error = take_term(arena, all, &text, &sum);
        if (error)
            return error;
    }
    if (!is_negative && sum == duration_limit)
        return bad_duration(arena, all);
    *nanoseconds = is_negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return NULL;
}

const char *value_interval(struct arena *arena, const char *name, struct span text, int64_t *nanoseconds)
{
    *nanoseconds = 0;
    const char *error = text.len ? value_duration(arena, text, nanoseconds) : NULL;
    if (error || !*nanoseconds || *nanoseconds >= 1000000)
        return error;
    return arena_printf(arena, "Interval \"%s\" cannot be less than 1ms", name);
}

const char *value_retries(struct arena *arena, struct span text, int *retries)
{
    int64_t value = 0;
    int result = text.len ? read_integer(text, INT32_MIN, INT32_MAX, &value) : 0;
    if (result)
        return quoted(arena, "--retries: ", text, result < 0 ? " is no number" : " is out of range");
    if (value < 0)
        return arena_printf(arena, "--retries cannot be negative (%d)", (int)value);
    *retries = (int)value;
    return NULL;
}

static const char *const signals[] = {
    "ABRT", "ALRM", "BUS",  "CHLD", "CLD",  "CONT", "FPE",    "HUP",  "ILL",   "INT",   "IO",   "IOT",
    "KILL", "PIPE", "POLL", "PROF", "PWR",  "QUIT", "SEGV",   "STKFLT", "STOP", "SYS",  "TERM", "TRAP",
    "TSTP", "TTIN", "TTOU", "URG",  "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
};

/* RTMIN+1 to RTMIN+15, RTMAX-14 to RTMAX-1: written without leading zeros. */
static bool is_real_time(struct span name)
{
    bool is_min = name.len > 6 && !strncasecmp(name.text, "RTMIN+", 6);
    bool is_max = name.len > 6 && !strncasecmp(name.text, "RTMAX-", 6);
    int64_t number;
    if ((!is_min && !is_max) || name.text[6] < '1' || name.text[6] > '9')
        return false;
    return !read_integer(span_skip(name, 6), 1, is_min ? 15 : 14, &number);
}

const char *value_signal(struct arena *arena, struct span text)
{
    int64_t number = 0;
    if (!read_integer(text, INT64_MIN, INT64_MAX, &number) && number)
        return NULL;
    struct span name = text.len >= 3 && !strncasecmp(text.text, "SIG", 3) ? span_skip(text, 3) : text;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (span_is_nocase(name, signals[i]))
            return NULL;
    if (is_real_time(name))
        return NULL;
    return arena_printf(arena, "invalid signal: %.*s", SPAN(text));
}

static bool read_port(struct span text, unsigned *port)
{
    int64_t value = 0;
    bool is_ok = !read_integer(text, 0, 65535, &value);
    *port = (unsigned)value;
    return is_ok;
}

static bool read_range(struct span text, unsigned *first, unsigned *last)
{
    const char *dash = text.len ? memchr(text.text, '-', text.len) : NULL;
    struct span begin = {text.text, dash ? (size_t)(dash - text.text) : text.len};
    struct span end = dash ? span_skip(text, begin.len + 1) : begin;
    return read_port(begin, first) && read_port(end, last) && *first <= *last;
}

/* The part behind the last colon, cut from text; all of it when there is none. */
static struct span cut_last(struct span *text)
{
    size_t at = text->len;
    while (at && text->text[at - 1] != ':')
        at--;
    struct span part = span_skip(*text, at);
    text->len = at ? at - 1 : 0;
    return part;
}

static bool is_address(struct arena *arena, struct span text)
{
    unsigned char binary[sizeof(struct in6_addr)];
    if (text.text[0] == '[') {
        if (text.text[text.len - 1] != ']')
            return false;
        text = (struct span){text.text + 1, text.len - 2};
    }
    if (text.len > INET6_ADDRSTRLEN)
        return false;
    const char *name = arena_strndup(arena, text.text, text.len);
    return inet_pton(AF_INET, name, binary) == 1 || inet_pton(AF_INET6, name, binary) == 1;
}

static const char *read_protocol(struct span text, struct value_ports *ports)
{
    static const char *const protocols[] = {"tcp", "udp", "sctp"};
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (span_is_nocase(text, protocols[i])) {
            ports->has_upper_protocol = !span_is(text, protocols[i]);
            return protocols[i];
        }
    return text.len ? NULL : protocols[0];
}

const char *value_ports(struct arena *arena, struct span text, struct value_ports *ports)
{
    *ports = (struct value_ports){0};
    struct span address = text, port = cut_last(&address), host = cut_last(&address);
    const char *slash = port.len ? memchr(port.text, '/', port.len) : NULL;
    struct span protocol = {"", 0};
    if (slash) {
        protocol = span_skip(port, (size_t)(slash - port.text) + 1);
        port.len = (size_t)(slash - port.text);
    }
    ports->has_mapping = address.len || host.len;
    if (!port.len)
        return quoted(arena, "invalid port: ", text, ": no port specified");
    ports->protocol = read_protocol(protocol, ports);
    if (!ports->protocol)
        return arena_printf(arena, "%s: invalid proto: %.*s", quoted(arena, "invalid port: ", text, ""),
                            SPAN(protocol));
    if (address.len && !is_address(arena, address))
        return arena_printf(arena, "invalid IP address: %.*s", SPAN(address));
    if (!read_range(port, &ports->first, &ports->last))
        return arena_printf(arena, "invalid containerPort: %.*s", SPAN(port));
    unsigned first, last;
    if (host.len && !read_range(host, &first, &last))
        return arena_printf(arena, "invalid hostPort: %.*s", SPAN(host));
    if (host.len && ports->last != ports->first && ports->last - ports->first != last - first)
        return arena_printf(arena, "invalid ranges specified for container and host Ports: %.*s and %.*s", SPAN(port),
                            SPAN(host));
    return NULL;
}

/* Digits with a point, and an exponent: what strtod reads in the C locale, and nothing else of what it reads. */
static bool is_decimal(struct span text)
{
    size_t at = 0, digits = 0;
    if (at < text.len && (text.text[at] == '+' || text.text[at] == '-'))
        at++;
    bool has_point = false;
    for (; at < text.len && (is_digit(text.text[at]) || (text.text[at] == '.' && !has_point)); at++) {
        has_point = has_point || text.text[at] == '.';
        digits += text.text[at] != '.';
    }
    if (!digits || at == text.len)
        return digits;
    if ((text.text[at++] | 0x20) != 'e')
        return false;
    if (at < text.len && (text.text[at] == '+' || text.text[at] == '-'))
        at++;
    size_t exponent = at;
    while (at < text.len && is_digit(text.text[at]))
        at++;
    return at > exponent && at == text.len;
}

/* "", "b", "k", "kb", "kib" and so on: the power of 1024; -1 for another. */
static int size_power(struct span suffix)
{
    static const char letters[] = "bkmgtp";
    if (!suffix.len)
        return 0;
    const char *found = strchr(letters, suffix.text[0] | 0x20);
    if (suffix.len > 3 || !found || !*found)
        return -1;
    struct span rest = span_skip(suffix, 1);
    bool is_ok = !rest.len || (found != letters && (span_is_nocase(rest, "b") || span_is_nocase(rest, "ib")));
    return is_ok ? (int)(found - letters) : -1;
}

const char *value_size(struct arena *arena, struct span text, int64_t *bytes)
{
    size_t end = text.len;
    while (end && !is_digit(text.text[end - 1]) && text.text[end - 1] != '.' && text.text[end - 1] != ' ')
        end--;
    if (!end)
        return arena_printf(arena, "invalid size: '%.*s'", SPAN(text));
    struct span number = {text.text, text.text[end - 1] == ' ' ? end - 1 : end}, suffix = span_skip(text, end);
    if (!is_decimal(number))
        return quoted(arena, "invalid size: ", number, " is no number");
    double size = strtod(arena_strndup(arena, number.text, number.len), NULL);
    int power = size_power(suffix);
    if (power < 0)
        return arena_printf(arena, "invalid suffix: '%.*s'", SPAN(suffix));
    for (; power; power--)
        size *= 1024;
    if (size < 0 || size >= 9223372036854775808.0)
        return arena_printf(arena, "invalid size: '%.*s'", SPAN(text));
    *bytes = (int64_t)size;
    return NULL;
}

/* Clauses "[ugoa]*([+-=][rwxXstugo]*)+" joined by commas. */
static bool is_symbolic_mode(struct span text)
{
    size_t at = 0;
    for (;;) {
        while (at < text.len && text.text[at] && strchr("ugoa", text.text[at]))
            at++;
        do {
            if (at == text.len || !text.text[at] || !strchr("+-=", text.text[at]))
                return false;
            at++;
            while (at < text.len && text.text[at] && strchr("rwxXstugo", text.text[at]))
                at++;
        } while (at < text.len && text.text[at] != ',');
        if (at++ >= text.len)
            return true;
    }
}

const char *value_chmod(struct arena *arena, struct span text, bool *is_symbolic, uint32_t *mode)
{
    uint32_t value = 0;
    *mode = 0;
    *is_symbolic = text.len && !is_digit(text.text[0]);
    if (*is_symbolic && is_symbolic_mode(text))
        return NULL;
    if (*is_symbolic || !text.len)
        return quoted(arena, "invalid chmod parameter: ", text, ": invalid syntax");
    for (size_t i = 0; i < text.len; i++) {
        bool is_octal = text.text[i] >= '0' && text.text[i] <= '7';
        if (is_octal)
            value = value * 8 + (uint32_t)(text.text[i] - '0');
        if (!is_octal || value > 07777)
            return arena_printf(arena,
                                "invalid chmod parameter: '%.*s'. it should be octal string and between 0 and 07777",
                                SPAN(text));
    }
    *mode = value;
    return NULL;
}

bool value_bool(struct span text, bool *value)
{
    static const char *const words[2][6] = {{"0", "f", "F", "false", "FALSE", "False"},
                                            {"1", "t", "T", "true", "TRUE", "True"}};
    for (int is_true = 0; is_true < 2; is_true++)
        for (int i = 0; i < 6; i++)
            if (span_is(text, words[is_true][i])) {
                *value = is_true;
                return true;
            }
    return false;
}

void value_quote(struct buf *out, struct span text)
{
    static const char names[] = "abfnrtv\\\"", codes[] = "\a\b\f\n\r\t\v\\\"";
    buf_putc(out, '"');
    for (size_t at = 0, len; at < text.len; at += len) {
        uint32_t code = unicode_next(text, at, &len);
        const char *found = code && code < 0x80 ? strchr(codes, (int)code) : NULL;
        if (found)
            buf_printf(out, "\\%c", names[found - codes]);
        else if (code == UNICODE_BAD && len == 1)
            buf_printf(out, "\\x%02x", (unsigned char)text.text[at]);
        else if (unicode_is_printable(code))
            buf_add(out, text.text + at, len);
        else
            buf_printf(out, code < 0x80 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
    }
    buf_putc(out, '"');
}

void value_quote_list(struct buf *out, const struct span *items, size_t count)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_putc(out, ' ');
        value_quote(out, items[i]);
    }
    buf_putc(out, ']');
}
