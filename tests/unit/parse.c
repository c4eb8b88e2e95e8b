/*
 * Guards what a Dockerfile is parsed to, and what is said of a wrong one, with line and column (reference §1.4-1.6,
 * §4, §10, §11). The rows are short; whole files are pairs in tests/parse: NAME.df with NAME.ast (what it is) or NAME.err
 * (what is printed).
 */
#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/parse.h"

#include <dirent.h>
#include <time.h>

#include "gen/insn.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "tests/unit/unit.h"

/* One instruction: KEYWORD --flag=value [argument] name=[value] {heredoc}; json and old where so. */
static const struct {
    const char *in, *out;
} insns[] = {
    {"RUN a  b", "RUN [a  b]"}, {"run a", "RUN [a]"}, {"RUN", "RUN"}, {"RUN []", "RUN json"},
    {"RUN [\"a\",\"b c\"]", "RUN json [a] [b c]"}, {"RUN  [ \"a\" ]  ", "RUN json [a]"},
    {"RUN [ -f x ] && y", "RUN [[ -f x ] && y]"},
    {"RUN ['a']", "RUN [['a']]"}, {"RUN [\"a\",]", "RUN [[\"a\",]]"}, {"RUN [\"a\"] b", "RUN [[\"a\"] b]"},
    {"RUN [\"a\\u00e9\\n\\\"\\\\\"]", "RUN json [a\xc3\xa9\n\"\\]"},
    {"RUN [\"\\ud83d\\ude00\"]", "RUN json [\xf0\x9f\x98\x80]"},
    {"RUN [\"\\ud800\"]", "RUN json [\xef\xbf\xbd]"}, {"RUN [\"\\ud800\\u0041\"]", "RUN json [\xef\xbf\xbd" "A]"},
    {"RUN [\"\\udc00x\"]", "RUN json [\xef\xbf\xbdx]"}, {"RUN [\"\xff\xfe\"]", "RUN json [\xef\xbf\xbd\xef\xbf\xbd]"},
    {"RUN [\"a\tb\"]", "RUN [[\"a\tb\"]]"},
    {"RUN [\"\\x41\"]", "RUN [[\"\\x41\"]]"}, {"RUN [\"\\u12\"]", "RUN [[\"\\u12\"]]"},
    {"RUN [\"a\" \"b\"]", "RUN [[\"a\" \"b\"]]"}, {"RUN [\"a\", 1e999]", "RUN [[\"a\", 1e999]]"},
    {"RUN [01]", "RUN [[01]]"}, {"RUN [\"a\", {x:1}]", "RUN [[\"a\", {x:1}]]"}, {"RUN [", "RUN [[]"},
    {"RUN [\"\"]", "RUN json []"}, {"RUN [\"/\\/\"]", "RUN json [//]"},
    {"RUN --mount=type=tmpfs,target=/t --network=none x", "RUN --mount=type=tmpfs,target=/t --network=none [x]"},
    {"RUN --mount=a --mount=b x", "RUN --mount=a --mount=b [x]"},
    {"RUN --security=insecure x", "RUN --security=insecure [x]"},
    {"RUN --device=v/x=y x", "RUN --device=v/x=y [x]"}, {"RUN x --y", "RUN [x --y]"}, {"RUN -- --x", "RUN [--x]"},
    {"CMD", "CMD"}, {"CMD []", "CMD json"}, {"CMD x", "CMD [x]"}, {"ENTRYPOINT [\"x\"]", "ENTRYPOINT json [x]"},
    {"SHELL [\"a\", \"-c\"]", "SHELL json [a] [-c]"}, {"COPY a b", "COPY [a] [b]"},
    {"COPY  a\tb  c ", "COPY [a] [b] [c]"}, {"COPY [\"a b\", \"c\"]", "COPY json [a b] [c]"},
    {"COPY \"a b\" c", "COPY [\"a] [b\"] [c]"}, {"COPY [a] [b]", "COPY [[a]] [[b]]"},
    {"COPY --from=x --chown=1:2 --chmod=600 --link --parents a b", "COPY --from=x --chown=1:2 --chmod=600 --link=true --parents=true [a] [b]"},
    {"COPY --link=FALSE a b", "COPY --link=false [a] [b]"}, {"COPY --link=True a b", "COPY --link=true [a] [b]"},
    {"COPY --exclude=a --exclude=b a b", "COPY --exclude=a --exclude=b [a] [b]"},
    {"COPY --chown= a b", "COPY --chown= [a] [b]"}, {"COPY --chown=\"1:2\" a b", "COPY --chown=1:2 [a] [b]"},
    {"COPY a --chown=1 b", "COPY [a] [--chown=1] [b]"}, {"COPY a\xc2\xa0 b", "COPY [a\xc2\xa0] [b]"},
    {"ADD --keep-git-dir --unpack=false --checksum=x a b", "ADD --keep-git-dir=true --unpack=false --checksum=x [a] [b]"},
    {"ENV A=b", "ENV A=[b]"}, {"ENV A=b C=\"d e\" F=g\\ h", "ENV A=[b] C=[\"d e\"] F=[g\\ h]"},
    {"ENV A b c", "ENV old A=[b c]"}, {"ENV A = b", "ENV old A=[= b]"},
    {"ENV A=", "ENV A=[]"}, {"ENV A==b", "ENV A=[=b]"}, {"ENV \"a b\"=c", "ENV \"a b\"=[c]"},
    {"ENV \"a b\" c", "ENV old \"a=[b\" c]"}, {"ENV A=b\\", "ENV A=[b]"}, {"ENV A \t b  ", "ENV old A=[b]"},
    {"LABEL a=b 'c d'=e", "LABEL a=[b] 'c d'=[e]"}, {"LABEL a b=c", "LABEL old a=[b=c]"},
    {"ARG A", "ARG A"}, {"ARG A=", "ARG A=[]"}, {"ARG A=b C D=\"e f\"", "ARG A=[b] C D=[\"e f\"]"},
    {"ARG --x A", "ARG A"}, {"STOPSIGNAL --x 9", "STOPSIGNAL [9]"}, {"USER a b", "USER [a b]"},
    {"WORKDIR /a b", "WORKDIR [/a b]"}, {"WORKDIR \"/a b\"", "WORKDIR [\"/a b\"]"},
    {"WORKDIR [\"/a\"]", "WORKDIR [[\"/a\"]]"}, {"EXPOSE 80 443/tcp", "EXPOSE [80] [443/tcp]"},
    {"VOLUME /a /b", "VOLUME [/a] [/b]"}, {"VOLUME [\" /a \", \"/b c\"]", "VOLUME json [/a] [/b c]"},
    {"MAINTAINER a <b@c>", "MAINTAINER [a <b@c>]"},
    {"HEALTHCHECK NONE", "HEALTHCHECK NONE"}, {"HEALTHCHECK none", "HEALTHCHECK none"},
    {"HEALTHCHECK NONE []", "HEALTHCHECK NONE json"}, {"HEALTHCHECK --x NONE", "HEALTHCHECK NONE"},
    {"HEALTHCHECK CMD a b", "HEALTHCHECK CMD [a b]"}, {"HEALTHCHECK cmd [\"a\"]", "HEALTHCHECK cmd json [a]"},
    {"HEALTHCHECK --interval=1m30s --timeout=0 --retries=3 CMD x", "HEALTHCHECK --interval=1m30s --timeout=0 --retries=3 CMD [x]"},
    {"HEALTHCHECK --start-period=1ms --start-interval= CMD x", "HEALTHCHECK --start-period=1ms --start-interval= CMD [x]"},
    {"ONBUILD RUN  x  ", "ONBUILD <RUN  x  >"}, {"onbuild copy a", "ONBUILD <copy a>"},
    {"ONBUILD FROB x", "ONBUILD <FROB x>"}, {"ONBUILD [\"a\"]", "ONBUILD <[\"a\"]>"},
    {"ONBUILD RUN --nosuch x", "ONBUILD <RUN --nosuch x>"}, {"ONBUILD ENV", "ONBUILD <ENV>"},
    {"ONBUILD ENV =x", "ONBUILD <ENV =x>"}, {"ONBUILD HEALTHCHECK x", "ONBUILD <HEALTHCHECK x>"},
    {"ONBUILD RUN <<EOF\na\nEOF", "ONBUILD <RUN <<EOF\na\nEOF> {EOF:a\n}"},
    {"ONBUILD COPY <<-\"EOF\" /x\n\ta\n\tEOF", "ONBUILD <COPY <<-\"EOF\" /x\n\ta\nEOF> {-'EOF':\ta\n}"},
    {"ONBUILD RUN a \\\n  b", "ONBUILD <RUN a   b>"},
    {"RUN <<EOF\na\nEOF", "RUN script [<<EOF] {EOF:a\n}"}, {"RUN << EOF\nEOF", "RUN script [<< EOF] {EOF:}"},
    {"RUN cat <<A <<B\na\nA\nb\nB", "RUN [cat <<A <<B] {A:a\n} {B:b\n}"},
    {"RUN [\"a\", \"<<EOF\"]", "RUN json [a] [<<EOF]"}, {"RUN <<EOF x\nEOF", "RUN [<<EOF x] {EOF:}"},
    {"RUN 3<<EOF\nEOF", "RUN script [3<<EOF] {EOF:}"},
    {"COPY <<EOF /x\na\nEOF", "COPY [<<EOF] [/x] {EOF@0:a\n}"},
    {"COPY <<a f <<'b' /d/\n1\na\n2\nb", "COPY [<<a] [f] [<<'b'] [/d/] {a@0:1\n} {'b'@2:2\n}"},
    {"COPY << EOF /x\na\nEOF", "COPY [<<] [EOF] [/x] {EOF:a\n}"},
    {"COPY <<\"a b\" /x\na b", "COPY [<<\"a] [b\"] [/x] {'a b':}"},
    {"COPY <<a <<a /d/\n1\na\n2\na", "COPY [<<a] [<<a] [/d/] {a@0:2\n} {a@1:2\n}"},
    {"ADD --chown=1 <<EOF /x\nEOF", "ADD --chown=1 [<<EOF] [/x] {EOF@0:}"}, {"ENV A=<<EOF", "ENV A=[<<EOF]"},
    {"COPY [\"<<EOF\", \"/x\"]", "COPY json [<<EOF] [/x] {EOF@0:}"},
    {"COPY it's <<EOF /x", "COPY [it's] [<<EOF] [/x] {EOF@1:}"}, {"COPY <<E\\ F /x\nE F", "COPY [<<E\\] [F] [/x] {E F:} {E@0:}"},
    {"RUN echo it's <<EOF", "RUN [echo it's <<EOF]"},
    {"CMD [ \\\n \"a\", \\\n# c\n \"b\" ]", "CMD json [a] [b]"}, {"LABEL a=on\\\ne", "LABEL a=[one]"},
    {"RUN\ta", "RUN [a]"}, {"RUN\va", "RUN [a]"},
};

/* After "FROM a\n": what is said, each LINE:COLUMN with the beginning of its text. */
static const struct {
    const char *in, *errors[4];
} wrong[] = {
    {"FROB x", {"2:1 unknown instruction: FROB (did you mean FROM?)"}},
    {"COYP a b", {"2:1 unknown instruction: COYP (did you mean COPY?)"}},
    {"xyzzyx", {"2:1 unknown instruction: xyzzyx"}}, {"RUN\xc2\xa0x", {"2:1 unknown instruction: RUN"}},
    {"\\\n", {"2:1 unknown instruction: "}},
    {"FROB\nFRAB", {"2:1 unknown", "3:1 unknown"}},
    {"RNU <<EOF\nx\nEOF\nUSER", {"2:1 unknown instruction: RNU (did you mean RUN?)", "5:1 USER requires"}},
    {"X <<EOF\nxx", {"2:1 unknown instruction: X", "3:1 unknown instruction: xx"}},
    {"COPY --chwon=1 a b", {"2:6 unknown flag: --chwon (did you mean --chown?)"}},
    {"COPY --Chown=1 a b", {"2:6 unknown flag: --Chown (did you mean --chown?)"}},
    {"COPY --x --y a b", {"2:6 unknown flag: --x", "2:10 unknown flag: --y"}},
    {"COPY --=x a b", {"2:6 unknown flag: --"}},
    {"COPY --chown a b", {"2:6 missing a value on flag: --chown"}},
    {"COPY --exclude a b", {"2:6 missing a value on flag: --exclude"}},
    {"COPY --link= a b", {"2:6 missing a value on flag: --link"}},
    {"COPY --link=maybe a b", {"2:6 expecting boolean value for flag --link, not: maybe"}},
    {"COPY --chown=1 --chown=2 a b", {"2:16 duplicate flag specified: --chown"}},
    {"COPY --link --link a b", {"2:13 duplicate flag specified: --link"}},
    {"ENV --x=1 A=b", {"2:5 unknown flag: --x"}}, {"ADD --from=s a b", {"2:5 unknown flag: --from"}},
    {"COPY --checksum=x a b", {"2:6 unknown flag: --checksum"}},
    {"CMD --x y", {"2:5 unknown flag: --x"}}, {"WORKDIR --x /y", {"2:9 unknown flag"}},
    {"USER --x y", {"2:6 unknown flag"}}, {"VOLUME --x y", {"2:8 unknown flag"}},
    {"EXPOSE --x 80", {"2:8 unknown flag"}}, {"LABEL --x a=b", {"2:7 unknown flag"}},
    {"MAINTAINER --x y", {"2:12 unknown flag"}},
    {"SHELL --x [\"a\"]", {"2:7 unknown flag"}}, {"ENTRYPOINT --x a", {"2:12 unknown flag"}},
    {"ONBUILD --x RUN y", {"2:9 unknown flag"}},
    {"HEALTHCHECK --intervall=1s CMD x", {"2:13 unknown flag: --intervall (did you mean --interval?)"}},
    {"RUN --mount x", {"2:5 missing a value on flag: --mount"}},
    {"RUN --network=bridge x", {"2:5 invalid network mode \"bridge\""}},
    {"RUN --network= x", {"2:5 invalid network mode \"\""}},
    {"RUN --security=none x", {"2:5 security \"none\" is not valid"}},
    {"COPY --link \\\n --lnik a b", {"3:2 unknown flag: --lnik (did you mean --link?)"}},
    {"COPY a", {"2:1 COPY requires at least two arguments"}}, {"COPY", {"2:1 COPY requires at least two arguments"}},
    {"ADD a", {"2:1 ADD requires at least two arguments"}}, {"COPY [\"a\"]", {"2:1 COPY requires"}},
    {"COPY []", {"2:1 COPY requires"}}, {"COPY --chown=\"1 a b", {"2:1 COPY requires"}},
    {"ENV", {"2:1 ENV requires at least one argument"}}, {"ENV A", {"2:1 ENV must have two arguments"}},
    {"ENV =x", {"2:5 ENV names can not be blank"}},
    {"ENV A=1 B 2", {"2:9 Syntax error - can't find = in \"B\"", "2:11 Syntax error - can't find = in \"2\""}},
    {"LABEL", {"2:1 LABEL requires at least one"}}, {"LABEL a", {"2:1 LABEL must have two arguments"}},
    {"ARG", {"2:1 ARG requires at least one argument"}}, {"ARG =x", {"2:5 ARG names can not be blank"}},
    {"USER", {"2:1 USER requires exactly one argument"}}, {"WORKDIR", {"2:1 WORKDIR requires exactly one"}},
    {"STOPSIGNAL", {"2:1 STOPSIGNAL requires exactly one"}}, {"MAINTAINER", {"2:1 MAINTAINER requires exactly one"}},
    {"EXPOSE", {"2:1 EXPOSE requires at least one"}}, {"VOLUME", {"2:1 VOLUME requires at least one"}},
    {"VOLUME []", {"2:1 VOLUME requires at least one"}},
    {"VOLUME [\"/a\", \" \"]", {"2:15 VOLUME specified can not be an empty string"}},
    {"SHELL", {"2:1 SHELL requires at least one"}}, {"SHELL []", {"2:1 SHELL requires at least one"}},
    {"SHELL sh -c", {"2:7 SHELL requires the arguments to be in JSON form"}},
    {"CMD [\"a\", 1]", {"2:5 when using JSON array syntax"}}, {"CMD [1]", {"2:5 when using"}},
    {"CMD [null]", {"2:5 when using"}}, {"CMD [[\"a\"]]", {"2:5 when using"}},
    {"CMD [{\"a\":[1,{}]}]", {"2:5 when using"}}, {"CMD [true,-1.5e3]", {"2:5 when using"}},
    {"COPY [[\"f\"], \"/f\"]", {"2:6 when using"}}, {"VOLUME [1]", {"2:8 when using"}},
    {"CMD [\"a\\u0000\"]", {"2:5 an argument must not contain a NUL"}}, {"HEALTHCHECK CMD [1]", {"2:17 when using"}},
    {"HEALTHCHECK", {"2:1 HEALTHCHECK requires at least one argument"}},
    {"HEALTHCHECK x y", {"2:13 Unknown type \"x\" in HEALTHCHECK (try CMD)"}},
    {"HEALTHCHECK CMD", {"2:1 Missing command after HEALTHCHECK CMD"}},
    {"HEALTHCHECK CMD []", {"2:1 Missing command"}},
    {"HEALTHCHECK NONE x", {"2:18 HEALTHCHECK NONE takes no arguments"}},
    {"HEALTHCHECK --interval=5 CMD x", {"2:13 time: missing unit in duration \"5\""}},
    {"HEALTHCHECK --interval=500us CMD x", {"2:13 Interval \"interval\" cannot be less than 1ms"}},
    {"HEALTHCHECK --timeout=-1s CMD x", {"2:13 Interval \"timeout\" cannot be less"}},
    {"HEALTHCHECK --retries=-1 CMD x", {"2:13 --retries cannot be negative (-1)"}},
    {"HEALTHCHECK --retries=x CMD x", {"2:13 --retries: \"x\" is no number"}},
    {"HEALTHCHECK --retries=2147483648 CMD x", {"2:13 --retries: \"2147483648\" is out of range"}},
    {"ONBUILD", {"2:1 ONBUILD requires at least one argument"}},
    {"ONBUILD ONBUILD RUN x", {"2:9 Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"}},
    {"ONBUILD FROM x", {"2:9 FROM isn't allowed as an ONBUILD trigger"}},
    {"ONBUILD maintainer x", {"2:9 MAINTAINER isn't allowed"}}, {"ONBUILD ENV A", {"2:9 ENV must have two arguments"}},
    {"ONBUILD CMD [1]", {"2:13 when using"}},
    {"ONBUILD RUN <<EOF\nx", {"2:13 unterminated heredoc"}}, {"RUN <<EOF\nx\n EOF", {"2:5 unterminated heredoc"}},
    {"COPY f <<EOF\nx\nEOF", {"2:8 COPY cannot accept a heredoc as a destination"}},
    {"RUN cat <<EOF>/o\nx\nEOF", {"2:9 unterminated heredoc"}},
    {"ENV A=<<EOF\nx y\nEOF", {"3:1 unknown instruction: x", "4:1 unknown instruction: EOF"}},
    {"COPY [\"f\", \"<<EOF\"]", {"2:12 COPY cannot accept a heredoc as a destination"}},
    {"FROM", {"2:1 FROM requires either one or three arguments"}},
    {"FROM a b", {"2:8 FROM requires either one or three"}}, {"FROM a AS", {"2:8 FROM requires"}},
    {"FROM a b c", {"2:8 FROM requires"}}, {"FROM a AS b c", {"2:8 FROM requires"}},
    {"FROM a AS 1st", {"2:11 invalid name for build stage: \"1st\""}},
    {"FROM a AS a/b", {"2:11 invalid name"}}, {"FROM a AS -a", {"2:11 invalid name"}},
    {"FROM a AS \xc3\xa4", {"2:11 invalid name"}}, {"FROM --pull a", {"2:6 unknown flag: --pull"}},
    {"FROM --platform a", {"2:6 missing a value"}}, {"RUN x\n  USER", {"3:3 USER requires"}},
    {"COPY --x a\nRUN x\nUSER", {"2:6 unknown flag", "4:1 USER"}},
};

/* Whole files: what is said. */
static const struct {
    const char *in, *errors[4];
} files[] = {
    {"", {"0:0 the Dockerfile cannot be empty"}}, {"\n# x\n", {"2 file with no instructions"}},
    {"ARG A\n", {"0:0 dockerfile contains no stages to build"}},
    {"RUN x\n", {"1:1 no build stage in current context"}},
    {"ARG A\nENV B=1\nRUN x\nFROM a\n", {"2:1 no build stage in current context"}},
    {"FROB\n", {"1:1 unknown instruction: FROB"}}, {"FROM a\n", {NULL}}, {"ARG A=1\nFROM $A AS b\nFROM b\n", {NULL}},
    {"# escape=x\nFROM a\nUSER\n", {"1:10 invalid escape token", "3:1 USER"}}, {"FROM a\0b\n", {NULL}},
    {"FROM a AS x\nFROM b AS X\n", {NULL}},
};

/* FROM: IMAGE|PLATFORM|NAME|NAME AS WRITTEN|AS */
static const struct {
    const char *in, *out;
} froms[] = {
    {"FROM a", "a||||"}, {"from --platform=linux/$X a aS BuildIt", "a|linux/$X|buildit|BuildIt|aS"},
    {"FROM \"${B}:${T:-l}\" AS x-1_b.c", "\"${B}:${T:-l}\"||x-1_b.c|x-1_b.c|AS"}, {"FROM --platform= a", "a||||"},
    {"FROM\ta\tAS\tb", "a||b|b|AS"},
};

static const struct {
    const char *in, *out; /* out "!text": the error */
} triggers[] = {
    {"RUN x", "RUN [x]"}, {"copy a b", "COPY [a] [b]"}, {"COPY <<EOF /x\na\nEOF", "COPY [<<EOF] [/x] {EOF@0:a\n}"},
    {"FROB x", "!unknown instruction: FROB"}, {"COPY a", "!COPY requires at least two"},
    {"FROM x", "!FROM isn't allowed"}, {"", "!an ONBUILD trigger has no instruction"},
    {"RUN a\nRUN b", "!onbuild trigger should be a single expression"}, {"# c\nRUN a", "RUN [a]"},
    {"RUN a \\\n b", "RUN [a  b]"}, {"RUN a `\n b", "!onbuild trigger should be"},
    {"RUN <<EOF\nx", "!unterminated heredoc"}, {"COPY --x a b", "!unknown flag: --x"},
};

static void dump_heredoc(const struct heredoc *heredoc, struct buf *out)
{
    const char *quote = heredoc->is_quoted ? "'" : "";
    buf_printf(out, " {%s%s%.*s%s", heredoc->strips_tabs ? "-" : "", quote, SPAN(heredoc->name), quote);
    if (heredoc->arg != SIZE_MAX)
        buf_printf(out, "@%zu", heredoc->arg);
    buf_printf(out, ":%.*s}", SPAN(heredoc->body));
}

static void dump_insn(const struct insn *insn, struct buf *out)
{
    buf_puts(out, insn_specs[insn->kind].name);
    for (size_t i = 0; i < insn->flag_count; i++)
        buf_printf(out, " --%s=%.*s", insn->flags[i].name, SPAN(insn->flags[i].value));
    if (insn->kind == INSN_ONBUILD)
        buf_printf(out, " <%.*s>", SPAN(insn->trigger));
    else if (insn->subtype.len)
        buf_printf(out, " %.*s", SPAN(insn->subtype));
    bool is_json = insn->is_json && insn->kind != INSN_ONBUILD;
    buf_printf(out, "%s%s%s", is_json ? " json" : "", insn->is_old_form ? " old" : "",
               insn->is_heredoc_script ? " script" : "");
    for (size_t i = 0; i < insn->arg_count; i++) {
        const struct arg *arg = &insn->args[i];
        buf_printf(out, " %.*s", SPAN(arg->name));
        if (arg->has_value)
            buf_printf(out, "%s[%.*s]", arg->name.len ? "=" : "", SPAN(arg->value));
    }
    for (size_t i = 0; i < insn->heredoc_count; i++)
        dump_heredoc(&insn->heredocs[i], out);
}

struct fixture {
    struct arena arena;
    struct source source;
    struct diag *diag;
    struct dockerfile *file;
    char *printed;
};

static void begin(struct fixture *f, struct span text)
{
    size_t size;
    *f = (struct fixture){.diag = diag_new()};
    source_from_text(&f->source, &f->arena, text, "D");
    f->file = parse_dockerfile(&f->arena, &f->source, f->diag);
    FILE *out = open_memstream(&f->printed, &size);
    diag_print(f->diag, out, true);
    fclose(out);
}

static void end(struct fixture *f)
{
    free(f->printed);
    diag_free(f->diag);
    arena_free(&f->arena);
}

static void check_insn(const char *in, const char *want)
{
    struct fixture f;
    struct buf text = {0}, out = {0};
    unit_row("%s", in);
    buf_printf(&text, "FROM x\n%s\n", in);
    begin(&f, (struct span){text.data, text.len});
    if (UNIT_INT(0, diag_error_count(f.diag)) && UNIT_INT(1, f.file->stages[0].insn_count)) {
        const struct insn *insn = &f.file->stages[0].insns[0];
        dump_insn(insn, &out);
        UNIT_STR(want, buf_text(&out));
        UNIT_INT(2, insn->place.line);
        for (size_t i = 0; i < insn->arg_count; i++)
            UNIT_TRUE(insn->args[i].place.line >= 2 && insn->args[i].place.column >= 1);
    } else {
        puts(f.printed);
    }
    end(&f);
    buf_free(&text);
    buf_free(&out);
}

/* The printed errors begin, one after the other, as the wanted ones say. */
static void expect_errors(const char *printed, const char *const *wanted, size_t room)
{
    const char *at = printed;
    for (size_t i = 0; i < room && wanted[i]; i++) {
        int line, column, len;
        char prefix[64];
        if (sscanf(wanted[i], "%d:%d %n", &line, &column, &len) != 2)
            return;
        snprintf(prefix, sizeof prefix, line ? "D:%d:%d: error: " : "D: error: ", line, column);
        at = strstr(at, "error: ");
        if (!UNIT_TRUE(at != NULL) || !at)
            return;
        while (at > printed && at[-1] != '\n')
            at--;
        size_t size = strlen(prefix) + strlen(wanted[i] + len);
        char *got = strndup(at, size), *want = malloc(size + 1);
        snprintf(want, size + 1, "%s%s", prefix, wanted[i] + len);
        UNIT_STR(want, got);
        free(got);
        free(want);
        at = strchr(at, '\n');
    }
    UNIT_TRUE(!strstr(at, "error: "));
}

static void check_wrong(const char *before, const char *in, const char *const *wanted)
{
    struct fixture f;
    struct buf text = {0};
    unit_row("wrong: %s", in);
    buf_printf(&text, "%s%s", before, in);
    begin(&f, (struct span){buf_text(&text), text.len});
    expect_errors(f.printed, wanted, 4);
    end(&f);
    buf_free(&text);
}

static void check_from(const char *in, const char *want)
{
    struct fixture f;
    struct buf out = {0};
    unit_row("%s", in);
    begin(&f, span_of(in));
    const struct stage_ast *stage = f.file->stages;
    if (UNIT_INT(1, f.file->stage_count)) {
        buf_printf(&out, "%.*s|%.*s|%.*s|%.*s|%.*s", SPAN(stage->image), SPAN(stage->platform), SPAN(stage->name),
                   SPAN(stage->name_written), SPAN(stage->as_keyword));
        UNIT_STR(want, buf_text(&out));
    }
    UNIT_INT(0, diag_error_count(f.diag));
    buf_free(&out);
    end(&f);
}

static void check_trigger(const char *in, const char *want)
{
    struct fixture f;
    struct insn insn;
    struct buf out = {0};
    unit_row("trigger: %s", in);
    begin(&f, span_of("\n\nFROM x\n"));
    bool is_ok = parse_trigger(&f.arena, span_of(in), (struct place){.source = &f.source, .line = 3, .column = 1}, f.diag, &insn);
    UNIT_INT(want[0] != '!', is_ok);
    if (is_ok) {
        dump_insn(&insn, &out);
        UNIT_STR(want, buf_text(&out));
        UNIT_INT(3, insn.place.line);
    } else {
        char *printed = NULL, prefix[200];
        size_t size;
        FILE *file = open_memstream(&printed, &size);
        diag_print(f.diag, file, true);
        fclose(file);
        snprintf(prefix, sizeof prefix, "D:3:1: error: %s", want + 1);
        printed[strnlen(printed, strlen(prefix))] = 0;
        UNIT_STR(prefix, printed);
        free(printed);
    }
    buf_free(&out);
    end(&f);
}

static void dump_file(const struct dockerfile *file, struct buf *out)
{
    for (size_t i = 0; i < file->global_count; i++) {
        buf_printf(out, "%d ", file->globals[i].place.line);
        dump_insn(&file->globals[i], out);
        buf_putc(out, '\n');
    }
    for (size_t i = 0; i < file->stage_count; i++) {
        const struct stage_ast *stage = &file->stages[i];
        buf_printf(out, "%d stage %.*s %.*s\n", stage->from.place.line, SPAN(stage->image), SPAN(stage->name));
        for (size_t k = 0; k < stage->insn_count; k++) {
            buf_printf(out, "  %d-%d ", stage->insns[k].place.line, stage->insns[k].last_line);
            dump_insn(&stage->insns[k], out);
            buf_putc(out, '\n');
        }
    }
}

static void read_text(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    char part[4096];
    for (size_t len; file && (len = fread(part, 1, sizeof part, file)) > 0;)
        buf_add(out, part, len);
    if (file)
        fclose(file);
}

/* folder/NAME.df against folder/NAME.ast, or folder/NAME.err where there are errors. */
static void check_pair(const char *folder, const char *name)
{
    struct fixture f;
    struct buf in = {0}, got = {0}, want = {0};
    char path[PATH_MAX + 512];
    unit_row("%s", name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    read_text(path, &in);
    begin(&f, (struct span){buf_text(&in), in.len});
    bool is_wrong = diag_error_count(f.diag) > 0;
    if (is_wrong)
        buf_puts(&got, f.printed);
    else
        dump_file(f.file, &got);
    snprintf(path, sizeof path, "%s/%.*s.%s", folder, (int)strlen(name) - 3, name, is_wrong ? "err" : "ast");
    read_text(path, &want);
    UNIT_MEM(buf_text(&want), want.len, buf_text(&got), got.len);
    end(&f);
    buf_free(&in);
    buf_free(&got);
    buf_free(&want);
}

static void check_pairs(void)
{
    char folder[4096];
    const char *source = getenv("SRC");
    snprintf(folder, sizeof folder, "%s/tests/parse", source ? source : ".");
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name);
        if (len > 3 && !strcmp(entry->d_name + len - 3, ".df"))
            check_pair(folder, entry->d_name);
    }
    closedir(dir);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Large inputs, each of which some careless parser is quadratic in. The limit is generous: sanitizers may be on. */
static void check_speed(void)
{
    static const char *const pieces[] = {
        "RUN echo x\n", "A\\\n", "X <<E\n", "COPY <<a <<b ", "ENV A=b ", "ENV A='", "--x ", "[\"a\",", "[", "FROM a\n",
        "# c\n", "\n", "ONBUILD ", "RUN --mount=a ", "${a:-", "RUN <<E\nE\n", "\\\n\n", "=", "\"",
        "LABEL a=b c=d\\\n", "<<a ", "HEALTHCHECK ",
    };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct buf text = {0};
        struct fixture f;
        unit_row("speed: %s", pieces[i]);
        buf_puts(&text, i % 2 ? "FROM a\nRUN " : "FROM a\nCOPY ");
        while (text.len < 1024 * 1024)
            buf_puts(&text, pieces[i]);
        double begun = seconds();
        struct arena arena = {0};
        f.diag = diag_new();
        source_from_text(&f.source, &arena, (struct span){text.data, text.len}, "D");
        parse_dockerfile(&arena, &f.source, f.diag);
        UNIT_TRUE(seconds() - begun < 5);
        diag_free(f.diag);
        arena_free(&arena);
        buf_free(&text);
    }
}

#define COUNT(table) (sizeof(table) / sizeof *(table))

int main(void)
{
    for (size_t i = 0; i < COUNT(insns); i++)
        check_insn(insns[i].in, insns[i].out);
    for (size_t i = 0; i < COUNT(wrong); i++)
        check_wrong("FROM a\n", wrong[i].in, wrong[i].errors);
    for (size_t i = 0; i < COUNT(files); i++)
        check_wrong("", files[i].in, files[i].errors);
    for (size_t i = 0; i < COUNT(froms); i++)
        check_from(froms[i].in, froms[i].out);
    for (size_t i = 0; i < COUNT(triggers); i++)
        check_trigger(triggers[i].in, triggers[i].out);
    check_pairs();
    check_speed();
    return unit_end();
}
