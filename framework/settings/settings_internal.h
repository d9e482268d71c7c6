/*
 * What the files of this room share: types of settings, ranges, and one value to one field.
 */
#ifndef LM_SETTINGS_SETTINGS_INTERNAL_H
#define LM_SETTINGS_SETTINGS_INTERNAL_H

#include "settings/settings.h"

/** The types of lamina/plugin.h, in its order. */
enum lm_setting_type {
  LM_SETTING_UNKNOWN = 0,
  LM_SETTING_I64,
  LM_SETTING_F64,
  LM_SETTING_BOOL,
  LM_SETTING_STR,
  LM_SETTING_PATH,
  LM_SETTING_CHOICE,
  LM_SETTING_I64S,
  LM_SETTING_F64S
};

enum lm_setting_type lm_setting_type_of(const char *name);

/** Bytes and alignment of a field; 0 for an unknown type. */
size_t lm_setting_size(enum lm_setting_type type);
size_t lm_setting_alignment(enum lm_setting_type type);

/** An interval of numbers. Bounds of integers are exact; a bound may be infinite. */
struct lm_range {
  bool low_is_open, high_is_open;
  double low, high;
  int64_t low_integer, high_integer; /* inclusive, for integer settings */
};

/**
 * Reads "[1, 100]", "(0, inf)", "[0, 1)". NULL is the range of all finite numbers.
 * @param integers  the bounds are of an integer setting, and must be integers or infinite
 * @return false when it is not a range, or an empty one
 */
bool lm_range_parse(const char *text, bool integers, struct lm_range *out);
bool lm_range_has_i64(const struct lm_range *range, int64_t number);
/** NaN is in no range. */
bool lm_range_has_f64(const struct lm_range *range, double number);

/** The word of "zeros|ones" at *text and its length; *text moves behind it. NULL at the end. */
const char *lm_choice_next(const char **text, size_t *length);

/** What binding one value needs. */
struct lm_binding {
  const char *what; /* for messages: "units of layer 'dense'" */
  const struct lamina_setting *row;
  struct lm_config *config; /* owner of value, whose paths are made absolute in it */
  struct lm_value *value;
  struct lm_settings_memory *memory;
};

/** Checks a value and writes it into its field of the instance. */
enum lamina_status lm_setting_bind(const struct lm_binding *binding, void *instance,
                                   struct lm_error *error) LM_MUST_CHECK;

/** The value of a row's default, made in config at `where`. */
enum lamina_status lm_setting_default(struct lm_config *config, const struct lamina_setting *row,
                                      const struct lm_where *where, struct lm_value **out,
                                      struct lm_error *error) LM_MUST_CHECK;

#endif
