/*
 * How this process maps ids, and the user namespace that a plain user's helper works in. Files of other owners can be made by real
 * root, by a user with a range of subordinate ids (/etc/subuid), or not at all (single id).
 */
#ifndef DFGEN_IDMODE_H
#define DFGEN_IDMODE_H

#include "runtime/lib/store.h"

enum { IDMODE_RANGE = 65536 }; /* ids that a user needs besides its own */

/*
 * Which mode idmode_enter will choose. Real root: MODE_ROOT. Root of a user namespace that has the ids already, or a user with a range in
 * /etc/subuid and /etc/subgid: MODE_SUBUID. Else MODE_SINGLE; *why (may be NULL) then gets what is missing, malloc'd. The environment's
 * DFGEN_ID_MODE (auto, root, range, single) can ask for a lesser mode than there is.
 */
enum id_mode idmode_detect(char **why);

/*
 * First thing in main of every helper that reads or makes files of layers (one thread only, nothing opened yet is needed). In MODE_SUBUID
 * the process goes on as uid 0 of a new user namespace: 0 is the user, 1 to 65536 are its subordinate ids; in MODE_SINGLE there is id 0 alone.
 * Ends the process with a message that says what is missing when that cannot be done.
 */
enum id_mode idmode_enter(void);

#endif
