/*
 * JPEG by libjpeg: grey or RGB; CMYK is refused by the library. Data that libjpeg would make up,
 * with a warning, is refused.
 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
/* After it: libjpeg's codes of errors. */
#include <jerror.h>

#include <lamina/status.h>

#include "decode.h"

/* A file of a few bytes a scan could keep the decoder busy for hours. */
enum { MOST_SCANS = 500 };

struct job {
  struct jpeg_error_mgr errors; /* first: libjpeg knows this part */
  struct jpeg_progress_mgr progress;
  struct jpeg_decompress_struct jpeg;
  struct lm_image *image;
  jmp_buf jump; /* set in decode() only */
};

static void on_error(j_common_ptr common)
{
  struct job *job = (struct job *)(void *)common->err;
  char text[JMSG_LENGTH_MAX];
  common->err->format_message(common, text);
  (void)snprintf(job->image->reason, sizeof job->image->reason, "libjpeg says: %.180s", text);
  longjmp(job->jump, 1);
}

/* Level -1 is a warning, mostly of data that is broken; above are notes. */
static void on_message(j_common_ptr common, int level)
{
  int code = common->err->msg_code;
  int is_harmless =
      code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM;
  if (level < 0 && !is_harmless) {
    on_error(common);
  }
}

static void on_output(j_common_ptr common)
{
  (void)common; /* nothing is printed */
}

static void on_progress(j_common_ptr common)
{
  struct job *job = (struct job *)(void *)common->err;
  if (job->jpeg.input_scan_number > MOST_SCANS) {
    (void)snprintf(job->image->reason, sizeof job->image->reason, "it has more than %d scans",
                   MOST_SCANS);
    longjmp(job->jump, 1);
  }
}

static void read_rows(struct job *job)
{
  struct jpeg_decompress_struct *jpeg = &job->jpeg;
  size_t row = (size_t)(job->image->width * job->image->channels);
  unsigned char *pixels =
      jpeg->mem->alloc_large((j_common_ptr)jpeg, JPOOL_IMAGE, row * (size_t)job->image->height);
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW to = pixels + (size_t)jpeg->output_scanline * row;
    (void)jpeg_read_scanlines(jpeg, &to, 1);
  }
  lm_image_deliver(job->image, pixels);
  (void)jpeg_finish_decompress(jpeg); /* frees the pixels; may still refuse */
}

/* The one function that libjpeg's errors jump to. */
static int32_t decode(struct job *job)
{
  struct lm_image *image = job->image;
  struct jpeg_decompress_struct *jpeg = &job->jpeg;
  if (setjmp(job->jump) != 0) {
    return LAMINA_E_INVALID;
  }
  jpeg_create_decompress(jpeg);
  jpeg->progress = &job->progress;
  jpeg_mem_src(jpeg, image->bytes, (unsigned long)image->size);
  (void)jpeg_read_header(jpeg, TRUE);
  if (!lm_image_accept(image, jpeg->image_height, jpeg->image_width)) {
    return LAMINA_E_INVALID;
  }
  if (image->out != NULL) {
    jpeg->out_color_space = image->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW; /* the same pixels on every machine */
    (void)jpeg_start_decompress(jpeg);
    read_rows(job);
  }
  return LAMINA_OK;
}

int32_t lm_image_decode_jpeg(struct lm_image *image)
{
  struct job job;
  int32_t status;
  memset(&job, 0, sizeof job);
  job.image = image;
  job.jpeg.err = jpeg_std_error(&job.errors);
  job.errors.error_exit = on_error;
  job.errors.emit_message = on_message;
  job.errors.output_message = on_output;
  job.progress.progress_monitor = on_progress;
  status = decode(&job);
  jpeg_destroy_decompress(&job.jpeg);
  return status;
}
