/*
 * Files replaced: the old content or the new, whatever stops the writer. What the kernel can
 * be made to do in earnest is done in earnest: no folder, a limit on file size, a full disk,
 * kill -9. The calls that fail one by one are in test_io_faults.c.
 */
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/memory.h"
#include "io/files.h"
#include "scratch.h"

static const char old[] = "the old content";
static const char new[] = "the new content, longer";

static enum lamina_status replace(const char *path, const char *previous, const void *bytes,
                                  size_t size, struct lm_error *error)
{
  /* Two pieces and empty ones around them, as the pieces of a real file may be. */
  const struct lm_piece pieces[] = {
      {NULL, 0}, {bytes, size / 3}, {NULL, 0}, {(const char *)bytes + size / 3, size - size / 3}};
  return lm_file_replace(path, previous, pieces, 4, error);
}

Test(replace, puts_the_pieces_in_place_and_keeps_the_previous_file)
{
  struct scratch scratch;
  struct lm_error error = {0};
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "file");
  const char *previous = scratch_path(&scratch, "file.old");
  cr_assert(replace(path, previous, old, sizeof old, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(scratch_holds(path, old, sizeof old) && scratch_count(&scratch, "") == 1);
  cr_assert(replace(path, previous, new, sizeof new, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(scratch_holds(path, new, sizeof new) && scratch_holds(previous, old, sizeof old));
  cr_assert(replace(path, previous, "3", 1, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(scratch_holds(path, "3", 1) && scratch_holds(previous, new, sizeof new));
  cr_assert(replace(path, NULL, "", 0, &error) == LAMINA_OK);
  cr_assert(scratch_holds(path, "", 0) && scratch_holds(previous, new, sizeof new));
  cr_assert(lm_file_replace(path, NULL, NULL, 0, &error) == LAMINA_OK);
  cr_assert(scratch_count(&scratch, "") == 2);
  scratch_remove(&scratch);
}

Test(replace, works_in_the_working_directory_by_bare_names)
{
  struct scratch scratch;
  struct lm_error error = {0};
  scratch_make(&scratch);
  cr_assert(chdir(scratch.folder) == 0);
  cr_assert(replace("file", "previous", old, sizeof old, &error) == LAMINA_OK);
  cr_assert(replace("file", "previous", new, sizeof new, &error) == LAMINA_OK);
  cr_assert(scratch_holds("file", new, sizeof new));
  cr_assert(scratch_holds("previous", old, sizeof old) && scratch_count(&scratch, "") == 2);
  cr_assert(chdir("/") == 0);
  scratch_remove(&scratch);
}

/* A crash between the two renames leaves both names on one file. */
Test(replace, takes_up_after_a_crash_that_left_both_names_on_one_file)
{
  struct scratch scratch;
  struct lm_error error = {0};
  scratch_make(&scratch);
  const char *path = scratch_write(&scratch, "file", old, sizeof old);
  const char *previous = scratch_path(&scratch, "previous");
  char leftover[64];
  (void)snprintf(leftover, sizeof leftover, ".file.%ld.tmp", (long)getpid());
  (void)scratch_write(&scratch, leftover, "half of somethi", 15);
  (void)snprintf(leftover, sizeof leftover, ".previous.%ld.tmp", (long)getpid());
  (void)scratch_write(&scratch, leftover, "ha", 2);
  cr_assert(link(path, previous) == 0);
  cr_assert(replace(path, previous, new, sizeof new, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(scratch_holds(path, new, sizeof new) && scratch_holds(previous, old, sizeof old));
  cr_assert(scratch_count(&scratch, "") == 2);
  scratch_remove(&scratch);
}

Test(replace, refuses_what_it_would_destroy_or_cannot_reach)
{
  struct scratch scratch;
  scratch_make(&scratch);
  cr_assert(mkdir(scratch_path(&scratch, "folder"), 0700) == 0);
  cr_assert(mkfifo(scratch_path(&scratch, "fifo"), 0600) == 0);
  cr_assert(symlink("fifo", scratch_path(&scratch, "link")) == 0);
  (void)scratch_write(&scratch, "file", "", 0);
  char long_name[300];
  memset(long_name, 'n', sizeof long_name);
  long_name[sizeof long_name - 1] = '\0';
  const char *const rows[][2] = {
      {"folder", "cannot be written: not a regular file"},
      {"fifo", "cannot be written: not a regular file"},
      {"link", "cannot be written: not a regular file"},
      {"none/file", "cannot be written: No such file or directory"},
      {"file/file", "cannot be written: Not a directory"},
      {long_name, "cannot be written: File name too long"},
  };
  int before = scratch_count(&scratch, "");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_error error = {0};
    const char *path = scratch_path(&scratch, rows[i][0]);
    cr_assert(replace(path, NULL, new, sizeof new, &error) == LAMINA_E_IO, "%s", path);
    cr_assert(strstr(error.text, rows[i][1]) != NULL, "%s", error.text);
    cr_assert(strncmp(error.text, path, strlen(path)) == 0, "%s", error.text);
  }
  struct lm_error error = {0};
  cr_assert(replace("/dev/null", NULL, new, 1, &error) == LAMINA_E_IO);
  const char *path = scratch_path(&scratch, "file");
  const char *previous = scratch_path(&scratch, "none/file");
  cr_assert(replace(path, previous, new, sizeof new, &error) == LAMINA_E_IO);
  cr_assert(strstr(error.text, "none/file: cannot keep the previous file: No such") != NULL, "%s",
            error.text);
  cr_assert(scratch_holds(path, "", 0) && scratch_count(&scratch, "") == before);
  scratch_remove(&scratch);
}

/* Writes with room for `room` bytes only; the old file must then be as it was. */
static void write_in_room(struct scratch *scratch, size_t room, const char *bytes, size_t size,
                          const char *reason)
{
  struct lm_error error = {0};
  const char *path = scratch_path(scratch, "file");
  enum lamina_status status = replace(path, scratch_path(scratch, "previous"), bytes, size, &error);
  if (status == LAMINA_OK) {
    cr_assert(room >= size && scratch_holds(path, bytes, size), "%zu", room);
    cr_assert(scratch_holds(scratch_path(scratch, "previous"), old, sizeof old));
  } else {
    cr_assert(status == LAMINA_E_IO && room < size, "%zu %s", room, error.text);
    cr_assert(strstr(error.text, reason) != NULL, "%s", error.text);
    cr_assert(scratch_holds(path, old, sizeof old));
    cr_assert(scratch_count(scratch, "") == 1);
  }
}

Test(replace, beyond_the_limit_of_file_sizes_leaves_the_old_file)
{
  struct scratch scratch;
  enum { SIZE = 10000, STEP = 499 };
  static char bytes[SIZE];
  struct rlimit saved;
  cr_assert(getrlimit(RLIMIT_FSIZE, &saved) == 0);
  cr_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
  scratch_make(&scratch);
  (void)scratch_write(&scratch, "file", old, sizeof old);
  for (size_t room = 0; room <= SIZE; room += room + STEP > SIZE ? 1 : STEP) {
    struct rlimit limit = {.rlim_cur = room, .rlim_max = saved.rlim_max};
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    write_in_room(&scratch, room, bytes, SIZE, "cannot be written: File too large");
    cr_assert(setrlimit(RLIMIT_FSIZE, &saved) == 0);
  }
  cr_assert(scratch_holds(scratch_path(&scratch, "file"), bytes, SIZE));
  scratch_remove(&scratch);
}

Test(replace, on_a_full_disk_leaves_the_old_file)
{
  struct scratch scratch;
  enum { DISK = 1 << 20, PAGE = 4096 };
  scratch_make(&scratch);
  /* A mount name space of this process's own: the disk goes with it. */
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("none", scratch.folder, "tmpfs", 0, "size=1m") != 0) {
    cr_assert(rmdir(scratch.folder) == 0);
    cr_skip_test("mounting is not permitted here");
  }
  char *bytes = calloc(DISK, 1);
  cr_assert(bytes != NULL);
  (void)scratch_write(&scratch, "file", old, sizeof old);
  for (size_t size = 2 * DISK / 2; size >= DISK - 4 * PAGE; size -= PAGE / 2) {
    /* One page is the old file's. */
    write_in_room(&scratch, DISK - PAGE, bytes, size, "cannot be written: No space left");
    if (scratch_count(&scratch, "") == 2) {
      break;
    }
  }
  cr_assert(scratch_count(&scratch, "") == 2, "the sweep has not found a size that fits");
  free(bytes);
  cr_assert(umount(scratch.folder) == 0);
  cr_assert(rmdir(scratch.folder) == 0);
}

Test(replace, without_memory_fails_and_leaves_the_old_file)
{
  struct scratch scratch;
  struct lm_error error = {0};
  scratch_make(&scratch);
  const char *path = scratch_write(&scratch, "file", old, sizeof old);
  const char *previous = scratch_path(&scratch, "previous");
  for (int failing = 0; failing < 2; failing++) {
    lm_alloc_fail_after(failing, false);
    cr_assert(replace(path, previous, new, sizeof new, &error) == LAMINA_E_NOMEM);
    lm_alloc_fail_after(-1, false);
    cr_assert(scratch_holds(path, old, sizeof old) && scratch_count(&scratch, "") == 1);
  }
  scratch_remove(&scratch);
}

enum { GENERATION = 256 << 10 };

/* Replaces the file for ever; each generation is one byte many times. */
static void write_generations(const char *path, const char *previous)
{
  static char bytes[GENERATION];
  for (unsigned char generation = 1;; generation++) {
    memset(bytes, generation, sizeof bytes);
    if (replace(path, previous, bytes, sizeof bytes, NULL) != LAMINA_OK) {
      _exit(1);
    }
  }
}

static void check_generation(const char *path)
{
  struct lm_bytes bytes;
  struct lm_error error = {0};
  cr_assert(lm_file_read(path, LM_READ_PLAIN, GENERATION, &bytes, &error) == LAMINA_OK, "%s",
            error.text);
  cr_assert(bytes.size == GENERATION);
  cr_assert(memcmp(bytes.bytes, bytes.bytes + 1, GENERATION - 1) == 0, "%s is torn", path);
  lm_bytes_release(&bytes);
}

static void sleep_microseconds(long microseconds)
{
  struct timespec time = {.tv_nsec = microseconds * 1000};
  while (nanosleep(&time, &time) != 0) {
  }
}

Test(replace, survives_kill_at_any_moment, .timeout = 60)
{
  struct scratch scratch;
  enum { ROUNDS = 30 };
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "file");
  const char *previous = scratch_path(&scratch, "previous");
  for (long round = 0; round < ROUNDS; round++) {
    pid_t child = fork();
    if (child == 0) {
      write_generations(path, previous);
    }
    while (access(previous, F_OK) != 0) {
      sleep_microseconds(200);
    }
    sleep_microseconds(100 + 7919 * round % 15000);
    cr_assert(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    check_generation(path);
    check_generation(previous);
    lm_file_remove_stale(scratch.folder);
    cr_assert(scratch_count(&scratch, "") == 2, "%d files", scratch_count(&scratch, ""));
  }
  scratch_remove(&scratch);
}
