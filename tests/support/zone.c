/*
 * [forbidden page][guard bytes, content, guard bytes][forbidden page]; the guard bytes behind
 * the content are fewer than the alignment.
 */
#include "tests/support/zone.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>

#include <lamina/tensor.h>

#include "base/memory.h"

enum { PAGE = 4096, GUARD = 0xff };

void ls_zone_make(struct ls_zone *zone, size_t bytes)
{
  *zone = (struct ls_zone){.bytes = bytes};
  if (bytes == 0) {
    return;
  }
  size_t inside = lm_round_up(bytes, PAGE);
  zone->pages_bytes = inside + 2 * PAGE;
  zone->pages = mmap(NULL, zone->pages_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  cr_assert_neq((void *)zone->pages, MAP_FAILED);
  cr_assert_eq(mprotect(zone->pages + PAGE, inside, PROT_READ | PROT_WRITE), 0);
  zone->data = zone->pages + PAGE + inside - lm_round_up(bytes, LAMINA_ALIGNMENT);
  memset(zone->pages + PAGE, GUARD, inside);
}

void ls_zone_release(struct ls_zone *zone)
{
  if (zone->pages != NULL) {
    cr_assert_eq(munmap(zone->pages, zone->pages_bytes), 0);
  }
  *zone = (struct ls_zone){0};
}

void ls_zone_fill(struct ls_zone *zone, int byte)
{
  if (zone->data != NULL) {
    memset(zone->data, byte, zone->bytes);
  }
}

static bool is_guard(const char *from, const char *to)
{
  for (; from < to; from++) {
    if ((unsigned char)*from != GUARD) {
      return false;
    }
  }
  return true;
}

bool ls_zone_intact(const struct ls_zone *zone)
{
  return zone->data == NULL || zone->forbidden ||
         (is_guard(zone->pages + PAGE, zone->data) &&
          is_guard(zone->data + zone->bytes, zone->pages + zone->pages_bytes - PAGE));
}

void ls_zone_forbid(struct ls_zone *zone, bool forbidden)
{
  zone->forbidden = forbidden;
  if (zone->pages != NULL) {
    int access = forbidden ? PROT_NONE : PROT_READ | PROT_WRITE;
    cr_assert_eq(mprotect(zone->pages + PAGE, zone->pages_bytes - 2 * PAGE, access), 0);
  }
}

uint64_t ls_zone_digest(const struct ls_zone *zone)
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
