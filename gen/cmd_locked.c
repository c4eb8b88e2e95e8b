/*
 * Owns what a build is held to: dfgen.lock and the source policy, read before anything is planned. Called by the
 * commands that plan. Must not know what is in them.
 */
#include "gen/cmd.h"

#include "gen/lock.h"
#include "gen/opts.h"
#include "gen/policy.h"
#include "runtime/lib/die.h"

const char *cmd_lock_path(const struct opts *opts)
{
    return opts_path(opts, opts->start_dir, LOCK_FILE);
}

void cmd_read_lock(struct opts *opts)
{
    opts->lock = lock_read(opts->arena, cmd_lock_path(opts));
    if (opts->policy_file)
        opts->policy = policy_read(opts->arena, opts->policy_file, opts->policy_name);
    for (size_t i = 0; i < opts->images.count; i++) {
        opts->images.items[i]->lock = opts->lock;
        opts->images.items[i]->policy = opts->policy;
    }
    if (opts->locked && !opts->lock->is_there)
        die_usage("--locked: there is no %s in %s: dfgen lock makes it", LOCK_FILE, opts->start_dir);
}
