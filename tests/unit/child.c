/*
 * runtime/lib/child.c: a child's exit code, the signal that ended it and a program that cannot be run are told apart,
 * and what was printed before is not printed by the child as well.
 */
#include "runtime/lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "tests/unit/unit.h"

static int return_number(const void *data)
{
    return *(const int *)data;
}

static int raise_signal(const void *data)
{
    signal(*(const int *)data, SIG_DFL);
    raise(*(const int *)data);
    return 0;
}

static void test_ends(void)
{
    static const struct {
        const char *what;
        child_work work;
        int number, want;
    } rows[] = {
        {"done", return_number, 0, 0},
        {"an exit code", return_number, 7, 7},
        {"killed", raise_signal, SIGKILL, 128 + SIGKILL},
        {"ended by a signal that can be caught", raise_signal, SIGTERM, 128 + SIGTERM},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("%s", rows[i].what);
        UNIT_INT(rows[i].want, child_run(rows[i].work, &rows[i].number));
    }
    unit_row("a child that could not be started: errno stays");
    errno = EAGAIN;
    UNIT_INT(-1, child_wait(-1));
    UNIT_INT(EAGAIN, errno);
    unit_row("not our child");
    UNIT_INT(-1, child_wait(getpid()));
    UNIT_INT(ECHILD, errno);
}

static void test_programs(void)
{
    unit_row("a program of $PATH, with its words");
    UNIT_INT(3, child_run(child_exec, (const char *const[]){"sh", "-c", "exit $1", "sh", "3", NULL}));
    unit_row("no such program");
    UNIT_INT(127, child_run(child_exec, (const char *const[]){"./no-such-program", NULL}));
    unit_row("no program at all");
    UNIT_INT(0, file_write_at(AT_FDCWD, "data", "x", 1, 0644));
    UNIT_INT(126, child_run(child_exec, (const char *const[]){"./data", NULL}));
}

/* Ends as die() does, which writes out what is still to be printed. */
static int leave(const void *data)
{
    exit(*(const int *)data);
}

static void test_output(void)
{
    struct buf text = {0};
    int code = 1;
    unit_row("what was printed before is written once");
    fflush(stdout);
    int saved = dup(STDOUT_FILENO), file = open("said", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    UNIT_TRUE(saved >= 0 && file >= 0);
    dup2(file, STDOUT_FILENO);
    printf("once\n");
    int result = child_run(leave, &code);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(file);
    UNIT_INT(1, result);
    UNIT_INT(0, file_read_at(AT_FDCWD, "said", &text, 100));
    UNIT_STR("once\n", buf_text(&text));
    buf_free(&text);
}

int main(void)
{
    test_ends();
    test_programs();
    test_output();
    return unit_end();
}
