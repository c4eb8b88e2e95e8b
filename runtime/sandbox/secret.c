/*
 * Owns reading secrets from where the settings say that they are. Called by mounts, which shows them, and by
 * dfgen-run's main for its key. Must not know how a secret is shown, nor what else a key is made of.
 */
#include "runtime/sandbox/secret.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/step.h"
#include "runtime/sandbox/plan.h"

enum { SECRET_LIMIT = 512 * 1024 };

static const char *source_text(const struct step *step, const json_t *source, const char *name)
{
    const json_t *value = json_object_get(source, name);
    return json_is_string(value) ? json_bytes_value(step->arena, value).text : NULL;
}

bool secret_read(const struct step *step, const char *id, struct buf *content)
{
    const json_t *source = json_object_get(json_object_get(step->settings, "secrets"), id);
    const char *file = source_text(step, source, "file"), *name = source_text(step, source, "env");
    if (file) {
        if (file_read_at(AT_FDCWD, file, content, SECRET_LIMIT) < 0)
            step_die(step, "secret %s: cannot read %s:", id, file);
        return true;
    }
    const char *value = name ? getenv(name) : NULL;
    if (value)
        buf_puts(content, value);
    return value != NULL;
}

void secret_forget(struct buf *content)
{
    if (content->len)
        explicit_bzero(content->data, content->len);
    buf_free(content);
}

/* One that is missing is another thing than an empty one. */
static void add_content(const struct step *step, const char *id, struct digest_state *mark)
{
    struct buf content = {0};
    bool is_there = secret_read(step, id, &content);
    uint64_t size = is_there ? content.len : UINT64_MAX;
    digest_add_field(mark, id);
    digest_add(mark, &size, sizeof size);
    if (content.len)
        digest_add(mark, content.data, content.len);
    secret_forget(&content);
}

bool secret_mark(const struct step *step, const struct plan *plan, struct digest *mark)
{
    struct digest_state state;
    bool is_any = false;
    for (size_t i = 0; i < plan->mount_count; i++) {
        if (plan->mounts[i].type != MOUNT_SECRET || !plan->mounts[i].is_keyed)
            continue;
        if (!is_any) {
            uint8_t salt[STORE_SALT];
            if (store_salt(&step->store, salt) < 0)
                step_die(step, "cannot read or make the store's salt (%s/salt), with which secrets go into keys:",
                         step->store.path);
            digest_begin(&state);
            digest_add(&state, salt, sizeof salt);
            is_any = true;
        }
        add_content(step, plan->mounts[i].id, &state);
    }
    if (is_any)
        *mark = digest_end(&state);
    return is_any;
}
