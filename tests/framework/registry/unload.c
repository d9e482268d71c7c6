/*
 * LAMINA_UNLOAD=1: plugins are loaded and closed again many times, good ones and refused ones;
 * nothing stays mapped and nothing grows. The number of rounds can be given, for valgrind.
 */
#include <link.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "place.h"

static const char *const names[] = {
    "layer_sin",       "layer_square",   "layer_settings",          "layer_newer_structs",
    "layer_bad_magic", "layer_rounding", "layer_undefined_function"};

static int count_fixture(struct dl_phdr_info *info, size_t size, void *arg)
{
  (void)size;
  if (strstr(info->dlpi_name, "/layer_") != NULL) {
    (*(size_t *)arg)++;
  }
  return 0;
}

static size_t loaded_fixtures(void)
{
  size_t count = 0;
  (void)dl_iterate_phdr(count_fixture, &count);
  return count;
}

static int load_and_unload(void)
{
  struct lm_registry *registry = registry_on(NULL, NULL);
  struct lm_error error;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const struct lm_plugin *plugin = open_fixture(registry, names[i], &error);
    if ((plugin != NULL) != (i < 4)) {
      (void)fprintf(stderr, "%s: %s\n", names[i], error.text);
      return 0;
    }
  }
  size_t during = loaded_fixtures();
  lm_registry_free(registry);
  size_t after = loaded_fixtures();
  if (during != 4 || after != 0) {
    (void)fprintf(stderr, "%zu plugins loaded, %zu after unloading\n", during, after);
    return 0;
  }
  return 1;
}

int main(int argc, char **argv)
{
  long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
  size_t early = 0;
  (void)setenv("LAMINA_UNLOAD", "1", 1);
  for (long i = 0; i < rounds; i++) {
    if (!load_and_unload()) {
      return EXIT_FAILURE;
    }
    if (i == rounds / 2) { /* the C library's own tables have grown by then */
      early = mallinfo2().uordblks;
    }
  }
  size_t late = mallinfo2().uordblks;
  if (late > early + 8192) {
    (void)fprintf(stderr, "memory in use grew from %zu to %zu bytes\n", early, late);
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
