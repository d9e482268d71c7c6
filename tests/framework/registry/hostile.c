/*
 * A hostile file under the right name lies in the current directory and in every directory that
 * the dynamic linker's and libltdl's variables name; none of it may run. The program starts
 * itself again, because these variables are read when a program starts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "place.h"

static int look_for_it(void)
{
  struct lm_registry *registry = registry_on(NULL, NULL);
  const struct lm_plugin *plugin;
  struct lm_error error = {0};
  enum lamina_status status =
      lm_registry_find(registry, LAMINA_KIND_LAYER, "trap", &plugin, &error);
  if (status != LAMINA_E_MISSING || access("sprung", F_OK) == 0) {
    (void)fprintf(stderr, "status %d: %s\n", (int)status, error.text);
    return EXIT_FAILURE;
  }
  lm_registry_free(registry);
  return EXIT_SUCCESS;
}

static int run_again(const char *program, const struct place *place)
{
  pid_t child = fork();
  if (child == 0) {
    char path[128];
    (void)snprintf(path, sizeof path, ":%s:", place->path); /* an empty element means "here" */
    (void)setenv("LD_LIBRARY_PATH", path, 1);
    (void)setenv("LTDL_LIBRARY_PATH", path, 1);
    (void)setenv("LAMINA_TEST_TRAP", "sprung", 1);
    if (chdir(place->path) == 0) {
      (void)execl(program, program, "child", (char *)NULL);
    }
    _exit(99);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
    return EXIT_FAILURE;
  }
  return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
  static const char *const names[] = {"layer_trap.so", "layer_trap", "liblayer_trap.so", "trap.so",
                                      "trap"};
  char program[512];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  (void)argv;
  if (argc > 1) {
    return look_for_it();
  }
  if (length <= 0) {
    return 99;
  }
  program[length] = '\0';
  struct place place = place_make();
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    place_copy(&place, "layer_trap.so", names[i]);
  }
  int result = run_again(program, &place);
  place_remove(&place);
  return result;
}
