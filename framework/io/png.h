/*
 * Pictures to files: 8-bit PNG (ISO/IEC 15948), gray or RGB. Floor 1. Reading pictures is no
 * business of the runtime but of dataset plugins.
 */
#ifndef LM_IO_PNG_H
#define LM_IO_PNG_H

#include <stdint.h>

#include "base/error.h"

/** A picture: rows of width pixels of `channels` bytes, from the top, without gaps. */
struct lm_pixels {
  unsigned char *bytes;
  int64_t width, height;
  int channels; /* 1: gray; 3: red, green, blue */
};

/**
 * Writes a picture, as lm_file_replace() writes files. The same pixels give the same file.
 * @return LAMINA_OK; LAMINA_E_INVALID for a picture without pixels, over 2^31 - 1 wide or high,
 *         or over 1 GiB; LAMINA_E_IO; LAMINA_E_NOMEM
 */
enum lamina_status lm_png_write(const char *path, const struct lm_pixels *pixels,
                                struct lm_error *error) LM_MUST_CHECK;

#endif
