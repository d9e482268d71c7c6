/*
 * The library for other people's programs: a model as lamina/lamina.h has it, over a registry,
 * a pool and an engine of its own, so that models share nothing. Floor 11.
 *
 * model.c loads and frees, describe.c answers questions, run.c runs.
 */
#ifndef LM_EMBED_EMBED_INTERNAL_H
#define LM_EMBED_EMBED_INTERNAL_H

#include <lamina/lamina.h>

#include "checkpoint/model.h"
#include "trainer/engine.h"

/** An input or output, for one sample. */
struct lm_port {
  char *name;
  struct lm_shape record;
  size_t bytes;
  uint32_t at; /* the source that it feeds, or the node that makes it */
};

struct lamina_model {
  struct lm_registry *registry;
  struct lm_pool *pool;
  struct lm_field_list fields; /* of the data that it was trained with */
  struct lm_experiment *experiment;
  struct lm_engine *engine;
  bool prepared; /* LAMINA_MODEL_PREPARED */
  struct lm_port inputs[LM_MAX_FACTS], outputs[LM_MAX_FACTS];
  uint32_t n_inputs, n_outputs;
  struct lm_dataset *given; /* the inputs as fields */
  struct lm_transforms none;
  struct lm_loader *loader; /* NULL before the first run */
  int64_t largest;          /* batch that the loader can take */
};

/** Hands a failure over to the caller. @return its status */
int32_t lm_embed_tell(enum lamina_status status, const struct lm_error *from,
                      struct lamina_error *error);

/** A refusal of arguments. */
int32_t lm_embed_refuse(struct lamina_error *error, enum lamina_status status, const char *format,
                        ...) LM_PRINTF(3, 4);

#endif
