/*
 * Memory and sizes: allocation that checks products, and arithmetic that does not wrap.
 *
 * Every allocation of the runtime goes through here, so that a test can make the n-th one
 * fail. Floor 0.
 */
#ifndef LM_BASE_MEMORY_H
#define LM_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zeroed memory for count items of size bytes; NULL when it cannot be had or wraps. */
void *lm_alloc(size_t count, size_t size);

/** The same, aligned to alignment (a power of two, at least 64); release with lm_free. */
void *lm_alloc_aligned(size_t bytes, size_t alignment);

/**
 * Grows an array to hold at least need items: *items and *capacity change together.
 * @return false when memory is short; nothing changes then
 */
bool lm_grow(void **items, size_t *capacity, size_t need, size_t item_size);

/** Copy of a string, or of its first length bytes with a 0 after them; NULL when short. */
char *lm_copy_text(const char *text);
char *lm_copy_bytes(const char *bytes, size_t length);

/** Formatted text in memory of its own; NULL when memory is short. */
char *lm_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Releases what the functions above gave; NULL is fine. */
void lm_free(void *memory);

/** For tests: the allocation after `countdown` more fails, once or from then on. -1: off. */
void lm_alloc_fail_after(int64_t countdown, bool forever);

/** *out = a + b or a * b; false when the result does not fit. */
static inline bool lm_add_i64(int64_t a, int64_t b, int64_t *out)
{
  return !__builtin_add_overflow(a, b, out);
}
static inline bool lm_mul_i64(int64_t a, int64_t b, int64_t *out)
{
  return !__builtin_mul_overflow(a, b, out);
}
static inline bool lm_add_size(size_t a, size_t b, size_t *out)
{
  return !__builtin_add_overflow(a, b, out);
}
static inline bool lm_mul_size(size_t a, size_t b, size_t *out)
{
  return !__builtin_mul_overflow(a, b, out);
}

/** Rounds up to a multiple of a power of two; the caller has checked that it fits. */
static inline size_t lm_round_up(size_t value, size_t multiple)
{
  return (value + multiple - 1) & ~(multiple - 1);
}

#endif
