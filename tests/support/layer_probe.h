/*
 * A probe runs one layer or loss by itself: the real plugin from the real registry, its settings
 * by the real binder, its declarations by the real recorder. Only the executor is missing: every
 * tensor has memory of its own between guards, and a test sets the content, the mode, the step
 * and the requests.
 *
 * As with the executor, what infer() did not declare cannot be reached. Before each pass all
 * memory that it must fill, and all scratch, is filled with `poison`.
 *
 * Shapes are written as text, one word for each input: "7x5" is float32 [7, 5], "-" a single
 * number, "7:5" int32 [7], labels of 5 classes, "7:5+" of at least 5 classes, "7:0" of an unknown
 * number of classes.
 *
 * Functions end the test with a message that names plugin, settings and shapes when something is
 * not as it should be.
 */
#ifndef LM_TESTS_LAYER_PROBE_H
#define LM_TESTS_LAYER_PROBE_H

#include "graph/recorder.h"
#include "tests/support/zone.h"

enum { LS_MOST = 4, LS_SEED = 11 };

/** The name under which all probes draw their random words, as an executor's node would. */
#define LS_STREAM "node/probe"

struct ls_tensor {
  struct ls_zone zone;
  struct lm_shape shape;
  struct lamina_view view; /* view.data is zone.data unless memory is shared */
};

/** A plugin's instance and what it needs; several probes may use one. */
struct ls_home {
  struct lm_registry *registry;
  struct lm_pool *pool;
  struct lm_config *config;
  struct lm_host host;
  struct lm_instance *instance;
  uint32_t users;
};

struct ls_probe {
  char label[200];
  struct ls_home *home;
  struct lm_facts facts;
  struct lm_recording recording;
  uint32_t count[LM_ROLES];
  struct ls_tensor tensors[LM_ROLES][LS_MOST];
  struct ls_tensor gradients[LM_GRADIENT_ROLES][LS_MOST];
  uint32_t requests[LM_GRADIENT_ROLES][LS_MOST]; /* LAMINA_WRITE at first; labels: SKIP */
  struct ls_zone scratch[2], lanes[2];           /* by pass */
  size_t lane_stride[2];                         /* with a gap behind each lane */
  struct lm_epilogue *epilogues[2];              /* by pass, borrowed; of ls_witness_open() */
  int poison;                                    /* a byte */
  struct lm_error error;                         /* of the last ls_try_ */
};

/** Makes an instance and a probe of it, or ends the test. */
struct ls_probe *ls_open(const char *kind, const char *name, const char *settings,
                         const char *shapes, uint32_t threads);
/** The same; NULL when the plugin refuses, and *error then says why. */
struct ls_probe *ls_try_open(const char *kind, const char *name, const char *settings,
                             const char *shapes, uint32_t threads, struct lm_error *error);
/** Another probe of the same instance, for other shapes. */
struct ls_probe *ls_open_beside(const struct ls_probe *first, const char *shapes);
void ls_close(struct ls_probe *probe);

/** Runs a pass, and checks the guards and that what the plugin may only read is unchanged. */
void ls_forward(struct ls_probe *probe, uint32_t mode, uint64_t step);
void ls_backward(struct ls_probe *probe, uint32_t mode, uint64_t step);
enum lamina_status ls_try_forward(struct ls_probe *probe, uint32_t mode, uint64_t step);
enum lamina_status ls_try_backward(struct ls_probe *probe, uint32_t mode, uint64_t step);

/** Does what the plugin declared that the host may do: two tensors get one memory. */
void ls_share(struct ls_probe *probe, const struct lm_sharing *sharing);
/** All tensors get the memory that they began with. */
void ls_unshare(struct ls_probe *probe);

/**
 * What a host may do that was told lamina_may_fuse() of a tensor: from now on the pass hands it
 * over in pieces. Closing, after the pass, checks that each element came once and was final.
 */
struct ls_witness;
struct ls_witness *ls_witness_open(struct ls_probe *probe, uint32_t pass, uint32_t index);
void ls_witness_close(struct ls_probe *probe, struct ls_witness *witness);

/** Asks for all gradients that there are, in the same way. */
void ls_request_all(struct ls_probe *probe, uint32_t request);

/**
 * Inputs and weights: multiples of 2^-10 from -1 to 1, so that small steps from them are exact;
 * labels: any class; gradients of outputs: multiples of 2^-4 from 0.5 to 1, of either sign.
 */
void ls_fill(struct ls_probe *probe, uint64_t seed);
/** One number of the sequence that a seed stands for, evenly from 0 to below. */
uint64_t ls_number(uint64_t *seed, uint64_t below);

/** The content of a tensor, or of its gradient; and how many elements it has. */
float *ls_value(struct ls_probe *probe, uint32_t role, uint32_t index);
int32_t *ls_labels(struct ls_probe *probe, uint32_t index);
float *ls_gradient(struct ls_probe *probe, uint32_t role, uint32_t index);
int64_t ls_count(const struct ls_probe *probe, uint32_t role, uint32_t index);

/** Copies all elements of a tensor. */
void ls_set(struct ls_probe *probe, uint32_t role, uint32_t index, const float *values);

/** Whether a tensor is of float32, and so may have a gradient. */
bool ls_is_float(const struct ls_probe *probe, uint32_t role, uint32_t index);

/**
 * The plugin refuses these settings or shapes, with this status and a sentence that contains
 * each of the fragments, which are separated by '|'.
 */
void ls_refuses(const char *kind, const char *name, const char *settings, const char *shapes,
                enum lamina_status status, const char *fragments);
/** Ends the test unless text contains each of the fragments. */
void ls_contains(const char *text, const char *fragments);

#endif
