/*
 * Turns pictures over, left to right or upside down, with a probability: y[h, w] = x[h, W-1-w],
 * or x[H-1-h, w].
 *
 * x, y: [N, H, W, C] or [N, H, W]. The pixels are exchanged in place.
 */
#include <lamina/augment.h>

enum { HORIZONTAL = 0, VERTICAL = 1 };

struct flip {
  double probability;
  int32_t direction, reserved;
};

static const struct lamina_setting settings[] = {
    LAMINA_CHOICE(struct flip, direction, "horizontal", "horizontal|vertical",
                  "exchange left and right, or top and bottom"),
    LAMINA_F64(struct flip, probability, "0.5", "[0, 1]",
               "how likely a picture is turned over in an epoch"),
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

static void flip_rows(float *pixels, const struct lamina_image *image)
{
  int64_t row = image->width * image->channels;
  for (int64_t i = 0, j = image->height - 1; i < j; i++, j--) {
    lamina_exchange(pixels + i * row, pixels + j * row, row);
  }
}

static int32_t flip_one(const struct lamina_sample *sample)
{
  const struct flip *flip = sample->self;
  struct lamina_image image = lamina_image_of(sample->type);
  uint32_t word;
  LAMINA_TRY(lamina_sample_draw(sample, 1, &word));
  lamina_sample_copy(sample);
  if (!lamina_chance(word, flip->probability)) {
    return LAMINA_OK;
  }
  if (flip->direction == HORIZONTAL) {
    lamina_mirror(sample->to, &image);
  } else {
    flip_rows(sample->to, &image);
  }
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  return lamina_augment(call, self, flip_one);
}

LAMINA_TRANSFORM(flip, "1.0.0", "turns pictures over at random while training", struct flip,
                 LAMINA_SETTINGS(settings), .infer = infer, .apply = apply);
