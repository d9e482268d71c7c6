/*
 * Moves signals in time by whole numbers, later or earlier: y[t] = x[t - by], and 0 or the other
 * end of the signal where there is no such number.
 *
 * x, y: [N, T, C] or [N, T].
 */
#include <lamina/augment.h>
#include <lamina/signal.h>

enum { ZEROS = 0, CIRCULAR = 1 };

struct time_shift {
  int64_t by;
  int32_t border, reserved;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct time_shift, by, "16", "[0, 1073741823]", "numbers later or earlier, at most"),
    LAMINA_CHOICE(struct time_shift, border, "zeros", "zeros|circular",
                  "what comes in at an end: zeros, or what went out at the other"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  struct lamina_signal signal;
  (void)self;
  LAMINA_TRY(lamina_signal_infer(plan, &signal));
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in(plan, 0)));
  return lamina_random(plan, LAMINA_DRAW);
}

/* A signal is a picture of one row. */
static void move(const struct lamina_sample *sample, const struct lamina_signal *signal, int64_t by)
{
  struct lamina_image image = {1, signal->length, signal->channels};
  struct lamina_window window = {.size = image, .left = -by};
  lamina_window(sample->from, &image, &window, sample->to);
}

static void turn(const struct lamina_sample *sample, const struct lamina_signal *signal, int64_t by)
{
  size_t number = (size_t)signal->channels * sizeof *sample->to;
  int64_t first = ((by % signal->length) + signal->length) % signal->length;
  memcpy(sample->to + first * signal->channels, sample->from,
         (size_t)(signal->length - first) * number);
  memcpy(sample->to, sample->from + (signal->length - first) * signal->channels,
         (size_t)first * number);
}

static int32_t shift_one(const struct lamina_sample *sample)
{
  const struct time_shift *shift = sample->self;
  struct lamina_signal signal = lamina_signal_of(sample->type);
  uint32_t word;
  LAMINA_TRY(lamina_sample_draw(sample, 1, &word));
  int64_t by = lamina_below(word, 2 * shift->by + 1) - shift->by;
  if (shift->border == CIRCULAR) {
    turn(sample, &signal, by);
  } else {
    move(sample, &signal, by);
  }
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  return lamina_augment(call, self, shift_one);
}

LAMINA_TRANSFORM(time_shift, "1.0.0", "moves signals in time at random while training",
                 struct time_shift, LAMINA_SETTINGS(settings), .infer = infer, .apply = apply);
