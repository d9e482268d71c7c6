/*
 * gzip from a file, unpacked piece by piece, so that memory depends on the reader's buffer
 * alone. zlib checks each member's CRC and length; what is added here is that members may
 * follow each other (as `cat a.gz b.gz` makes them), that nothing else may follow, and that a
 * file may not end within one.
 */
#include <limits.h>
#include <zlib.h>

#include "base/memory.h"
#include "io/io_internal.h"

enum { INPUT_SIZE = 1 << 16, GZIP_ONLY = 16 };

struct lm_gunzip {
  struct lm_source *source;
  z_stream stream;
  bool between; /* members: one has ended, and no byte after it was looked at */
  bool ended;   /* the last member and the file */
  unsigned char input[INPUT_SIZE];
};

static void *allocate(void *unused, unsigned int count, unsigned int size)
{
  (void)unused;
  return lm_alloc(count, size);
}

static void release(void *unused, void *memory)
{
  (void)unused;
  lm_free(memory);
}

enum lamina_status lm_gunzip_create(struct lm_source *source, struct lm_gunzip **out,
                                    struct lm_error *error)
{
  struct lm_gunzip *gunzip = lm_alloc(1, sizeof *gunzip);
  *out = NULL;
  if (gunzip == NULL) {
    return lm_fail_memory(error, sizeof *gunzip);
  }
  gunzip->source = source;
  gunzip->stream.zalloc = allocate;
  gunzip->stream.zfree = release;
  if (inflateInit2(&gunzip->stream, MAX_WBITS + GZIP_ONLY) != Z_OK) {
    lm_free(gunzip);
    return lm_fail_memory(error, 0);
  }
  *out = gunzip;
  return LAMINA_OK;
}

void lm_gunzip_free(struct lm_gunzip *gunzip)
{
  if (gunzip != NULL) {
    (void)inflateEnd(&gunzip->stream);
    lm_free(gunzip);
  }
}

/* The file's byte that zlib looks at next. */
static unsigned long long position(const struct lm_gunzip *gunzip)
{
  return (unsigned long long)(gunzip->source->position - gunzip->stream.avail_in);
}

/* Gets input; at the end of the file, decides whether that is the end of the gzip too. */
static enum lamina_status refill(struct lm_gunzip *gunzip, struct lm_error *error)
{
  size_t got;
  LM_TRY(lm_source_read(gunzip->source, gunzip->input, sizeof gunzip->input, &got, error));
  gunzip->stream.next_in = gunzip->input;
  gunzip->stream.avail_in = (unsigned int)got;
  if (got > 0) {
    return LAMINA_OK;
  }
  if (!gunzip->between) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "%s: ends after %llu bytes, in the middle of its gzip data",
                   gunzip->source->path, position(gunzip));
  }
  gunzip->ended = true;
  return LAMINA_OK;
}

/* Begins another member, if that is what the next byte may be. */
static enum lamina_status next_member(struct lm_gunzip *gunzip, struct lm_error *error)
{
  if (gunzip->stream.next_in[0] != 0x1f) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "%s: bytes that are not gzip follow its gzip data at byte %llu",
                   gunzip->source->path, position(gunzip));
  }
  (void)inflateReset(&gunzip->stream); /* fails only for streams that were never made */
  gunzip->between = false;
  return LAMINA_OK;
}

/* One call of zlib; stream.next_out and avail_out say where to. */
static enum lamina_status unpack(struct lm_gunzip *gunzip, struct lm_error *error)
{
  switch (inflate(&gunzip->stream, Z_NO_FLUSH)) {
    case Z_OK:
    case Z_BUF_ERROR: /* nothing to do without more input */
      return LAMINA_OK;
    case Z_STREAM_END:
      gunzip->between = true;
      return LAMINA_OK;
    case Z_MEM_ERROR:
      return lm_fail_memory(error, 0);
    default:
      return lm_fail(error, LAMINA_E_INVALID, "%s: broken gzip data at byte %llu: %s",
                     gunzip->source->path, position(gunzip),
                     gunzip->stream.msg == NULL ? "not understood" : gunzip->stream.msg);
  }
}

enum lamina_status lm_gunzip_read(struct lm_gunzip *gunzip, void *buffer, size_t size, size_t *got,
                                  struct lm_error *error)
{
  *got = 0;
  while (*got < size && !gunzip->ended) {
    if (gunzip->stream.avail_in == 0) {
      LM_TRY(refill(gunzip, error));
    } else if (gunzip->between) {
      LM_TRY(next_member(gunzip, error));
    } else {
      size_t room = size - *got;
      unsigned int asked = room < INT_MAX ? (unsigned int)room : INT_MAX;
      gunzip->stream.next_out = (unsigned char *)buffer + *got;
      gunzip->stream.avail_out = asked;
      LM_TRY(unpack(gunzip, error));
      *got += asked - gunzip->stream.avail_out;
    }
  }
  return LAMINA_OK;
}
