/* Folders listed: the order, what counts, and sentences for what is no folder. */
#include <criterion/criterion.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "io/files.h"
#include "tests/framework/io/scratch.h"

Test(listing, is_sorted_by_bytes_and_knows_files_from_folders)
{
  static const char *const names[] = {"a10.png", "a2.png", "B", "\xc3\xa4", "a", ".hidden"};
  static const char *const sorted[] = {"B", "a", "a10.png", "a2.png", "folder", "\xc3\xa4"};
  struct scratch scratch;
  struct lamina_folder folder;
  struct lm_error error = {0};
  scratch_make(&scratch);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    (void)scratch_write(&scratch, names[i], "12345", i);
  }
  cr_assert(mkdir(scratch_path(&scratch, "folder"), 0700) == 0);
  cr_assert(mkfifo(scratch_path(&scratch, "pipe"), 0600) == 0);
  cr_assert(symlink("nowhere", scratch_path(&scratch, "dangling")) == 0);
  cr_assert_eq(lm_folder_list(scratch.folder, &folder, &error), LAMINA_OK, "%s", error.text);
  cr_assert_eq(folder.count, 6);
  for (size_t i = 0; i < 6; i++) {
    cr_assert_str_eq(folder.entries[i].name, sorted[i]);
    cr_assert_eq(folder.entries[i].is_folder, i == 4);
  }
  cr_assert(folder.entries[0].size == 2 && folder.entries[2].size == 0);
  lm_free((void *)(uintptr_t)folder.entries);
  scratch_remove(&scratch);
}

Test(listing, what_cannot_be_listed_is_refused)
{
  struct scratch scratch;
  struct lamina_folder folder;
  struct lm_error error = {0};
  scratch_make(&scratch);
  cr_assert_eq(lm_folder_list(scratch.folder, &folder, &error), LAMINA_OK);
  cr_assert(folder.count == 0 && folder.entries == NULL);
  const char *file = scratch_write(&scratch, "file", "x", 1);
  cr_assert_eq(lm_folder_list(file, &folder, &error), LAMINA_E_INVALID);
  cr_assert(strstr(error.text, "file: not a folder") != NULL, "%s", error.text);
  error = (struct lm_error){0};
  cr_assert_eq(lm_folder_list(scratch_path(&scratch, "no"), &folder, &error), LAMINA_E_MISSING);
  cr_assert(strstr(error.text, "no: there is no such folder") != NULL, "%s", error.text);
  scratch_remove(&scratch);
}
