/*
 * The text that tells whose code runs. One pointer for the process: the program's signal
 * handler reads it, perhaps in another thread, so it is a lock-free atomic.
 */
#include <stdatomic.h>

#include "registry/registry.h"

static _Atomic(const char *) current;

const char *lm_guard_current(void)
{
  return atomic_load(&current);
}

const char *lm_guard_enter(const char *text)
{
  return atomic_exchange(&current, text);
}

void lm_guard_leave(const char *previous)
{
  atomic_store(&current, previous);
}
