/*
 * [forbidden page][guard bytes, content, guard bytes][forbidden page]; the guard bytes on the
 * side that counts are fewer than the alignment.
 */
#include "conform/zone.h"

#include <string.h>
#include <sys/mman.h>

#include <lamina/tensor.h>

#include "base/memory.h"

enum { PAGE = 4096, NAME = 64 };

/** A zone's place in memory; outlives it when zones are retired. */
struct lm_zone_record {
  struct lm_zone_record *next;
  const char *pages, *data;
  size_t pages_bytes, bytes;
  bool retired;
  char name[NAME];
};

const struct lm_zone_style lm_zone_usual = {.at_front = false, .guard = 0xff};

static struct lm_zone_record *records;
static bool retiring;

void lm_zones_retire(bool retire)
{
  retiring = retire;
}

/* The pages, with a forbidden one on each side; NULL when there are none to be had. */
static char *map_pages(size_t bytes)
{
  char *pages = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    return NULL;
  }
  if (mprotect(pages + PAGE, bytes - 2 * PAGE, PROT_READ | PROT_WRITE) != 0) {
    (void)munmap(pages, bytes);
    return NULL;
  }
  return pages;
}

static void remember(struct lm_zone *zone, const char *name)
{
  size_t length = strlen(name) < NAME - 1 ? strlen(name) : NAME - 1;
  struct lm_zone_record *record = zone->record;
  memcpy(record->name, name, length);
  record->pages = zone->pages;
  record->pages_bytes = zone->pages_bytes;
  record->data = zone->data;
  record->bytes = zone->bytes;
  record->next = records;
  records = record;
}

bool lm_zone_make(struct lm_zone *zone, size_t bytes, const struct lm_zone_style *style,
                  const char *name)
{
  *zone = (struct lm_zone){.bytes = bytes, .guard = style->guard};
  if (bytes == 0) {
    return true;
  }
  size_t inside = lm_round_up(bytes, PAGE);
  zone->pages_bytes = inside + 2 * PAGE;
  zone->record = lm_alloc(1, sizeof *zone->record);
  zone->pages = zone->record == NULL ? NULL : map_pages(zone->pages_bytes);
  if (zone->pages == NULL) {
    lm_free(zone->record);
    *zone = (struct lm_zone){0};
    return false;
  }
  size_t before = style->at_front ? 0 : inside - lm_round_up(bytes, LAMINA_ALIGNMENT);
  zone->data = zone->pages + PAGE + before;
  memset(zone->pages + PAGE, style->guard, inside);
  remember(zone, name);
  return true;
}

static void forget(struct lm_zone_record *record)
{
  struct lm_zone_record **link = &records;
  while (*link != record) {
    link = &(*link)->next;
  }
  *link = record->next;
  lm_free(record);
}

void lm_zone_release(struct lm_zone *zone)
{
  if (zone->pages != NULL && retiring) {
    (void)mprotect(zone->pages, zone->pages_bytes, PROT_NONE);
    (void)madvise(zone->pages, zone->pages_bytes, MADV_DONTNEED);
    zone->record->retired = true;
  } else if (zone->pages != NULL) {
    (void)munmap(zone->pages, zone->pages_bytes);
    forget(zone->record);
  }
  *zone = (struct lm_zone){0};
}

void lm_zone_fill(struct lm_zone *zone, int byte)
{
  if (zone->data != NULL) {
    memset(zone->data, byte, zone->bytes);
  }
}

static bool is_guard(const char *from, const char *to, unsigned char guard)
{
  for (; from < to; from++) {
    if ((unsigned char)*from != guard) {
      return false;
    }
  }
  return true;
}

bool lm_zone_intact(const struct lm_zone *zone)
{
  return zone->data == NULL || zone->forbidden ||
         (is_guard(zone->pages + PAGE, zone->data, zone->guard) &&
          is_guard(zone->data + zone->bytes, zone->pages + zone->pages_bytes - PAGE, zone->guard));
}

void lm_zone_forbid(struct lm_zone *zone, bool forbidden)
{
  zone->forbidden = forbidden;
  if (zone->pages != NULL) {
    int access = forbidden ? PROT_NONE : PROT_READ | PROT_WRITE;
    (void)mprotect(zone->pages + PAGE, zone->pages_bytes - 2 * PAGE, access);
  }
}

uint64_t lm_zone_digest(const struct lm_zone *zone)
{
  uint64_t digest = 0xcbf29ce484222325u;
  for (size_t i = 0; i < zone->bytes; i += sizeof(uint32_t)) {
    uint32_t word = 0;
    size_t left = zone->bytes - i;
    memcpy(&word, zone->data + i, left < sizeof word ? left : sizeof word);
    digest = (digest ^ word) * 0x100000001b3u;
  }
  return digest;
}

/* ---- faults; nothing here may allocate or format ---- */

/** A text that grows in place. */
struct words {
  char *out;
  size_t size, length;
};

static void add_word(struct words *words, const char *word)
{
  while (*word != '\0' && words->length + 1 < words->size) {
    words->out[words->length++] = *word++;
  }
  words->out[words->length] = '\0';
}

static void add_number(struct words *words, size_t number)
{
  char digits[24];
  size_t at = sizeof digits - 1;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  add_word(words, digits + at);
}

static void add_distance(struct words *words, const struct lm_zone_record *record, const char *at)
{
  bool before = at < record->data;
  const char *end = record->data + record->bytes;
  size_t distance = before ? (size_t)(record->data - at) : (size_t)(at - end);
  if (distance == 0) {
    add_word(words, "right behind the end of ");
    return;
  }
  add_number(words, distance);
  add_word(words, before ? " bytes before the start of " : " bytes behind the end of ");
}

enum lm_place lm_zone_locate(const void *address, char *out, size_t size)
{
  const char *at = address;
  const struct lm_zone_record *record = records;
  struct words words = {out, size, 0};
  out[0] = '\0';
  while (record != NULL && (at < record->pages || at >= record->pages + record->pages_bytes)) {
    record = record->next;
  }
  if (record == NULL) {
    return LM_PLACE_ELSEWHERE;
  }
  bool inside = at >= record->data && at < record->data + record->bytes;
  if (!inside) {
    add_distance(&words, record, at);
  }
  add_word(&words, record->name);
  if (record->retired) {
    add_word(&words, " of an earlier call");
    return LM_PLACE_RETIRED;
  }
  return inside ? LM_PLACE_FORBIDDEN : LM_PLACE_OUTSIDE;
}
