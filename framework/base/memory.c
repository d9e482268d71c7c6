/*
 * malloc behind one door. The failure counter is atomic because plugins' loops may run in
 * several threads; it costs one load when off.
 */
#include "base/memory.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What madvise() works in; first touching memory costs a sixth with pages of this size. */
enum { HUGE_PAGE = 2 << 20 };

static atomic_llong fail_countdown = -1;
static atomic_bool fail_forever = false;

static bool must_fail(void)
{
  if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) < 0) {
    return false;
  }
  if (atomic_fetch_sub(&fail_countdown, 1) > 0) {
    return false;
  }
  atomic_store(&fail_countdown, atomic_load(&fail_forever) ? 0 : -1);
  return true;
}

void lm_alloc_fail_after(int64_t countdown, bool forever)
{
  atomic_store(&fail_forever, forever);
  atomic_store(&fail_countdown, countdown);
}

void *lm_alloc(size_t count, size_t size)
{
  size_t bytes;
  /* calloc checks too, but sanitizers stop the program there. */
  if (must_fail() || !lm_mul_size(count, size, &bytes)) {
    return NULL;
  }
  return calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
}

void *lm_alloc_aligned(size_t bytes, size_t alignment)
{
  if (must_fail() || bytes > SIZE_MAX - alignment) {
    return NULL;
  }
  size_t rounded = lm_round_up(bytes == 0 ? 1 : bytes, alignment);
  if (rounded >= HUGE_PAGE && alignment < HUGE_PAGE) {
    alignment = HUGE_PAGE;
  }
  void *memory = NULL;
  if (posix_memalign(&memory, alignment, rounded) != 0) {
    return NULL;
  }
  if (rounded >= HUGE_PAGE) {
    (void)madvise(memory, rounded, MADV_HUGEPAGE); /* a wish: without it pages are small */
  }
  memset(memory, 0, rounded);
  return memory;
}

bool lm_grow(void **items, size_t *capacity, size_t need, size_t item_size)
{
  if (need <= *capacity) {
    return true;
  }
  size_t wanted = *capacity < 8 ? 8 : *capacity;
  while (wanted < need) {
    if (!lm_mul_size(wanted, 2, &wanted)) {
      return false;
    }
  }
  size_t bytes;
  if (!lm_mul_size(wanted, item_size, &bytes) || must_fail()) {
    return false;
  }
  void *grown = realloc(*items, bytes);
  if (grown == NULL) {
    return false;
  }
  memset((char *)grown + *capacity * item_size, 0, bytes - *capacity * item_size);
  *items = grown;
  *capacity = wanted;
  return true;
}

char *lm_copy_bytes(const char *bytes, size_t length)
{
  char *copy = lm_alloc(length + 1, 1);
  if (copy != NULL && length > 0) {
    memcpy(copy, bytes, length);
  }
  return copy;
}

char *lm_copy_text(const char *text)
{
  return lm_copy_bytes(text, strlen(text));
}

char *lm_format(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (length < 0) {
    return NULL;
  }
  char *text = lm_alloc((size_t)length + 1, 1);
  if (text != NULL) {
    va_start(args, format);
    (void)vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
  }
  return text;
}

void lm_free(void *memory)
{
  free(memory);
}
