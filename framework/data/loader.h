/*
 * Loaders: records of a data set made into batches for the model.
 *
 * A batch is gathered as the data set has it, turned into float32 (class labels stay int32),
 * and taken through the field's transforms. Where the pool has workers, the batch that is
 * announced is gathered by one that has nothing else to do, while the caller uses the batch
 * before; what a batch holds, and what is refused when, does not depend on it. Floor 6.
 *
 * Loaders that share a data set or transforms take turns: lm_loader_settle() the one before
 * another one is used.
 */
#ifndef LM_DATA_LOADER_H
#define LM_DATA_LOADER_H

#include <stdbool.h>

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
 * Makes the batch of records index[0..n-1], or waits for it if it was announced.
 * @param train  random transforms act
 * @param epoch  the step of the transforms' random streams
 */
enum lamina_status lm_loader_fill(struct lm_loader *loader, const int64_t *index, int64_t n,
                                  bool train, uint64_t epoch, struct lm_error *error) LM_MUST_CHECK;

/**
 * Makes a batch of records that the caller has: for a data set made by lm_dataset_create_given().
 * Random transforms do not act. Nothing is allocated.
 * @param data  by field: n records in the field's own type, one behind the other
 * @param n     0 to the loader's largest
 */
enum lamina_status lm_loader_put(struct lm_loader *loader, const void *const *data, int64_t n,
                                 struct lm_error *error) LM_MUST_CHECK;

/** Data of a field of the batch made last; borrowed, to be asked for again after each batch. */
void *lm_loader_data(const struct lm_loader *loader, uint32_t field);

/**
 * Says which batch comes after the one made last, so that it can be made meanwhile. index is
 * borrowed until the next call of a function of the loader. Small batches are left to
 * lm_loader_fill(), since handing them over takes longer.
 */
void lm_loader_announce(struct lm_loader *loader, const int64_t *index, int64_t n, bool train,
                        uint64_t epoch);

/** Forgets what was announced. Behind it nothing of the loader runs in another thread. */
void lm_loader_settle(struct lm_loader *loader);

/** Seconds that lm_loader_fill() has taken so far, estimated where batches are small. */
double lm_loader_waited(const struct lm_loader *loader);

/** Lets the transforms learn from these records, in order; largest records at a time. */
enum lamina_status lm_loader_fit(struct lm_loader *loader, const int64_t *index, int64_t n,
                                 struct lm_error *error) LM_MUST_CHECK;

#endif
