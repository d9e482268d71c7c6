/*
 * The keys of an experiment that are the host's own, and what each may hold: one set of tables
 * for the check of a file, for its schema and for the manual.
 */
#ifndef LM_BUILDER_KEYS_H
#define LM_BUILDER_KEYS_H

#include "settings/settings.h"

/** What the value of a key is. */
enum lm_form {
  LM_FORM_TEXT = 0,
  LM_FORM_TEXTS,         /* a text or a list of texts */
  LM_FORM_NUMBER,        /* also a fraction */
  LM_FORM_SHARE,         /* a number in (0, 1) */
  LM_FORM_BOOL,          /* true or false */
  LM_FORM_BOOL_OR_TEXTS, /* true, false, or texts */
  LM_FORM_MAP,           /* any map */
  LM_FORM_LABELS,        /* by the name of a field, an integer or a list of them */
  LM_FORM_DATA,          /* lm_data_keys */
  LM_FORM_TRAIN,         /* lm_train_table, and the two tables in it */
  LM_FORM_PLUGIN,        /* a plugin of the kind: a name or {name: {settings}} */
  LM_FORM_ITEMS,         /* the same beside the host's keys, or a list of such items */
  LM_FORM_CHAIN,         /* a list of such items, not empty, or a map of such lists */
  LM_FORM_PLUGIN_MAP     /* from names to plugins of the kind */
};

/** A key; a table ends with one whose name is NULL. */
struct lm_key {
  const char *name; /* first, for lm_spelling_nearest() and lm_value_check_keys() */
  const char *doc;
  enum lm_form form;
  uint32_t kind; /* LAMINA_KIND_* of the plugins in it */
  bool required;
};

extern const struct lm_key lm_root_keys[], lm_data_keys[], lm_no_keys[];

/** The keys that may stand beside a plugin of a kind in an item; empty for most kinds. */
const struct lm_key *lm_item_keys(uint32_t kind);

size_t lm_keys_count(const struct lm_key *keys);

/** Tables of `train:`, `train.checkpoint:` and `train.early_stopping:`. */
extern const struct lm_settings lm_train_table, lm_checkpoint_table, lm_early_stopping_table;

#endif
