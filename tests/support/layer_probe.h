/*
 * Probes of layers and losses (framework/conform/probe.h) for Criterion: these functions end the
 * test with a message that names plugin, settings and shapes when something is not as it should
 * be, touches of memory that is not the plugin's included.
 */
#ifndef LM_TESTS_LAYER_PROBE_H
#define LM_TESTS_LAYER_PROBE_H

#include "conform/probe.h"

/** Makes an instance and a probe of it, or ends the test. Release with lm_probe_close(). */
struct lm_probe *ls_open(const char *kind, const char *name, const char *settings,
                         const char *shapes, uint32_t threads);
/** The same; NULL when the plugin refuses, and *error then says why. */
struct lm_probe *ls_try_open(const char *kind, const char *name, const char *settings,
                             const char *shapes, uint32_t threads, struct lm_error *error);
/** Services for all instances that this test makes from now on, "{conv: conv_onednn}"; borrowed. */
void ls_choose_services(const char *services);
/** Another probe of the same instance, for other shapes. */
struct lm_probe *ls_open_beside(const struct lm_probe *first, const char *shapes);

/** Runs a pass that must succeed. */
void ls_forward(struct lm_probe *probe, uint32_t mode, uint64_t step);
void ls_backward(struct lm_probe *probe, uint32_t mode, uint64_t step);

/** Does what the plugin declared that the host may do: two tensors get one memory. */
void ls_share(struct lm_probe *probe, const struct lm_sharing *sharing);

/**
 * What a host may do that was told lamina_may_fuse() of a tensor: from now on the pass hands it
 * over in pieces. Closing, after the pass, checks that each element came once and was final.
 */
struct ls_witness;
struct ls_witness *ls_witness_open(struct lm_probe *probe, uint32_t pass, uint32_t index);
void ls_witness_close(struct lm_probe *probe, struct ls_witness *witness);

/** Copies all elements of a tensor. */
void ls_set(struct lm_probe *probe, uint32_t role, uint32_t index, const float *values);

/**
 * The plugin refuses these settings or shapes, with this status and a sentence that contains
 * each of the fragments, which are separated by '|'.
 */
void ls_refuses(const char *kind, const char *name, const char *settings, const char *shapes,
                enum lamina_status status, const char *fragments);
/** Ends the test unless text contains each of the fragments. */
void ls_contains(const char *text, const char *fragments);

#endif
