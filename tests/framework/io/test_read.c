/*
 * Reading whole files, as they are and unpacked. The gzip files come from gzip(1), written
 * down as bytes, and where they must be large from zlib's packer.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <zlib.h>

#include "base/memory.h"
#include "io/files.h"
#include "scratch.h"

enum { MIB = 1 << 20 };

static const char hello[] = "hello hello hello, gzip\n";

/* printf 'hello hello hello, gzip\n' | gzip -n -9 */
static const unsigned char hello_gz[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48,
    0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0x3a, 0x0a, 0xe9, 0x55, 0x99,
    0x05, 0x5c, 0x00, 0x23, 0xfd, 0xd1, 0xeb, 0x18, 0x00, 0x00, 0x00,
};

/* printf 'second\n' > name.txt; gzip name.txt: a header with a name and a time */
static const unsigned char second_gz[] = {
    0x1f, 0x8b, 0x08, 0x08, 0x00, 0xca, 0x9a, 0x3b, 0x00, 0x03, 0x6e, 0x61,
    0x6d, 0x65, 0x2e, 0x74, 0x78, 0x74, 0x00, 0x2b, 0x4e, 0x4d, 0xce, 0xcf,
    0x4b, 0xe1, 0x02, 0x00, 0x7e, 0xc0, 0x0f, 0x06, 0x07, 0x00, 0x00, 0x00,
};

/* Bytes that no packer makes smaller, the same ones each time. */
static unsigned char *noise(size_t size)
{
  unsigned char *bytes = malloc(size + 1);
  cr_assert(bytes != NULL);
  uint64_t state = 1;
  for (size_t i = 0; i < size; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    bytes[i] = (unsigned char)(state >> 56);
  }
  return bytes;
}

static unsigned char *pack(const unsigned char *bytes, size_t size, size_t *packed_size)
{
  z_stream stream = {0};
  cr_assert(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  *packed_size = deflateBound(&stream, size);
  unsigned char *packed = malloc(*packed_size);
  cr_assert(packed != NULL);
  union {
    const unsigned char *in;
    unsigned char *next;
  } borrowed = {.in = bytes};
  stream.next_in = borrowed.next;
  stream.avail_in = (unsigned int)size;
  stream.next_out = packed;
  stream.avail_out = (unsigned int)*packed_size;
  cr_assert(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  *packed_size = stream.total_out;
  cr_assert(deflateEnd(&stream) == Z_OK);
  return packed;
}

/* Reads and compares; returns the status, error filled. */
static enum lamina_status read_and_compare(const char *path, size_t limit, const void *expected,
                                           size_t size, struct lm_error *error)
{
  struct lm_bytes got;
  enum lamina_status status = lm_file_read(path, LM_READ_GUNZIP, limit, &got, error);
  if (status == LAMINA_OK) {
    cr_assert(got.size == size && memcmp(got.bytes, expected, size) == 0, "%s: %zu bytes", path,
              got.size);
    cr_assert(got.bytes[got.size] == 0);
  } else {
    cr_assert(got.bytes == NULL && got.size == 0);
    cr_assert(strncmp(error->text, path, strlen(path)) == 0, "%s", error->text);
  }
  lm_bytes_release(&got);
  return status;
}

Test(read, content_comes_whole_up_to_the_limit_and_not_beyond)
{
  struct scratch scratch;
  struct lm_error error = {0};
  scratch_make(&scratch);
  static const size_t sizes[] = {0, 1, 2, 7, 4096, 65535, 65536, 65537, MIB + 3};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    size_t size = sizes[i];
    size_t packed_size;
    unsigned char *bytes = noise(size);
    unsigned char *packed = pack(bytes, size, &packed_size);
    const char *paths[] = {scratch_write(&scratch, "plain", bytes, size),
                           scratch_write(&scratch, "packed.gz", packed, packed_size)};
    for (int p = 0; p < 2; p++) {
      cr_assert(read_and_compare(paths[p], size, bytes, size, &error) == LAMINA_OK, "%zu: %s", size,
                error.text);
      cr_assert(read_and_compare(paths[p], SIZE_MAX, bytes, size, &error) == LAMINA_OK);
      cr_assert(size == 0 ||
                read_and_compare(paths[p], size - 1, bytes, size, &error) == LAMINA_E_INVALID);
      cr_assert(size == 0 || strstr(error.text, "larger than") != NULL, "%s", error.text);
    }
    free(bytes);
    free(packed);
  }
  scratch_remove(&scratch);
}

Test(read, gzip_of_the_gzip_program_is_unpacked_only_when_asked_for)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_bytes raw;
  scratch_make(&scratch);
  const char *path = scratch_write(&scratch, "hello", hello_gz, sizeof hello_gz);
  cr_assert(read_and_compare(path, 100, hello, sizeof hello - 1, &error) == LAMINA_OK);
  cr_assert(lm_file_read(path, LM_READ_PLAIN, 100, &raw, &error) == LAMINA_OK);
  cr_assert(raw.size == sizeof hello_gz && memcmp(raw.bytes, hello_gz, raw.size) == 0);
  lm_bytes_release(&raw);
  scratch_remove(&scratch);
}

Test(read, members_of_gzip_may_follow_each_other_and_nothing_else_may)
{
  struct scratch scratch;
  struct lm_error error = {0};
  unsigned char both[sizeof hello_gz + sizeof second_gz + 1] = {0};
  const char text[] = "hello hello hello, gzip\nsecond\n";
  memcpy(both, hello_gz, sizeof hello_gz);
  memcpy(both + sizeof hello_gz, second_gz, sizeof second_gz);
  scratch_make(&scratch);
  const char *path = scratch_write(&scratch, "two.gz", both, sizeof both - 1);
  cr_assert(read_and_compare(path, sizeof text - 1, text, sizeof text - 1, &error) == LAMINA_OK,
            "%s", error.text);
  cr_assert(read_and_compare(path, sizeof text - 2, text, 0, &error) == LAMINA_E_INVALID);
  static const unsigned char tails[] = {0, 'x', 0x1f};
  for (size_t i = 0; i < sizeof tails; i++) {
    both[sizeof both - 1] = tails[i];
    path = scratch_write(&scratch, "tail.gz", both, sizeof both);
    cr_assert(read_and_compare(path, 100, text, 0, &error) == LAMINA_E_INVALID, "%d", tails[i]);
  }
  both[sizeof hello_gz + 1] = 'y';
  path = scratch_write(&scratch, "tail.gz", both, sizeof both - 1);
  cr_assert(read_and_compare(path, 100, text, 0, &error) == LAMINA_E_INVALID);
  scratch_remove(&scratch);
}

Test(read, gzip_cut_anywhere_is_refused)
{
  struct scratch scratch;
  struct lm_error error = {0};
  scratch_make(&scratch);
  for (size_t size = 2; size < sizeof second_gz; size++) {
    const char *path = scratch_write(&scratch, "cut.gz", second_gz, size);
    cr_assert(read_and_compare(path, 100, "", 0, &error) == LAMINA_E_INVALID, "%zu", size);
    cr_assert(strstr(error.text, "in the middle of its gzip data") != NULL, "%s", error.text);
  }
  scratch_remove(&scratch);
}

Test(read, gzip_with_one_bit_flipped_is_refused_or_harmless)
{
  struct scratch scratch;
  struct lm_error error = {0};
  size_t trailer = 8 * (sizeof hello_gz - 8); /* the bits of CRC and length */
  scratch_make(&scratch);
  for (size_t bit = 16; bit < 8 * sizeof hello_gz; bit++) {
    unsigned char flipped[sizeof hello_gz];
    memcpy(flipped, hello_gz, sizeof flipped);
    flipped[bit / 8] ^= (unsigned char)(1u << bit % 8);
    const char *path = scratch_write(&scratch, "flip.gz", flipped, sizeof flipped);
    enum lamina_status status = read_and_compare(path, 100, hello, sizeof hello - 1, &error);
    cr_assert(status == LAMINA_E_INVALID || (status == LAMINA_OK && bit < trailer), "%zu", bit);
  }
  scratch_remove(&scratch);
}

Test(read, gzip_that_swells_is_refused_at_the_limit)
{
  struct scratch scratch;
  struct lm_error error = {0};
  enum { SWOLLEN = 64 * MIB };
  size_t packed_size;
  unsigned char *zeros = calloc(SWOLLEN, 1);
  cr_assert(zeros != NULL);
  unsigned char *packed = pack(zeros, SWOLLEN, &packed_size);
  scratch_make(&scratch);
  const char *path = scratch_write(&scratch, "zeros.gz", packed, packed_size);
  cr_assert(read_and_compare(path, MIB, zeros, 0, &error) == LAMINA_E_INVALID);
  cr_assert(strstr(error.text, "1048576 bytes that are accepted after unpacking") != NULL);
  free(zeros);
  free(packed);
  scratch_remove(&scratch);
}

static void make_socket(const char *path)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  cr_assert(strlen(path) < sizeof address.sun_path);
  memcpy(address.sun_path, path, strlen(path) + 1);
  int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  cr_assert(bind(descriptor, (const struct sockaddr *)&address, sizeof address) == 0);
  cr_assert(close(descriptor) == 0);
}

Test(read, what_is_not_a_regular_file_is_refused_without_waiting, .timeout = 20)
{
  struct scratch scratch;
  scratch_make(&scratch);
  (void)scratch_write(&scratch, "file", "x", 1);
  cr_assert(mkfifo(scratch_path(&scratch, "fifo"), 0600) == 0);
  cr_assert(mkdir(scratch_path(&scratch, "folder"), 0700) == 0);
  cr_assert(symlink("loop", scratch_path(&scratch, "loop")) == 0);
  cr_assert(symlink("fifo", scratch_path(&scratch, "link")) == 0);
  make_socket(scratch_path(&scratch, "socket"));
  static const struct {
    const char *name;
    enum lamina_status status;
    const char *text;
  } rows[] = {
      {"fifo", LAMINA_E_INVALID, "a pipe, expected a regular file"},
      {"link", LAMINA_E_INVALID, "a pipe, expected a regular file"},
      {"folder", LAMINA_E_INVALID, "a folder, expected a regular file"},
      {"socket", LAMINA_E_INVALID, "a socket, expected a regular file"},
      {"../../dev/zero", LAMINA_E_INVALID, "a device, expected a regular file"},
      {"none", LAMINA_E_MISSING, "there is no such file"},
      {"none/none", LAMINA_E_MISSING, "there is no such file"},
      {"file/none", LAMINA_E_MISSING, "there is no such file"},
      {"loop", LAMINA_E_IO, "cannot be opened: Too many levels of symbolic links"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_error error = {0};
    char byte;
    size_t got;
    const char *path = scratch_path(&scratch, rows[i].name);
    cr_assert(read_and_compare(path, 100, "", 0, &error) == rows[i].status, "%s", path);
    cr_assert(strstr(error.text, rows[i].text) != NULL, "%s", error.text);
    cr_assert(lm_file_peek(path, LM_READ_GUNZIP, &byte, 1, &got, &error) == rows[i].status);
  }
  scratch_remove(&scratch);
}

Test(read, a_look_gives_the_first_bytes_only)
{
  struct scratch scratch;
  struct lm_error error = {0};
  scratch_make(&scratch);
  const char *paths[] = {scratch_write(&scratch, "plain", hello, sizeof hello - 1),
                         scratch_write(&scratch, "packed", hello_gz, sizeof hello_gz)};
  for (int p = 0; p < 2; p++) {
    for (size_t size = 0; size < sizeof hello + 5; size++) {
      char bytes[sizeof hello + 5] = {0};
      size_t got;
      size_t expected = size < sizeof hello - 1 ? size : sizeof hello - 1;
      cr_assert(lm_file_peek(paths[p], LM_READ_GUNZIP, bytes, size, &got, &error) == LAMINA_OK);
      cr_assert(got == expected && memcmp(bytes, hello, got) == 0 && bytes[got] == 0, "%zu", got);
    }
  }
  scratch_remove(&scratch);
}

Test(read, a_failed_allocation_is_an_error_that_names_the_file)
{
  struct scratch scratch;
  struct lm_error error = {0};
  scratch_make(&scratch);
  unsigned char twice[2 * sizeof hello_gz];
  memcpy(twice, hello_gz, sizeof hello_gz);
  memcpy(twice + sizeof hello_gz, hello_gz, sizeof hello_gz);
  const char *path = scratch_write(&scratch, "twice.gz", twice, sizeof twice);
  for (int forever = 0; forever < 2; forever++) {
    enum lamina_status status = LAMINA_E_NOMEM;
    int failures = -1;
    while (status != LAMINA_OK) {
      lm_alloc_fail_after(++failures, forever == 1);
      status = read_and_compare(path, 100, "hello hello hello, gzip\nhello hello hello, gzip\n",
                                2 * (sizeof hello - 1), &error);
      lm_alloc_fail_after(-1, false);
      cr_assert(status == LAMINA_OK || status == LAMINA_E_NOMEM, "%s", error.text);
    }
    /* The unpacker, zlib's state, its window, the content, the content's growth. */
    cr_assert(failures >= 4, "%d", failures);
  }
  scratch_remove(&scratch);
}
