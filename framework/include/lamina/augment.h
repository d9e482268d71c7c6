/*
 * Random transforms of samples: what the plugins that augment pictures have in common.
 *
 * lamina_samples() calls a function for each sample of a batch, on the host's threads. The words
 * that a sample draws are found by the number of its record, in a stream of seed, transform and
 * epoch, so they are the same in any batch, at any number of threads and after a resume.
 *
 * What is done with the pixels of a picture is in lamina/picture.h.
 */
#ifndef LAMINA_AUGMENT_H
#define LAMINA_AUGMENT_H

#include <lamina/picture.h>
#include <lamina/random.h>
#include <lamina/transform.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { LAMINA_DRAW = 0 };              /* the purpose of the words of lamina_sample_draw() */
enum { LAMINA_SAMPLES_GRAIN = 16384 }; /* elements that a thread takes at a time */

/** One sample on its way through a transform. */
struct lamina_sample {
  struct lamina_call *call;
  const void *self;                 /* the plugin's instance */
  const float *from;                /* of input 0 */
  float *to;                        /* of output 0; from itself where infer() has allowed it */
  const struct lamina_type *type;   /* of input 0, with N */
  const struct lamina_type *result; /* of output 0, with N */
  int64_t record;                   /* its number in the data set */
};

/** What is done with one sample; several run at once. */
typedef int32_t (*lamina_sample_fn)(const struct lamina_sample *sample);

/* ---- samples ---- */

struct lamina_samples_ {
  struct lamina_sample first;
  lamina_sample_fn run;
  const int64_t *records;
  int64_t stride, result_stride;
};

static inline int32_t lamina_samples_body_(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct lamina_samples_ *work = (const struct lamina_samples_ *)arg;
  (void)lane;
  for (int64_t i = begin; i < end; i++) {
    struct lamina_sample sample = work->first;
    sample.from += i * work->stride;
    sample.to += i * work->result_stride;
    sample.record = work->records[i];
    LAMINA_TRY(work->run(&sample));
  }
  return LAMINA_OK;
}

/** Runs a function on all samples of the batch. [apply] */
static inline int32_t lamina_samples(struct lamina_call *call, const void *self,
                                     lamina_sample_fn run)
{
  struct lamina_samples_ work;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *records = lamina_get(call, LAMINA_RECORDS, 0);
  int64_t most, grain;
  if (x == NULL || y == NULL || records == NULL) {
    return LAMINA_E_PLUGIN;
  }
  memset(&work, 0, sizeof work);
  work.first.call = call;
  work.first.self = self;
  work.first.from = (const float *)x->data;
  work.first.to = (float *)y->data;
  work.first.type = &x->type;
  work.first.result = &y->type;
  work.run = run;
  work.records = (const int64_t *)records->data;
  work.stride = lamina_type_product(&x->type, 1, x->type.rank);
  work.result_stride = lamina_type_product(&y->type, 1, y->type.rank);
  most = work.stride > work.result_stride ? work.stride : work.result_stride;
  grain = most > 0 ? LAMINA_SAMPLES_GRAIN / most : 1;
  return lamina_parallel_for(call, x->type.dims[0], grain > 0 ? grain : 1, lamina_samples_body_,
                             &work);
}

/** Makes y what x is, bit for bit. [apply] */
static inline int32_t lamina_keep_samples(struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  if (x->data != y->data) {
    memcpy(y->data, x->data, (size_t)lamina_type_count(&x->type) * sizeof(float));
  }
  return LAMINA_OK;
}

/** lamina_samples() in training, lamina_keep_samples() otherwise. [apply] */
static inline int32_t lamina_augment(struct lamina_call *call, const void *self,
                                     lamina_sample_fn run)
{
  return (lamina_mode(call) & LAMINA_MODE_TRAIN) != 0 ? lamina_samples(call, self, run)
                                                      : lamina_keep_samples(call);
}

/** Elements of a sample before the transform. */
static inline int64_t lamina_sample_count(const struct lamina_sample *sample)
{
  return lamina_type_product(sample->type, 1, sample->type->rank);
}

/** Copies the sample, unless it is in its place already. */
static inline void lamina_sample_copy(const struct lamina_sample *sample)
{
  if (sample->from != sample->to) {
    memcpy(sample->to, sample->from, (size_t)lamina_sample_count(sample) * sizeof(float));
  }
}

/* ---- what a sample draws ---- */

/** The first of the sample's n words in the stream, when each sample has n. */
static inline uint64_t lamina_sample_word(const struct lamina_sample *sample, int64_t n)
{
  return (uint64_t)sample->record * (((uint64_t)n + 3) / 4 * 4);
}

/** The sample's n words, of the purpose LAMINA_DRAW; n is the same for all samples. */
static inline int32_t lamina_sample_draw(const struct lamina_sample *sample, int64_t n,
                                         uint32_t *words)
{
  return lamina_random_u32(sample->call, LAMINA_DRAW, lamina_sample_word(sample, n), (uint64_t)n,
                           words);
}

/** Whether an event of this probability happens: never for 0, always for 1. */
static inline int lamina_chance(uint32_t word, double probability)
{
  return (double)word < probability * 4294967296.0;
}

/** A number in 0 .. n - 1, for n < 2^31; some are more likely than others by n / 2^32 at most. */
static inline int64_t lamina_below(uint32_t word, int64_t n)
{
  return (int64_t)(((uint64_t)word * (uint64_t)n) >> 32);
}

/** A number between low and high. */
static inline double lamina_between(uint32_t word, double low, double high)
{
  return low + (high - low) * (((double)word + 0.5) / 4294967296.0);
}

/* ---- pictures ---- */

/** Refuses a field that is not pictures. [infer] */
static inline int32_t lamina_image_infer(struct lamina_plan *plan, struct lamina_image *image)
{
  const struct lamina_type *x = lamina_in(plan, 0);
  image->height = image->width = image->channels = 0;
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (!lamina_type_is_f32(x) || x->rank < 3 || x->rank > 4) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "a record of the field has %u dimensions, expected a picture: [height, "
                        "width] or [height, width, channels]",
                        x->rank == 0 ? 0 : x->rank - 1);
  }
  *image = lamina_image_of(x);
  if (image->height < 1 || image->width < 1 || image->channels < 1 ||
      image->height > INT32_MAX / 2 || image->width > INT32_MAX / 2) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "pictures of %lld x %lld pixels and %lld channels cannot be transformed",
                        (long long)image->height, (long long)image->width,
                        (long long)image->channels);
  }
  return LAMINA_OK;
}

#ifdef __cplusplus
}
#endif
#endif
