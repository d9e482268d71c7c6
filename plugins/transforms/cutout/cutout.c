/*
 * Covers squares of pictures. DeVries and Taylor: "Improved regularization of convolutional
 * neural networks with cutout", 2017. The centre of a square is any pixel, so what reaches
 * beyond the edge is lost.
 *
 * x, y: [N, H, W, C] or [N, H, W].
 */
#include <lamina/augment.h>

enum { MOST = 64 }; /* squares in a picture */

struct cutout {
  int64_t size, count;
  double fill;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64_REQUIRED(struct cutout, size, "[1, 1048576]", "pixels along a side of the square"),
    LAMINA_I64(struct cutout, count, "1", "[1, 64]", "squares in each picture"),
    LAMINA_F64(struct cutout, fill, "0", "[-1e30, 1e30]", "value of the pixels that are covered"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  struct lamina_image image;
  (void)self;
  LAMINA_TRY(lamina_image_infer(plan, &image));
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in(plan, 0)));
  LAMINA_TRY(lamina_random(plan, LAMINA_DRAW));
  return lamina_may_share(plan, LAMINA_FORWARD, 0, 0);
}

/* Of size pixels around the one that is drawn, those from *begin to *end - 1 are inside. */
static void span_of(uint32_t word, int64_t size, int64_t inside, int64_t *begin, int64_t *end)
{
  int64_t first = lamina_below(word, inside) - size / 2;
  *begin = first < 0 ? 0 : first;
  *end = first + size < inside ? first + size : inside;
}

static int32_t cover(const struct lamina_sample *sample)
{
  const struct cutout *cutout = sample->self;
  struct lamina_image image = lamina_image_of(sample->type);
  uint32_t words[2 * MOST];
  LAMINA_TRY(lamina_sample_draw(sample, 2 * cutout->count, words));
  lamina_sample_copy(sample);
  for (int64_t i = 0; i < cutout->count; i++) {
    int64_t top, bottom, left, right;
    span_of(words[2 * i], cutout->size, image.height, &top, &bottom);
    span_of(words[2 * i + 1], cutout->size, image.width, &left, &right);
    for (int64_t y = top; y < bottom; y++) {
      float *row = sample->to + y * image.width * image.channels;
      for (int64_t j = left * image.channels; j < right * image.channels; j++) {
        row[j] = (float)cutout->fill;
      }
    }
  }
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  return lamina_augment(call, self, cover);
}

LAMINA_TRANSFORM(cutout, "1.0.0", "covers squares of pictures at random while training",
                 struct cutout, LAMINA_SETTINGS(settings), .infer = infer, .apply = apply);
