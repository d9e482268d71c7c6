/*
 * Folders are made below TMPDIR and removed by walking them, deepest first.
 */
#include "tests/support/support.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

const char *ls_environment(const char *name)
{
  const char *value = getenv(name);
  cr_assert_not_null(value, "%s is not set: run the tests by make check", name);
  return value;
}

const char *ls_data(void)
{
  const char *data = getenv("LAMINA_DATA");
  if (data == NULL) {
    cr_skip_test("LAMINA_DATA is not set: no folder with MNIST");
  }
  return data;
}

char *ls_folder_make(void)
{
  const char *base = getenv("TMPDIR");
  char *folder = lm_format("%s/lamina-test-XXXXXX", base == NULL ? "/tmp" : base);
  cr_assert_not_null(folder);
  cr_assert_not_null(mkdtemp(folder), "no folder for the test can be made");
  return folder;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
  (void)info;
  (void)type;
  (void)walk;
  return remove(path);
}

void ls_folder_remove(char *folder)
{
  cr_assert_eq(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
  lm_free(folder);
}
