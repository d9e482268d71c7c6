/*
 * A loaded shared object from the inside, as the dynamic linker sees it.
 */
#ifndef LM_CONFORM_IMAGE_H
#define LM_CONFORM_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

/** A loaded file, as the dynamic linker sees it. */
struct lm_image {
  uintptr_t base;
  const void *dynamic; /* ElfW(Dyn) * */
};

/** The file that an address of code or data lies in; false when none does. */
bool lm_image_find(const void *address, struct lm_image *out);

/** Visits the names that the file exports. */
void lm_image_exports(const struct lm_image *image, void (*visit)(void *arg, const char *name),
                      void *arg);
/** Visits the names of libraries that the file needs. */
void lm_image_needs(const struct lm_image *image, void (*visit)(void *arg, const char *name),
                    void *arg);
/** Visits the places that hold the address of a function or object of another file. */
void lm_image_imports(const struct lm_image *image,
                      void (*visit)(void *arg, const char *name, void **place), void *arg);

#endif
