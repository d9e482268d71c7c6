/*
 * Checks for services that offer "lamina.gemm/1" through a library of others: products of all
 * forms against double precision, and refusals.
 */
#ifndef LM_TESTS_GEMM_CHECK_H
#define LM_TESTS_GEMM_CHECK_H

/**
 * Products over small and larger shapes, transposes, strides, gaps, bias and adding, each within
 * the bound of its rounding errors, with no write outside C or the scratch that was asked for.
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
