/*
 * Turns pictures about their centre by a random angle, counter-clockwise as they are seen.
 *
 * Pixels are taken from between pixels, in proportion; quarter turns are exact: lamina_turn().
 *
 * x, y: [N, H, W, C] or [N, H, W].
 */
#include <lamina/augment.h>

struct rotate {
  struct lamina_f64s degrees;
  double fill;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64S(struct rotate, degrees, "[-15, 15]", "[-360, 360]",
                "the least and the largest angle, counter-clockwise"),
    LAMINA_F64(struct rotate, fill, "0", "[-1e30, 1e30]",
               "value of what lies outside of the picture"),
};

static int32_t setup(void *self, struct lamina_call *call)
{
  const struct rotate *rotate = self;
  if (rotate->degrees.count != 2 || rotate->degrees.items[0] > rotate->degrees.items[1]) {
    return lamina_fail(call, LAMINA_E_INVALID,
                       "degrees has to be two angles, the smaller one first, such as [-15, 15]");
  }
  return LAMINA_OK;
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  struct lamina_image image;
  (void)self;
  LAMINA_TRY(lamina_image_infer(plan, &image));
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in(plan, 0)));
  return lamina_random(plan, LAMINA_DRAW);
}

static int32_t rotate_one(const struct lamina_sample *sample)
{
  const struct rotate *rotate = sample->self;
  struct lamina_surrounded from = {
      .pixels = sample->from, .size = lamina_image_of(sample->type), .fill = (float)rotate->fill};
  uint32_t word;
  LAMINA_TRY(lamina_sample_draw(sample, 1, &word));
  lamina_turn(&from, lamina_between(word, rotate->degrees.items[0], rotate->degrees.items[1]),
              sample->to);
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  return lamina_augment(call, self, rotate_one);
}

LAMINA_TRANSFORM(rotate, "1.0.0", "turns pictures by a random angle while training", struct rotate,
                 LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .apply = apply);
