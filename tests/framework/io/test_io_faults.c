/*
 * System calls that fail, one by one: the functions below stand in front of libc's, and do
 * what libc's do until a test tells the n-th of them to fail, or all to be slow (interrupted
 * every second time, short every time).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "io/files.h"
#include "scratch.h"

/* What the stand-ins do; all zero: nothing. */
static struct {
  int countdown; /* calls until one fails, the failing one included; 0: none does */
  bool forever;  /* those after it, too */
  bool struck;   /* one has failed */
  int reason;
  bool slow;
  bool no_links;
  size_t shrink_to; /* bytes at which files seem to end, 0: where they do */
  unsigned int calls;
} faults;

static bool must_fail(void)
{
  faults.calls++;
  if (faults.countdown > 0 && --faults.countdown == 0) {
    faults.countdown = faults.forever ? 1 : 0;
    faults.struck = true;
    errno = faults.reason;
    return true;
  }
  if (faults.slow && faults.calls % 2 == 0) {
    errno = EINTR;
    return true;
  }
  return false;
}

static size_t at_once(size_t size)
{
  return faults.slow && size > 3 ? 3 : size;
}

int open(const char *path, int flags, ...)
{
  va_list args;
  va_start(args, flags);
  mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
  va_end(args);
  return must_fail() ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t write(int descriptor, const void *bytes, size_t size)
{
  return must_fail() ? -1 : syscall(SYS_write, descriptor, bytes, at_once(size));
}

ssize_t read(int descriptor, void *bytes, size_t size)
{
  return must_fail() ? -1 : syscall(SYS_read, descriptor, bytes, at_once(size));
}

ssize_t pread(int descriptor, void *bytes, size_t size, off_t offset)
{
  if (faults.shrink_to > 0) {
    size_t left = (size_t)offset < faults.shrink_to ? faults.shrink_to - (size_t)offset : 0;
    size = size < left ? size : left;
  }
  return must_fail() ? -1 : syscall(SYS_pread64, descriptor, bytes, at_once(size), offset);
}

int fsync(int descriptor)
{
  return must_fail() ? -1 : (int)syscall(SYS_fsync, descriptor);
}

int close(int descriptor)
{
  bool failed = must_fail();
  int reason = errno;
  int result = (int)syscall(SYS_close, descriptor);
  errno = failed ? reason : errno;
  return failed ? -1 : result;
}

int link(const char *from, const char *to)
{
  if (faults.no_links) {
    errno = EPERM;
    return -1;
  }
  /* POSIX does not let these two be interrupted. */
  bool slow = faults.slow;
  faults.slow = false;
  bool failed = must_fail();
  faults.slow = slow;
  return failed ? -1 : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int rename(const char *from, const char *to)
{
  bool slow = faults.slow;
  faults.slow = false;
  bool failed = must_fail();
  faults.slow = slow;
  return failed ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static const char old[] = "the old content";
static const char new[] = "the new content, longer";

static enum lamina_status replace_file(const char *path, const char *previous,
                                       struct lm_error *error)
{
  const struct lm_piece pieces[] = {{new, 8}, {new + 8, sizeof new - 8}};
  return lm_file_replace(path, previous, pieces, 2, error);
}

/* Replaces with the n-th call failing; returns whether no call was left to fail. */
static bool replace_with_fault(struct scratch *scratch, int nth, bool forever, int reason)
{
  const char *path = scratch_write(scratch, "file", old, sizeof old);
  const char *previous = scratch_write(scratch, "previous", "older", sizeof "older");
  struct lm_error error = {0};
  faults.countdown = nth;
  faults.forever = forever;
  faults.reason = reason;
  faults.struck = false;
  enum lamina_status status = replace_file(path, previous, &error);
  faults.countdown = 0;
  bool is_old = scratch_holds(path, old, sizeof old);
  bool is_new = scratch_holds(path, new, sizeof new);
  cr_assert(status == LAMINA_OK || status == LAMINA_E_IO, "call %d", nth);
  cr_assert(is_old || is_new, "call %d: torn", nth);
  cr_assert(status != LAMINA_OK || is_new, "call %d: not written", nth);
  cr_assert(is_old || scratch_holds(previous, old, sizeof old), "call %d: old one lost", nth);
  cr_assert(scratch_holds(previous, "older", sizeof "older") ||
                scratch_holds(previous, old, sizeof old),
            "call %d: previous torn", nth);
  cr_assert(scratch_count(scratch, "") == 2, "call %d: temporary file left", nth);
  cr_assert(is_old == (strstr(error.text, "cannot be written") != NULL ||
                       strstr(error.text, "cannot keep") != NULL),
            "call %d: %s", nth, error.text);
  cr_assert(status == LAMINA_OK || strstr(error.text, strerror(reason)) != NULL, "%s", error.text);
  return !faults.struck;
}

Test(io_faults, any_failing_call_of_a_writer_leaves_old_or_new)
{
  struct scratch scratch;
  static const int reasons[] = {EIO, ENOSPC, EDQUOT, EACCES};
  scratch_make(&scratch);
  for (size_t r = 0; r < sizeof reasons / sizeof reasons[0]; r++) {
    for (int forever = 0; forever < 2; forever++) {
      int nth = 1;
      while (!replace_with_fault(&scratch, nth, forever == 1, reasons[r])) {
        nth++;
        cr_assert(nth < 100);
      }
      /* open, 2 writes, fsync, close, link, 2 renames; open, fsync, close of the folder. */
      cr_assert(nth == 12, "%d calls", nth - 1);
    }
  }
  scratch_remove(&scratch);
}

Test(io_faults, a_failing_sync_is_not_tried_again)
{
  struct scratch scratch;
  struct lm_error error = {0};
  scratch_make(&scratch);
  const char *path = scratch_write(&scratch, "file", old, sizeof old);
  faults.countdown = 4;
  faults.reason = EIO;
  faults.calls = 0;
  cr_assert(replace_file(path, NULL, &error) == LAMINA_E_IO);
  cr_assert(faults.calls == 5, "after the sync comes the close only: %u", faults.calls);
  cr_assert(scratch_holds(path, old, sizeof old));
  scratch_remove(&scratch);
}

Test(io_faults, interruptions_and_short_counts_change_nothing)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_bytes bytes;
  scratch_make(&scratch);
  const char *path = scratch_write(&scratch, "file", old, sizeof old);
  const char *previous = scratch_path(&scratch, "previous");
  for (unsigned int phase = 0; phase < 4; phase++) {
    faults.slow = true;
    faults.calls = phase % 2;
    faults.no_links = phase >= 2;
    enum lamina_status replaced = replace_file(path, previous, &error);
    enum lamina_status read = lm_file_read(path, LM_READ_GUNZIP, 100, &bytes, &error);
    faults.slow = false;
    faults.no_links = false;
    cr_assert(replaced == LAMINA_OK && read == LAMINA_OK, "%s", error.text);
    cr_assert(bytes.size == sizeof new &&memcmp(bytes.bytes, new, sizeof new) == 0);
    cr_assert(scratch_count(&scratch, "") == 2);
    lm_bytes_release(&bytes);
  }
  scratch_remove(&scratch);
}

Test(io_faults, without_links_the_previous_file_is_a_copy)
{
  struct scratch scratch;
  scratch_make(&scratch);
  faults.no_links = true;
  int nth = 1;
  while (!replace_with_fault(&scratch, nth, false, EIO)) {
    nth++;
    cr_assert(nth < 100);
  }
  cr_assert(nth > 12, "the copy makes calls of its own");
  faults.no_links = false;
  scratch_remove(&scratch);
}

Test(io_faults, any_failing_call_of_a_reader_is_an_error_with_its_reason)
{
  struct scratch scratch;
  scratch_make(&scratch);
  const char *path = scratch_write(&scratch, "file", old, sizeof old);
  int nth = 0;
  for (bool struck = true; struck;) {
    struct lm_error error = {0};
    struct lm_bytes bytes;
    faults.countdown = ++nth;
    faults.reason = EIO;
    faults.struck = false;
    enum lamina_status status = lm_file_read(path, LM_READ_GUNZIP, 100, &bytes, &error);
    struck = faults.struck;
    faults.countdown = 0;
    cr_assert(status == LAMINA_OK || status == LAMINA_E_IO);
    cr_assert(status == LAMINA_OK || strstr(error.text, "Input/output error") != NULL, "%s",
              error.text);
    lm_bytes_release(&bytes);
  }
  /* open, the magic number, the content, its end; close, whose failure harms nobody. */
  cr_assert(nth == 6, "%d calls", nth - 1);
  scratch_remove(&scratch);
}

Test(io_faults, a_file_that_shrinks_while_it_is_read_is_refused)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_bytes bytes;
  char start[4];
  size_t got;
  scratch_make(&scratch);
  const char *path = scratch_write(&scratch, "file", old, sizeof old);
  faults.shrink_to = 7;
  cr_assert(lm_file_read(path, LM_READ_PLAIN, 100, &bytes, &error) == LAMINA_E_IO);
  cr_assert(strstr(error.text, "changed while it was read: had 16 bytes at first, now 7"), "%s",
            error.text);
  cr_assert(lm_file_peek(path, LM_READ_PLAIN, start, sizeof start, &got, &error) == LAMINA_OK);
  faults.shrink_to = 0;
  scratch_remove(&scratch);
}

Test(io_faults, a_file_that_has_grown_while_it_is_read_is_refused)
{
  struct lm_error error = {0};
  struct lm_bytes bytes;
  /* The kernel's own files say that they are empty. */
  cr_assert(lm_file_read("/proc/self/status", LM_READ_PLAIN, INT_MAX, &bytes, &error) ==
            LAMINA_E_IO);
  cr_assert(strstr(error.text, "changed while it was read: had 0 bytes at first") != NULL, "%s",
            error.text);
}
