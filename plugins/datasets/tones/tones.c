/*
 * Generated tones, of random pitch, loudness and phase. With u = t / T from 0 to 1,
 *
 *   x[t] = a sum over k <= 1 + harmonics of sin(k phi(u)) / k + noise a z
 *   phi(u) = phi0 + 2 pi f (T / rate) (u + s (u^2 - u) / 2)
 *
 * so the frequency goes evenly from f (1 - s/2) to f (1 + s/2), and f is its mean. Record i takes
 * words 4 i .. 4 i + 3 of the stream of its role for f, phi0, a and s, and numbers i T .. of a
 * second one for z: it is the same whatever the number of records.
 *
 * fields: input f32 [T, 1]; target i32, the band of f, or f32 [1], f in Hz.
 */
#include <stdio.h>
#include <string.h>

#include <lamina/dataset.h>
#include <lamina/random.h>

enum { INPUT = 0, TARGET = 1 };
enum { BAND = 0, FREQUENCY = 1 };
enum { DRAWN = 0, NOISE = 1, WORDS = 4, MOST_NUMBERS = 1 << 30 };

struct tones {
  int64_t samples, length, harmonics, bands;
  double rate, noise, sweep;
  struct lamina_f64s frequency, loudness;
  int32_t target, reserved;
  float *signals;  /* [samples, length] */
  double *pitches; /* [samples] */
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct tones, samples, "1000", "[1, 1000000000]", "records"),
    LAMINA_I64(struct tones, length, "256", "[2, 16777216]", "numbers of a record, T"),
    LAMINA_F64(struct tones, rate, "8000", "(0, 1e9]", "numbers a second"),
    LAMINA_F64S(struct tones, frequency, "[200, 2000]", "(0, 1e9]",
                "the least and the largest mean frequency in Hz, evenly spread in octaves"),
    LAMINA_F64S(struct tones, loudness, "[-40, 0]", "[-300, 300]",
                "the least and the largest amplitude in decibels, 0 being an amplitude of 1"),
    LAMINA_F64(struct tones, sweep, "0", "[0, 1]",
               "share of the frequency by which it may rise or fall in a record"),
    LAMINA_I64(struct tones, harmonics, "0", "[0, 100]",
               "overtones: the next multiples of the frequency, each softer as it is higher"),
    LAMINA_F64(struct tones, noise, "0", "[0, 1e6]",
               "deviation of normal noise, as a share of the amplitude"),
    LAMINA_CHOICE(struct tones, target, "band", "band|frequency",
                  "what is to be told: the band of the mean frequency, or the frequency in Hz"),
    LAMINA_I64(struct tones, bands, "4", "[1, 1000000]",
               "classes: bands of equal width in octaves"),
};

static int32_t check_range(struct lamina_call *call, const char *name,
                           const struct lamina_f64s *range)
{
  if (range->count == 2 && range->items[0] <= range->items[1]) {
    return LAMINA_OK;
  }
  return lamina_failf(call, LAMINA_E_INVALID, "%s has to be two numbers, the smaller one first",
                      name);
}

static int32_t setup(void *instance, struct lamina_call *call)
{
  const struct tones *self = instance;
  LAMINA_TRY(check_range(call, "frequency", &self->frequency));
  LAMINA_TRY(check_range(call, "loudness", &self->loudness));
  double most = self->frequency.items[1] * (1.0 + 0.5 * self->sweep);
  if (most >= 0.5 * self->rate) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "a frequency of %g Hz is not below half of the rate of %g", most,
                        self->rate);
  }
  if (self->samples > MOST_NUMBERS / self->length) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%lld records of %lld numbers are too many, expected %d numbers at most",
                        (long long)self->samples, (long long)self->length, MOST_NUMBERS);
  }
  return LAMINA_OK;
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct tones *self = instance;
  const int64_t dims[] = {self->length, 1}, one = 1;
  struct lamina_type signal = lamina_type_f32(2, dims);
  struct lamina_type target =
      self->target == BAND ? lamina_type_i32(0, &one) : lamina_type_f32(1, &one);
  LAMINA_TRY(lamina_random(plan, DRAWN));
  LAMINA_TRY(lamina_random(plan, NOISE));
  LAMINA_TRY(lamina_field(plan, INPUT, "input", &signal, 0, 0));
  return self->target == BAND ? lamina_field(plan, TARGET, "target", &target, self->bands,
                                             LAMINA_FIELD_CLASSES_EXACT)
                              : lamina_field(plan, TARGET, "target", &target, 0, 0);
}

/* ---- open ---- */

/** One tone. */
struct tone {
  double frequency, phase, amplitude, sweep;
};

static double between(uint32_t word, double low, double high)
{
  return low + (high - low) * (((double)word + 0.5) / 4294967296.0);
}

static struct tone tone_of(const struct tones *self, const uint32_t words[WORDS])
{
  const double *frequency = self->frequency.items, *loudness = self->loudness.items;
  struct tone tone;
  tone.frequency = exp(between(words[0], log(frequency[0]), log(frequency[1])));
  tone.phase = between(words[1], 0.0, 6.283185307179586);
  tone.amplitude = pow(10.0, between(words[2], loudness[0], loudness[1]) / 20.0);
  tone.sweep = between(words[3], -self->sweep, self->sweep);
  return tone;
}

/* Overtones above half of the rate at either end of the record are left out. */
static int64_t partials_of(const struct tones *self, const struct tone *tone)
{
  double most = tone->frequency * (1.0 + 0.5 * fabs(tone->sweep));
  int64_t partials = 1;
  while (partials <= self->harmonics && (double)(partials + 1) * most < 0.5 * self->rate) {
    partials++;
  }
  return partials;
}

static void add_tone(const struct tones *self, const struct tone *tone, float *signal)
{
  int64_t partials = partials_of(self, tone);
  double turns = 6.283185307179586 * tone->frequency * (double)self->length / self->rate;
  for (int64_t t = 0; t < self->length; t++) {
    double u = (double)t / (double)self->length, sum = 0.0;
    double phase = tone->phase + turns * (u + 0.5 * tone->sweep * (u * u - u));
    for (int64_t k = 1; k <= partials; k++) {
      sum += sin((double)k * phase) / (double)k;
    }
    signal[t] = (float)(tone->amplitude * (sum + self->noise * (double)signal[t]));
  }
}

struct work {
  struct tones *self;
  struct lamina_call *call;
};

static int32_t make_tones(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  struct tones *self = work->self;
  (void)lane;
  for (int64_t i = begin; i < end; i++) {
    uint32_t words[WORDS];
    float *signal = self->signals + i * self->length;
    LAMINA_TRY(lamina_random_u32(work->call, DRAWN, WORDS * (uint64_t)i, WORDS, words));
    memset(signal, 0, (size_t)self->length * sizeof *signal);
    if (self->noise > 0.0) {
      LAMINA_TRY(lamina_random_normal(work->call, NOISE, (uint64_t)(i * self->length),
                                      (uint64_t)self->length, 1.0, signal));
    }
    struct tone tone = tone_of(self, words);
    add_tone(self, &tone, signal);
    self->pitches[i] = tone.frequency;
  }
  return LAMINA_OK;
}

static int32_t open_records(void *instance, struct lamina_call *call)
{
  struct tones *self = instance;
  struct work work = {self, call};
  uint64_t count = (uint64_t)self->samples;
  self->signals = lamina_memory(call, count * (uint64_t)self->length * sizeof *self->signals);
  self->pitches = lamina_memory(call, count * sizeof *self->pitches);
  if (self->signals == NULL || self->pitches == NULL) {
    return LAMINA_E_NOMEM;
  }
  return lamina_parallel_for(call, self->samples, 1 + 16384 / self->length, make_tones, &work);
}

/* ---- reading ---- */

static int64_t count(const void *instance)
{
  const struct tones *self = instance;
  return self->samples;
}

/* The lowest frequency of a band; that of the band behind the last one is the highest of all. */
static double bound(const struct tones *self, int64_t band)
{
  const double *range = self->frequency.items;
  return range[0] * pow(range[1] / range[0], (double)band / (double)self->bands);
}

static int32_t band_of(const struct tones *self, double frequency)
{
  const double *range = self->frequency.items;
  double width = log(range[1] / range[0]);
  int64_t band =
      width > 0.0 ? (int64_t)(log(frequency / range[0]) / width * (double)self->bands) : 0;
  band = band < 0 ? 0 : band;
  return (int32_t)(band >= self->bands ? self->bands - 1 : band);
}

static int32_t read_records(void *instance, struct lamina_call *call, const int64_t *index,
                            int64_t n)
{
  const struct tones *self = instance;
  const struct lamina_view *input = lamina_get(call, LAMINA_OUT, INPUT);
  const struct lamina_view *target = lamina_get(call, LAMINA_OUT, TARGET);
  if (input == NULL || target == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < n; i++) {
    memcpy((float *)input->data + i * self->length, self->signals + index[i] * self->length,
           (size_t)self->length * sizeof(float));
    if (self->target == BAND) {
      ((int32_t *)target->data)[i] = band_of(self, self->pitches[index[i]]);
    } else {
      ((float *)target->data)[i] = (float)self->pitches[index[i]];
    }
  }
  return LAMINA_OK;
}

/* "200-356 Hz" */
static uint64_t class_name(const void *instance, uint32_t field, int64_t label, char *out,
                           uint64_t out_size)
{
  const struct tones *self = instance;
  char name[80];
  if (field != TARGET || self->target != BAND || label < 0 || label >= self->bands) {
    return 0;
  }
  int length =
      snprintf(name, sizeof name, "%.4g-%.4g Hz", bound(self, label), bound(self, label + 1));
  memcpy(out, name, (uint64_t)length < out_size ? (size_t)length : (size_t)out_size);
  return (uint64_t)length;
}

static const void *extension(const char *id)
{
  static const struct lamina_class_names names = {.size = sizeof names, .name = class_name};
  return strcmp(id, LAMINA_CLASS_NAMES_ID) == 0 ? &names : NULL;
}

LAMINA_DATASET(tones, "1.0.0", "generated tones of random pitch, loudness and phase", struct tones,
               LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .open = open_records,
               .count = count, .read = read_records, .extension = extension);
