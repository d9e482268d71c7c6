/*
 * The tables of keys.h. A key that is read anywhere in this room is in one of them, because what
 * is not is refused.
 */
#include "builder/keys.h"

#define END                            \
  {                                    \
    NULL, NULL, LM_FORM_TEXT, 0, false \
  }

const struct lm_key lm_no_keys[] = {END};

const struct lm_key lm_root_keys[] = {
    {"name", "what the experiment is called", LM_FORM_TEXT, 0, false},
    {"description", "what it is for", LM_FORM_TEXT, 0, false},
    {"vars", "values that ${name} puts anywhere in the file", LM_FORM_MAP, 0, false},
    {"plugin_path", "folders of plugins, relative to this file", LM_FORM_TEXTS, 0, false},
    {"services", "by the name of a service, the plugin that offers it", LM_FORM_PLUGIN_MAP,
     LAMINA_KIND_SERVICE, false},
    {"data", "what is learnt, and what is judged", LM_FORM_DATA, 0, true},
    {"model",
     "the layers: a chain, unless a node says inputs; or a map of named parts, each such a chain, "
     "one after the other",
     LM_FORM_CHAIN, LAMINA_KIND_LAYER, true},
    {"freeze", "weights that are not trained: patterns such as conv1/* or, for a part, encoder/*",
     LM_FORM_TEXTS, 0, false},
    {"loss", "what training makes small; of several, the weighted sum", LM_FORM_ITEMS,
     LAMINA_KIND_LOSS, true},
    {"optimizer", "how weights follow their gradients", LM_FORM_PLUGIN, LAMINA_KIND_OPTIMIZER,
     true},
    {"schedule", "how the learning rate changes during training", LM_FORM_PLUGIN,
     LAMINA_KIND_SCHEDULE, false},
    {"regularizers", "penalties on weights, added to the loss", LM_FORM_ITEMS,
     LAMINA_KIND_REGULARIZER, false},
    {"metrics", "what is measured beside the loss", LM_FORM_ITEMS, LAMINA_KIND_METRIC, false},
    {"train", "how long and how training goes", LM_FORM_TRAIN, 0, false},
    END};

const struct lm_key lm_data_keys[] = {
    {"train", "the data set that is learnt", LM_FORM_PLUGIN, LAMINA_KIND_DATASET, true},
    {"test", "the data set that is judged", LM_FORM_PLUGIN, LAMINA_KIND_DATASET, false},
    {"holdout", "instead of test: the share of train that is only judged", LM_FORM_SHARE, 0, false},
    {"without", "by the name of a field of class labels, those whose records are left out",
     LM_FORM_LABELS, 0, false},
    {"only", "likewise, those whose records alone are used", LM_FORM_LABELS, 0, false},
    {"transforms", "what changes samples before the model reads them, in order", LM_FORM_ITEMS,
     LAMINA_KIND_TRANSFORM, false},
    {"source", "where to get the files, told to who misses them", LM_FORM_TEXT, 0, false},
    END};

/* Beside what has settings that may change while it trains. */
#define SCHEDULE(what)                                                             \
  {                                                                                \
    "schedule", "by the name of " what ", the schedule of its factor in training", \
        LM_FORM_PLUGIN_MAP, LAMINA_KIND_SCHEDULE, false                            \
  }

static const struct lm_key node_keys[] = {
    {"name", "what others call the node; its plugin's name, numbered, if not given", LM_FORM_TEXT,
     0, false},
    {"inputs", "nodes or fields that are read, the node before if not given; split.1 is output 1",
     LM_FORM_TEXTS, 0, false},
    {"share", "the node whose weights this one uses", LM_FORM_TEXT, 0, false},
    {"freeze", "true, or the weights that are not trained", LM_FORM_BOOL_OR_TEXTS, 0, false},
    {"init", "by the name of a weight, its initializer", LM_FORM_PLUGIN_MAP,
     LAMINA_KIND_INITIALIZER, false},
    {"in_place", "true: the output must take the input's memory; false: it must not", LM_FORM_BOOL,
     0, false},
    {"fuse", "false: an elementwise layer runs in passes of its own", LM_FORM_BOOL, 0, false},
    SCHEDULE("a setting that may be scheduled"),
    END};

static const struct lm_key loss_keys[] = {
    {"name", "what the loss is called", LM_FORM_TEXT, 0, false},
    {"inputs", "prediction and target; the last node and the field target if not given",
     LM_FORM_TEXTS, 0, false},
    {"weight", "factor of this loss in the sum, 1 if not given", LM_FORM_NUMBER, 0, false},
    SCHEDULE("weight or of a setting that may be scheduled"),
    END};

static const struct lm_key metric_keys[] = {
    {"name", "what the metric is called in reports", LM_FORM_TEXT, 0, false},
    {"inputs", "prediction and target; the last node and the field target if not given",
     LM_FORM_TEXTS, 0, false},
    END};

static const struct lm_key transform_keys[] = {
    {"field", "the field of the data that is changed; input if not given", LM_FORM_TEXT, 0, false},
    END};

static const struct lm_key regularizer_keys[] = {
    {"weights",
     "pattern of the weights it applies to, such as hidden/*; those that decay if not "
     "given",
     LM_FORM_TEXT, 0, false},
    SCHEDULE("a setting that may be scheduled"),
    END};

const struct lm_key *lm_item_keys(uint32_t kind)
{
  switch (kind) {
    case LAMINA_KIND_LAYER:
      return node_keys;
    case LAMINA_KIND_LOSS:
      return loss_keys;
    case LAMINA_KIND_METRIC:
      return metric_keys;
    case LAMINA_KIND_TRANSFORM:
      return transform_keys;
    case LAMINA_KIND_REGULARIZER:
      return regularizer_keys;
    default:
      return lm_no_keys;
  }
}

size_t lm_keys_count(const struct lm_key *keys)
{
  size_t count = 0;
  while (keys[count].name != NULL) {
    count++;
  }
  return count;
}
