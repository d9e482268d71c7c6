/*
 * Checks for services that offer "lamina.gemm/1" through a library of others: products of all
 * forms against double precision, and refusals.
 */
#ifndef LM_TESTS_GEMM_CHECK_H
#define LM_TESTS_GEMM_CHECK_H

#include <lamina/gemm.h>

/**
 * An epilogue that copies what it is handed, to see that each element of C comes once and is
 * final then. Give &witness->epilogue to a task whose rows have no gaps.
 */
struct gemm_witness {
  struct lamina_epilogue epilogue;
  const float *c;
  float *seen;
  unsigned char *times;
  int64_t count;
};
void gemm_witness_init(struct gemm_witness *witness, const struct lamina_gemm_task *task);
/** Compares with C as it is now, ends the test if it differs, and releases the copies. */
void gemm_witness_check(struct gemm_witness *witness);

/**
 * Products over small and larger shapes, transposes, strides, gaps, bias and adding, each within
 * the bound of its rounding errors, with no write outside C or the scratch that was asked for, and
 * each element handed to the epilogue once, when it is final.
 * @param plugin  name of the service plugin
 */
void gemm_check_products(const char *plugin);

/** Operands whose strides are both larger than 1. */
void gemm_check_strides(const char *plugin);

/** Tasks that make no sense are refused with a sentence; other services are not offered. */
void gemm_check_refusals(const char *plugin);

/** For services over 32-bit sizes: what does not fit is refused, not cut. */
void gemm_check_too_large(const char *plugin);

#endif
