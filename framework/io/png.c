/*
 * PNG: a signature and chunks, each its length, a name of four letters, data and the CRC of name
 * and data, numbers big-endian. IHDR says the size, IDAT is the rows packed by zlib, each behind
 * a byte for its filter, IEND ends the file.
 *
 * Every row has the filter "up" (each byte less the one above it), which suits flat pictures and
 * needs no choice; the first row has none above it and counts as itself.
 */
#include "io/png.h"

#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "io/files.h"

enum { FILTER_UP = 2, COLOUR_GRAY = 0, COLOUR_RGB = 2, CHUNK_EXTRA = 12, HEADER_SIZE = 13 };

/* What a picture may have in memory, and far below what a chunk's length may say. */
static const int64_t size_limit = INT64_C(1) << 30;

static void put_u32(unsigned char *at, uint32_t number)
{
  at[0] = (unsigned char)(number >> 24);
  at[1] = (unsigned char)(number >> 16);
  at[2] = (unsigned char)(number >> 8);
  at[3] = (unsigned char)number;
}

/* Puts length, name and checksum around size bytes that lie at chunk + 8 already. */
static void seal_chunk(unsigned char *chunk, const char *name, size_t size)
{
  put_u32(chunk, (uint32_t)size);
  memcpy(chunk + 4, name, 4);
  put_u32(chunk + 8 + size, (uint32_t)crc32_z(0, chunk + 4, size + 4));
}

static enum lamina_status check_size(const char *path, const struct lm_pixels *pixels,
                                     struct lm_error *error)
{
  int64_t row, all;
  bool fits = pixels->width > 0 && pixels->height > 0 && pixels->width <= INT32_MAX &&
              pixels->height <= INT32_MAX;
  fits = fits && lm_mul_i64(pixels->width, pixels->channels, &row) &&
         lm_mul_i64(row + 1, pixels->height, &all) && all <= size_limit;
  if (!fits) {
    return lm_fail(
        error, LAMINA_E_INVALID,
        "%s: a picture of %lld x %lld pixels cannot be written: found no pixels, or more "
        "than 1 GiB of them",
        path, (long long)pixels->width, (long long)pixels->height);
  }
  return LAMINA_OK;
}

/* The filtered rows. NULL when memory is short. */
static unsigned char *filter_rows(const struct lm_pixels *pixels, size_t row)
{
  unsigned char *filtered = lm_alloc((size_t)pixels->height, row + 1);
  for (int64_t y = 0; filtered != NULL && y < pixels->height; y++) {
    const unsigned char *src = pixels->bytes + (size_t)y * row;
    unsigned char *dst = filtered + (size_t)y * (row + 1);
    *dst++ = FILTER_UP;
    for (size_t x = 0; x < row; x++) {
      dst[x] = (unsigned char)(src[x] - (y == 0 ? 0 : src[x - row]));
    }
  }
  return filtered;
}

/* The chunk IDAT of size bytes; NULL when memory is short. */
static unsigned char *pack_rows(const struct lm_pixels *pixels, size_t *size)
{
  size_t row = (size_t)pixels->width * (size_t)pixels->channels;
  uLong plain = (uLong)((row + 1) * (size_t)pixels->height);
  uLongf packed = compressBound(plain);
  unsigned char *filtered = filter_rows(pixels, row);
  unsigned char *chunk = lm_alloc(packed + CHUNK_EXTRA, 1);
  bool well = filtered != NULL && chunk != NULL &&
              compress2(chunk + 8, &packed, filtered, plain, Z_DEFAULT_COMPRESSION) == Z_OK;
  lm_free(filtered);
  if (!well) {
    lm_free(chunk);
    return NULL;
  }
  seal_chunk(chunk, "IDAT", packed);
  *size = packed + CHUNK_EXTRA;
  return chunk;
}

enum lamina_status lm_png_write(const char *path, const struct lm_pixels *pixels,
                                struct lm_error *error)
{
  static const unsigned char signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  unsigned char header[HEADER_SIZE + CHUNK_EXTRA] = {0}, end[CHUNK_EXTRA] = {0};
  LM_TRY(check_size(path, pixels, error));
  put_u32(header + 8, (uint32_t)pixels->width);
  put_u32(header + 12, (uint32_t)pixels->height);
  header[16] = 8; /* bits a channel; compression, filters and interlace stay 0 */
  header[17] = pixels->channels == 1 ? COLOUR_GRAY : COLOUR_RGB;
  seal_chunk(header, "IHDR", HEADER_SIZE);
  seal_chunk(end, "IEND", 0);
  size_t size = 0;
  unsigned char *rows = pack_rows(pixels, &size);
  if (rows == NULL) {
    return lm_fail_memory(error, 0);
  }
  const struct lm_piece pieces[] = {
      {signature, sizeof signature}, {header, sizeof header}, {rows, size}, {end, sizeof end}};
  enum lamina_status status = lm_file_replace(path, NULL, pieces, 4, error);
  lm_free(rows);
  return status;
}
