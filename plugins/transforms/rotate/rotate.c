/*
 * Turns pictures about their centre by a random angle, counter-clockwise as they are seen.
 *
 * Each pixel of the result looks where it comes from and takes the four pixels around that place
 * in proportion (bilinear). Angles are split into quarter turns, which are exact, and a rest of
 * at most 45 degrees; so 90 degrees move each pixel of a square to another one, bit for bit.
 *
 * x, y: [N, H, W, C] or [N, H, W].
 */
#include <math.h>

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

/* Sine and cosine, exact at quarter turns. */
static void turn_of(double degrees, double *sine, double *cosine)
{
  static const double quarters[4][2] = {{0, 1}, {1, 0}, {0, -1}, {-1, 0}};
  double quarter = floor(degrees / 90.0 + 0.5);
  double rest = (degrees - 90.0 * quarter) * (3.14159265358979323846 / 180.0);
  const double *exact = quarters[(int64_t)quarter & 3];
  *sine = exact[0] * cos(rest) + exact[1] * sin(rest);
  *cosine = exact[1] * cos(rest) - exact[0] * sin(rest);
}

/* A picture, and what its surroundings are. */
struct source {
  const float *pixels;
  struct lamina_image size;
  float fill;
};

static float pixel(const struct source *source, int64_t y, int64_t x, int64_t channel)
{
  if (y < 0 || y >= source->size.height || x < 0 || x >= source->size.width) {
    return source->fill;
  }
  return source->pixels[(y * source->size.width + x) * source->size.channels + channel];
}

/* All channels at a place between pixels. */
static void look(const struct source *source, double y, double x, float *to)
{
  double top = floor(y), left = floor(x);
  float down = (float)(y - top), right = (float)(x - left);
  int64_t i = (int64_t)top, j = (int64_t)left;
  for (int64_t c = 0; c < source->size.channels; c++) {
    float upper = (1.0f - right) * pixel(source, i, j, c) + right * pixel(source, i, j + 1, c);
    float lower =
        (1.0f - right) * pixel(source, i + 1, j, c) + right * pixel(source, i + 1, j + 1, c);
    to[c] = (1.0f - down) * upper + down * lower;
  }
}

static int32_t rotate_one(const struct lamina_sample *sample)
{
  const struct rotate *rotate = sample->self;
  struct source source = {sample->from, lamina_image_of(sample->type), (float)rotate->fill};
  double middle_y = 0.5 * (double)(source.size.height - 1);
  double middle_x = 0.5 * (double)(source.size.width - 1);
  double sine, cosine;
  uint32_t word;
  float *to = sample->to;
  LAMINA_TRY(lamina_sample_draw(sample, 1, &word));
  turn_of(lamina_between(word, rotate->degrees.items[0], rotate->degrees.items[1]), &sine, &cosine);
  for (int64_t y = 0; y < source.size.height; y++) {
    for (int64_t x = 0; x < source.size.width; x++, to += source.size.channels) {
      double dy = (double)y - middle_y, dx = (double)x - middle_x;
      look(&source, middle_y + dx * sine + dy * cosine, middle_x + dx * cosine - dy * sine, to);
    }
  }
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  return lamina_augment(call, self, rotate_one);
}

LAMINA_TRANSFORM(rotate, "1.0.0", "turns pictures by a random angle while training", struct rotate,
                 LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .apply = apply);
