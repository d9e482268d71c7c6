/* Files and folders that were not there before: made whole, or refused and left as they are. */
#include <signal.h>
#include <sys/resource.h>

#include "io/files.h"
#include "scratch.h"

static const char text[] = "what the file holds";

static mode_t mode_of(const char *path)
{
  struct stat status;
  cr_assert(stat(path, &status) == 0);
  return status.st_mode & 0777;
}

Test(create, makes_files_and_programs_with_the_modes_that_the_mask_leaves)
{
  struct scratch scratch;
  struct lm_error error = {0};
  scratch_make(&scratch);
  (void)umask(0027);
  const char *file = scratch_path(&scratch, "file"), *program = scratch_path(&scratch, "program");
  cr_assert(lm_file_create(file, false, text, sizeof text, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(lm_file_create(program, true, "", 0, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(scratch_holds(file, text, sizeof text) && scratch_holds(program, "", 0));
  cr_assert_eq(mode_of(file), 0640);
  cr_assert_eq(mode_of(program), 0750);
  const char *folder = scratch_path(&scratch, "folder");
  cr_assert(lm_folder_create(folder, &error) == LAMINA_OK, "%s", error.text);
  cr_assert_eq(mode_of(folder), 0750);
  scratch_remove(&scratch);
}

Test(create, leaves_what_is_there_alone)
{
  static const char *const names[] = {"file", "folder", "link", "dangling"};
  struct scratch scratch;
  scratch_make(&scratch);
  cr_assert(chdir(scratch.folder) == 0);
  (void)scratch_write(&scratch, "file", text, sizeof text);
  cr_assert(mkdir("folder", 0700) == 0 && symlink("file", "link") == 0);
  cr_assert(symlink("nowhere", "dangling") == 0);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct lm_error error = {0};
    cr_assert_eq(lm_file_create(names[i], false, "new", 3, &error), LAMINA_E_INVALID);
    cr_assert(strstr(error.text, names[i]) != NULL && strstr(error.text, "left as it is") != NULL);
    cr_assert_eq(lm_folder_create(names[i], &error), LAMINA_E_INVALID);
  }
  cr_assert(scratch_holds("file", text, sizeof text) && access("nowhere", F_OK) != 0);
  cr_assert(chdir("/") == 0);
  scratch_remove(&scratch);
}

Test(create, leaves_nothing_behind_when_it_fails)
{
  struct scratch scratch;
  struct lm_error error = {0};
  scratch_make(&scratch);
  const char *missing = scratch_path(&scratch, "no/file");
  cr_assert_eq(lm_file_create(missing, false, text, sizeof text, &error), LAMINA_E_IO);
  cr_assert(strstr(error.text, "No such file") != NULL, "%s", error.text);
  cr_assert_eq(lm_folder_create(missing, &error), LAMINA_E_IO);
  (void)signal(SIGXFSZ, SIG_IGN);
  struct rlimit before, limit;
  cr_assert(getrlimit(RLIMIT_FSIZE, &before) == 0);
  limit = (struct rlimit){.rlim_cur = 4, .rlim_max = before.rlim_max};
  cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  const char *file = scratch_path(&scratch, "file");
  enum lamina_status status = lm_file_create(file, false, text, sizeof text, &error);
  cr_assert(setrlimit(RLIMIT_FSIZE, &before) == 0);
  cr_assert_eq(status, LAMINA_E_IO);
  cr_assert(strstr(error.text, "cannot be written") != NULL, "%s", error.text);
  cr_assert_eq(scratch_count(&scratch, ""), 0);
  scratch_remove(&scratch);
}
