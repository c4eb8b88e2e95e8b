/*
 * Guards what stages come to: scopes of ARG and ENV, which stages are needed, triggers, config and history of each instruction, and what is said
 * of what is wrong. Base images are left to the conformance cases: here everything is FROM scratch.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/images.h"
#include "gen/opts.h"
#include "gen/parse.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "tests/unit/unit.h"

/*
 * want: of the target: "KEY=VALUE" of each label, then its actions; or the messages, one a line. args: build arguments "A=1 B=2".
 */
static const struct {
    const char *file, *want, *args, *target;
} rows[] = {
    /* §3.2, §3.3: scopes */
    {"ARG G=g\nFROM scratch\nLABEL a=${G-unset}\nARG G\nLABEL b=$G", "a=unset b=g", NULL, NULL},
    {"ARG G=g\nFROM scratch\nARG G=stage\nLABEL a=$G", "a=stage", NULL, NULL},
    {"ARG G=g\nFROM scratch\nARG G=stage\nLABEL a=$G", "a=given", "G=given", NULL},
    {"ARG A=1\nARG B=$A-2 C=$B-3\nFROM scratch\nARG C\nLABEL c=$C", "c=1-2-3", NULL, NULL},
    {"FROM scratch\nARG A=1 B=$A\nENV C=$B D=$C\nLABEL c=$C d=${D-unset} e=${E-unset}", "c=1 d= e=unset", NULL, NULL},
    {"FROM scratch\nENV X=env\nARG X=arg\nLABEL a=$X\nENV X=again\nLABEL b=$X", "a=arg b=again", NULL, NULL},
    {"FROM scratch AS a\nENV X=env\nARG X=arg Y=y\nFROM a\nLABEL x=$X y=$Y", "x=env y=y", NULL, NULL},
    {"FROM scratch AS a\nARG Y=y\nFROM scratch\nLABEL y=${Y-unset}", "y=unset", NULL, NULL},
    {"FROM scratch\nARG A\nLABEL a=${A-unset}", "a=", "A=", NULL},
    {"FROM scratch\nLABEL a=${http_proxy-unset}", "a=unset", "http_proxy=x", NULL},
    {"FROM scratch\nARG TARGETSTAGE TARGETPLATFORM\nLABEL s=$TARGETSTAGE p=$TARGETPLATFORM", "s=default p=plan9/mips", "TARGETPLATFORM=plan9/mips", NULL},
    {"FROM scratch AS One\nFROM scratch AS two\nARG TARGETSTAGE\nLABEL s=$TARGETSTAGE", "s=TWO", NULL, "TWO"},
    {"ARG S=a\nFROM scratch AS a\nLABEL w=a\nFROM scratch AS b\nLABEL w=b\nFROM ${S}", "w=b", "S=b", NULL},
    {"FROM scratch AS s\nLABEL w=1\nFROM s\nLABEL x=1\nFROM scratch AS s\nLABEL w=2", "w=2", NULL, "s"},
    {"FROM scratch\nARG \"A\"=1\nLABEL a=${A-unset}", "a=unset", "A=given", NULL},
    {"FROM scratch\nARG N=x\nARG $N=1\nLABEL x=${x-unset}", "x=unset", NULL, NULL},
    {"ARG N=A\nARG $N=scratch\nFROM ${A-scratch}\nARG A\nLABEL a=${A-unset}", "a=unset", NULL, NULL},
    {"FROM scratch\nARG A=${U:?no}\nLABEL a=$A", "a=given", "A=given", NULL},
    {"ARG A=${U:?no}\nFROM $A\nLABEL a=1", "a=1", "A=scratch", NULL},
    {"FROM scratch\nARG A=${U:?no}\nLABEL a=$A", "2:5 failed to process \"${U:?no}\": U: no", NULL, NULL},
    {"FROM --platform= scratch\nLABEL a=1", "a=1", NULL, NULL},
    {"FROM scratch AS a\nLABEL a=1\nFROM scratch AS b\nCOPY --from=c x /\nFROM b AS c", "a=1", NULL, "a"},
    {"FROM scratch AS b\nCOPY --from=c x /\nFROM b AS c", "2:6 cannot copy from stage \"c\"", NULL, NULL},
    /* actions */
    {"FROM scratch\nWORKDIR /\nWORKDIR a\nUSER u\nWORKDIR ../b", " workdir(/a) workdir(/b:u)", NULL, NULL},
    {"FROM scratch\nWORKDIR /w\nCOPY a b ./\nCOPY a .\nCOPY a \"\"\nCOPY a x/../y\nCOPY a /p/./", " workdir(/w) copy(a,b>/w/) copy(a>/w/) copy(a>/w/) copy(a>/w/y) copy(a>/p/)", NULL, NULL},
    {"FROM scratch\nARG D=/d\nCOPY [\"a b\", \"$D/\"]\nADD --unpack=false a /\nADD a /", " copy(a b>/d/) copy(a>//) copy(a>//!)", NULL, NULL},
    {"FROM scratch\nARG V=v\nCOPY <<a <<-'b' /d/\n$V\\n\na\n\t$V\nb", " copy(>/d/ a=vn| b=$V|)", NULL, NULL},
    {"FROM scratch AS a\nFROM scratch AS b\nCOPY --from=A x /\nCOPY --from=0 x /\nCOPY --from=scratch x /", " copy(x>// from a) copy(x>// from a) copy(x>//)", NULL, NULL},
    {"FROM scratch\nENV E=1\nARG A=2\nRUN x $E", " run(/bin/sh -c x $E|PATH E=1 A=2)", NULL, NULL},
    {"FROM scratch\nSHELL [\"sh\",\"-e\"]\nRUN [\"a\",\"b c\"]\nRUN", " run(a b c|PATH) run(sh -e |PATH)", NULL, NULL},
    {"FROM scratch\nRUN <<E\nx $y\nE\nRUN <<-E\n\t#!/p\n\tq\nE\nRUN cat <<E > f\nz\nE", " run(/bin/sh -c x $y||PATH) run(/bin/sh -c /dev/pipes/E|PATH E=#!/p|q|) run(/bin/sh -c cat <<E > f|z|E|PATH)", NULL, NULL},
    {"FROM scratch\nWORKDIR /w\nRUN --mount=type=tmpfs,target=t --mount=type=cache,target=../c --mount=type=secret,id=a/b --mount=type=ssh x",
     " workdir(/w) run(/bin/sh -c x|PATH tmpfs:/w/t cache:/c:../c secret:/run/secrets/b:a/b ssh:/run/buildkit/ssh_agent.0:default)", NULL, NULL},
    /* §10.2 */
    {"FROM scratch AS a\nCMD [\"c\"]\nFROM a\nENTRYPOINT [\"e\"]", "", NULL, NULL},
    /* §11: triggers fire in the child, with its environment, once */
    {"FROM scratch AS a\nONBUILD LABEL t=$T\nENV T=late\nFROM a AS b\nFROM b\nLABEL u=1", "t=late u=1", NULL, NULL},
    {"FROM scratch AS a\nONBUILD COPY --from=s f /\nFROM scratch AS s\nFROM a", " copy(f>// from s)", NULL, NULL},
    /* §4: what is not needed is not resolved */
    {"FROM no.such.host/image:1 AS never\nCOPY --chmod=x a /\nLABEL x=${?}\nFROM scratch\nLABEL a=1", "a=1", NULL, NULL},
    {"FROM scratch AS a\nRUN --mount=type=nothing x\nFROM scratch", "", NULL, NULL},
    /* errors */
    {"FROM scratch AS a\nFROM scratch", "1:0 target stage \"0\" could not be found", NULL, "0"},
    {"FROM $X", "1:6 base name ($X) should not be blank", NULL, NULL},
    {"FROM a::b AS never\nFROM scratch", "1:6 failed to parse stage name \"a::b\": invalid reference format", NULL, NULL},
    {"FROM scratch AS base\nFROM Base", "2:6 failed to parse stage name \"Base\": invalid reference format: repository name must be lowercase", NULL, NULL},
    {"FROM --platform=$N scratch", "1:6 empty platform value from expression $N", NULL, NULL},
    {"FROM --platform=a/b/c/d scratch", "1:6 failed to parse platform a/b/c/d: \"a/b/c/d\": cannot parse platform specifier", NULL, NULL},
    {"FROM scratch AS a\nCOPY --from=b x /\nFROM scratch AS b\nCOPY --from=a x /\nFROM scratch", "4:6 circular dependency detected on stage: a", NULL, NULL},
    {"FROM scratch AS a\nCOPY --from=a x /\nFROM scratch", "2:6 circular dependency detected on stage: a", NULL, NULL},
    {"FROM scratch AS a\nCOPY --from=7 x /\nFROM scratch", "2:6 invalid stage index 7", NULL, NULL},
    {"FROM scratch AS a\nCOPY --from=b x /\nFROM scratch AS b", "2:6 cannot copy from stage \"b\", it needs to be defined before current stage \"a\"", NULL, "a"},
    {"FROM scratch AS a\nRUN --mount=from=b,target=/t x\nFROM scratch AS b", "2:5 cannot mount from stage \"b\" to \"/t\", stage needs to be defined before current command", NULL, "a"},
    {"FROM scratch\nCOPY --from=$S x /", "2:6 variable expansion is not supported for --from", NULL, NULL},
    {"FROM scratch AS a\nRUN --mount=from=$S,target=/t x\nFROM scratch", "2:5 'from' doesn't support variable expansion", NULL, NULL},
    {"FROM scratch\nRUN --mount=type=bind x", "2:5 invalid mount target \"/\"", NULL, NULL},
    {"FROM scratch\nRUN []", "2:1 arguments are required", NULL, NULL},
    {"FROM scratch\nRUN --network=host x", "2:5 network.host is not allowed", NULL, NULL},
    {"FROM scratch\nRUN --security=insecure x", "2:5 security.insecure is not allowed", NULL, NULL},
    {"FROM scratch\nRUN --device=a/b=c x", "2:5 device feature is only supported", NULL, NULL},
    {"FROM scratch\nCOPY --chown=me a /", "2:6 invalid user index: -1", NULL, NULL},
    {"FROM scratch\nCOPY a /\nCOPY --chown=me --link a /", "3:6 invalid user index: -1", NULL, NULL},
    {"FROM scratch\nCOPY a /\nCOPY --chown=me --link --chmod=1 a /\nCOPY --chown=me:you a /\nCOPY --chown=:root --link a /", " copy(a>//) copy(a>//) copy(a>//) copy(a>//)", NULL, NULL},
    {"FROM scratch\nCOPY --chmod=9 a /", "2:6 invalid chmod parameter: '9'", NULL, NULL},
    {"FROM scratch\nADD --checksum=sha256:0 a /", "2:5 checksum requires HTTP(S) or Git sources", NULL, NULL},
    {"FROM scratch\nCOPY <<a/b /\na/b", "2:6 a heredoc that becomes a file cannot be called \"a/b\"", NULL, NULL},
    {"FROM scratch\nRUN <<..\n#!x\n..", "2:5 a heredoc that becomes a file cannot be called \"..\"", NULL, NULL},
    {"FROM scratch\nRUN <<a/b\nx\na/b", " run(/bin/sh -c x||PATH)", NULL, NULL},
    {"FROM scratch\nENV A=/3456789abcdef/123456789abcdef\nENV B=$A$A$A$A$A$A$A$A$A$A$A$A$A$A$A$A\n"
     "WORKDIR $B$B$B$B$B$B$B$B/x\nWORKDIR x$B\nWORKDIR /", "5:9 the working directory is longer than 4095 bytes", NULL, NULL},
    {"FROM scratch\nVOLUME $N", "2:8 VOLUME specified can not be an empty string", NULL, NULL},
    {"FROM scratch\nSTOPSIGNAL SIGFOO", "2:12 invalid signal: SIGFOO", NULL, NULL},
    {"FROM scratch\nEXPOSE 80/x", "2:8 invalid port: \"80/x\": invalid proto: x", NULL, NULL},
    {"FROM scratch AS a\nONBUILD FROB x\n\nFROM a", "4:1 unknown instruction: FROB", NULL, NULL},
    {"FROM scratch\nLABEL a=${X?no} b=${Y:?none}", "2:7 failed to process \"${X?no}\": X: no\n2:17 failed to process \"${Y:?none}\": Y: none", NULL, NULL},
    {"ARG SOURCE_DATE_EPOCH=never\nFROM scratch", "1:5 invalid SOURCE_DATE_EPOCH: never", NULL, NULL},
};

static void add(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_putc(out, text.text[i] == '\n' ? '|' : text.text[i]);
}

static void show_copy(struct buf *out, const struct copy_action *copy)
{
    buf_puts(out, " copy(");
    for (size_t i = 0; i < copy->sources.count; i++) {
        buf_puts(out, i ? "," : "");
        add(out, copy->sources.items[i].path);
    }
    buf_printf(out, ">%.*s%s%s", SPAN(copy->dest), copy->is_slash ? "/" : "", copy->unpacks ? "!" : "");
    if (copy->from.kind == ORIGIN_STAGE)
        buf_printf(out, " from %s", copy->from.stage->name);
    for (size_t i = 0; i < copy->contents.count; i++) {
        buf_printf(out, " %.*s=", SPAN(copy->contents.items[i].name));
        add(out, copy->contents.items[i].data);
    }
    buf_putc(out, ')');
}

/* argv|environment, mounts, files; PATH without its value */
static void show_run(struct buf *out, const struct run_action *run)
{
    buf_puts(out, " run(");
    for (size_t i = 0; i < run->argv.count; i++) {
        buf_puts(out, i ? " " : "");
        add(out, run->argv.items[i]);
    }
    for (size_t i = 0; i < run->env.count; i++) {
        buf_putc(out, i ? ' ' : '|');
        add(out, run->env.items[i].name);
        if (span_is(run->env.items[i].name, "PATH"))
            continue;
        buf_putc(out, '=');
        add(out, run->env.items[i].value);
    }
    for (size_t i = 0; i < run->mounts.count; i++) {
        const struct run_mount *mount = &run->mounts.items[i];
        buf_printf(out, " %s:%.*s%s%.*s", mount_type_names[mount->mount.type], SPAN(mount->target), mount->mount.id.len ? ":" : "",
                   SPAN(mount->mount.id));
    }
    for (size_t i = 0; i < run->files.count; i++) {
        buf_printf(out, " %.*s=", SPAN(run->files.items[i].name));
        add(out, run->files.items[i].data);
    }
    buf_putc(out, ')');
}

static void show_stage(struct buf *out, const struct stage *stage)
{
    for (size_t i = 0; i < stage->config.labels.count; i++)
        buf_printf(out, "%s%.*s=%.*s", i ? " " : "", SPAN(stage->config.labels.items[i].name), SPAN(stage->config.labels.items[i].value));
    for (size_t i = 0; i < stage->actions.count; i++) {
        const struct action *action = stage->actions.items[i];
        if (action->kind == ACTION_COPY)
            show_copy(out, &action->copy);
        else if (action->kind == ACTION_RUN)
            show_run(out, &action->run);
        else
            buf_printf(out, " workdir(%.*s%s%.*s)", SPAN(action->workdir.path), action->workdir.user.len ? ":" : "", SPAN(action->workdir.user));
    }
}

/* The messages as diag prints them, less file names and quoted lines: "LINE:COLUMN message". */
static void show_errors(struct buf *out, const struct diag *diag)
{
    char *text = NULL, *rest, *line;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    diag_print(diag, file, false);
    fclose(file);
    rest = text;
    while ((line = strsep(&rest, "\n"))) {
        const char *error = strstr(line, ": error: ");
        if (strncmp(line, "df", 2) || !error)
            continue;
        int number = 0, column = 0;
        sscanf(line, "df:%d:%d", &number, &column);
        buf_printf(out, "%s%d:%d %s", out->len ? "\n" : "", number ? number : 1, column, error + 9);
    }
    free(text);
}

static void set_args(struct opts *opts, struct arena *arena, const char *args)
{
    char *rest = args ? arena_strdup(arena, args) : NULL, *word;
    while (rest && (word = strsep(&rest, " "))) {
        char *value = strchr(word, '=');
        *value++ = 0;
        vec_push(&opts->build_args, (struct opt_pair){word, value});
    }
}

/* Every line of want begins a line of got. */
static bool matches(const char *want, const char *got)
{
    for (;;) {
        size_t len = strcspn(want, "\n");
        if (strncmp(want, got, len))
            return false;
        bool is_error = len && *want >= '0' && *want <= '9';
        got += is_error ? strcspn(got, "\n") : len;
        want += len;
        if (!*want || !*got)
            return !*want && !*got;
        want++, got++;
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        struct source source;
        struct opts opts = {.arena = &arena, .build_file = "build.ninja", .target = rows[i].target, .store = "/nonexistent",
                            .offline = true};
        struct diag *diag = diag_new();
        struct buf got = {0};
        unit_row("%s", rows[i].file);
        set_args(&opts, &arena, rows[i].args);
        source_from_text(&source, &arena, span_of(rows[i].file), "df");
        struct images *images = images_new(&arena, &opts);
        struct dockerfile *file = parse_dockerfile(&arena, &source, diag);
        struct stages *stages = stage_resolve(&arena, &opts, file, images, diag);
        UNIT_INT(stages == NULL, diag_error_count(diag) > 0);
        if (stages)
            show_stage(&got, stages->target);
        else
            show_errors(&got, diag);
        if (!matches(rows[i].want, buf_text(&got)))
            UNIT_STR(rows[i].want, buf_text(&got));
        images_free(images);
        vec_free(&opts.build_args);
        diag_free(diag);
        buf_free(&got);
        arena_free(&arena);
    }
    return unit_end();
}
