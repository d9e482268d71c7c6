/*
 * Loaders: records of a data set made into batches for the model.
 *
 * A batch is gathered as the data set has it, turned into float32 (class labels stay int32),
 * and taken through the field's transforms. A loader has the memory for one batch. Floor 6.
 */
#ifndef LM_DATA_LOADER_H
#define LM_DATA_LOADER_H

#include "data/transforms.h"

struct lm_loader;

/**
 * @param largest  samples that a batch has at most
 * @param out      owned by the caller, release with lm_loader_free(); the rest is borrowed
 */
enum lamina_status lm_loader_create(struct lm_dataset *dataset, struct lm_transforms *transforms,
                                    int64_t largest, struct lm_loader **out,
                                    struct lm_error *error) LM_MUST_CHECK;
void lm_loader_free(struct lm_loader *loader);

/**
 * Makes the batch of records index[0..n-1].
 * @param train  random transforms act
 * @param epoch  the step of the transforms' random streams
 */
enum lamina_status lm_loader_fill(struct lm_loader *loader, const int64_t *index, int64_t n,
                                  bool train, uint64_t epoch, struct lm_error *error) LM_MUST_CHECK;

/** Data of a field of the batch made last; borrowed, stays at its place. */
void *lm_loader_data(const struct lm_loader *loader, uint32_t field);

/** Lets the transforms learn from these records, in order; largest records at a time. */
enum lamina_status lm_loader_fit(struct lm_loader *loader, const int64_t *index, int64_t n,
                                 struct lm_error *error) LM_MUST_CHECK;

#endif
