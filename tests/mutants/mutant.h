/*
 * Put in front of a plugin's sources by declarations.sh: every call that declares something asks
 * whether it is the one that LAMINA_MUTANT names ("layer.c:115"), and is then left out. Other
 * values make infer() declare what is not true: "lamina_may_share:0" and so on, by function and
 * pass. LAMINA_MUTANT_LOG names a file that gets a line for each call that is reached.
 */
#ifndef LM_TESTS_MUTANT_H
#define LM_TESTS_MUTANT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/plan.h>

static inline bool mutant_is(const char *name)
{
  const char *chosen = getenv("LAMINA_MUTANT");
  return chosen != NULL && strcmp(chosen, name) == 0;
}

/* Whether to leave a call out; what is its second argument, a role or a pass. */
static inline bool mutant_omits(const char *function, uint32_t what, const char *file, int line)
{
  const char *slash = strrchr(file, '/');
  const char *log = getenv("LAMINA_MUTANT_LOG");
  char place[256];
  (void)snprintf(place, sizeof place, "%s:%d", slash == NULL ? file : slash + 1, line);
  FILE *out = log == NULL ? NULL : fopen(log, "a");
  if (out != NULL) {
    (void)fprintf(out, "%s %s:%u\n", place, function, what);
    (void)fclose(out);
  }
  return mutant_is(place);
}

/* What is declared beside output 0. */
static inline int32_t mutant_adds(struct lamina_plan *plan, int32_t status)
{
  for (uint32_t pass = LAMINA_FORWARD; status == LAMINA_OK && pass <= LAMINA_BACKWARD; pass++) {
    if (mutant_is(pass == LAMINA_FORWARD ? "lamina_may_share:0" : "lamina_may_share:1")) {
      return lamina_may_share(plan, pass, 0, 0);
    }
    if (mutant_is(pass == LAMINA_FORWARD ? "lamina_may_fuse:0" : "lamina_may_fuse:1")) {
      return lamina_may_fuse(plan, pass, 0);
    }
  }
  return status;
}

#define MUTANT_OF(function, plan, what, ...)                     \
  (mutant_omits(#function, (uint32_t)(what), __FILE__, __LINE__) \
       ? LAMINA_OK                                               \
       : function(plan, what, __VA_ARGS__))

#define lamina_bwd_reads(plan, what, ...) MUTANT_OF(lamina_bwd_reads, plan, what, __VA_ARGS__)
#define lamina_may_share(plan, what, ...) MUTANT_OF(lamina_may_share, plan, what, __VA_ARGS__)
#define lamina_may_fuse(plan, what, ...) MUTANT_OF(lamina_may_fuse, plan, what, __VA_ARGS__)
#define lamina_out(plan, ...) mutant_adds(plan, lamina_out(plan, __VA_ARGS__))
#define lamina_out_like(plan, ...) mutant_adds(plan, lamina_out_like(plan, __VA_ARGS__))

#endif
