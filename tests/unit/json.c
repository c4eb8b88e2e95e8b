/* runtime/lib/json.c: strict reading, one spelling, and bytes that come back as they were. */
#include <jansson.h>

#include "runtime/lib/json.h"

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "tests/unit/unit.h"

static void test_parse(void)
{
    static const struct {
        const char *text, *written; /* NULL: refused */
    } rows[] = {
        {"{}", "{}\n"}, {" { \"b\" : 1 , \"a\" : [ true , null ] } ", "{\"a\":[true,null],\"b\":1}\n"},
        {"{\"b\":{\"d\":1,\"c\":2},\"a\":\"\\u00e4/\"}", "{\"a\":\"\xc3\xa4/\",\"b\":{\"c\":2,\"d\":1}}\n"},
        {"{\"a\":1,\"a\":2}", NULL}, {"", NULL}, {"1", NULL}, {"{} x", NULL}, {"[1,]", NULL}, {"{\"a\":\"\xff\"}", NULL},
        {"[9223372036854775807]", "[9223372036854775807]\n"}, {"[9223372036854775808]", NULL}, {"[\"\\u0000\"]", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = {0};
        char *error = NULL;
        unit_row("parse %s", rows[i].text);
        json_t *value = json_parse(span_of(rows[i].text), &error);
        if (UNIT_INT(rows[i].written != NULL, value != NULL) && value) {
            json_write(value, &out);
            UNIT_STR(rows[i].written, buf_text(&out));
        } else {
            UNIT_TRUE(error != NULL);
        }
        json_decref(value);
        free(error);
        buf_free(&out);
    }
    unit_row("too deep");
    char deep[20000];
    memset(deep, '[', sizeof deep);
    json_t *value = json_parse((struct span){deep, sizeof deep}, NULL);
    UNIT_TRUE(!value);
    json_decref(value);
    for (size_t depth = JSON_DEPTH; depth <= JSON_DEPTH + 1; depth++) {
        unit_row("depth %zu", depth);
        char *error = NULL;
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        value = json_parse((struct span){deep, 2 * depth}, &error);
        UNIT_INT(depth <= JSON_DEPTH, value != NULL);
        UNIT_INT(depth > JSON_DEPTH, error != NULL);
        json_decref(value);
        free(error);
    }
}

static void test_bytes(void)
{
    static const char *const rows[] = {
        "", "plain", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xff", "\x80\xbf", "a\xc3", "\xe2\x82", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80",
        "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbc\x80x", "tab\tnewline\nquote\"back\\", "\x01\x1f\x7f",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        struct buf out = {0};
        unit_row("bytes %zu", i);
        json_t *list = json_array();
        json_array_append_new(list, json_bytes(span_of(rows[i])));
        json_write(list, &out);
        json_t *again = json_parse((struct span){out.data, out.len}, NULL);
        if (UNIT_TRUE(again)) {
            struct span bytes = json_bytes_value(&arena, json_array_get(again, 0));
            UNIT_MEM(rows[i], strlen(rows[i]), bytes.text, bytes.len);
        }
        json_decref(list);
        json_decref(again);
        buf_free(&out);
        arena_free(&arena);
    }
    unit_row("every byte");
    char all[255];
    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    struct arena arena = {0};
    json_t *value = json_bytes((struct span){all, sizeof all});
    struct span bytes = json_bytes_value(&arena, value);
    UNIT_MEM(all, sizeof all, bytes.text, bytes.len);
    json_decref(value);
    arena_free(&arena);
}

static void test_text(void)
{
    static const char *const rows[][2] = {
        {"\xc3\xa4", "\xc3\xa4"}, {"a\xff" "b", "a\xef\xbf\xbd" "b"}, {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"}, {"", ""},
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("text %zu", i);
        json_t *value = json_text(span_of(rows[i][0]));
        UNIT_STR(rows[i][1], json_string_value(value));
        json_decref(value);
    }
}

static void test_members(void)
{
    json_t *object = json_parse(span_of("{\"s\":\"x\",\"i\":-5,\"b\":true,\"n\":null}"), NULL);
    unit_row("members");
    UNIT_STR("x", json_get_string(object, "s", "y"));
    UNIT_STR("y", json_get_string(object, "i", "y"));
    UNIT_STR("y", json_get_string(object, "none", "y"));
    UNIT_TRUE(!json_get_string(NULL, "s", NULL));
    UNIT_INT(-5, json_get_int(object, "i", 1));
    UNIT_INT(1, json_get_int(object, "s", 1));
    UNIT_TRUE(json_get_bool(object, "b", false));
    UNIT_TRUE(json_get_bool(object, "n", true));
    json_decref(object);
}

/* Members that are text already stand where they would be sorted. */
static void test_write_with(void)
{
    static const struct json_member members[] = {{"b", {"[1]", 3}}, {"d", {"{}", 2}}};
    static const struct {
        const char *object;
        size_t count;
        const char *want;
    } rows[] = {
        {"{\"c\":2,\"a\":1,\"e\":3}", 2, "{\"a\":1,\"b\":[1],\"c\":2,\"d\":{},\"e\":3}\n"},
        {"{\"a\":1}", 2, "{\"a\":1,\"b\":[1],\"d\":{}}\n"},
        {"{\"x\":1}", 1, "{\"b\":[1],\"x\":1}\n"},
        {"{}", 2, "{\"b\":[1],\"d\":{}}\n"},
        {"{}", 0, "{}\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = {0};
        json_t *object = json_parse(span_of(rows[i].object), NULL);
        unit_row("members into %s", rows[i].object);
        json_write_with(object, members, rows[i].count, &out);
        UNIT_STR(rows[i].want, buf_text(&out));
        json_decref(object);
        buf_free(&out);
    }
}

/* The short way and the long one come to the same text. */
static void test_bytes_add(void)
{
    static const char *const rows[] = {"", "plain text/1", "a\"b", "back\\slash", "tab\t", "\x7f", "\xc3\xa4", "\xff", "line\n"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf want = {0}, out = {0};
        json_t *value = json_bytes(span_of(rows[i]));
        unit_row("bytes as text %s", rows[i]);
        json_write(value, &want);
        json_bytes_add(&out, span_of(rows[i]));
        buf_putc(&out, '\n');
        UNIT_STR(buf_text(&want), buf_text(&out));
        json_decref(value);
        buf_free(&want);
        buf_free(&out);
    }
}

int main(void)
{
    test_parse();
    test_bytes();
    test_text();
    test_members();
    test_write_with();
    test_bytes_add();
    return unit_end();
}
