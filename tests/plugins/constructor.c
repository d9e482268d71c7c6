/*
 * Layers whose constructor does what no plugin may do: the build defines what, as a statement.
 * A trap leaves a file behind, so that a test can tell whether code of the plugin has run.
 */
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#define FLUSH_DENORMALS() _mm_setcsr(_mm_getcsr() | 0x8040u)
#else
#define FLUSH_DENORMALS() ((void)fesetround(FE_DOWNWARD))
#endif

#include "fixture.h"

/* Some constructors need these, none needs all. */
#define MAYBE_UNUSED __attribute__((unused))

MAYBE_UNUSED static void spring_trap(void)
{
  const char *path = getenv("LAMINA_TEST_TRAP");
  int fd = path == NULL ? -1 : open(path, O_CREAT | O_WRONLY, 0600);
  if (fd >= 0) {
    (void)close(fd);
  }
}

MAYBE_UNUSED static void hang(void)
{
  for (;;) {
    (void)pause();
  }
}

__attribute__((constructor)) static void constructor(void)
{
  CONSTRUCTOR;
}

LAMINA_LAYER(FIXTURE, "1.0.0", "a layer whose constructor misbehaves", LAMINA_NOTHING,
             .infer = fixture_infer, .forward = fixture_forward);
