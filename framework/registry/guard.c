/*
 * The text that tells whose code runs. One pointer for the process: the program's signal
 * handler reads it, perhaps in another thread, so it is a lock-free atomic. It is set around
 * every call of a step, so it must not cost a barrier: relaxed order is enough for last words,
 * and nesting, which is all that the old value is for, happens in one thread. A thread that
 * works beside that one has a text of its own; a crash is handled in the thread that crashed.
 */
#include <stdatomic.h>

#include "registry/registry.h"

static _Atomic(const char *) current;
static _Thread_local const char *own __attribute__((tls_model("initial-exec")));

const char *lm_guard_current(void)
{
  return own != NULL ? own : atomic_load_explicit(&current, memory_order_relaxed);
}

const char *lm_guard_enter(const char *text)
{
  const char *previous = atomic_load_explicit(&current, memory_order_relaxed);
  atomic_store_explicit(&current, text, memory_order_relaxed);
  return previous;
}

void lm_guard_leave(const char *previous)
{
  atomic_store_explicit(&current, previous, memory_order_relaxed);
}

void lm_guard_aside(const char *text)
{
  own = text;
}
