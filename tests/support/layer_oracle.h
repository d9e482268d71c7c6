/*
 * Layers and losses against PyTorch, by tables that tests/oracle/layers.py has printed.
 */
#ifndef LM_TESTS_LAYER_ORACLE_H
#define LM_TESTS_LAYER_ORACLE_H

/** How far outputs and gradients may be off: in units of 2^-24, of their size plus of 1. */
struct ls_tolerance {
  double value, value_absolute;
  double gradient, gradient_absolute;
};

/** Runs all rows of a plugin; at least one must exist. Inputs in `constant` have no gradient. */
void ls_check_oracle(const char *kind, const char *name, unsigned constant,
                     const struct ls_tolerance *tolerance);

#endif
