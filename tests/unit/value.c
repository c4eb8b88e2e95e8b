/*
 * Guards the grammars of single values: durations, sizes, signals, ports, modes, booleans, Go's quoting.
 */
#include "gen/value.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "tests/unit/unit.h"

static const struct {
    const char *in;
    int64_t want;
    const char *error; /* NULL: none */
} durations[] = {
    {"0", 0, NULL}, {"-0", 0, NULL}, {"0s", 0, NULL}, {"5s", 5000000000, NULL}, {"1m30s", 90000000000, NULL},
    {"1.5h", 5400000000000, NULL}, {"1h2m3s4ms5us6ns", 3723004005006, NULL}, {"-1s", -1000000000, NULL},
    {"+1s", 1000000000, NULL}, {".5s", 500000000, NULL},
    {"1.s", 1000000000, NULL}, {"1\xc2\xb5s", 1000, NULL}, {"1\xce\xbcs", 1000, NULL}, {"1us", 1000, NULL},
    {"39h9m14.425s", 140954425000000, NULL}, {"0.3333333333333333333h", 1200000000000, NULL},
    {"9223372036854775807ns", INT64_MAX, NULL}, {"-9223372036854775808ns", INT64_MIN, NULL},
    {"0.100000000000000000000h", 360000000000, NULL},
    {"", 0, "time: invalid duration \"\""}, {"3", 0, "time: missing unit in duration \"3\""},
    {"-", 0, "time: invalid duration"}, {"s", 0, "time: invalid"}, {".", 0, "time: invalid"},
    {".s", 0, "time: invalid"}, {"+.s", 0, "time: invalid"}, {"1d", 0, "time: unknown unit \"d\" in duration \"1d\""},
    {"1s2", 0, "time: missing unit"},
    {"1 s", 0, "time: unknown unit \" s\""}, {"9223372036854775808ns", 0, "time: invalid"},
    {"9223372036854775808h", 0, "time: invalid"}, {"99999999999999999999s", 0, "time: invalid"},
    {"1S", 0, "time: unknown unit"}, {"--1s", 0, "time: invalid"}, {"1e3s", 0, "time: unknown unit \"e\""},
};

static const struct {
    const char *in;
    int64_t want;
    const char *error;
} intervals[] = {
    {"", 0, NULL}, {"0", 0, NULL}, {"1ms", 1000000, NULL}, {"999us", 0, "Interval \"x\" cannot be less than 1ms"},
    {"-5s", 0, "Interval \"x\""}, {"5", 0, "time: missing unit"},
};

static const struct {
    const char *in;
    int64_t want;
    const char *error;
} retries[] = {
    {"", 0, NULL}, {"0", 0, NULL}, {"3", 3, NULL}, {"+3", 3, NULL}, {"2147483647", 2147483647, NULL},
    {"2147483648", 0, "--retries: \"2147483648\" is out of range"}, {"-1", 0, "--retries cannot be negative (-1)"},
    {"x", 0, "--retries: \"x\" is no number"}, {"1.5", 0, "--retries:"}, {" 1", 0, "--retries:"},
    {"0x1", 0, "--retries:"},
    {"99999999999999999999999", 0, "--retries:"}, {"-", 0, "--retries:"},
};

static const struct {
    const char *in;
    int64_t want;
    const char *error;
} sizes[] = {
    {"0", 0, NULL}, {"100", 100, NULL}, {"10k", 10240, NULL}, {"10K", 10240, NULL}, {"1m", 1048576, NULL},
    {"2g", 2147483648, NULL}, {"1t", 1099511627776, NULL}, {"1p", 1125899906842624, NULL}, {"1kb", 1024, NULL},
    {"1KiB", 1024, NULL}, {"1b", 1, NULL}, {"1.5k", 1536, NULL}, {".5k", 512, NULL}, {"10 k", 10240, NULL},
    {"1e3", 1000, NULL}, {"1.k", 1024, NULL},
    {"+1", 1, NULL}, {"", 0, "invalid size"}, {"k", 0, "invalid size"}, {"-1", 0, "invalid size"},
    {"1x", 0, "invalid suffix: 'x'"}, {"1kx", 0, "invalid suffix"}, {"1bb", 0, "invalid suffix"},
    {"1kibb", 0, "invalid suffix"}, {"0x10", 0, "invalid size"}, {"1 0", 0, "invalid size"},
    {"1..2", 0, "invalid size"}, {"inf", 0, "invalid size"},
    {"9e30", 0, "invalid size"}, {"1e999", 0, "invalid size"}, {"9223372036854775808", 0, "invalid size"},
    {"1e", 0, "invalid suffix: 'e'"}, {"1bib", 0, "invalid suffix"},
};

static const struct {
    const char *in;
    bool is_ok;
} signals[] = {
    {"9", true}, {"-1", true}, {"+9", true}, {"1000", true}, {"0", false}, {"-0", false}, {"00", false},
    {"SIGTERM", true}, {"TERM", true}, {"sigterm", true}, {"SigKill", true}, {"SIGFOO", false}, {"", false},
    {"SIG", false}, {"SIGSIGTERM", false}, {"RTMIN", true}, {"SIGRTMIN+1", true}, {"rtmin+15", true},
    {"RTMIN+16", false}, {"RTMIN+0", false}, {"RTMIN+01", false}, {"RTMAX-14", true}, {"RTMAX-15", false},
    {"RTMAX", true}, {"RTMAX+1", false}, {"RTMIN-1", false}, {" TERM", false}, {"9 ", false}, {"0x9", false},
    {"POLL", true}, {"STKFLT", true}, {"CLD", true}, {"UNUSED", false}, {"RTMIN+1x", false},
    {"99999999999999999999", false},
};

static const struct {
    const char *in, *out; /* FIRST-LAST/PROTOCOL, "m" mapping, "u" upper case; "!text": error */
} ports[] = {
    {"80", "80-80/tcp"}, {"80/tcp", "80-80/tcp"}, {"80/udp", "80-80/udp"}, {"80/SCTP", "80-80/sctpu"},
    {"80/Tcp", "80-80/tcpu"}, {"80/", "80-80/tcp"}, {"1-3", "1-3/tcp"}, {"5-5/udp", "5-5/udp"}, {"0", "0-0/tcp"},
    {"65535", "65535-65535/tcp"}, {"0-65535", "0-65535/tcp"}, {"+80", "80-80/tcp"}, {"080", "80-80/tcp"},
    {"8080:80", "80-80/tcpm"}, {"127.0.0.1:8080:80/udp", "80-80/udpm"}, {"127.0.0.1::80", "80-80/tcpm"},
    {":80", "80-80/tcp"}, {"::80", "80-80/tcp"}, {"[::1]:1:80", "80-80/tcpm"}, {"::1:1:80", "80-80/tcpm"},
    {"1-3:5-7", "5-7/tcpm"}, {"1-3:5", "5-5/tcpm"},
    {"1-3:5-6", "!invalid ranges specified for container and host Ports: 5-6 and 1-3"},
    {"", "!invalid port: \"\": no port specified"}, {"/tcp", "!invalid port: \"/tcp\": no port specified"},
    {"80:", "!invalid port: \"80:\": no port"}, {"80/http", "!invalid port: \"80/http\": invalid proto: http"},
    {"80/tcp/udp", "!invalid port: \"80/tcp/udp\": invalid proto: tcp/udp"}, {"http", "!invalid containerPort: http"},
    {"65536", "!invalid containerPort: 65536"},
    {"9-5", "!invalid containerPort: 9-5"}, {"-5", "!invalid containerPort: -5"}, {"5-", "!invalid containerPort: 5-"},
    {"1-2-3", "!invalid containerPort: 1-2-3"}, {"x:80", "!invalid hostPort: x"}, {"70000:80", "!invalid hostPort"},
    {"host:1:80", "!invalid IP address: host"}, {"1.2.3:1:80", "!invalid IP address"},
    {"[::1:1:80", "!invalid IP address"}, {"256.1.1.1:1:2", "!invalid IP address"},
    {"01.2.3.4:1:80", "!invalid IP address"}, {"80 ", "!invalid containerPort"}, {"8 0", "!invalid containerPort"},
    {"99999999999999999999", "!invalid containerPort"}, {"[:1:80", "!invalid IP address"},
    {"[]:1:80", "!invalid IP address"}, {"[1.2.3.4]:1:80", "80-80/tcpm"},
};

static const struct {
    const char *in;
    int mode; /* -1: symbolic, -2: wrong */
} modes[] = {
    {"0", 0}, {"755", 0755}, {"0755", 0755}, {"7777", 07777}, {"00000644", 0644}, {"10000", -2}, {"689", -2},
    {"8", -2}, {"", -2}, {"7x", -2}, {"99999999999999999999", -2}, {"77777777777777777777777", -2}, {"u+x", -1},
    {"u=rwX,go=rX", -1}, {"+x", -1}, {"=", -1}, {"a-w", -1}, {"u+s,o+t", -1}, {"g=u", -1}, {"u+r-w", -1}, {"u+", -1},
    {"ugo+rwx", -1},
    {"u+q", -2}, {"u", -2}, {"x", -2}, {"u+x,", -2}, {",u+x", -2}, {"u+x,,g+x", -2}, {"+755", -2}, {"u +x", -2},
    {"u+x ", -2}, {"u++x", -1}, {"-", -1}, {"u+rg+w", -1}, {"A+x", -2}, {"u+gx", -1},
};

static const struct {
    const char *in;
    int value; /* -1: none */
} bools[] = {
    {"1", 1}, {"t", 1}, {"T", 1}, {"true", 1}, {"TRUE", 1}, {"True", 1}, {"0", 0}, {"f", 0}, {"F", 0}, {"false", 0},
    {"FALSE", 0}, {"False", 0}, {"", -1}, {"yes", -1}, {"tRUE", -1}, {"on", -1}, {"2", -1}, {"true ", -1},
};

static const struct {
    const char *in, *out;
} quotes[] = {
    {"", "\"\""}, {"a b", "\"a b\""}, {"a\"b\\", "\"a\\\"b\\\\\""}, {"\a\b\f\n\r\t\v", "\"\\a\\b\\f\\n\\r\\t\\v\""},
    {"'", "\"'\""}, {"\x01\x1b\x7f", "\"\\x01\\x1b\\x7f\""},
    {"\xc3\xa4\xe2\x86\x92\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x86\x92\xf0\x9f\x98\x80\""},
    {"\xff\xc3", "\"\\xff\\xc3\""}, {"\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
    {"\xc2\x85\xc2\xa0", "\"\\u0085\\u00a0\""}, {"\xe2\x80\x8b\xe2\x80\xae", "\"\\u200b\\u202e\""},
    {"\xf3\xa0\x80\x81", "\"\\U000e0001\""}, {"\xed\xa0\x80", "\"\\xed\\xa0\\x80\""}, {"\xee\x80\x80", "\"\\ue000\""},
};

static void expect(int64_t want, int64_t got, const char *error, const char *got_error)
{
    if (!error) {
        if (UNIT_STR(NULL, got_error))
            UNIT_INT(want, got);
    } else if (UNIT_TRUE(got_error != NULL)) {
        UNIT_TRUE(!strncmp(error, got_error, strlen(error)));
    }
}

static void check_ports(struct arena *arena, const char *in, const char *want)
{
    struct value_ports found;
    char text[64];
    unit_row("ports %s", in);
    const char *error = value_ports(arena, span_of(in), &found);
    if (want[0] == '!') {
        UNIT_TRUE(error && !strncmp(want + 1, error, strlen(want + 1)));
    } else if (UNIT_STR(NULL, error)) {
        snprintf(text, sizeof text, "%u-%u/%s%s%s", found.first, found.last, found.protocol,
                 found.has_mapping ? "m" : "", found.has_upper_protocol ? "u" : "");
        UNIT_STR(want, text);
    }
}

static void check_mode(struct arena *arena, const char *in, int want)
{
    bool is_symbolic;
    uint32_t mode;
    unit_row("mode %s", in);
    const char *error = value_chmod(arena, span_of(in), &is_symbolic, &mode);
    UNIT_INT(want, error ? -2 : is_symbolic ? -1 : (int)mode);
}

static void check_quotes(void)
{
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        struct buf out = {0};
        unit_row("quote %s", quotes[i].out);
        value_quote(&out, span_of(quotes[i].in));
        UNIT_STR(quotes[i].out, buf_text(&out));
        buf_free(&out);
    }
    struct span items[] = {span_of("a"), span_of("b c")};
    struct buf out = {0};
    unit_row("quoted lists");
    value_quote_list(&out, items, 2);
    value_quote_list(&out, items, 0);
    UNIT_STR("[\"a\" \"b c\"][]", buf_text(&out));
    buf_free(&out);
}

#define COUNT(table) (sizeof(table) / sizeof *(table))

int main(void)
{
    struct arena arena = {0};
    int64_t value = 0;
    int count = 0;
    for (size_t i = 0; i < COUNT(durations); i++) {
        unit_row("duration %s", durations[i].in);
        const char *error = value_duration(&arena, span_of(durations[i].in), &value);
        expect(durations[i].want, value, durations[i].error, error);
    }
    for (size_t i = 0; i < COUNT(intervals); i++) {
        unit_row("interval %s", intervals[i].in);
        const char *error = value_interval(&arena, "x", span_of(intervals[i].in), &value);
        expect(intervals[i].want, value, intervals[i].error, error);
    }
    for (size_t i = 0; i < COUNT(retries); i++) {
        unit_row("retries %s", retries[i].in);
        const char *error = value_retries(&arena, span_of(retries[i].in), &count);
        expect(retries[i].want, count, retries[i].error, error);
    }
    for (size_t i = 0; i < COUNT(sizes); i++) {
        unit_row("size %s", sizes[i].in);
        const char *error = value_size(&arena, span_of(sizes[i].in), &value);
        expect(sizes[i].want, value, sizes[i].error, error);
    }
    for (size_t i = 0; i < COUNT(signals); i++) {
        unit_row("signal %s", signals[i].in);
        UNIT_INT(signals[i].is_ok, value_signal(&arena, span_of(signals[i].in)) == NULL);
    }
    for (size_t i = 0; i < COUNT(ports); i++)
        check_ports(&arena, ports[i].in, ports[i].out);
    for (size_t i = 0; i < COUNT(modes); i++)
        check_mode(&arena, modes[i].in, modes[i].mode);
    for (size_t i = 0; i < COUNT(bools); i++) {
        bool is_true = false;
        unit_row("bool %s", bools[i].in);
        UNIT_INT(bools[i].value, value_bool(span_of(bools[i].in), &is_true) ? is_true : -1);
    }
    check_quotes();
    arena_free(&arena);
    return unit_end();
}
