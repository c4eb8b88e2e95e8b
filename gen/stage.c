/*
 * Owns the order in which stages are resolved: global scope, FROM lines, who needs whom, then each stage's
 * instructions. Called by plan. Must not know what a single instruction does (stage_insn.c and its neighbours do), nor
 * what becomes of the actions.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/stage_internal.h"

#include <string.h>

#include "gen/graph.h"
#include "gen/opts.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"

bool stage_expand_with(struct resolver *resolver, const struct scope *scope, struct span text, struct place place,
                       struct span *out)
{
    struct word_env env = {scope_lookup, scope, &resolver->spent};
    /* Said by then, and once is enough. */
    if (resolver->spent > WORD_TOTAL)
        return false;
    struct word_result word = word_expand(resolver->arena, text, resolver->file->escape, WORD_ONE, &env);
    if (word.error)
        diag_error(resolver->diag, place, "failed to process \"%.*s\": %s", SPAN(text), word.error);
    *out = word.text;
    return !word.error;
}

bool stage_expand(struct resolver *resolver, struct span text, struct place place, struct span *out)
{
    return stage_expand_with(resolver, &resolver->stage->scope, text, place, out);
}

bool stage_build_arg(const struct resolver *resolver, struct span name, struct span *value)
{
    for (size_t i = resolver->opts->build_args.count; i-- > 0;) {
        const struct opt_pair *pair = &resolver->opts->build_args.items[i];
        if (!span_is(name, pair->name) || !pair->value)
            continue;
        *value = span_of(pair->value);
        return true;
    }
    return false;
}

bool stage_flag(const struct insn *insn, const char *name, struct span *value, struct place *place)
{
    for (size_t i = 0; i < insn->flag_count; i++) {
        if (strcmp(insn->flags[i].name, name))
            continue;
        *value = insn->flags[i].value;
        *place = insn->flags[i].place;
        return true;
    }
    return false;
}

bool stage_has_flag(const struct insn *insn, const char *name)
{
    struct span value;
    struct place place;
    return stage_flag(insn, name, &value, &place) && span_is(value, "true");
}

bool stage_is_empty(const struct stage *stage)
{
    while (!stage->actions.count && stage->base.kind == ORIGIN_STAGE)
        stage = stage->base.stage;
    return !stage->actions.count && stage->base.kind == ORIGIN_SCRATCH;
}

static bool is_nocase_equal(struct span a, struct span b)
{
    return a.len == b.len && !strncasecmp(a.text, b.text, a.len);
}

/* --target: a name in any case, the last of that name; else the last stage. */
static struct stage *find_target(struct resolver *resolver)
{
    struct stages *stages = resolver->stages;
    const char *wanted = resolver->opts->target;
    if (!wanted || !*wanted)
        return &stages->items[stages->count - 1];
    for (size_t i = stages->count; i-- > 0;) {
        struct stage *stage = &stages->items[i];
        if (stage->ast->name.len && is_nocase_equal(stage->ast->name, span_of(wanted)))
            return stage;
    }
    struct buf names = {0};
    for (size_t i = 0; i < stages->count; i++)
        if (stages->items[i].ast->name.len)
            buf_printf(&names, "%s%.*s", names.len ? ", " : "", SPAN(stages->items[i].ast->name));
    diag_error(resolver->diag, (struct place){.source = resolver->file->source},
               "target stage \"%s\" could not be found%s%s", wanted,
               names.len ? "; named stages are " : "; no stage has a name", buf_text(&names));
    buf_free(&names);
    return NULL;
}

/* A folder's name is free when it is no file or folder of ours in .dfgen, and no other stage has it. */
static bool is_free(const struct resolver *resolver, const struct stage *stage, const char *folder)
{
    if (opts_is_reserved(folder))
        return false;
    const struct stage *owner = stage_find(resolver, span_of(folder), SIZE_MAX);
    return (!owner || owner == stage) && strcmp(folder, resolver->opts->build_file);
}

/* Its name, or its number when it has none (or a very long one); what is not free gets the number appended. */
static void name_stage(struct resolver *resolver, struct stage *stage)
{
    enum { NAME_LIMIT = 100 };
    struct arena *arena = resolver->arena;
    struct span name = stage->ast->name;
    const char *numbered = arena_printf(arena, "stage-%zu", stage->index);
    stage->name = name.len ? arena_strndup(arena, name.text, name.len) : numbered;
    stage->folder = name.len <= NAME_LIMIT ? stage->name : numbered;
    while (!is_free(resolver, stage, stage->folder))
        stage->folder = arena_printf(arena, "%s-%zu", stage->folder, stage->index);
    bool is_taken = stage_find(resolver, span_of(stage->name), SIZE_MAX) != (name.len ? stage : NULL);
    is_taken |= !strcmp(stage->name, resolver->opts->build_file) || name.len > NAME_LIMIT;
    stage->target = is_taken ? stage->folder : stage->name;
}

static void make_stages(struct resolver *resolver)
{
    struct stages *stages = resolver->stages;
    stages->count = resolver->file->stage_count;
    stages->items = arena_array(resolver->arena, stages->count, sizeof *stages->items);
    for (size_t i = 0; i < stages->count; i++) {
        stages->items[i].ast = &resolver->file->stages[i];
        stages->items[i].index = i;
    }
    stage_index_names(resolver);
    for (size_t i = 0; i < stages->count; i++)
        name_stage(resolver, &stages->items[i]);
}

/* What can be told of every stage, needed or not. */
static void scan_all(struct resolver *resolver)
{
    for (size_t i = 0; i < resolver->stages->count; i++) {
        struct stage *stage = &resolver->stages->items[i];
        if (stage->base.kind == ORIGIN_STAGE && !stage->is_replaced)
            seq_push(resolver->arena, &stage->uses, (struct stage_use){stage->base.stage, stage->ast->from.place, true});
        for (size_t k = 0; k < stage->ast->insn_count && !stage->is_replaced; k++)
            needed_scan(resolver, stage, &stage->ast->insns[k]);
    }
    needed_check_cycles(resolver);
}

static void add_labels(struct resolver *resolver, struct config *config)
{
    for (size_t i = 0; i < resolver->opts->labels.count; i++) {
        const struct opt_pair *pair = &resolver->opts->labels.items[i];
        config_set_label(config, resolver->arena, span_of(pair->name), span_of(pair->value ? pair->value : ""));
    }
}

static void resolve_insns(struct resolver *resolver, struct stage *stage)
{
    stage_begin(resolver);
    for (size_t i = 0; i < stage->triggers.count; i++)
        stage_resolve_insn(resolver, &stage->triggers.items[i]);
    for (size_t i = 0; i < stage->ast->insn_count && !stage->is_replaced; i++)
        stage_resolve_insn(resolver, &stage->ast->insns[i]);
}

/* --offline and --locked say all that is missing at once: what a stage wants besides its base, as far as that can be told. */
static void resolve_without_base(struct resolver *resolver, struct stage *stage)
{
    stage->base = (struct origin){.kind = ORIGIN_SCRATCH};
    resolver->diag = resolver->hidden;
    resolve_insns(resolver, stage);
}

static void resolve_stage(struct resolver *resolver, struct stage *stage)
{
    resolver->stage = stage;
    resolver->diag = stage->is_needed ? resolver->user : resolver->hidden;
    size_t errors = diag_error_count(resolver->diag);
    stage_enter(resolver);
    if (stage->has_failed || (stage->base.kind == ORIGIN_STAGE && stage->base.stage->has_failed)) {
        stage->has_failed = true;
        if (resolver->opts->offline || resolver->opts->locked)
            resolve_without_base(resolver, stage);
        return;
    }
    resolve_insns(resolver, stage);
    add_labels(resolver, &stage->config);
    stage->has_failed |= diag_error_count(resolver->diag) > errors;
}

static void resolve_all(struct resolver *resolver)
{
    for (size_t i = 0; i < resolver->stages->count; i++) {
        struct stage *stage = &resolver->stages->items[i];
        resolve_stage(resolver, stage);
        if (stage->has_failed && !stage->is_needed && resolver->opts->debug)
            diag_warn(resolver->user, stage->ast->from.place,
                      "stage %s cannot be built and is left out; it is not needed",
                      stage->name);
    }
    resolver->diag = resolver->user;
}

struct stages *stage_resolve(struct arena *arena, const struct opts *opts, const struct dockerfile *file,
                             struct images *images, struct diag *diag)
{
    struct stages *stages = arena_alloc(arena, sizeof *stages);
    struct resolver resolver = {.arena = arena, .opts = opts, .file = file, .images = images, .stages = stages,
                                .user = diag, .hidden = diag_new(), .diag = diag};
    make_stages(&resolver);
    stage_set_globals(&resolver);
    stage_read_froms(&resolver);
    scan_all(&resolver);
    stages->target = find_target(&resolver);
    if (!diag_error_count(diag)) {
        needed_mark(&resolver);
        resolve_all(&resolver);
        stage_check_offline(&resolver);
    }
    diag_free(resolver.hidden);
    return diag_error_count(diag) ? NULL : stages;
}
