/*
 * Counts what a stretch of a test asks the system for: memory of the heap, mappings, threads.
 *
 * Linked into a test program (not into the tests' library), whose functions of these names then
 * stand before those of the C library, for the runtime, for libraries and for plugins that are
 * loaded later. In a build with AddressSanitizer the heap is the sanitizer's, which tells of
 * every call itself. Under valgrind the heap is not counted.
 */
#ifndef LM_TESTS_CALL_COUNTER_H
#define LM_TESTS_CALL_COUNTER_H

#include <stdbool.h>

/** How often each was called, by all threads together. */
struct ls_calls {
  long taken, freed; /* malloc, calloc, realloc, posix_memalign, ... and free */
  long mapped;       /* mmap */
  long threads;      /* pthread_create, clone */
  const void *first; /* the place of the first call, for a debugger; of the heap */
};

/** From here on calls are counted, from 0. */
void ls_calls_begin(void);
struct ls_calls ls_calls_end(void);

/** Whether the heap can be counted here at all: not under valgrind. */
bool ls_calls_see_heap(void);

#endif
