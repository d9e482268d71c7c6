/*
 * A probe runs one layer or loss, or a transform or a metric, by itself: the real plugin from the
 * real registry, its settings by the real binder, its declarations by the real recorder. Only
 * the executor is missing: every tensor has memory of its own between guards, and the user sets
 * the content, the mode, the step and the requests.
 *
 * As with the executor, what infer() did not declare cannot be reached. Before each pass all
 * memory that it must fill, and all scratch, is filled with `poison`.
 *
 * Shapes are written as text, one word for each input: "7x5" is float32 [7, 5], "-" a single
 * number, "7:5" int32 [7], labels of 5 classes, "7:5+" of at least 5 classes, "7:0" of an unknown
 * number of classes. lm_probe_fill() gives numbers from -1 to 1, of "7x5u" from 0 to 1, and of
 * "7x5p" rows of probabilities that sum to 1.
 */
#ifndef LM_CONFORM_PROBE_H
#define LM_CONFORM_PROBE_H

#include "conform/home.h"
#include "conform/zone.h"

enum { LM_PROBE_MOST = 8, LM_PROBE_LABEL = 240 };

struct lm_probe_tensor {
  struct lm_zone zone;
  struct lm_shape shape;
  struct lamina_view view; /* view.data is zone.data unless memory is shared */
};

struct lm_probe {
  char label[LM_PROBE_LABEL];
  struct lm_home *home;
  struct lm_zone_style style;
  struct lm_facts facts;
  struct lm_recording recording;
  uint32_t count[LM_ROLES];
  char fills[LM_PROBE_MOST]; /* by input: 0, 'u' or 'p' */
  struct lm_probe_tensor tensors[LM_ROLES][LM_PROBE_MOST];
  struct lm_probe_tensor gradients[LM_GRADIENT_ROLES][LM_PROBE_MOST];
  uint32_t requests[LM_GRADIENT_ROLES][LM_PROBE_MOST]; /* LAMINA_WRITE at first; labels: SKIP */
  struct lm_zone scratch[2], lanes[2];                 /* by pass */
  size_t lane_stride[2];                               /* with a gap behind each lane */
  uint32_t asked[LM_ROLES];                            /* by role, bits: in the last pass */
  int poison;                                          /* a byte */
  struct lm_epilogue *epilogues[2];                    /* by pass, borrowed; NULL: none */
  struct lm_error error;                               /* of the last pass */
};

/** What a probe is to be made of. */
struct lm_probe_spec {
  struct lm_home_spec home;
  const char *shapes;
  const struct lm_zone_style *style; /* NULL: lm_zone_usual */
};

/**
 * Makes an instance and a probe of it.
 * @return what the plugin says; LAMINA_E_USAGE for shapes that are none; LAMINA_E_NOMEM also
 *         for tensors of more than 512 MiB in all
 */
enum lamina_status lm_probe_open(const struct lm_probe_spec *spec, struct lm_probe **out,
                                 struct lm_error *error) LM_MUST_CHECK;

/** A probe of an instance that is there, which gets one more user. */
enum lamina_status lm_probe_open_at(struct lm_home *home, const char *shapes,
                                    const struct lm_zone_style *style, struct lm_probe **out,
                                    struct lm_error *error) LM_MUST_CHECK;
void lm_probe_close(struct lm_probe *probe);

/**
 * What the plugin says to these shapes, without memory for tensors; also writes the shapes of
 * the outputs unless outputs is NULL.
 */
enum lamina_status lm_probe_try(struct lm_home *home, const char *shapes, struct lm_text *outputs,
                                struct lm_error *error) LM_MUST_CHECK;

/**
 * Runs a pass, and checks the guards and that what the plugin may only read is unchanged. Of a
 * transform, forward is apply(); of a metric, update() of a partial result of zeros, which is
 * its tensor LAMINA_OUT 0, of doubles.
 */
enum lamina_status lm_probe_forward(struct lm_probe *probe, uint32_t mode, uint64_t step);
enum lamina_status lm_probe_backward(struct lm_probe *probe, uint32_t mode, uint64_t step);

/** When a pass is. */
struct lm_probe_use {
  uint32_t pass, mode;
  uint64_t step;
};
typedef int32_t (*lm_pass_fn)(void *arg, struct lm_instance *instance, struct lamina_call *call);

/** Runs another function than the layer's own as a pass. */
enum lamina_status lm_probe_run(struct lm_probe *probe, const struct lm_probe_use *use,
                                lm_pass_fn function, void *arg);

/** A transform learns from its input, and what it has learned gets its final form. */
enum lamina_status lm_probe_learn(struct lm_probe *probe, bool more, bool last);

/** Does what the plugin declared that the host may do: two tensors get one memory. */
bool lm_probe_share(struct lm_probe *probe, const struct lm_sharing *sharing);
/** All tensors get the memory that they began with. */
void lm_probe_unshare(struct lm_probe *probe);

/** Moves everything to other memory; what was there becomes unreachable. */
bool lm_probe_move(struct lm_probe *probe);

/** Asks for all gradients that there are, in the same way. */
void lm_probe_request(struct lm_probe *probe, uint32_t request);

/**
 * Inputs and weights: multiples of 2^-10 from -1 to 1, so that small steps from them are exact;
 * labels: any class; gradients of outputs: multiples of 2^-4 from 0.5 to 1, of either sign;
 * states: their first value.
 */
void lm_probe_fill(struct lm_probe *probe, uint64_t seed);

/** Gives what lm_probe_fill() wrote more digits: sums of it are rounded, and show their order. */
void lm_probe_roughen(struct lm_probe *probe, uint64_t seed);

/** The content of a tensor, or of its gradient; and how many elements it has. */
float *lm_probe_value(const struct lm_probe *probe, uint32_t role, uint32_t index);
int32_t *lm_probe_labels(const struct lm_probe *probe, uint32_t index);
float *lm_probe_gradient(const struct lm_probe *probe, uint32_t role, uint32_t index);
int64_t lm_probe_count(const struct lm_probe *probe, uint32_t role, uint32_t index);

/** Whether a tensor is of float32, and so may have a gradient. */
bool lm_probe_is_float(const struct lm_probe *probe, uint32_t role, uint32_t index);

/** Whether a plugin is a layer or loss with a backward. */
bool lm_probe_differentiates(const struct lm_plugin *plugin);

/** "input", "output", "weight", "state", "saved tensor". */
const char *lm_role_name(uint32_t role);

#endif
