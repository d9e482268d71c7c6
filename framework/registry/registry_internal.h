/*
 * What the files of the registry share: names, folders, what is read from a file before it is
 * loaded, loaded modules, and what a plugin could have changed while it was loaded.
 *
 * One question a file: names.c which file is asked for; policy.c whether a place can be
 * trusted; search.c where to look; elf.c whether the dynamic linker may see the file; marker.c
 * what it says of itself; examine.c all of these in order; modules.c loading (libltdl);
 * environment.c what loading changed; descriptor.c what was loaded; builtin.c what needs no
 * loading; find.c and listing.c the answers.
 */
#ifndef LM_REGISTRY_REGISTRY_INTERNAL_H
#define LM_REGISTRY_REGISTRY_INTERNAL_H

#include <sys/stat.h>

#include "registry/environment.h"
#include "registry/registry.h"

enum { LM_NAME_MAX = 63, LM_FILE_NAME_MAX = 128, LM_SHOWN_MAX = 80 };

/* names.c */

/** Whether a name matches [a-z][a-z0-9_]* and has at most 63 bytes. */
bool lm_name_ok(const char *name);

/** Copies a text for a message: at most 60 bytes, what is not printable ASCII as '?'. */
const char *lm_show(const char *text, char out[LM_SHOWN_MAX]);

/** What a file's name says. */
enum lm_file_name {
  LM_FILE_OTHER = 0, /* not <kind>_*.so */
  LM_FILE_BAD_NAME,  /* <kind>_*.so, but the rest is no name; kind is set */
  LM_FILE_PLUGIN
};
enum lm_file_name lm_file_split(const char *file, uint32_t *kind, char name[LM_NAME_MAX + 1]);

/* policy.c */

/**
 * Refuses a file or directory that somebody else could have written: owner neither root nor
 * the user; writable by everybody, or by a group other than the owner's private one (a group
 * with the owner's own number).
 * @param what  "directory" or "file"
 */
enum lamina_status lm_policy_check(const struct stat *status, const char *what, const char *path,
                                   struct lm_error *error) LM_MUST_CHECK;

/* search.c */

/** Why a directory is on the search path, in the order of the search. */
enum lm_origin {
  LM_FROM_OPTION = 0,
  LM_FROM_ENVIRONMENT,
  LM_FROM_EXPERIMENT,
  LM_FROM_PROGRAM,
  LM_FROM_BUILD
};

struct lm_directory {
  char *path;
  enum lm_origin origin;
};

/** The search path as configured. */
struct lm_search {
  struct lm_directory *items;
  size_t count, capacity;
};

/** Adds one absolute directory behind those of the same origin; twice the same is once. */
enum lamina_status lm_search_add(struct lm_search *search, enum lm_origin origin, const char *path,
                                 size_t length, struct lm_error *error) LM_MUST_CHECK;
/** Adds directories with ':' between them; empty ones mean nothing. */
enum lamina_status lm_search_add_list(struct lm_search *search, enum lm_origin origin,
                                      const char *list, struct lm_error *error) LM_MUST_CHECK;
/** Adds the folders beside the program, and the configured one. */
enum lamina_status lm_search_add_own(struct lm_search *search,
                                     struct lm_error *error) LM_MUST_CHECK;
/** The same for a program at `program` and plugins configured for `configured`. */
enum lamina_status lm_search_add_beside(struct lm_search *search, const char *program,
                                        const char *configured,
                                        struct lm_error *error) LM_MUST_CHECK;
/** The folders around the shared library whose file is `library`, likewise. */
enum lamina_status lm_search_add_around(struct lm_search *search, const char *library,
                                        const char *configured,
                                        struct lm_error *error) LM_MUST_CHECK;
void lm_search_release(struct lm_search *search);

/** A folder as it is now: the directories of the search path, and .libs below them. */
struct lm_folder {
  char *path;
  bool absent;
  char *refusal; /* the sentence why it is not trusted, or NULL */
};
struct lm_folders {
  struct lm_folder *items;
  size_t count, capacity;
};
enum lamina_status lm_folders_make(const struct lm_search *search, struct lm_folders *out,
                                   struct lm_error *error) LM_MUST_CHECK;
void lm_folders_release(struct lm_folders *folders);

/* elf.c */

/** Parts of a file, in bytes, that end up in memory. */
struct lm_span {
  uint64_t begin, end;
};
struct lm_elf {
  struct lm_span loads[16];
  size_t count;
};

/**
 * Checks that a file is a shared object for this machine and is complete: a truncated one
 * would kill the process inside the dynamic linker.
 * @param ask_linker  set when it is refused for something that the linker refuses safely
 */
enum lamina_status lm_elf_check(int fd, uint64_t size, struct lm_elf *out, bool *ask_linker,
                                struct lm_error *error) LM_MUST_CHECK;

/** Reads up to n bytes at an offset; returns how many there were, or -1 with errno. */
int64_t lm_read_at(int fd, uint64_t offset, void *out, size_t n);

/* marker.c */

struct lm_marker {
  uint32_t major, needs_minor, built_minor;
  char kind[16], name[LM_NAME_MAX + 1], version[32], isa[32];
};

/** Reads the marker: that of this host's major when there are several. */
enum lamina_status lm_marker_read(int fd, const struct lm_elf *elf, struct lm_marker *out,
                                  struct lm_error *error) LM_MUST_CHECK;

/** Whether this machine runs code built for an instruction set of lamina/plugin.h. */
bool lm_isa_runs(const char *isa);

/* examine.c */

/** A file that is meant to be a plugin. */
struct lm_candidate {
  uint32_t kind;
  const char *name, *path;
  bool alone; /* the file may change meanwhile: the dynamic linker is not asked for its words */
};

/**
 * All checks that need no loading. The sentence is complete, with the file in front.
 * @param marker  filled as far as it could be read
 */
enum lamina_status lm_examine(const struct lm_candidate *candidate, struct lm_marker *marker,
                              struct lm_error *error) LM_MUST_CHECK;

/** Puts "refused layer 'x' from /path: " before the sentence. Returns its status. */
enum lamina_status lm_refuse(const struct lm_candidate *candidate, struct lm_error *error);

/* builtin.c */

/** Whether a path is of a plugin that is linked into the program. */
bool lm_builtin_is(const char *path);
/** Its descriptor; NULL if there is none of this kind and name. */
const struct lamina_plugin *lm_builtin_find(uint32_t kind, const char *name);
/** The path of file "layer_dense.so" as a built-in one; release with lm_free(). */
char *lm_builtin_path(const char *file);
/** lm_examine() for a built-in plugin. */
enum lamina_status lm_builtin_examine(const struct lm_candidate *candidate,
                                      struct lm_marker *marker,
                                      struct lm_error *error) LM_MUST_CHECK;
/** Visits the file names of all of them, until one visit fails. */
enum lamina_status lm_builtin_visit(enum lamina_status (*visit)(void *arg, const char *file),
                                    void *arg) LM_MUST_CHECK;

/* modules.c */

struct lm_module;

/** Counts the registries of the process; libltdl lives with the first. */
enum lamina_status lm_modules_begin(struct lm_error *error) LM_MUST_CHECK;
void lm_modules_end(void);

/**
 * Loads a file and finds its descriptor. A module that changed the process while it was loaded
 * is refused, then and whenever it is asked for again.
 * @param guard  text for lm_guard_current() while the plugin's constructors run
 */
enum lamina_status lm_module_open(const char *path, const char *symbol, const char *guard,
                                  struct lm_module **out, const struct lamina_plugin **descriptor,
                                  struct lm_error *error) LM_MUST_CHECK;

/** Gives a module back: closed when nobody uses it and LAMINA_UNLOAD=1. NULL is fine. */
void lm_module_close(struct lm_module *module);

/** Adds what the dynamic linker says of a file that it will refuse. */
void lm_module_add_reason(const char *path, struct lm_error *error);

/* descriptor.c */

/** Checks a descriptor and copies it, its rows and its table into the host's structs. The rows
 * are the caller's to release, also after a failure: lm_free(out->rows). */
enum lamina_status lm_descriptor_take(const struct lamina_plugin *descriptor, uint32_t kind,
                                      const char *name, struct lm_plugin *out,
                                      struct lm_error *error) LM_MUST_CHECK;

/** Fills a struct of the host from a plugin's, which may be older (smaller) or newer. */
void lm_normalise(void *out, size_t out_size, const void *in, size_t in_size);

/* registry.c */

struct lm_entry {
  struct lm_entry *next;
  struct lm_plugin plugin;
  struct lm_module *module;
  char *path, *guard;
  bool searched; /* it is what a search for its kind and name gives */
};

struct lm_registry {
  struct lm_search search;
  struct lm_entry *entries;
  void (*log)(void *arg, int32_t level, const char *sentence);
  void *log_arg;
  lm_redirect_fn redirect; /* may be NULL */
  void *redirect_arg;
  bool trace; /* LAMINA_DEBUG has "loader" */
};

/** Tells the user; LAMINA_LOG_DEBUG only when asked for. */
void lm_registry_log(const struct lm_registry *registry, int32_t level, const char *format, ...)
    LM_PRINTF(3, 4);

/** Loads a file, or finds that it was loaded. */
enum lamina_status lm_registry_load(struct lm_registry *registry,
                                    const struct lm_candidate *candidate, struct lm_entry **out,
                                    struct lm_error *error) LM_MUST_CHECK;

/* listing.c */

/** A file on the search path whose name is a plugin's. */
struct lm_found {
  const char *name; /* first, for lm_spelling_nearest() */
  uint32_t kind;
  size_t order; /* of its folder */
  char *path;
  const char *folder_refusal;
  char stem[LM_NAME_MAX + 1];
  bool bad_name;
};
struct lm_found_list {
  struct lm_found *items;
  size_t count, capacity;
};

/** All of them, sorted by kind, name and folder; kind LAMINA_KIND_NONE: of every kind. */
enum lamina_status lm_found_make(const struct lm_folders *folders, uint32_t kind,
                                 struct lm_found_list *out, struct lm_error *error) LM_MUST_CHECK;
void lm_found_release(struct lm_found_list *list);

#endif
