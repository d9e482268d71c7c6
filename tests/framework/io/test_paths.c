/*
 * Paths as text, folders made, and the sweep of what dead writers left.
 */
#include <sys/wait.h>

#include "base/memory.h"
#include "io/files.h"
#include "scratch.h"

Test(paths, are_cleaned_without_looking_at_the_disk)
{
  static const struct {
    const char *path, *folder, *expected;
  } rows[] = {
      {"/", NULL, "/"},
      {"//a//b///", NULL, "/a/b"},
      {"/a/./b/../c", "/x", "/a/c"},
      {"/..", NULL, "/"},
      {"/../../a/..", NULL, "/"},
      {"a", "/x/y", "/x/y/a"},
      {"a", "/x/y/", "/x/y/a"},
      {"", "/x/y", "/x/y"},
      {".", "/x/y", "/x/y"},
      {"..", "/x/y", "/x"},
      {"../../../../z", "/x/y", "/z"},
      {"../.hidden/..a/a../...", "/x/y", "/x/.hidden/..a/a../..."},
      {"no/such/../folder/", "/", "/no/folder"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char *path = lm_path_absolute(rows[i].path, rows[i].folder);
    cr_assert_str_eq(path, rows[i].expected);
    lm_free(path);
  }
}

Test(paths, begin_at_the_working_directory_when_nothing_else_is_said)
{
  char here[4096];
  cr_assert(getcwd(here, sizeof here) != NULL);
  static const char *const rows[][3] = {
      {"a/b", NULL, "/a/b"}, {"../b", "some/folder", "/some/b"}, {"", NULL, ""}};
  for (size_t i = 0; i < 3; i++) {
    char *path = lm_path_absolute(rows[i][0], rows[i][1]);
    cr_assert(strncmp(path, here, strlen(here)) == 0, "%s", path);
    cr_assert_str_eq(path + strlen(here), rows[i][2]);
    lm_free(path);
  }
}

Test(paths, are_null_when_memory_is_short_or_the_working_directory_is_gone)
{
  lm_alloc_fail_after(0, true);
  cr_assert(lm_path_absolute("a", "/b") == NULL);
  lm_alloc_fail_after(-1, false);
  struct scratch scratch;
  scratch_make(&scratch);
  cr_assert(chdir(scratch.folder) == 0);
  scratch_remove(&scratch);
  cr_assert(lm_path_absolute("a", NULL) == NULL);
  char *path = lm_path_absolute("a", "/b");
  cr_assert_str_eq(path, "/b/a");
  lm_free(path);
  cr_assert(chdir("/") == 0);
}

Test(folders, are_made_with_their_parents_and_may_be_there)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct stat there;
  scratch_make(&scratch);
  static const char *const rows[] = {"a/b/c", "a/b/c/", "a//b///d", "a"};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *path = scratch_path(&scratch, rows[i]);
    cr_assert(lm_folder_make(path, &error) == LAMINA_OK, "%s", error.text);
    cr_assert(stat(path, &there) == 0 && S_ISDIR(there.st_mode));
  }
  static const char *const made[] = {"a/b/c", "a/b/d", "a/b"};
  for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
    cr_assert(rmdir(scratch_path(&scratch, made[i])) == 0);
  }
  cr_assert(lm_folder_make(".", &error) == LAMINA_OK);
  cr_assert(lm_folder_make("/", &error) == LAMINA_OK);
  scratch_remove(&scratch);
}

Test(folders, that_cannot_be_made_are_named_with_the_reason)
{
  struct scratch scratch;
  scratch_make(&scratch);
  (void)scratch_write(&scratch, "file", "", 0);
  static const char *const rows[][2] = {
      {"file", "file: a file is in the way of a folder"},
      {"file/a/b", "file: a file is in the way of a folder"},
      {"../../proc/none/b", "proc/none: this folder cannot be made: No such file or directory"}};
  for (size_t i = 0; i < 3; i++) {
    struct lm_error error = {0};
    const char *path = scratch_path(&scratch, rows[i][0]);
    cr_assert(lm_folder_make(path, &error) == LAMINA_E_IO, "%s", path);
    cr_assert(strstr(error.text, rows[i][1]) != NULL, "%s", error.text);
  }
  struct lm_error error = {0};
  cr_assert(lm_folder_make("", &error) == LAMINA_E_IO);
  lm_alloc_fail_after(0, false);
  cr_assert(lm_folder_make(scratch.folder, &error) == LAMINA_E_NOMEM);
  scratch_remove(&scratch);
}

/* The id of a process that has just ended. */
static long dead_process(void)
{
  pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  cr_assert(child > 0 && waitpid(child, NULL, 0) == child);
  return (long)child;
}

/* Sweeps as a user who may not signal most processes: they live all the same. */
static void sweep_as_nobody(const char *folder)
{
  enum { NOBODY = 65534 };
  cr_assert(chmod(folder, 0777) == 0);
  pid_t child = fork();
  if (child == 0) {
    int result = geteuid() == 0 ? setuid(NOBODY) : 0;
    lm_file_remove_stale(folder);
    _exit(result == 0 ? 0 : 1);
  }
  int status;
  cr_assert(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

Test(stale, files_go_when_their_writer_is_dead_and_only_they)
{
  struct scratch scratch;
  long dead = dead_process();
  static const struct {
    const char *format;
    bool goes;
  } rows[] = {
      {".a.%ld.tmp", true},
      {".checkpoint.safetensors.%ld.tmp", true},
      {"a.%ld.tmp", false},
      {".%ld.tmp", false},
      {"..%ld.tmp", false},
      {".a.0%ld.tmp", false},
      {".a.%ld", false},
      {".a.%ld.tmp~", false},
      {".a.x%ld.tmp", false},
      {".a-%ld.tmp", false},
      {".a.%ld99999999.tmp", false},
      {".a..tmp", false},
      {".tmp", false},
      {".a.1.tmp", false},
      {".a.-%ld.tmp", false},
  };
  enum { N = sizeof rows / sizeof rows[0] };
  char names[N][64];
  char own[64];
  scratch_make(&scratch);
  (void)snprintf(own, sizeof own, ".a.%ld.tmp", (long)getpid());
  (void)scratch_write(&scratch, own, "", 0);
  for (int i = 0; i < N; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(names[i], sizeof names[i], rows[i].format, dead);
#pragma GCC diagnostic pop
    (void)scratch_write(&scratch, names[i], "", 0);
  }
  sweep_as_nobody(scratch.folder);
  for (int i = 0; i < N; i++) {
    cr_assert((access(scratch_path(&scratch, names[i]), F_OK) == 0) != rows[i].goes, "%s",
              names[i]);
  }
  cr_assert(access(scratch_path(&scratch, own), F_OK) == 0);
  lm_file_remove_stale(scratch_path(&scratch, "none"));
  scratch_remove(&scratch);
}

Test(stale, folders_and_links_of_such_a_name_stay)
{
  struct scratch scratch;
  char name[64];
  scratch_make(&scratch);
  long dead = dead_process();
  (void)snprintf(name, sizeof name, ".folder.%ld.tmp", dead);
  cr_assert(mkdir(scratch_path(&scratch, name), 0700) == 0);
  (void)snprintf(name, sizeof name, ".link.%ld.tmp", dead);
  cr_assert(symlink("x", scratch_path(&scratch, name)) == 0);
  lm_file_remove_stale(scratch.folder);
  cr_assert(scratch_count(&scratch, "") == 2);
  scratch_remove(&scratch);
}
