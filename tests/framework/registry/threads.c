/*
 * Eight threads, each with registries of its own, load and list the same plugins at the same
 * time, good ones and refused ones. A plain program, because Criterion does not run under
 * ThreadSanitizer.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "place.h"

enum { THREADS = 8, ROUNDS = 20 };

static const char *const good[] = {"layer_sin", "layer_square", "layer_helper_one",
                                   "layer_helper_two", "layer_settings"};
static const char *const bad[] = {"layer_newer", "layer_bad_magic", "layer_undefined_function"};

static void count(void *arg, const struct lm_listing *listing)
{
  (void)listing;
  (*(size_t *)arg)++;
}

/* Returns NULL when all went well, else what did not. */
static void *work(void *arg)
{
  const char *failed = NULL;
  for (int round = 0; round < ROUNDS && failed == NULL; round++) {
    struct lm_registry *registry = registry_on(getenv("LAMINA_TEST_FIXTURES"), NULL);
    struct lm_error error;
    size_t listed = 0;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
      failed = open_fixture(registry, good[i], &error) == NULL ? good[i] : failed;
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
      failed = open_fixture(registry, bad[i], &error) != NULL ? bad[i] : failed;
    }
    if (round == 0 &&
        (lm_registry_list(registry, LAMINA_KIND_NONE, count, &listed, &error) != LAMINA_OK ||
         listed < 20)) {
      failed = "the listing";
    }
    lm_registry_free(registry);
  }
  *(const char **)arg = failed;
  return NULL;
}

int main(void)
{
  pthread_t threads[THREADS];
  const char *failed[THREADS];
  int result = EXIT_SUCCESS;
  for (size_t i = 0; i < THREADS; i++) {
    if (pthread_create(&threads[i], NULL, work, &failed[i]) != 0) {
      return EXIT_FAILURE;
    }
  }
  for (size_t i = 0; i < THREADS; i++) {
    (void)pthread_join(threads[i], NULL);
    if (failed[i] != NULL) {
      (void)fprintf(stderr, "thread %zu: %s\n", i, failed[i]);
      result = EXIT_FAILURE;
    }
  }
  return result;
}
