/*
 * What a plugin must leave alone while it is loaded: floating-point control, locale, signal
 * handlers and mask. Constructors run before any check of the descriptor, and one that was
 * linked with -ffast-math makes the whole thread flush denormal numbers to zero.
 *
 * Only control bits of the floating-point environment are compared: exception flags are raised
 * by any inexact operation.
 */
#include "registry/registry_internal.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"

static const int watched[LM_SIGNALS] = {SIGHUP,  SIGINT,  SIGQUIT, SIGILL,  SIGABRT,
                                        SIGBUS,  SIGFPE,  SIGUSR1, SIGSEGV, SIGUSR2,
                                        SIGPIPE, SIGALRM, SIGTERM, SIGCHLD};

/* The control bits that fegetround() does not tell: denormals, traps, precision. */
static uint64_t float_control(void)
{
#if defined(__x86_64__)
  uint16_t x87;
  __asm__ volatile("fnstcw %0" : "=m"(x87));
  return ((uint64_t)x87 << 32) | (__builtin_ia32_stmxcsr() & ~0x3fu);
#elif defined(__aarch64__)
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  return control;
#else
  return (uint64_t)(unsigned)fegetexcept();
#endif
}

static bool flushes_denormals(uint64_t control)
{
#if defined(__x86_64__)
  return (control & 0x8040u) != 0; /* FTZ, DAZ */
#elif defined(__aarch64__)
  return (control & (1u << 24)) != 0; /* FZ */
#else
  (void)control;
  return false;
#endif
}

enum lamina_status lm_environment_save(struct lm_environment *environment, struct lm_error *error)
{
  const char *locale = setlocale(LC_ALL, NULL);
  *environment = (struct lm_environment){
      .rounding = fegetround(),
      .float_control = float_control(),
      .locale = lm_copy_text(locale == NULL ? "C" : locale),
      .thread_locale = uselocale((locale_t)0),
  };
  if (environment->locale == NULL) {
    return lm_fail_memory(error, 0);
  }
  if (fegetenv(&environment->floats) != 0 ||
      pthread_sigmask(SIG_SETMASK, NULL, &environment->mask) != 0) {
    lm_free(environment->locale);
    return lm_fail(error, LAMINA_E_INTERNAL,
                   "the floating-point environment or the signal mask cannot be read");
  }
  for (size_t i = 0; i < LM_SIGNALS; i++) {
    (void)sigaction(watched[i], NULL, &environment->actions[i]);
  }
  return LAMINA_OK;
}

static const char *restore_floats(const struct lm_environment *saved)
{
  uint64_t control = float_control();
  int rounding = fegetround();
  if (control == saved->float_control && rounding == saved->rounding) {
    return NULL;
  }
  (void)fesetenv(&saved->floats);
  if (rounding != saved->rounding) {
    return "it changes the rounding of floating-point numbers";
  }
  if (flushes_denormals(control) && !flushes_denormals(saved->float_control)) {
    return "it makes the whole program flush denormal numbers to zero, as files linked with "
           "-ffast-math or -Ofast do; link it without";
  }
  return "it changes the floating-point control register";
}

static const char *restore_locale(const struct lm_environment *saved)
{
  const char *fault = NULL;
  if (uselocale((locale_t)0) != saved->thread_locale) {
    (void)uselocale(saved->thread_locale);
    fault = "it sets the locale of the thread";
  }
  const char *locale = setlocale(LC_ALL, NULL);
  if (locale == NULL || strcmp(locale, saved->locale) != 0) {
    (void)setlocale(LC_ALL, saved->locale);
    fault = "it sets the locale of the program";
  }
  return fault;
}

static bool same_action(const struct sigaction *a, const struct sigaction *b)
{
  bool a_takes_info = (a->sa_flags & SA_SIGINFO) != 0;
  bool b_takes_info = (b->sa_flags & SA_SIGINFO) != 0;
  if (a_takes_info != b_takes_info) {
    return false;
  }
  return a_takes_info ? a->sa_sigaction == b->sa_sigaction : a->sa_handler == b->sa_handler;
}

static bool same_mask(const sigset_t *a, const sigset_t *b)
{
  for (size_t i = 0; i < LM_SIGNALS; i++) {
    if (sigismember(a, watched[i]) != sigismember(b, watched[i])) {
      return false;
    }
  }
  return true;
}

static const char *restore_signals(const struct lm_environment *saved)
{
  const char *fault = NULL;
  for (size_t i = 0; i < LM_SIGNALS; i++) {
    struct sigaction now;
    if (sigaction(watched[i], NULL, &now) == 0 && !same_action(&now, &saved->actions[i])) {
      (void)sigaction(watched[i], &saved->actions[i], NULL);
      fault = "it sets a signal handler";
    }
  }
  sigset_t mask;
  if (pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0 && !same_mask(&mask, &saved->mask)) {
    (void)pthread_sigmask(SIG_SETMASK, &saved->mask, NULL);
    fault = "it changes the signal mask";
  }
  return fault;
}

const char *lm_environment_restore(struct lm_environment *environment)
{
  const char *floats = restore_floats(environment);
  const char *locale = restore_locale(environment);
  const char *signals = restore_signals(environment);
  lm_free(environment->locale);
  environment->locale = NULL;
  if (floats != NULL) {
    return floats;
  }
  return locale != NULL ? locale : signals;
}
