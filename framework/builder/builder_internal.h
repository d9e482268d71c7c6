/* The builder's own: one function for each section, and how items of a list are taken apart. */
#ifndef LM_BUILDER_BUILDER_INTERNAL_H
#define LM_BUILDER_BUILDER_INTERNAL_H

#include "builder/experiment.h"
#include "builder/keys.h"

/**
 * An item of a list: a component beside keys that are the host's.
 *
 *     - dense: {units: 10}
 *       name: logits
 */
struct lm_item {
  struct lm_instance_spec spec; /* plugin, settings, where */
  struct lm_value *value;       /* the item */
};

/**
 * Takes an item apart.
 * @param what  "a node of the model", for messages
 * @param keys  the host's keys that may stand beside the component
 */
enum lamina_status lm_item_parse(struct lm_value *value, const char *what,
                                 const struct lm_key *keys, struct lm_item *item,
                                 struct lm_error *error) LM_MUST_CHECK;

/** The value of a host's key beside the component; NULL if it is not there. */
struct lm_value *lm_item_get(const struct lm_item *item, const char *key);

/**
 * Gives a component that was named without settings an empty map for them, so that the defaults
 * are recorded in the experiment as it is saved. Part of lm_item_instance().
 */
enum lamina_status lm_item_make_room(struct lm_experiment *experiment, struct lm_item *item,
                                     uint32_t kind, struct lm_error *error) LM_MUST_CHECK;

/** Makes the instance of an item. kind: LAMINA_KIND_*; role as in struct lm_instance_spec. */
enum lamina_status lm_item_instance(struct lm_experiment *experiment, struct lm_item *item,
                                    uint32_t kind, const char *role, struct lm_instance **out,
                                    struct lm_error *error) LM_MUST_CHECK;

/** A section that holds one item or a list of items, seen as a list. */
struct lm_items {
  struct lm_value *single[1];
  struct lm_value **items; /* in the tree, or single */
  size_t count;
};
void lm_items_of(struct lm_value *section, struct lm_items *items);

/* Sections. */
enum lamina_status lm_build_train(struct lm_experiment *experiment, struct lm_error *error);
enum lamina_status lm_build_data(struct lm_experiment *experiment,
                                 const struct lm_experiment_options *options,
                                 struct lm_error *error);
enum lamina_status lm_build_model(struct lm_experiment *experiment, struct lm_error *error);
enum lamina_status lm_build_losses(struct lm_experiment *experiment, struct lm_error *error);
enum lamina_status lm_build_metrics(struct lm_experiment *experiment, struct lm_error *error);
enum lamina_status lm_build_optimizer(struct lm_experiment *experiment, struct lm_error *error);
/* After data and metrics: what early stopping watches must be there. */
enum lamina_status lm_build_monitor(struct lm_experiment *experiment, struct lm_error *error);
/* After inference: what names weights. */
enum lamina_status lm_build_freeze(struct lm_experiment *experiment, struct lm_error *error);
enum lamina_status lm_build_initializers(struct lm_experiment *experiment, struct lm_error *error);
enum lamina_status lm_build_regularizers(struct lm_experiment *experiment, struct lm_error *error);
/* After regularizers: `schedule:` beside them, nodes and losses. */
enum lamina_status lm_build_schedules(struct lm_experiment *experiment, struct lm_error *error);

/** Adds the data's `source:` to the sentence of a missing file. @return status */
enum lamina_status lm_build_tell_source(const struct lm_experiment *experiment,
                                        enum lamina_status status, struct lm_error *error);

/** The edge that a reference such as "hidden" or "split.1" names. */
enum lamina_status lm_build_edge(struct lm_experiment *experiment, const struct lm_value *value,
                                 struct lm_edge *edge, struct lm_error *error) LM_MUST_CHECK;

/** Adds a node for an item. default_name: NULL for the plugin's own. */
enum lamina_status lm_build_node(struct lm_experiment *experiment, struct lm_item *item,
                                 enum lm_node_kind kind, struct lm_node **out,
                                 struct lm_error *error) LM_MUST_CHECK;

/** Refuses names of nodes and parts that could not be written in references and patterns. */
enum lamina_status lm_build_check_name(const char *name, const char *what,
                                       const struct lm_where *where,
                                       struct lm_error *error) LM_MUST_CHECK;

/** Adds the nodes of a list. */
enum lamina_status lm_build_chain(struct lm_experiment *experiment, const struct lm_value *list,
                                  struct lm_error *error) LM_MUST_CHECK;

/** Adds the nodes of a map of lists, and notes which is whose. */
enum lamina_status lm_build_parts(struct lm_experiment *experiment, const struct lm_value *map,
                                  struct lm_error *error) LM_MUST_CHECK;

/** Refuses a node that reads, or shares with, one of a later part. */
enum lamina_status lm_build_check_order(const struct lm_experiment *experiment, uint32_t node,
                                        struct lm_error *error) LM_MUST_CHECK;

/** Finds a part. LAMINA_E_INVALID with the nearest spelling, or that there are none. */
enum lamina_status lm_build_find_part(const struct lm_experiment *experiment, const char *name,
                                      const struct lm_part **out,
                                      struct lm_error *error) LM_MUST_CHECK;

/**
 * Takes everything but one part away from a model that is built and inferred on the fields of its
 * own data: see struct lm_experiment_options.
 */
enum lamina_status lm_build_part_alone(struct lm_experiment *experiment,
                                       const struct lm_experiment_options *options,
                                       struct lm_error *error) LM_MUST_CHECK;

/** Data sets of the section for predictions, and transforms and sources for what data there is. */
enum lamina_status lm_build_part_data(struct lm_experiment *experiment,
                                      struct lm_error *error) LM_MUST_CHECK;
enum lamina_status lm_build_fields(struct lm_experiment *experiment,
                                   struct lm_error *error) LM_MUST_CHECK;

#endif
