/*
 * Moves pictures by whole pixels, down and right or, by negative numbers, up and left:
 * y[h, w] = x[h - down, w - right], and `fill` where there is no such pixel.
 *
 * x, y: [N, H, W, C] or [N, H, W].
 */
#include <lamina/augment.h>

struct shift {
  int64_t rows, columns;
  double fill;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct shift, rows, "2", "[0, 1048576]", "pixels up or down, at most"),
    LAMINA_I64(struct shift, columns, "2", "[0, 1048576]", "pixels left or right, at most"),
    LAMINA_F64(struct shift, fill, "0", "[-1e30, 1e30]",
               "value of the pixels that nothing moves to"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  struct lamina_image image;
  (void)self;
  LAMINA_TRY(lamina_image_infer(plan, &image));
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in(plan, 0)));
  return lamina_random(plan, LAMINA_DRAW);
}

static int32_t shift_one(const struct lamina_sample *sample)
{
  const struct shift *shift = sample->self;
  struct lamina_image image = lamina_image_of(sample->type);
  struct lamina_window window = {.size = image, .fill = (float)shift->fill};
  uint32_t words[2];
  LAMINA_TRY(lamina_sample_draw(sample, 2, words));
  window.top = lamina_below(words[0], 2 * shift->rows + 1) - shift->rows;
  window.left = lamina_below(words[1], 2 * shift->columns + 1) - shift->columns;
  lamina_window(sample->from, &image, &window, sample->to);
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  return lamina_augment(call, self, shift_one);
}

LAMINA_TRANSFORM(shift, "1.0.0", "moves pictures by whole pixels at random while training",
                 struct shift, LAMINA_SETTINGS(settings), .infer = infer, .apply = apply);
