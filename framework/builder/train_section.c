/*
 * The `train:` section: its tables are of the same kind as a plugin's, so its keys are checked,
 * documented and recorded in the same way.
 */
#include <string.h>

#include "builder/builder_internal.h"

static const struct lamina_setting train_rows[] = {
    LAMINA_I64(struct lm_train_settings, epochs, "10", "[0, 1000000000]",
               "how often the training data is gone through"),
    LAMINA_I64(struct lm_train_settings, steps, "0", "[0, 1000000000000]",
               "number of updates after which training ends; 0: epochs alone decide"),
    LAMINA_I64(struct lm_train_settings, batch, "32", "[1, 2147483647]", "samples in one update"),
    LAMINA_I64(struct lm_train_settings, seed, "1", "[0, inf)",
               "of every random number of the run"),
    LAMINA_F64(struct lm_train_settings, clip, "0", "[0, inf)",
               "largest norm of all gradients together; longer ones are shortened, 0: off"),
    LAMINA_BOOL(struct lm_train_settings, shuffle, "true",
                "go through the data in a new random order each epoch"),
    LAMINA_BOOL(struct lm_train_settings, drop_last, "false",
                "leave out the last batch of an epoch when it is not full"),
    LAMINA_BOOL(struct lm_train_settings, decay_all, "false",
                "weight decay shrinks biases and the like, too"),
};

static const struct lamina_setting checkpoint_rows[] = {
    LAMINA_I64(struct lm_checkpoint_settings, every_steps, "0", "[0, inf)",
               "write a checkpoint each time so many updates are done; 0: never"),
    LAMINA_I64(struct lm_checkpoint_settings, every_epochs, "1", "[0, inf)",
               "write a checkpoint each time so many epochs are done; 0: never"),
    LAMINA_I64(struct lm_checkpoint_settings, keep, "1", "[0, 100]",
               "how many earlier checkpoints stay beside the newest"),
};

static const struct lamina_setting early_stopping_rows[] = {
    LAMINA_STR(struct lm_early_stopping_settings, monitor, "loss",
               "what is watched on the evaluation data: loss, or a metric's name"),
    LAMINA_I64(struct lm_early_stopping_settings, patience, "5", "[1, inf)",
               "epochs without improvement after which training ends"),
    LAMINA_F64(struct lm_early_stopping_settings, min_delta, "0", "[0, inf)",
               "a smaller change is no improvement"),
};

#define TABLE(name, table_rows)                                                           \
  {                                                                                       \
    .owner = name, .rows = table_rows, .count = sizeof table_rows / sizeof table_rows[0], \
    .stride = sizeof table_rows[0]                                                        \
  }

const struct lm_settings lm_train_table = TABLE("the train section", train_rows);
const struct lm_settings lm_checkpoint_table = TABLE("train.checkpoint", checkpoint_rows);
const struct lm_settings lm_early_stopping_table =
    TABLE("train.early_stopping", early_stopping_rows);

/* The map of a key of the root or of another map, made when it is missing. */
static enum lamina_status take_map(struct lm_experiment *experiment, struct lm_value *parent,
                                   const char *key, struct lm_value **out, struct lm_error *error)
{
  char found[80];
  struct lm_value *map = lm_value_get(parent, key);
  if (lm_value_is_null(map)) {
    map = lm_config_map(experiment->config, &parent->where);
    if (map == NULL || !lm_config_set(experiment->config, parent, key, map)) {
      return lm_fail_memory(error, 0);
    }
  }
  if (map->kind != LM_VALUE_MAP) {
    return lm_fail_at(error, LAMINA_E_INVALID, &map->where, "'%s' is %s, expected a map", key,
                      lm_value_describe(map, found, sizeof found));
  }
  *out = map;
  return LAMINA_OK;
}

static enum lamina_status fill(struct lm_experiment *experiment, const struct lm_settings *table,
                               struct lm_value *map, const char *const *also, void *target,
                               struct lm_error *error)
{
  struct lm_settings_use use = {
      .config = experiment->config, .map = map, .where = map->where, .also = also};
  return lm_settings_fill(table, &use, target, &experiment->memory, error);
}

enum lamina_status lm_build_monitor(struct lm_experiment *experiment, struct lm_error *error)
{
  const char *monitor = experiment->early_stopping.monitor;
  struct lm_value *train = lm_value_get(lm_config_root(experiment->config), "train");
  struct lm_value *map = train == NULL ? NULL : lm_value_get(train, "early_stopping");
  struct lm_value *given = map == NULL ? NULL : lm_value_get(map, "monitor");
  if (experiment->early_stopping.enabled == 0 || map == NULL || given == NULL) {
    return LAMINA_OK;
  }
  if (experiment->test_data == NULL && experiment->holdout == 0.0) {
    return lm_fail_at(error, LAMINA_E_INVALID, &map->where,
                      "train.early_stopping needs evaluation data, expected data.test or "
                      "data.holdout");
  }
  bool known = strcmp(monitor, "loss") == 0;
  for (uint32_t i = 0; i < experiment->n_metrics && !known; i++) {
    known = strcmp(experiment->graph->nodes[experiment->metrics[i]]->name, monitor) == 0;
  }
  if (known) {
    return LAMINA_OK;
  }
  (void)lm_fail_at(error, LAMINA_E_INVALID, &given->where,
                   "train.early_stopping.monitor is '%s', expected loss or the name of a metric",
                   monitor);
  for (uint32_t i = 0; i < experiment->n_metrics; i++) {
    lm_error_suffix(error, "%s '%s'", i == 0 ? ":" : ",",
                    experiment->graph->nodes[experiment->metrics[i]]->name);
  }
  return LAMINA_E_INVALID;
}

enum lamina_status lm_build_train(struct lm_experiment *experiment, struct lm_error *error)
{
  static const char *const nested[] = {"checkpoint", "early_stopping", NULL};
  struct lm_value *root = lm_config_root(experiment->config);
  struct lm_value *train = NULL;
  struct lm_value *checkpoint = NULL;
  LM_TRY(take_map(experiment, root, "train", &train, error));
  bool has_epochs = lm_value_get(train, "epochs") != NULL;
  LM_TRY(fill(experiment, &lm_train_table, train, nested, &experiment->train, error));
  if (experiment->train.steps > 0 && !has_epochs) {
    experiment->train.epochs = 1000000000;
    struct lm_value *epochs = lm_value_get(train, "epochs");
    if (epochs != NULL && !lm_config_set_text(experiment->config, epochs, "1000000000", false)) {
      return lm_fail_memory(error, 0);
    }
  }
  LM_TRY(take_map(experiment, train, "checkpoint", &checkpoint, error));
  LM_TRY(fill(experiment, &lm_checkpoint_table, checkpoint, NULL, &experiment->checkpoint, error));
  if (lm_value_get(train, "early_stopping") != NULL) {
    struct lm_value *early_stopping = NULL;
    LM_TRY(take_map(experiment, train, "early_stopping", &early_stopping, error));
    LM_TRY(fill(experiment, &lm_early_stopping_table, early_stopping, NULL,
                &experiment->early_stopping, error));
    experiment->early_stopping.enabled = 1;
  }
  experiment->host.seed = (uint64_t)experiment->train.seed;
  return LAMINA_OK;
}
