/*
 * What threads need to wait for each other and to compute alike. For the thread pool; floor 0.
 */
#ifndef LM_BASE_THREAD_H
#define LM_BASE_THREAD_H

#include <fenv.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
typedef uint32_t lm_float_mode; /* MXCSR */
#else
typedef fenv_t lm_float_mode;
#endif

static inline void lm_futex_wait(atomic_uint *word, unsigned value)
{
  (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static inline void lm_futex_wake(atomic_uint *word, int threads)
{
  (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, threads, NULL, NULL, 0);
}

static inline void lm_relax(void)
{
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Rounding and the treatment of denormals are the caller's, on every thread. */
#if defined(__x86_64__)
static inline lm_float_mode lm_float_mode_get(void)
{
  return __builtin_ia32_stmxcsr();
}

static inline void lm_float_mode_adopt(const lm_float_mode *wanted)
{
  const uint32_t flags = 0x3f; /* exceptions seen so far: each thread's own */
  uint32_t own = __builtin_ia32_stmxcsr();
  if ((own & ~flags) != (*wanted & ~flags)) {
    __builtin_ia32_ldmxcsr((*wanted & ~flags) | (own & flags));
  }
}
#else
static inline lm_float_mode lm_float_mode_get(void)
{
  lm_float_mode mode;
  (void)fegetenv(&mode);
  return mode;
}

static inline void lm_float_mode_adopt(const lm_float_mode *wanted)
{
  (void)fesetenv(wanted);
}
#endif

#endif
