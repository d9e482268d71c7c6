/*
 * One picture from the bytes of its file: decoded, made grey or coloured, brought to its size.
 *
 * libpng and libjpeg report errors by longjmp(). It never leaves the file that calls them: each
 * has one function with setjmp(), all that lives longer is in a struct of its caller, and what
 * comes out is a status with a reason.
 */
#ifndef LM_IMAGE_FOLDER_DECODE_H
#define LM_IMAGE_FOLDER_DECODE_H

#include <stdint.h>

enum { LM_IMAGE_SIDE = 65500, LM_IMAGE_PIXELS = 1 << 26, LM_IMAGE_REASON = 200 };

/** What is to be decoded, and what came out. */
struct lm_image {
  const unsigned char *bytes; /* of the file */
  uint64_t size;
  int64_t channels;              /* wanted: 1 or 3 */
  int64_t out_height, out_width; /* wanted, at least 1 each, unless out is NULL */
  unsigned char *out;            /* [out_height, out_width, channels]; NULL: only its size */
  int64_t height, width;         /* of the picture in the file */
  char reason[LM_IMAGE_REASON];  /* why it failed */
};

/** Decodes a PNG or JPEG, told apart by their first bytes. LAMINA_OK or LAMINA_E_INVALID. */
int32_t lm_image_decode(struct lm_image *image);

int32_t lm_image_decode_png(struct lm_image *image);
int32_t lm_image_decode_jpeg(struct lm_image *image);

/** Puts decoded pixels [height, width, channels] to image->out: as they are, or resized. */
void lm_image_deliver(const struct lm_image *image, const unsigned char *pixels);

/** Whether the size in the file's head is one that is decoded; tells the reason otherwise. */
int lm_image_accept(struct lm_image *image, uint64_t height, uint64_t width);

#endif
