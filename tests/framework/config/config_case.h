/*
 * What the tests of framework/config share: parsing a literal, and files in a folder of a
 * test's own.
 */
#ifndef TESTS_CONFIG_CASE_H
#define TESTS_CONFIG_CASE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "config/config.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline enum lamina_status parse(const char *text, struct lm_config **config,
                                       struct lm_error *error)
{
  return lm_config_parse(text, strlen(text), "t.yaml", NULL, 0, config, error);
}

/* Parses what must be good. */
static inline struct lm_config *parse_good(const char *text)
{
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  enum lamina_status status = parse(text, &config, &error);
  cr_assert(status == LAMINA_OK, "%s: %s", text, error.text);
  return config;
}

/* The whole tree as the writer writes it; release with lm_free(). */
static inline char *written(struct lm_config *config)
{
  struct lm_text text = {0};
  lm_value_write(lm_config_root(config), &text);
  cr_assert(lm_text_ok(&text));
  return lm_text_take(&text);
}

/* Processor time of one refusal or success. */
static inline double seconds_to_parse(const char *text, size_t length, enum lamina_status expected,
                                      const char *name)
{
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  clock_t begin = clock();
  enum lamina_status status = lm_config_parse(text, length, "t.yaml", NULL, 0, &config, &error);
  double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
  cr_assert(status == expected, "%s: %s: %s", name, lm_status_name(status), error.text);
  lm_config_free(config);
  return seconds;
}

/* count copies of piece between head and tail; release with lm_free(). */
static inline char *repeated(const char *head, const char *piece, size_t count, const char *tail)
{
  struct lm_text text = {0};
  lm_text_add(&text, head);
  for (size_t i = 0; i < count; i++) {
    lm_text_add(&text, piece);
  }
  lm_text_add(&text, tail);
  return lm_text_take(&text);
}

struct folder {
  char path[64];
};

static inline struct folder make_folder(void)
{
  struct folder folder = {"/tmp/lamina_config_XXXXXX"};
  cr_assert_not_null(mkdtemp(folder.path));
  return folder;
}

static inline void write_file(const struct folder *folder, const char *name, const char *text)
{
  char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", folder->path, name);
  FILE *file = fopen(path, "wb");
  cr_assert_not_null(file, "%s", path);
  cr_assert(fwrite(text, 1, strlen(text), file) == strlen(text));
  cr_assert(fclose(file) == 0);
}

static inline void remove_file(const struct folder *folder, const char *name)
{
  char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", folder->path, name);
  (void)unlink(path);
}

static inline void remove_folder(const struct folder *folder)
{
  cr_expect(rmdir(folder->path) == 0, "%s", folder->path);
}

#endif
