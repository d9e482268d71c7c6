/*
 * Memory that notices who touches what it should not: forbidden pages on both sides, and guard
 * bytes where the content does not fill its pages.
 *
 * The content ends as near to the forbidden page behind it as the alignment of tensors allows,
 * or begins right behind the one before it. Guard bytes read as NaN, unless the style says
 * otherwise, so that what is read beyond the content spoils the result.
 *
 * Every zone is on a list, so that a fault can be told by the name of what was touched, also
 * from a signal handler. With lm_zones_retire(true) a zone that is released stays on the list,
 * unreachable: what keeps a pointer into it is found out. Zones are made and released by one
 * thread.
 */
#ifndef LM_CONFORM_ZONE_H
#define LM_CONFORM_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Where the content lies between the forbidden pages, and what surrounds it. */
struct lm_zone_style {
  bool at_front;
  unsigned char guard;
};

/** The style of zones unless another is asked for: at the end, guards of 0xff. */
extern const struct lm_zone_style lm_zone_usual;

struct lm_zone_record;

struct lm_zone {
  struct lm_zone_record *record; /* NULL for a zone of no bytes */
  char *pages;
  size_t pages_bytes;
  char *data; /* aligned to LAMINA_ALIGNMENT; NULL for a zone of no bytes */
  size_t bytes;
  unsigned char guard;
  bool forbidden;
};

/** Makes a zone. The name is copied; false when there is no memory. */
bool lm_zone_make(struct lm_zone *zone, size_t bytes, const struct lm_zone_style *style,
                  const char *name);
void lm_zone_release(struct lm_zone *zone);

/** Whether zones that are released stay where they are, unreachable. */
void lm_zones_retire(bool retire);

/** Sets every byte of the content. */
void lm_zone_fill(struct lm_zone *zone, int byte);

/** Whether nobody has written a guard byte; true also while it is forbidden to look. */
bool lm_zone_intact(const struct lm_zone *zone);

/** Makes the content unreachable, or reachable again: touching it is a fault. */
void lm_zone_forbid(struct lm_zone *zone, bool forbidden);

/** A number that changes with the content. */
uint64_t lm_zone_digest(const struct lm_zone *zone);

/** What an address is to the zones. */
enum lm_place {
  LM_PLACE_ELSEWHERE = 0,
  LM_PLACE_FORBIDDEN, /* in the content of a zone, by lm_zone_forbid() */
  LM_PLACE_RETIRED,   /* in or around a zone that was released */
  LM_PLACE_OUTSIDE    /* beside the content, on pages of the zone */
};

/**
 * Finds the zone of an address and describes the place: "8 bytes behind the end of input 0".
 * Async-signal-safe.
 */
enum lm_place lm_zone_locate(const void *address, char *out, size_t size);

#endif
