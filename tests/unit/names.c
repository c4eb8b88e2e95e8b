/* gen/names.c: a name is found where it was added first, among few and among many; scopes share what they were. */
#include "gen/names.h"

#include <stdio.h>

#include "gen/scope.h"
#include "runtime/lib/arena.h"
#include "tests/unit/unit.h"

static void test_many(void)
{
    struct arena arena = {0};
    struct name_index names = {0};
    char text[16];
    size_t number;
    unit_row("none is in an empty one");
    UNIT_TRUE(!names_find(&names, span_of("A"), &number));
    for (size_t i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "A%zu", i);
        names_add(&names, &arena, span_of(arena_strdup(&arena, text)));
    }
    static const struct {
        const char *name;
        int number;     /* -1: not there */
    } rows[] = {{"A0", 0}, {"A999", 999}, {"A1000", -1}, {"A", -1}, {"", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("find %s", rows[i].name);
        UNIT_INT(rows[i].number, names_find(&names, span_of(rows[i].name), &number) ? (int)number : -1);
    }
    unit_row("of twins the first");
    UNIT_TRUE(!names.has_twins);
    names_add(&names, &arena, span_of("A7"));
    UNIT_TRUE(names.has_twins);
    UNIT_TRUE(names_find(&names, span_of("A7"), &number));
    UNIT_INT(7, number);
    arena_free(&arena);
}

static void test_share(void)
{
    struct arena arena = {0};
    struct scope scope = {0}, copy;
    scope_set(&scope, &arena, span_of("A"), span_of("1"));
    struct variables before = scope_share(&scope, &arena);
    unit_row("the same while nothing changes");
    scope_set(&scope, &arena, span_of("A"), span_of("1"));
    UNIT_TRUE(scope_share(&scope, &arena).items == before.items);
    unit_row("what was shared stays");
    scope_set(&scope, &arena, span_of("A"), span_of("2"));
    scope_set(&scope, &arena, span_of("B"), span_of("3"));
    UNIT_INT(1, before.count);
    UNIT_STR("1", before.items[0].value.text);
    struct variables after = scope_share(&scope, &arena);
    UNIT_INT(2, after.count);
    UNIT_STR("2", after.items[0].value.text);
    unit_row("set again, it moves to the end, also with the same value");
    scope_set(&scope, &arena, span_of("A"), span_of("2"));
    struct variables moved = scope_share(&scope, &arena);
    UNIT_STR("B", moved.items[0].name.text);
    UNIT_STR("A", moved.items[1].name.text);
    UNIT_STR("2", moved.items[1].value.text);
    UNIT_STR("A", after.items[0].name.text);
    UNIT_TRUE(scope_share(&scope, &arena).items == moved.items);
    unit_row("a copy is its own");
    scope_copy(&copy, &arena, &scope);
    scope_set(&copy, &arena, span_of("A"), span_of("4"));
    scope_set(&copy, &arena, span_of("C"), span_of("5"));
    struct span value;
    UNIT_TRUE(scope_get(&scope, span_of("A"), &value) && span_is(value, "2"));
    UNIT_TRUE(!scope_get(&scope, span_of("C"), &value));
    UNIT_TRUE(scope_get(&copy, span_of("C"), &value) && span_is(value, "5"));
    arena_free(&arena);
}

int main(void)
{
    test_many();
    test_share();
    return unit_end();
}
