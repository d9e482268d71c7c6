/*
 * Folders and files for tests of the registry: a folder of its own for each test, copies of the
 * fixtures with bytes changed, and a registry that looks there.
 */
#ifndef TESTS_FRAMEWORK_REGISTRY_PLACE_H
#define TESTS_FRAMEWORK_REGISTRY_PLACE_H

#include <stddef.h>

#include "registry/registry_internal.h"

/** A folder under /tmp; its path is also the plugin path that place_registry() uses. */
struct place {
  char path[64];
};

struct place place_make(void);
/** Removes the folder with what is in it, two levels deep. */
void place_remove(const struct place *place);

/** "<place>/<file>", borrowed until the fourth next call. */
const char *place_file(const struct place *place, const char *file);

/** The path of a fixture, borrowed until the fourth next call. */
const char *fixture(const char *file);

/** A file in memory; free() it. Fails the test when it cannot be read. */
char *read_file(const char *path, size_t *size);
void write_file(const char *path, const void *bytes, size_t size);

/** Copies a fixture to <place>/<file>. */
void place_copy(const struct place *place, const char *from, const char *file);

/** The same with each occurrence of `old` replaced by `new`, of the same length. */
void place_patch(const struct place *place, const char *from, const char *file, const char *old,
                 const char *new, size_t length);

/** What a registry told; the last warning, and how many there were. */
struct heard {
  char warning[1024];
  int warnings, traces;
};

/** A registry whose plugin path is `path` (may be NULL). heard may be NULL. */
struct lm_registry *registry_on(const char *path, struct heard *heard);

/** Loads a fixture's file by path; the sentence and the status are in *error. */
const struct lm_plugin *open_fixture(struct lm_registry *registry, const char *name,
                                     struct lm_error *error);

#endif
