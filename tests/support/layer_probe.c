/*
 * One registry serves all probes of a test program: shipped plugins first, then those that only
 * tests have.
 */
#include "tests/support/layer_probe.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/support.h"

static struct lm_registry *registry_of_tests(void)
{
  static struct lm_registry *registry;
  struct lm_error error = {0};
  if (registry == NULL) {
    char *path = lm_format("%s:%s", ls_environment("LAMINA_TEST_PLUGINS"),
                           ls_environment("LAMINA_TEST_FIXTURES"));
    struct lm_registry_options options = {.plugin_path = path};
    cr_assert_eq(lm_registry_create(&options, &registry, &error), LAMINA_OK, "%s", error.text);
    lm_free(path);
  }
  return registry;
}

static void end_test(void *arg, enum lm_breach breach, const char *sentence)
{
  (void)arg, (void)breach;
  cr_assert(false, "%s", sentence);
}

static const char *chosen_services;

void ls_choose_services(const char *services)
{
  chosen_services = services;
}

struct lm_probe *ls_try_open(const char *kind, const char *name, const char *settings,
                             const char *shapes, uint32_t threads, struct lm_error *error)
{
  static const struct lm_observer observer = {.breach = end_test};
  const struct lm_probe_spec spec = {.home = {.registry = registry_of_tests(),
                                              .kind = lm_kind_parse(kind),
                                              .name = name,
                                              .settings = settings,
                                              .services = chosen_services,
                                              .threads = threads,
                                              .observer = &observer},
                                     .shapes = shapes};
  struct lm_probe *probe = NULL;
  return lm_probe_open(&spec, &probe, error) == LAMINA_OK ? probe : NULL;
}

struct lm_probe *ls_open(const char *kind, const char *name, const char *settings,
                         const char *shapes, uint32_t threads)
{
  struct lm_error error = {0};
  struct lm_probe *probe = ls_try_open(kind, name, settings, shapes, threads, &error);
  cr_assert_not_null(probe, "%s %s on %s: %s", kind, name, shapes, error.text);
  return probe;
}

struct lm_probe *ls_open_beside(const struct lm_probe *first, const char *shapes)
{
  struct lm_error error = {0};
  struct lm_probe *probe = NULL;
  cr_assert_eq(lm_probe_open_at(first->home, shapes, NULL, &probe, &error), LAMINA_OK,
               "%s on %s: %s", first->home->label, shapes, error.text);
  return probe;
}

void ls_forward(struct lm_probe *probe, uint32_t mode, uint64_t step)
{
  cr_assert_eq(lm_probe_forward(probe, mode, step), LAMINA_OK, "%s: %s", probe->label,
               probe->error.text);
}

void ls_backward(struct lm_probe *probe, uint32_t mode, uint64_t step)
{
  cr_assert_eq(lm_probe_backward(probe, mode, step), LAMINA_OK, "%s: %s", probe->label,
               probe->error.text);
}

void ls_share(struct lm_probe *probe, const struct lm_sharing *sharing)
{
  cr_assert(lm_probe_share(probe, sharing), "%s: tensors of different sizes may not share memory",
            probe->label);
}

void ls_set(struct lm_probe *probe, uint32_t role, uint32_t index, const float *values)
{
  size_t bytes = (size_t)lm_probe_count(probe, role, index) * sizeof *values;
  if (bytes > 0) {
    memcpy(lm_probe_value(probe, role, index), values, bytes);
  }
}

/* ---- refusals ---- */

void ls_contains(const char *text, const char *fragments)
{
  char fragment[256];
  while (*fragments != '\0') {
    size_t length = strcspn(fragments, "|");
    cr_assert_lt(length, sizeof fragment);
    memcpy(fragment, fragments, length);
    fragment[length] = '\0';
    cr_assert_not_null(strstr(text, fragment), "'%s' does not say '%s'", text, fragment);
    fragments += length + (fragments[length] == '|');
  }
}

void ls_refuses(const char *kind, const char *name, const char *settings, const char *shapes,
                enum lamina_status status, const char *fragments)
{
  struct lm_error error = {0};
  struct lm_probe *probe = ls_try_open(kind, name, settings, shapes, 1, &error);
  cr_assert_null(probe, "%s %s %s on '%s' was not refused", kind, name,
                 settings == NULL ? "" : settings, shapes);
  cr_assert_eq(error.status, status, "%s: %s", lm_status_name(error.status), error.text);
  ls_contains(error.text, fragments);
}
