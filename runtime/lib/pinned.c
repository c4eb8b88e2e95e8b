/*
 * Owns the key of fetched things. Called by dfgen-fetch and by gen. Must not know how a thing is fetched.
 */
#include "runtime/lib/pinned.h"

#include <stdio.h>
#include <string.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/step.h"
#include "runtime/lib/store.h"

static void add_span(struct digest_state *state, struct span text)
{
    digest_add(state, text.text, text.len);
    digest_add(state, "", 1);
}

static bool is_commit(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!text.text[i] || !strchr("0123456789abcdef", text.text[i]))
            return false;
    return text.len == 40 || text.len == 64;
}

bool pinned_is_whole(const struct pinned *pinned)
{
    return pinned->is_git ? is_commit(pinned->checksum) : pinned->checksum.len > 0;
}

/*
 * A file is its bytes and its name, wherever they came from; what a commit comes to depends on the address, by its
 * submodules and its .git.
 */
void pinned_key(const struct pinned *pinned, char key[DIGEST_HEX + 1])
{
    struct digest_state state;
    char text[64];
    bool is_git = pinned->is_git;
    snprintf(text, sizeof text, "%d %d %d %d", STEP_FORMAT, is_git, is_git && pinned->keeps_git_dir, is_git &&
             pinned->has_submodules);
    digest_begin(&state);
    digest_add_field(&state, "fetched");
    digest_add_field(&state, text);
    add_span(&state, pinned->checksum);
    if (is_git) {
        add_span(&state, pinned->url);
        add_span(&state, pinned->ref);
        digest_add_field(&state, pinned->subdir);
    } else {
        digest_add_field(&state, pinned->name);
    }
    struct digest digest = digest_end(&state);
    digest_hex(&digest, key);
}

bool pinned_find(const struct store *store, const struct pinned *pinned, char id[80])
{
    char key[DIGEST_HEX + 1];
    struct buf record = {0};
    bool is_known = false;
    pinned_key(pinned, key);
    if (store_action_get(store, key, &record) == 0 && record.len && record.len < 80) {
        snprintf(id, 80, "%.*s", (int)strcspn(buf_text(&record), "\n"), buf_text(&record));
        is_known = store_id_is_valid(id) && store_has_layer(store, id);
    }
    buf_free(&record);
    return is_known;
}
