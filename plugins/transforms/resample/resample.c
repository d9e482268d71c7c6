/*
 * Reads signals at other times: y[i] = x(i speed / rate), x being interpolated (lamina/signal.h).
 * The rate is fixed and changes the length; the speed is drawn for each record in training and
 * does not: what a slower signal loses at its end is cut, what a faster one lacks is 0.
 *
 * x: [N, T, C] or [N, T]; y the same with ceil(T rate) numbers.
 */
#include <lamina/augment.h>
#include <lamina/signal.h>

struct resample {
  struct lamina_f64s speed;
  double rate;
  float *table;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64S(struct resample, speed, "[0.9, 1.1]", "[1/16, 16]",
                "the least and the largest factor of speed and pitch"),
    LAMINA_F64(struct resample, rate, "1", "[1/64, 64]",
               "numbers of the result for each one of the signal, also in evaluation"),
};

static int32_t setup(void *self, struct lamina_call *call)
{
  struct resample *resample = self;
  if (resample->speed.count != 2 || resample->speed.items[0] > resample->speed.items[1]) {
    return lamina_fail(call, LAMINA_E_INVALID,
                       "speed has to be two factors, the smaller one first, such as [0.9, 1.1]");
  }
  resample->table = lamina_memory(call, LAMINA_SINC_TABLE * sizeof *resample->table);
  if (resample->table == NULL) {
    return LAMINA_E_NOMEM;
  }
  lamina_sinc_fill(resample->table);
  return LAMINA_OK;
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct resample *resample = self;
  struct lamina_signal signal;
  int64_t dims[3];
  LAMINA_TRY(lamina_signal_infer(plan, &signal));
  const struct lamina_type *x = lamina_in(plan, 0);
  memcpy(dims, x->dims, x->rank * sizeof *dims);
  dims[1] = (int64_t)ceil((double)signal.length * resample->rate);
  struct lamina_type y = lamina_type_f32(x->rank, dims);
  LAMINA_TRY(lamina_out(plan, 0, &y));
  return lamina_random(plan, LAMINA_DRAW);
}

/* Evenly in octaves: twice as fast is as likely as half as fast. */
static int32_t resample_one(const struct lamina_sample *sample)
{
  const struct resample *resample = sample->self;
  struct lamina_signal signal = lamina_signal_of(sample->type);
  struct lamina_resampling how = {resample->table, 1.0 / resample->rate};
  if ((lamina_mode(sample->call) & LAMINA_MODE_TRAIN) != 0) {
    uint32_t word;
    LAMINA_TRY(lamina_sample_draw(sample, 1, &word));
    how.step *=
        exp(lamina_between(word, log(resample->speed.items[0]), log(resample->speed.items[1])));
  }
  lamina_resample(&how, sample->from, &signal, sample->to, lamina_signal_of(sample->result).length);
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  const struct resample *resample = self;
  int training = (lamina_mode(call) & LAMINA_MODE_TRAIN) != 0;
  return training || resample->rate < 1.0 || resample->rate > 1.0
             ? lamina_samples(call, self, resample_one)
             : lamina_keep_samples(call);
}

LAMINA_TRANSFORM(resample, "1.0.0", "reads signals at another rate, and at a random speed",
                 struct resample, LAMINA_SETTINGS(settings), .setup = setup, .infer = infer,
                 .apply = apply);
