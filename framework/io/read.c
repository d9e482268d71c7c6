/*
 * Files read whole, or their first bytes, as they are or unpacked. The memory asked for at
 * first is the file's size, or what the gzip trailer claims as far as the file's size and the
 * limit make it possible; it grows only as content really comes, never past twice the limit.
 */
#include <string.h>

#include "base/memory.h"
#include "io/files.h"
#include "io/io_internal.h"

/* deflate cannot pack better than 1032 : 1, so a longer claim is a lie. */
enum { BEST_RATIO = 1032, GZIP_TRAILER = 4 };

struct reader {
  struct lm_source source;
  struct lm_gunzip *gunzip; /* NULL: content as it is */
};

/* Closes, and names the file in the one sentence that does not know it. Returns status. */
static enum lamina_status reader_finish(struct reader *reader, enum lamina_status status,
                                        struct lm_error *error)
{
  lm_gunzip_free(reader->gunzip);
  lm_source_close(&reader->source);
  if (status == LAMINA_E_NOMEM) {
    lm_error_prefix(error, "%s", reader->source.path);
  }
  return status;
}

static enum lamina_status reader_open(const char *path, unsigned flags, struct reader *reader,
                                      struct lm_error *error)
{
  *reader = (struct reader){.gunzip = NULL};
  LM_TRY(lm_source_open(path, &reader->source, error));
  if ((flags & LM_READ_GUNZIP) == 0) {
    return LAMINA_OK;
  }
  unsigned char start[2];
  size_t got;
  enum lamina_status status = lm_source_read(&reader->source, start, sizeof start, &got, error);
  reader->source.position = 0;
  if (status == LAMINA_OK && lm_gunzip_wants(start, got)) {
    status = lm_gunzip_create(&reader->source, &reader->gunzip, error);
  }
  return status == LAMINA_OK ? status : reader_finish(reader, status, error);
}

static enum lamina_status reader_read(struct reader *reader, void *buffer, size_t size, size_t *got,
                                      struct lm_error *error)
{
  if (reader->gunzip != NULL) {
    return lm_gunzip_read(reader->gunzip, buffer, size, got, error);
  }
  return lm_source_read(&reader->source, buffer, size, got, error);
}

/* What the last four bytes of a gzip file say: the length of its last member, unpacked. */
static enum lamina_status claimed_size(struct reader *reader, uint64_t *size,
                                       struct lm_error *error)
{
  unsigned char trailer[GZIP_TRAILER] = {0};
  size_t got;
  struct lm_source *source = &reader->source;
  source->position = source->size < GZIP_TRAILER ? 0 : source->size - GZIP_TRAILER;
  LM_TRY(lm_source_read(source, trailer, sizeof trailer, &got, error));
  source->position = 0;
  uint64_t claim = (uint64_t)trailer[0] | (uint64_t)trailer[1] << 8 | (uint64_t)trailer[2] << 16 |
                   (uint64_t)trailer[3] << 24;
  *size = claim / BEST_RATIO < source->size ? claim : source->size;
  return LAMINA_OK;
}

static enum lamina_status too_large(const struct reader *reader, size_t limit,
                                    struct lm_error *error)
{
  return lm_fail(error, LAMINA_E_INVALID, "%s: larger than the %zu bytes that are accepted%s",
                 reader->source.path, limit, reader->gunzip == NULL ? "" : " after unpacking");
}

/* Bytes to ask for at first: what is expected, and one more that shows the end. */
static enum lamina_status first_capacity(struct reader *reader, size_t limit, size_t *capacity,
                                         struct lm_error *error)
{
  uint64_t expected = reader->source.size;
  if (reader->gunzip != NULL) {
    LM_TRY(claimed_size(reader, &expected, error));
    expected = expected < limit ? expected : limit;
  } else if (expected > limit) {
    return too_large(reader, limit, error);
  }
  *capacity = (size_t)expected + 1;
  return LAMINA_OK;
}

static enum lamina_status read_all(struct reader *reader, size_t limit, struct lm_bytes *out,
                                   struct lm_error *error)
{
  size_t capacity;
  LM_TRY(first_capacity(reader, limit, &capacity, error));
  void *bytes = lm_alloc(capacity, 1);
  *out = (struct lm_bytes){.bytes = bytes};
  while (bytes != NULL) {
    /* The byte after the content stays for the 0, or shows that the content is too long. */
    size_t end = capacity <= limit ? capacity : limit + 1;
    size_t got;
    LM_TRY(reader_read(reader, out->bytes + out->size, end - out->size, &got, error));
    out->size += got;
    if (out->size > limit) {
      return too_large(reader, limit, error);
    }
    if (out->size < end) {
      out->bytes[out->size] = '\0';
      return LAMINA_OK;
    }
    if (!lm_grow(&bytes, &capacity, capacity + 1, 1)) {
      break;
    }
    out->bytes = bytes;
  }
  return lm_fail_memory(error, capacity);
}

enum lamina_status lm_file_read(const char *path, unsigned flags, size_t limit,
                                struct lm_bytes *out, struct lm_error *error)
{
  struct reader reader;
  *out = (struct lm_bytes){0};
  limit = limit < PTRDIFF_MAX ? limit : PTRDIFF_MAX - 1;
  LM_TRY(reader_open(path, flags, &reader, error));
  enum lamina_status status = read_all(&reader, limit, out, error);
  if (status != LAMINA_OK) {
    lm_bytes_release(out);
  }
  return reader_finish(&reader, status, error);
}

enum lamina_status lm_file_peek(const char *path, unsigned flags, void *buffer, size_t size,
                                size_t *got, struct lm_error *error)
{
  struct reader reader;
  *got = 0;
  LM_TRY(reader_open(path, flags, &reader, error));
  enum lamina_status status = reader_read(&reader, buffer, size, got, error);
  return reader_finish(&reader, status, error);
}

void lm_bytes_release(struct lm_bytes *bytes)
{
  lm_free(bytes->bytes);
  *bytes = (struct lm_bytes){0};
}
