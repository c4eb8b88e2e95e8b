/*
 * Owns the tables of options and of dfgen.ini's keys, and the setters behind them; --help is written from them. Called
 * by opts, which reads the command line. Must not know where a value comes from, nor what it leads to.
 */
#include "gen/opts.h"

#include "gen/opts_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <config.h>
#include "gen/help.h"
#include "gen/limits.h"
#include "gen/opts_annotation.h"
#include "gen/opts_attest.h"
#include "gen/opts_images.h"
#include "gen/opts_output.h"
#include "gen/opts_registry.h"
#include "gen/opts_value.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/times.h"

#define TEXT_SETTER(field)                                                                                  \
    static const char *set_##field(struct opts *opts, const char *base, const char *value)                  \
    {                                                                                                       \
        (void)base;                                                                                         \
        opts->field = arena_strdup(opts->arena, value);                                                     \
        return NULL;                                                                                        \
    }

#define FLAG_SETTER(field)                                                                                  \
    static const char *set_##field(struct opts *opts, const char *base, const char *value)                  \
    {                                                                                                       \
        (void)base, (void)value;                                                                            \
        opts->field = true;                                                                                 \
        return NULL;                                                                                        \
    }

TEXT_SETTER(file)
TEXT_SETTER(target)
TEXT_SETTER(build_dir)
TEXT_SETTER(build_file)
TEXT_SETTER(launcher)
TEXT_SETTER(context_option)
TEXT_SETTER(stamp)
/* A path, in the end relative to the build folder. */
#define PATH_SETTER(field)                                                                                  \
    static const char *set_##field(struct opts *opts, const char *base, const char *value)                  \
    {                                                                                                       \
        opts->field = opts_path(opts, base, value);                                                         \
        return NULL;                                                                                        \
    }

PATH_SETTER(vendor)
PATH_SETTER(iidfile)
PATH_SETTER(metadata_file)
PATH_SETTER(depfile)
FLAG_SETTER(no_cache)
FLAG_SETTER(pull)
FLAG_SETTER(quiet)
FLAG_SETTER(check)
FLAG_SETTER(debug)
FLAG_SETTER(locked)
FLAG_SETTER(offline)
FLAG_SETTER(load)

/* In dfgen.ini, paths are relative to its folder. */
static const char *absolute(const struct opts *opts, const char *base, const char *value)
{
    return *value == '/' ? arena_strdup(opts->arena, value) : arena_printf(opts->arena, "%s/%s", base, value);
}

static const char *set_ini_file(struct opts *opts, const char *base, const char *value)
{
    opts->file = absolute(opts, base, value);
    opts->file_name = arena_strdup(opts->arena, value);
    return *value ? NULL : "file needs a path";
}

static const char *set_ini_context(struct opts *opts, const char *base, const char *value)
{
    opts->context = absolute(opts, base, value);
    opts->context_name = arena_strdup(opts->arena, value);
    return *value ? NULL : "context needs a path";
}

/* A list whose words are checked first. */
#define CHECKED_SETTER(field, check)                                                                        \
    static const char *set_##field(struct opts *opts, const char *base, const char *value)                  \
    {                                                                                                       \
        (void)base;                                                                                         \
        const char *error = check(opts->arena, value);                                                      \
        if (!error)                                                                                         \
            vec_push(&opts->field, arena_strdup(opts->arena, value));                                       \
        return error;                                                                                       \
    }

CHECKED_SETTER(tags, opts_value_tag)
CHECKED_SETTER(add_hosts, opts_value_host)
CHECKED_SETTER(ulimits, opts_value_ulimit)

static const char *set_build_arg(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    return opts_value_build_arg(opts, value);
}

static const char *set_context(struct opts *opts, const char *base, const char *value)
{
    return opts_value_context(opts, base, value);
}

static const char *set_label(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    struct opt_pair pair = opts_value_pair(opts->arena, value);
    if (!*pair.name)
        return "a label needs a name: KEY=VALUE";
    vec_push(&opts->labels, pair);
    return NULL;
}

static const char *set_secret(struct opts *opts, const char *base, const char *value)
{
    return opts_value_secret(opts, base, value);
}

static const char *set_ssh(struct opts *opts, const char *base, const char *value)
{
    return opts_value_ssh(opts, base, value);
}

static const char *set_platform(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    return opts_value_list(opts->arena, value, &opts->platforms);
}

static const char *set_no_cache_filter(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    return opts_value_list(opts->arena, value, &opts->no_cache_filter);
}

static const char *set_allow(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    if (strcmp(value, "network.host") && strcmp(value, "security.insecure"))
        return "the permissions are network.host and security.insecure";
    vec_push(&opts->allow, arena_strdup(opts->arena, value));
    return NULL;
}

static const char *set_network(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    if (strcmp(value, "default") && strcmp(value, "none") && strcmp(value, "host"))
        return "the networks are default, none and host";
    opts->network = arena_strdup(opts->arena, value);
    return NULL;
}

static const char *set_shm_size(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    return opts_value_size(value, &opts->shm_size);
}

#define LIMIT_SETTER(field, option)                                                                         \
    static const char *set_##field(struct opts *opts, const char *base, const char *value)                  \
    {                                                                                                       \
        (void)base;                                                                                         \
        return limits_set(opts, option, value);                                                             \
    }

LIMIT_SETTER(memory, "memory")
LIMIT_SETTER(cpus, "cpus")
LIMIT_SETTER(cpu_period, "cpu-period")
LIMIT_SETTER(cpu_quota, "cpu-quota")
LIMIT_SETTER(cpu_shares, "cpu-shares")
LIMIT_SETTER(cpuset_cpus, "cpuset-cpus")
LIMIT_SETTER(cpuset_mems, "cpuset-mems")
LIMIT_SETTER(pids_limit, "pids-limit")

static const char *set_dns(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    if (!*value || value[strspn(value, "0123456789abcdefABCDEF.:")])
        return "the address of a name server is wanted";
    opts->dns = arena_strdup(opts->arena, value);
    return NULL;
}

static const char *set_timeout(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    return limits_duration(value, &opts->timeout);
}

static const char *set_timestamps(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    enum times times;
    if (!times_parse(value, &times))
        return "timestamps are epoch, clamp or keep";
    opts->timestamps = arena_strdup(opts->arena, value);
    return NULL;
}

const char *opts_set_store(struct opts *opts, const char *base, const char *value)
{
    if (!*value)
        return "the store needs a path";
    if (value[0] == '~' && (value[1] == '/' || !value[1])) {
        const char *home = getenv("HOME");
        if (!home)
            return "HOME is not set";
        value = arena_printf(opts->arena, "%s%s", home, value + 1);
    }
    opts->store = *value == '/' ? arena_strdup(opts->arena, value) : arena_printf(opts->arena, "%s/%s", base, value);
    return NULL;
}

static const char *set_image_folder(struct opts *opts, const char *base, const char *value)
{
    vec_push(&opts->image_folders, opts_path(opts, base, value));
    return NULL;
}

static const char *set_push(struct opts *opts, const char *base, const char *value)
{
    (void)value;
    return opts_set_output(opts, base, "type=registry");
}

static const char *set_policy(struct opts *opts, const char *base, const char *value)
{
    opts->policy_file = opts_path(opts, base, value);
    opts->policy_name = arena_strdup(opts->arena, value);
    return *value ? NULL : "the source policy needs a path";
}

/* Rules and variables have such names, and the state folder is called by it. */
static const char *set_prefix(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    if (!*value || *value == '.' || *value == '-' || value[strspn(value, allowed)] || strlen(value) > 100)
        return "a prefix is made of letters, digits, _, - and ., and begins with a letter, a digit or _";
    opts->prefix = arena_strdup(opts->arena, value);
    return NULL;
}

static const char *set_generator(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    if (strcmp(value, "ninja") && strcmp(value, "make"))
        return "ninja or make is wanted";
    opts->generator = arena_strdup(opts->arena, value);
    return NULL;
}

static const char *show_help(struct opts *opts, const char *base, const char *value)
{
    (void)opts, (void)base, (void)value;
    help_print();
    exit(EXIT_DONE);
}

static const char *show_version(struct opts *opts, const char *base, const char *value)
{
    (void)opts, (void)base, (void)value;
    puts("dfgen " DFGEN_VERSION);
    exit(EXIT_DONE);
}

static const struct option options[] = {
    {"file", 'f', TAKES_VALUE, set_file, "FILE", "the Dockerfile (default: CONTEXT/Dockerfile; - is standard input)"},
    {"target", 0, TAKES_VALUE, set_target, "STAGE", "the stage to build (default: the last)"},
    {"build-arg", 0, TAKES_VALUE, set_build_arg, "NAME[=VALUE]", "a value for ARG; without =, from the environment"},
    {"build-context", 0, TAKES_VALUE, set_context, "NAME=VALUE",
     "another context or image: a folder, git repository or URL, oci-layout:PATH[:TAG][@DIGEST], "
     "docker-archive:FILE, dir:FOLDER, tarball:FILE, docker-image://REF"},
    {"images", 0, TAKES_VALUE, set_image_folder, "FOLDER", "look here for images (docker save archives, OCI layouts)"},
    {"platform", 0, TAKES_VALUE, set_platform, "OS/ARCH[,...]",
     "what to build for (default: this machine); several give an index"},
    {"label", 0, TAKES_VALUE, set_label, "KEY=VALUE", "a label of the image"},
    {"annotation", 0, TAKES_VALUE, opts_set_annotation, "[TYPE[PLATFORM]:]KEY=VALUE",
     "an annotation of the image's manifest, or of its index, manifest-descriptor or index-descriptor"},
    {"secret", 0, TAKES_VALUE, set_secret, "id=ID[,src=FILE|,env=NAME]", "a secret for RUN --mount=type=secret"},
    {"ssh", 0, TAKES_VALUE, set_ssh, "ID[=SOCKET]", "an agent's socket for RUN --mount=type=ssh"},
    {"tag", 't', TAKES_VALUE, set_tags, "NAME[:TAG]", "a name of the image"},
    {"output", 'o', TAKES_VALUE, opts_set_output, "type=TYPE,dest=PATH[,...]",
     "what to write: oci, docker, tar, local, bundle, squashfs, image, registry; a bare PATH is type=local, - a "
     "tar on standard output"},
    {"push", 0, TAKES_NOTHING, set_push, NULL,
     "send the image to the registries of its names, as --output=type=registry"},
    {"load", 0, TAKES_NOTHING, set_load, NULL, "put the image into docker or podman"},
    {"iidfile", 0, TAKES_VALUE, set_iidfile, "FILE", "write the image's id, the digest of its config, to a file"},
    {"metadata-file", 0, TAKES_VALUE, set_metadata_file, "FILE",
     "write digests and names of the image to a file, as JSON"},
    {"sbom", 0, TAKES_OPTIONAL, opts_set_sbom, "spdx|cyclonedx",
     "add a document that lists the image's packages (default: spdx)"},
    {"provenance", 0, TAKES_OPTIONAL, opts_set_provenance, "min|max",
     "add a document that says what the image is made from"},
    {"attest", 0, TAKES_VALUE, opts_set_attest, "type=TYPE[,...]",
     "the same in docker's words: type=sbom, type=provenance,mode=max"},
    {"no-cache", 0, TAKES_NOTHING, set_no_cache, NULL, "run every RUN once more"},
    {"no-cache-filter", 0, TAKES_VALUE, set_no_cache_filter, "STAGE[,...]", "run the RUNs of these stages once more"},
    {"network", 0, TAKES_VALUE, set_network, "MODE", "network of RUN: default, none, host"},
    {"add-host", 0, TAKES_VALUE, set_add_hosts, "HOST:IP", "a line of /etc/hosts in RUN"},
    {"shm-size", 0, TAKES_VALUE, set_shm_size, "BYTES", "size of /dev/shm in RUN (k, m, g)"},
    {"ulimit", 0, TAKES_VALUE, set_ulimits, "NAME=SOFT[:HARD]", "a limit of RUN"},
    {"memory", 'm', TAKES_VALUE, set_memory, "BYTES", "memory that a RUN may use (k, m, g)"},
    {"cpus", 0, TAKES_VALUE, set_cpus, "NUMBER", "processors that a RUN may use, 1.5 say"},
    {"cpu-period", 0, TAKES_VALUE, set_cpu_period, "MICROSECONDS",
     "the time that --cpu-quota is a share of (default: 100000)"},
    {"cpu-quota", 0, TAKES_VALUE, set_cpu_quota, "MICROSECONDS", "processor time of a RUN in each period"},
    {"cpu-shares", 'c', TAKES_VALUE, set_cpu_shares, "NUMBER", "weight of a RUN against others (usual: 1024)"},
    {"cpuset-cpus", 0, TAKES_VALUE, set_cpuset_cpus, "LIST", "processors for a RUN: 0-2,5"},
    {"cpuset-mems", 0, TAKES_VALUE, set_cpuset_mems, "LIST", "memory nodes for a RUN"},
    {"pids-limit", 0, TAKES_VALUE, set_pids_limit, "NUMBER", "processes that a RUN may have"},
    {"timeout", 0, TAKES_VALUE, set_timeout, "TIME", "time that each RUN has: 90, 5m, 1h"},
    {"allow", 0, TAKES_VALUE, set_allow, "PERMISSION", "network.host or security.insecure, for RUNs that ask for it"},
    {"locked", 0, TAKES_NOTHING, set_locked, NULL, "everything must be in dfgen.lock"},
    {"vendor", 0, TAKES_VALUE, set_vendor, "FOLDER", "take base images and remote files from what dfgen vendor made"},
    {"offline", 0, TAKES_NOTHING, set_offline, NULL, "fetch nothing: say all that is missing"},
    {"source-policy-file", 0, TAKES_VALUE, set_policy, "FILE",
     "BuildKit's source policy: which sources may be used, and what they become (default: "
     "$EXPERIMENTAL_BUILDKIT_SOURCE_POLICY)"},
    {"timestamps", 0, TAKES_VALUE, set_timestamps, "epoch|clamp|keep",
     "times of files in layers: SOURCE_DATE_EPOCH or 0, their own up to it, or their own"},
    {"pull", 0, TAKES_NOTHING, set_pull, NULL, "ask registries what tags mean now, whatever was remembered"},
    {"authfile", 0, TAKES_VALUE, opts_set_authfile, "FILE",
     "credentials for registries (default: those of podman and docker)"},
    {"cert-dir", 0, TAKES_VALUE, opts_set_cert_dir, "FOLDER", "certificates for registries: *.crt, *.cert and *.key"},
    {"tls-verify", 0, TAKES_VALUE, opts_set_tls_verify, "true|false",
     "false: any certificate of a registry will do, and so does http"},
    {"check", 0, TAKES_NOTHING, set_check, NULL,
     "only say which build checks fire, in all stages if there is no --target"},
    {"quiet", 'q', TAKES_NOTHING, set_quiet, NULL, "no warnings"},
    {"debug", 'D', TAKES_NOTHING, set_debug, NULL, "say more"},
    {NULL, 'C', TAKES_VALUE, set_build_dir, "FOLDER", "the build folder (default: the current one)"},
    {NULL, 'G', TAKES_VALUE, set_generator, "ninja|make",
     "what to write: build.ninja (the default), or a Makefile for GNU make"},
    {"context", 0, TAKES_VALUE, set_context_option, "FOLDER", "the context, for dfgen build, whose words are targets"},
    {"stamp", 0, TAKES_VALUE, set_stamp, "FILE",
     "dfgen build: write this file when all went well, for a build around it"},
    {"depfile", 0, TAKES_VALUE, set_depfile, "FILE",
     "with --stamp: write what the stamp depends on, as a rule of make"},
    {"build-file", 0, TAKES_VALUE, set_build_file, "NAME",
     "the file to write, in the build folder or below it (default: build.ninja, Makefile)"},
    {"prefix", 0, TAKES_VALUE, set_prefix, "TEXT",
     "before every rule and target, to include the file in another build"},
    {"store", 0, TAKES_VALUE, opts_set_store, "FOLDER",
     "where layers and results are kept (default: $DFGEN_STORE, ~/.cache/dfgen)"},
    {"launcher", 0, TAKES_VALUE, set_launcher, "COMMAND", "put before the command of RUN edges (srun -n1, say)"},
    {"help", 'h', TAKES_NOTHING, show_help, NULL, "this text"},
    {"version", 0, TAKES_NOTHING, show_version, NULL, "the version"},
    {"cache-from", 0, TAKES_VALUE, NULL, NULL, NULL},
    {"cache-to", 0, TAKES_VALUE, NULL, NULL, NULL},
    {"progress", 0, TAKES_VALUE, NULL, NULL, NULL},
};

enum { OPTION_COUNT = sizeof options / sizeof *options };

/* Keys of dfgen.ini. A key NULL takes any: "key=value" goes to the setter. */
static const struct {
    const char *section, *key;
    setter set;
} ini_keys[] = {
    {"vendor", "path", set_vendor},
    {"policy", "path", set_policy},
    {"store", "path", opts_set_store},      {"images", "path", set_image_folder}, {"contexts", NULL, set_context},
    {"launcher", "run", set_launcher}, {"args", NULL, set_build_arg},        {"run", "network", set_network},
    {"run", "timeout", set_timeout},   {"run", "memory", set_memory},        {"run", "cpus", set_cpus},
    {"run", "pids-limit", set_pids_limit}, {"run", "dns", set_dns},
};

/* Keys of [image] sections. One that ends in a dot or a dash takes any name behind it: the setter gets "name=value". */
static const struct {
    const char *key;
    setter set;
} image_keys[] = {
    {"file", set_ini_file}, {"context", set_ini_context},     {"target", set_target},       {"tag", set_tags},
    {"arg.", set_build_arg}, {"context.", set_context},       {"label.", set_label},
    {"annotation.", opts_set_annotation}, {"annotation-", opts_set_typed_annotation},
    {"secret", set_secret}, {"ssh", set_ssh},                 {"platform", set_platform},   {"output", opts_set_output},
    {"network", set_network}, {"add-host", set_add_hosts},    {"shm-size", set_shm_size},   {"ulimit", set_ulimits},
    {"allow", set_allow},   {"no-cache-filter", set_no_cache_filter},
    {"sbom", opts_set_sbom}, {"provenance", opts_set_provenance},
};

/* The key's row, and what stands behind its dot; NULL: there is none. */
static setter find_image_key(const char *key, const char **rest)
{
    *rest = NULL;
    for (size_t i = 0; i < sizeof image_keys / sizeof *image_keys; i++) {
        size_t len = strlen(image_keys[i].key);
        bool is_family = strchr(".-", image_keys[i].key[len - 1]);
        if (is_family && !strncmp(key, image_keys[i].key, len) && key[len])
            *rest = key + len;
        if (*rest || (!is_family && !strcmp(key, image_keys[i].key)))
            return image_keys[i].set;
    }
    return NULL;
}

bool opts_knows_image_key(const char *key)
{
    const char *rest;
    return find_image_key(key, &rest);
}

const char *opts_set_image_key(struct opts *opts, const char *base, const char *key, const char *value)
{
    const char *rest;
    setter set = find_image_key(key, &rest);
    return set(opts, base, rest ? arena_printf(opts->arena, "%s=%s", rest, value) : value);
}

const char *opts_set_ini(struct opts *opts, const char *base, const char *section, const char *key, const char *value)
{
    bool known = false;
    if (!strncmp(section, "registry ", 9))
        return opts_set_registry(opts, base, section + 9, key, value);
    if (!strncmp(section, "secret", 6) && (!section[6] || strchr(" \t\"", section[6])))
        return opts_value_secret_key(opts, section + 6, key, value);
    if (opts_images_is_section(section))
        return opts_images_key(opts, base, section, key, value);
    for (size_t i = 0; i < sizeof ini_keys / sizeof *ini_keys; i++) {
        if (strcmp(ini_keys[i].section, section))
            continue;
        known = true;
        if (!ini_keys[i].key)
            return ini_keys[i].set(opts, base, arena_printf(opts->arena, "%s=%s", key, value));
        if (!strcmp(ini_keys[i].key, key))
            return ini_keys[i].set(opts, base, value);
    }
    if (!known)
        return arena_printf(opts->arena, "unknown section [%s]", section);
    return arena_printf(opts->arena, "unknown key %s in [%s]", key, section);
}

const struct option *option_find(const char *name, size_t len)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options[i].name && strlen(options[i].name) == len && !strncmp(options[i].name, name, len))
            return &options[i];
    return NULL;
}

const struct option *option_find_letter(char letter)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options[i].letter == letter)
            return &options[i];
    return NULL;
}

bool option_is_of_one(const struct option *option)
{
    static const setter setters[] = {set_file, set_target, set_tags, opts_set_output};
    for (size_t i = 0; i < sizeof setters / sizeof *setters; i++)
        if (option->set == setters[i])
            return true;
    return false;
}

const struct option *option_at(size_t i)
{
    while (i < OPTION_COUNT && !options[i].set)
        i++;
    return i < OPTION_COUNT ? &options[i] : NULL;
}

size_t option_number(const struct option *option)
{
    return (size_t)(option - options);
}

bool option_is_early(const struct option *option)
{
    return option->set == set_build_dir || option->set == show_help || option->set == show_version;
}
