/*
 * What a plugin must leave alone, while it is loaded and while it computes: floating-point
 * control, locale, signal handlers and mask.
 */
#ifndef LM_REGISTRY_ENVIRONMENT_H
#define LM_REGISTRY_ENVIRONMENT_H

#include <fenv.h>
#include <locale.h>
#include <signal.h>

#include "base/error.h"

enum { LM_SIGNALS = 14 };

/** What belongs to the process or thread and not to a plugin. */
struct lm_environment {
  fenv_t floats;
  uint64_t float_control;
  int rounding;
  char *locale;
  locale_t thread_locale;
  sigset_t mask;
  struct sigaction actions[LM_SIGNALS];
};

enum lamina_status lm_environment_save(struct lm_environment *environment,
                                       struct lm_error *error) LM_MUST_CHECK;

/**
 * Puts everything back as it was saved, and releases what was saved.
 * @return NULL when nothing had changed, else what the plugin did, as in "it sets the locale"
 */
const char *lm_environment_restore(struct lm_environment *environment);

#endif
