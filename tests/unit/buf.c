/* runtime/lib/buf.c, arena.c, vec.h, escape.c: memory that grows, and names that survive a file of lines. */
#include "runtime/lib/buf.h"

#include "runtime/lib/arena.h"
#include "runtime/lib/escape.h"
#include "runtime/lib/vec.h"
#include "tests/unit/unit.h"

static void test_buf(void)
{
    struct buf buf = {0};
    unit_row("empty");
    UNIT_STR("", buf_text(&buf));
    unit_row("grows");
    for (int i = 0; i < 1000; i++)
        buf_printf(&buf, "%03d,", i);
    UNIT_INT(4000, buf.len);
    UNIT_MEM("998,999,", 8, buf.data + 3992, 8);
    UNIT_INT(0, buf.data[4000]);
    unit_row("bytes of any kind");
    buf_clear(&buf);
    UNIT_STR("", buf_text(&buf));
    buf_add(&buf, "a\0b", 3);
    buf_putc(&buf, 'c');
    buf_puts(&buf, "");
    buf_add(&buf, NULL, 0);
    UNIT_MEM("a\0bc", 4, buf.data, buf.len);
    unit_row("room");
    memcpy(buf_room(&buf, 3), "xyz", 3);
    buf.len += 3;
    UNIT_MEM("a\0bcxyz", 7, buf.data, buf.len);
    unit_row("take");
    char *text = buf_take(&buf);
    UNIT_MEM("a\0bcxyz", 7, text, 7);
    free(text);
    text = buf_take(&buf);
    UNIT_STR("", text);
    free(text);
    buf_free(&buf);
}

static void test_arena(void)
{
    struct arena arena = {0};
    unit_row("arena: zeroed, aligned, apart");
    bool is_good = true;
    char *last = NULL;
    for (size_t size = 1; size < 200000; size = size * 2 + 1) {
        char *piece = arena_alloc(&arena, size);
        is_good &= (uintptr_t)piece % _Alignof(max_align_t) == 0 && !piece[0] && !piece[size - 1] && piece != last;
        memset(piece, 0xff, size);
        last = piece;
    }
    UNIT_TRUE(is_good);
    unit_row("arena: a large piece does not waste the block");
    char *before = arena_alloc(&arena, 16);
    arena_alloc(&arena, 1 << 20);
    UNIT_TRUE((char *)arena_alloc(&arena, 16) == before + 16);
    unit_row("arena: text");
    UNIT_STR("ab", arena_strndup(&arena, "abc", 2));
    UNIT_STR("x7", arena_printf(&arena, "%s%d", "x", 7));
    UNIT_STR("", arena_span(&arena, (struct span){NULL, 0}).text);
    arena_free(&arena);
}

static void test_vec(void)
{
    VEC(int) numbers = {0};
    int64_t sum = 0;
    unit_row("vec");
    for (int i = 0; i < 1000; i++)
        vec_push(&numbers, i);
    for (size_t i = 0; i < numbers.count; i++)
        sum += numbers.items[i];
    UNIT_INT(499500, sum);
    vec_free(&numbers);
    UNIT_INT(0, numbers.count);
}

static void test_escape(void)
{
    static const struct {
        const char *text, *escaped, *with_space;
    } rows[] = {
        {"", "", ""}, {"plain", "plain", "plain"}, {"a b", "a b", "a\\040b"}, {"\t\n\\", "\\011\\012\\134", "\\011\\012\\134"},
        {"\\040", "\\134040", "\\134040"}, {"\xff\r\x01", "\xff\r\x01", "\xff\r\x01"}, {" x ", " x ", "\\040x\\040"},
    };
    static const char *const bad[] = {"\\", "a\\", "\\01", "\\11", "\\041", "\\040", "\\x", "\\\\"};
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = {0};
        unit_row("escape %zu", i);
        escape_add(&out, span_of(rows[i].text), false);
        UNIT_STR(rows[i].escaped, buf_text(&out));
        UNIT_STR(rows[i].text, escape_undo(&arena, (struct span){buf_text(&out), out.len}, false));
        buf_clear(&out);
        escape_add(&out, span_of(rows[i].text), true);
        UNIT_STR(rows[i].with_space, buf_text(&out));
        UNIT_STR(rows[i].text, escape_undo(&arena, (struct span){buf_text(&out), out.len}, true));
        buf_free(&out);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unit_row("no escape: %s", bad[i]);
        UNIT_TRUE(!escape_undo(&arena, span_of(bad[i]), false));
    }
    unit_row("a NUL");
    UNIT_TRUE(!escape_undo(&arena, (struct span){"a\0b", 3}, false));
    arena_free(&arena);
}

int main(void)
{
    test_buf();
    test_arena();
    test_vec();
    test_escape();
    return unit_end();
}
