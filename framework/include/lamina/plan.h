/*
 * What a plugin declares about one use of itself, inside infer().
 *
 * Declarations are calls, so that a later version can ask for a new kind of fact by a new slot
 * at the end of the table. infer() is pure: it is called for several batch sizes, 0 and 1
 * included, keeps nothing, and declares the same weights and states each time.
 *
 * The default is the safe one: nothing is kept for backward, nothing is overwritten, nothing
 * is random unless it is declared; and what is not declared cannot be reached afterwards.
 */
#ifndef LAMINA_PLAN_H
#define LAMINA_PLAN_H

#include <lamina/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lamina_planner;

/** The host's object that collects declarations; begins the host's own struct. Frozen. */
struct lamina_plan {
  const struct lamina_planner *planner;
  struct lamina_call *call; /* for lamina_failf and lamina_log */
};

/** The two passes. */
enum { LAMINA_FORWARD = 0, LAMINA_BACKWARD = 1 };

/** Flags of a weight. */
enum {
  LAMINA_WEIGHT_DECAY = 1 /* decay and penalties apply: set it for matrices and kernels, not
                             for biases and the scales of a normalization */
};

/** A tensor that the optimizer trains. Grows at the end. */
struct lamina_weight {
  uint32_t size, flags;           /* sizeof the struct; LAMINA_WEIGHT_* */
  const char *name;               /* part of the checkpoint's key: never change it */
  const char *init;               /* default initializer as YAML: "he", "{constant: {value: 1}}" */
  const struct lamina_type *type; /* float32 */
  int64_t fan_in, fan_out;        /* for initializers; 0 where it has no meaning */
  double lr_mult;                 /* factor on the learning rate, usually 1 */
};

/** A tensor that persists but is not trained. Grows at the end. */
struct lamina_state {
  uint32_t size, flags; /* flags: 0 */
  const char *name;     /* part of the checkpoint's key: never change it */
  /* Optimizers pass NULL: one float32 for each element of the weights. */
  const struct lamina_type *type;
  double init; /* every element's first value */
};

struct lamina_field; /* lamina/dataset.h */

/** Topics of lamina_note(). */
enum {
  LAMINA_NOTE_PARAMETERS = 0, /* how the number of weights comes about: "64 * 10 + 10" */
  LAMINA_NOTE_SHAPE = 1       /* how the output's size comes about */
};

/** The table behind struct lamina_plan. Append-only. */
struct lamina_planner {
  uint32_t size, abi_minor;
  uint32_t (*n_in)(const struct lamina_plan *plan);
  const struct lamina_type *(*in)(struct lamina_plan *plan, uint32_t index);
  int32_t (*out)(struct lamina_plan *plan, uint32_t index, const struct lamina_type *type);
  int32_t (*weight)(struct lamina_plan *plan, uint32_t index, const struct lamina_weight *weight);
  int32_t (*state)(struct lamina_plan *plan, uint32_t index, const struct lamina_state *state);
  int32_t (*save)(struct lamina_plan *plan, uint32_t slot, const struct lamina_type *type);
  int32_t (*scratch)(struct lamina_plan *plan, uint32_t pass, uint64_t bytes,
                     uint64_t bytes_per_lane);
  int32_t (*bwd_reads)(struct lamina_plan *plan, uint32_t what, uint32_t index);
  int32_t (*may_share)(struct lamina_plan *plan, uint32_t pass, uint32_t from, uint32_t to);
  int32_t (*random)(struct lamina_plan *plan, uint32_t purpose);
  int32_t (*note)(struct lamina_plan *plan, uint32_t topic, const char *utf8);
  int32_t (*classes)(struct lamina_plan *plan, uint32_t index, int64_t *classes, int32_t *exact);
  int32_t (*field)(struct lamina_plan *plan, uint32_t index, const struct lamina_field *field);
  int32_t (*accumulators)(struct lamina_plan *plan, uint32_t count);
  int32_t (*may_fuse)(struct lamina_plan *plan, uint32_t pass, uint32_t index);
};

/** Number of inputs that the experiment connects. */
static inline uint32_t lamina_n_in(const struct lamina_plan *plan)
{
  return plan->planner->n_in(plan);
}

/** Type of an input, borrowed; NULL if there is none of this index (the host has a sentence). */
static inline const struct lamina_type *lamina_in(struct lamina_plan *plan, uint32_t index)
{
  return plan->planner->in(plan, index);
}

/** Declares output index to be of the given type; the type and its dims are copied. */
static inline int32_t lamina_out(struct lamina_plan *plan, uint32_t index,
                                 const struct lamina_type *type)
{
  return plan->planner->out(plan, index, type);
}

/** Declares output index to be of the type of an input; fails when in is NULL. */
static inline int32_t lamina_out_like(struct lamina_plan *plan, uint32_t index,
                                      const struct lamina_type *in)
{
  return in == NULL ? LAMINA_E_SHAPE : plan->planner->out(plan, index, in);
}

/** Declares weight index (0, 1, ... in order). Everything is copied. */
static inline int32_t lamina_weight(struct lamina_plan *plan, uint32_t index, const char *name,
                                    const char *init, const struct lamina_type *type,
                                    int64_t fan_in, int64_t fan_out, uint32_t flags)
{
  struct lamina_weight weight;
  weight.size = (uint32_t)sizeof weight;
  weight.flags = flags;
  weight.name = name;
  weight.init = init;
  weight.type = type;
  weight.fan_in = fan_in;
  weight.fan_out = fan_out;
  weight.lr_mult = 1.0;
  return plan->planner->weight(plan, index, &weight);
}

/** Declares state index (0, 1, ... in order); type NULL in optimizers. Everything is copied. */
static inline int32_t lamina_state(struct lamina_plan *plan, uint32_t index, const char *name,
                                   const struct lamina_type *type, double init)
{
  struct lamina_state state;
  state.size = (uint32_t)sizeof state;
  state.flags = 0;
  state.name = name;
  state.type = type;
  state.init = init;
  return plan->planner->state(plan, index, &state);
}

/** Declares a tensor that forward fills and the backward of the same step reads. */
static inline int32_t lamina_save(struct lamina_plan *plan, uint32_t slot,
                                  const struct lamina_type *type)
{
  return plan->planner->save(plan, slot, type);
}

/** Declares scratch memory of one pass, in bytes: shared by all lanes, and for each lane. */
static inline int32_t lamina_plan_scratch(struct lamina_plan *plan, uint32_t pass, uint64_t bytes,
                                          uint64_t bytes_per_lane)
{
  return plan->planner->scratch(plan, pass, bytes, bytes_per_lane);
}

/** Declares that backward reads a tensor: LAMINA_IN, LAMINA_OUT, LAMINA_WEIGHT, LAMINA_STATE. */
static inline int32_t lamina_bwd_reads(struct lamina_plan *plan, uint32_t what, uint32_t index)
{
  return plan->planner->bwd_reads(plan, what, index);
}

/**
 * Declares that the host may use one buffer for two tensors of a pass.
 *
 * LAMINA_FORWARD: input `from` and output `to` may be the same memory. LAMINA_BACKWARD: the
 * gradient of output `from` and the gradient of input `to` may be. The plugin then reads each
 * element before it writes the element in the same place. The host does so only where it
 * proves that nobody reads the old content later.
 */
static inline int32_t lamina_may_share(struct lamina_plan *plan, uint32_t pass, uint32_t from,
                                       uint32_t to)
{
  return plan->planner->may_share(plan, pass, from, to);
}

/**
 * Declares that the pass hands a tensor over piece by piece as it is finished, by
 * lamina_epilogue(): output `index` in LAMINA_FORWARD, the gradient of input `index` in
 * LAMINA_BACKWARD. The host may then run elementwise layers that follow (or, in backward, come
 * before) on each piece, instead of in passes of their own over the whole tensor.
 */
static inline int32_t lamina_may_fuse(struct lamina_plan *plan, uint32_t pass, uint32_t index)
{
  return plan->planner->may_fuse(plan, pass, index);
}

/**
 * The purpose of words that are drawn in evaluation. Whoever declares it may give other results
 * there in another step, which is the number of the batch when a model is evaluated.
 */
enum { LAMINA_RANDOM_EVALUATION = 31 };

/** Declares that lamina_random_u32() will be called with this purpose (0 to 31). */
static inline int32_t lamina_random(struct lamina_plan *plan, uint32_t purpose)
{
  return plan->planner->random(plan, purpose);
}

/** Tells people how a number came about; topic is LAMINA_NOTE_*. The text is copied. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static inline int32_t
lamina_notef(struct lamina_plan *plan, uint32_t topic, const char *format, ...)
{
  char text[256];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return plan->planner->note(plan, topic, text);
}

/**
 * What is known of the class labels in an input: *classes of them, 0 if nothing is known;
 * *exact tells whether that is their number or a lower bound.
 */
static inline int32_t lamina_classes(struct lamina_plan *plan, uint32_t index, int64_t *classes,
                                     int32_t *exact)
{
  return plan->planner->classes(plan, index, classes, exact);
}

#ifdef __cplusplus
}
#endif
#endif
