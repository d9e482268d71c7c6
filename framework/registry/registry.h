/*
 * The registry: finds plugins by kind and name, loads them, and answers what there is.
 *
 * The only user of libltdl. Files are <kind>_<name>.so in the directories of the search order;
 * the first match wins. A file is examined (marker, ELF extents, owner and mode of its
 * directory) before the dynamic linker sees it; after loading, its descriptor is checked and
 * copied into the host's own structs, so that later code only tests for NULL. Modules stay
 * loaded until the process ends, unless LAMINA_UNLOAD=1. Floor 2.
 *
 * A directory or file that somebody else could have written is not used: owner neither root nor
 * the user, writable by everybody, or by a group that is not the owner's private one (a group
 * with the owner's own number). A registry belongs to one thread at a time; different
 * registries may be used by different threads.
 */
#ifndef LM_REGISTRY_REGISTRY_H
#define LM_REGISTRY_REGISTRY_H

#include <stdbool.h>

#include <lamina/dataset.h>
#include <lamina/initializer.h>
#include <lamina/layer.h>
#include <lamina/loss.h>
#include <lamina/metric.h>
#include <lamina/optimizer.h>
#include <lamina/regularizer.h>
#include <lamina/schedule.h>
#include <lamina/service.h>
#include <lamina/transform.h>

#include "base/error.h"
#include "base/text.h"

enum { LM_KINDS = 11 }; /* LAMINA_KIND_NONE counted */

/** A loaded plugin: its descriptor and table, normalised to this host's structs. */
struct lm_plugin {
  struct lamina_plugin info;
  const char *path;            /* of the file */
  struct lamina_setting *rows; /* info.settings: the plugin's, in this host's size; or NULL */
  union {
    struct lamina_layer layer; /* also losses */
    struct lamina_optimizer optimizer;
    struct lamina_regularizer regularizer;
    struct lamina_initializer initializer;
    struct lamina_schedule schedule;
    struct lamina_metric metric;
    struct lamina_dataset dataset;
    struct lamina_transform transform;
    struct lamina_service service;
  } table;
};

struct lm_registry;

/** How to look for plugins. */
struct lm_registry_options {
  const char *plugin_path; /* --plugin-path: directories with ':' between them; or NULL */
  bool from_here; /* directories that are not absolute count from the working directory; else they
                     are refused */
  /* Told about each decision (LAMINA_DEBUG=loader) and each warning; may be NULL. */
  void (*log)(void *arg, int32_t level, const char *sentence);
  void *log_arg;
};

/**
 * Makes a registry. Search order: options->plugin_path, LAMINA_PLUGIN_PATH (ignored under
 * AT_SECURE), directories added later, the folders beside the program, or beside the shared
 * library that the runtime is in (its own build tree, its own prefix), the directory configured
 * at build. Below each directory D, D/.libs counts too.
 * @param out  owned by the caller, release with lm_registry_free()
 */
enum lamina_status lm_registry_create(const struct lm_registry_options *options,
                                      struct lm_registry **out,
                                      struct lm_error *error) LM_MUST_CHECK;
void lm_registry_free(struct lm_registry *registry);

/** A symbol of a plugin that is linked into the program: what libtool's -dlpreopen makes. */
struct lm_preloaded {
  const char *name;
  void *address;
};

/**
 * Registers the plugins that are linked into the program, for every registry: a search finds them
 * last. Call it before the first registry is made.
 * @param symbols  borrowed for ever; a row whose name is NULL ends it
 */
void lm_registry_preload(const struct lm_preloaded *symbols);

/** Adds a directory (plugin_path: of an experiment); absolute. After the environment's. */
enum lamina_status lm_registry_add_directory(struct lm_registry *registry, const char *directory,
                                             struct lm_error *error) LM_MUST_CHECK;

/**
 * Finds and, the first time, loads a plugin. The first file of that name in a directory that
 * can be trusted is the match, also when it is then refused.
 * @param name  must match [a-z][a-z0-9_]*, at most 63 bytes
 * @param out   borrowed, lives as long as the registry
 * @return LAMINA_OK; LAMINA_E_MISSING with every directory tried, near names found, and files
 *         of that name in directories that are not trusted; LAMINA_E_INVALID for a bad name, or
 *         for a file that is no plugin or that the dynamic linker refuses, in its own words;
 *         LAMINA_E_UNSUPPORTED for another ABI or processor; LAMINA_E_PLUGIN for a plugin that
 *         breaks the contract: its descriptor, its table, what its loading changed
 */
enum lamina_status lm_registry_find(struct lm_registry *registry, uint32_t kind, const char *name,
                                    const struct lm_plugin **out,
                                    struct lm_error *error) LM_MUST_CHECK;

/**
 * Loads one file, whatever its directory; for inspection. The name is the file's stem. The same
 * path that was found by a search is the same plugin. Failures as of lm_registry_find().
 */
enum lamina_status lm_registry_open_file(struct lm_registry *registry, const char *path,
                                         const struct lm_plugin **out,
                                         struct lm_error *error) LM_MUST_CHECK;

/**
 * Says which file to load for the plugin whose file was found at path: *file, which is path at
 * first and is borrowed until the plugin is loaded. The plugin's own path stays the one found.
 */
typedef enum lamina_status (*lm_redirect_fn)(void *arg, const char *path, const char **file,
                                             struct lm_error *error);

/**
 * From now on redirect is asked before each load; for those who load copies of files that may
 * change. What is loaded is examined; the file that was found is left to redirect.
 */
void lm_registry_redirect(struct lm_registry *registry, lm_redirect_fn redirect, void *arg);

/** Refuses a file as loading it would, as far as can be seen without loading it. */
enum lamina_status lm_registry_examine_file(const char *path, struct lm_error *error) LM_MUST_CHECK;

/** From now on a search for this plugin's kind and name gives it, whatever the search path has. */
void lm_registry_prefer(struct lm_registry *registry, const struct lm_plugin *plugin);

/** What a marker says of a file that was not loaded. */
struct lm_listing {
  char kind[16], name[64], version[32], isa[32];
  uint32_t major, needs_minor;
  const char *path;    /* borrowed */
  const char *refusal; /* NULL when it can be loaded as far as can be seen, else the sentence */
  bool shadowed;       /* another file of that kind and name comes first */
};

/** Visits all plugins on the search path, sorted by kind and name; reads markers only. */
enum lamina_status lm_registry_list(struct lm_registry *registry, uint32_t kind,
                                    void (*visit)(void *arg, const struct lm_listing *listing),
                                    void *arg, struct lm_error *error) LM_MUST_CHECK;

/** "layer", "loss", ...; NULL for other numbers. */
const char *lm_kind_name(uint32_t kind);
/** The kind of a word; LAMINA_KIND_NONE if it is none. */
uint32_t lm_kind_parse(const char *word);
/** Refuses a kind or a name that cannot be a plugin's. */
enum lamina_status lm_name_check(uint32_t kind, const char *name,
                                 struct lm_error *error) LM_MUST_CHECK;

/** "layer 'dense' 1.0.0 (/path/layer_dense.so)" for messages. */
void lm_plugin_describe(const struct lm_plugin *plugin, char *out, size_t size);

/**
 * The plugin whose code runs on behalf of the host's slow paths (load, setup, infer, open), for
 * the last words of a program that crashes in it: "layer 'x' (/path/layer_x.so)", or NULL.
 * Async-signal-safe to read.
 */
const char *lm_guard_current(void);
/** Sets it; returns the old value, to be put back. text must outlive its use. */
const char *lm_guard_enter(const char *text);
void lm_guard_leave(const char *previous);
/** The same for a thread beside the one of lm_guard_enter(), and for that thread; NULL: over. */
void lm_guard_aside(const char *text);

#endif
