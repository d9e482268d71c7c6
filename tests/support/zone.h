/*
 * Memory that notices who touches what it should not: forbidden pages on both sides, and guard
 * bytes where the content does not fill its pages.
 *
 * The content ends as near to the forbidden page behind it as the alignment of tensors allows.
 * Guard bytes read as NaN, so that what is read beyond the content spoils the result.
 */
#ifndef LM_TESTS_ZONE_H
#define LM_TESTS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ls_zone {
  char *pages; /* NULL for a zone of no bytes */
  size_t pages_bytes;
  char *data; /* aligned to LAMINA_ALIGNMENT; NULL for a zone of no bytes */
  size_t bytes;
  bool forbidden;
};

/** Makes a zone; ends the test when there is no memory. */
void ls_zone_make(struct ls_zone *zone, size_t bytes);
void ls_zone_release(struct ls_zone *zone);

/** Sets every byte of the content. */
void ls_zone_fill(struct ls_zone *zone, int byte);

/** Whether nobody has written a guard byte; true also while it is forbidden to look. */
bool ls_zone_intact(const struct ls_zone *zone);

/** Makes the content unreachable, or reachable again: touching it is a fault. */
void ls_zone_forbid(struct ls_zone *zone, bool forbidden);

/** A number that changes with the content. */
uint64_t ls_zone_digest(const struct ls_zone *zone);

#endif
