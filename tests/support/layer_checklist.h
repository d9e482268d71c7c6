/*
 * What every layer and loss must do, whatever it computes; one call checks it all.
 *
 * For each row of shapes:
 *  - the declarations are those that the test says (unless LAMINA_TEST_DECLARATIONS=any), and
 *    each of them is needed: without the right to read a tensor, backward is refused;
 *  - gradients of all inputs and weights equal central differences of forward;
 *  - requests: WRITE overwrites whatever was there, ADD adds to it, SKIP leaves others as they are;
 *  - sharing memory as declared changes no bit, nor does a layer that is fused into a pass;
 *  - with everything undeclared first spoilt, then unreachable, backward gives the same bits;
 *  - 1, 2 and 7 threads, other instances and other shapes in between change no bit;
 *  - every element is written, whatever memory held before; nothing else is (see layer_probe.h);
 *  - evaluation does not depend on the step, and training is repeatable.
 */
#ifndef LM_TESTS_LAYER_CHECKLIST_H
#define LM_TESTS_LAYER_CHECKLIST_H

#include "tests/support/layer_probe.h"

/** What the checklist needs to know of a plugin. */
struct ls_layer {
  const char *kind, *name, *settings; /* settings as YAML, or NULL */
  /* Rows as of ls_open(), NULL at the end; all have the same number of inputs, as a node has. */
  const char *const *shapes;

  /** What infer() declares: "reads:in0 reads:weight0 save:0 forward:0>0 backward:0>0
   *  fuses:out0 random:0" */
  const char *declares;

  /** Sets inputs that cannot be any number; called after lm_probe_fill(). May be NULL. */
  void (*fill)(struct lm_probe *probe, uint64_t seed);

  uint32_t constant; /* bit i: input i has no gradient */

  /* A place where the derivative jumps, if there is one: inputs near it are left out. */
  bool has_kink;
  double kink;

  /*
   * For the tolerance of the gradients, see layer_gradient.c: the largest fifth derivative of
   * an output by one element, and the rounding error of an output in units of 2^-24 (0: 4).
   * step 0: 2^-5; a larger one where the fifth derivative is 0.
   */
  double fifth, rounding, step;

  double adding; /* ADD may be off by so many ulps of the largest number involved; 0: 1 */
};

void ls_layer_checklist(const struct ls_layer *layer);

/** For larger shapes than the checklist's: 1 to 8 threads give the same bits. */
void ls_check_threads(const struct ls_layer *layer);

/** Compares backward's gradients with central differences of forward. In training, step 3. */
void ls_check_gradients(const struct ls_layer *layer, struct lm_probe *probe, uint64_t seed);

/** Fills a probe as the checklist does, and runs both passes in training at a step. */
void ls_layer_fill(const struct ls_layer *layer, struct lm_probe *probe, uint64_t seed);

/** Whether backward is to produce a gradient. */
bool ls_has_gradient(const struct ls_layer *layer, const struct lm_probe *probe, uint32_t role,
                     uint32_t index);

#endif
