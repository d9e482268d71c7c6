/*
 * What every optimizer must pass: PyTorch's traces, steps in ranges, weight decay, the factor
 * on the gradient, and settings that must be refused.
 */
#ifndef LM_TESTS_OPTIMIZER_CHECKS_H
#define LM_TESTS_OPTIMIZER_CHECKS_H

/** The cases of tests/oracle/optimizers.inc that are of this optimizer; at least one. */
void optimizer_check_oracle(const char *name);

/** A step over two ranges, wherever they are cut, gives the bits of a step over one. */
void optimizer_check_splits(const char *yaml);

/** At zero gradient the weights shrink by the closed form of each decay mode (R14, R16). */
void optimizer_check_decay(const char *name);

/** Half the gradient is the gradient with a factor of one half, to the bit. */
void optimizer_check_grad_scale(const char *yaml);

/** Settings that all optimizers have and that must be refused. */
void optimizer_check_refusals(const char *name);

/** Three steps from weight 1 with these gradients give these weights, within 4 ulp of 1. */
void optimizer_check_trace(const char *yaml, const float gradients[3], const double weights[3]);

#endif
