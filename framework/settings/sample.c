/*
 * Values that a setting may and may not have, for programs that try a plugin's settings out.
 *
 * Inside: ordinary values first, since they are what shapes and sizes can be found for; bounds
 * apart, because a plugin may rightly refuse the largest of them in combination with others.
 */
#include <math.h>
#include <string.h>

#include "settings/settings_internal.h"

static const int64_t integers[] = {2, 3, 1, 4, 5, 8, 16, 0, -1, 64};
static const double numbers[] = {0.1, 0.5, 0.25, 0.9, 1.0, 2.0, 10.0, 0.0, -1.0, 1e-3, 1e-8};

enum {
  INTEGERS = sizeof integers / sizeof integers[0],
  NUMBERS = sizeof numbers / sizeof numbers[0]
};

/* Adds text for value number *i when it is wanted: *i counts down to it. */
static bool choose(bool exists, uint32_t *i)
{
  if (!exists) {
    return false;
  }
  if (*i == 0) {
    return true;
  }
  (*i)--;
  return false;
}

static bool add_integer(struct lm_text *out, int64_t number, bool list)
{
  lm_text_addf(out, list ? "[%lld]" : "%lld", (long long)number);
  return true;
}

static bool add_number(struct lm_text *out, double number, bool list)
{
  if (isinf(number)) {
    lm_text_add(out, number < 0 ? "-.inf" : ".inf");
  } else {
    lm_text_addf(out, list ? "[%.15g]" : "%.15g", number);
  }
  return true;
}

static bool integer_inside(const struct lm_range *range, uint32_t i, bool list, struct lm_text *out)
{
  for (size_t k = 0; k < INTEGERS; k++) {
    if (choose(lm_range_has_i64(range, integers[k]), &i)) {
      return add_integer(out, integers[k], list);
    }
  }
  return choose(range->low_integer > 64, &i) && add_integer(out, range->low_integer, list);
}

static bool number_inside(const struct lm_range *range, uint32_t i, bool list, struct lm_text *out)
{
  for (size_t k = 0; k < NUMBERS; k++) {
    if (choose(lm_range_has_f64(range, numbers[k]), &i)) {
      return add_number(out, numbers[k], list);
    }
  }
  double middle = 0.5 * (range->low + range->high);
  return choose(isfinite(middle) && lm_range_has_f64(range, middle), &i) &&
         add_number(out, middle, list);
}

static bool word_inside(const struct lamina_setting *row, uint32_t i, struct lm_text *out)
{
  const char *rest = row->range;
  size_t length;
  for (const char *word; (word = lm_choice_next(&rest, &length)) != NULL;) {
    if (choose(true, &i)) {
      lm_text_add_bytes(out, word, length);
      return true;
    }
  }
  return false;
}

static bool inside(const struct lamina_setting *row, enum lm_setting_type type,
                   const struct lm_range *range, uint32_t i, struct lm_text *out)
{
  switch (type) {
    case LM_SETTING_I64:
    case LM_SETTING_I64S:
      return integer_inside(range, i, type == LM_SETTING_I64S, out);
    case LM_SETTING_F64:
    case LM_SETTING_F64S:
      return number_inside(range, i, type == LM_SETTING_F64S, out);
    case LM_SETTING_BOOL:
      lm_text_add(out, i == 0 ? "true" : "false");
      return i < 2;
    case LM_SETTING_CHOICE:
      return word_inside(row, i, out);
    default:
      return false; /* texts and paths mean something that a table cannot say */
  }
}

static bool bound(enum lm_setting_type type, const struct lm_range *range, uint32_t i,
                  struct lm_text *out)
{
  if (type == LM_SETTING_I64 || type == LM_SETTING_I64S) {
    bool list = type == LM_SETTING_I64S;
    if (choose(true, &i)) {
      return add_integer(out, range->low_integer, list);
    }
    return choose(true, &i) && add_integer(out, range->high_integer, list);
  }
  if (type == LM_SETTING_F64 || type == LM_SETTING_F64S) {
    bool list = type == LM_SETTING_F64S;
    if (choose(!range->low_is_open && isfinite(range->low), &i)) {
      return add_number(out, range->low, list);
    }
    return choose(!range->high_is_open && isfinite(range->high), &i) &&
           add_number(out, range->high, list);
  }
  return false;
}

static bool outside(enum lm_setting_type type, const struct lm_range *range, uint32_t i,
                    struct lm_text *out)
{
  bool list = type == LM_SETTING_I64S || type == LM_SETTING_F64S;
  if (type == LM_SETTING_I64 || type == LM_SETTING_I64S) {
    if (choose(range->low_integer > INT64_MIN, &i)) {
      return add_integer(out, range->low_integer - 1, list);
    }
    return choose(range->high_integer < INT64_MAX, &i) &&
           add_integer(out, range->high_integer + 1, list);
  }
  if (type == LM_SETTING_F64 || type == LM_SETTING_F64S) {
    if (choose(isfinite(range->low), &i)) {
      return add_number(
          out, range->low_is_open ? range->low : range->low - fmax(1.0, fabs(range->low)), list);
    }
    if (choose(isfinite(range->high), &i)) {
      return add_number(
          out, range->high_is_open ? range->high : range->high + fmax(1.0, fabs(range->high)),
          list);
    }
    lm_text_add(out, list ? "[.nan]" : ".nan");
    return i == 0;
  }
  lm_text_add(out, "no_such_word");
  return type == LM_SETTING_CHOICE && i == 0;
}

/* Two values of types that the setting is not of. */
static bool other_type(enum lm_setting_type type, uint32_t i, struct lm_text *out)
{
  static const char *const wrong[][2] = {
      [LM_SETTING_I64] = {"text", "1.5"},      [LM_SETTING_F64] = {"text", "{a: 1}"},
      [LM_SETTING_BOOL] = {"2", "yes"},        [LM_SETTING_STR] = {"[a]", "{a: 1}"},
      [LM_SETTING_PATH] = {"[a]", "{a: 1}"},   [LM_SETTING_CHOICE] = {"[a]", "{a: 1}"},
      [LM_SETTING_I64S] = {"{a: 1}", "[1.5]"}, [LM_SETTING_F64S] = {"{a: 1}", "[text]"},
  };
  lm_text_add(out, i < 2 ? wrong[type][i] : "");
  return i < 2;
}

bool lm_setting_sample(const struct lamina_setting *row, enum lm_sample sample, uint32_t i,
                       struct lm_text *out)
{
  enum lm_setting_type type = lm_setting_type_of(row->type);
  bool integer = type == LM_SETTING_I64 || type == LM_SETTING_I64S;
  bool number = integer || type == LM_SETTING_F64 || type == LM_SETTING_F64S;
  struct lm_range range;
  lm_text_clear(out);
  if (row->replaced_by != NULL || type == LM_SETTING_UNKNOWN ||
      !lm_range_parse(number ? row->range : NULL, integer, &range)) {
    return false;
  }
  switch (sample) {
    case LM_SAMPLE_INSIDE:
      return inside(row, type, &range, i, out);
    case LM_SAMPLE_BOUND:
      return bound(type, &range, i, out);
    case LM_SAMPLE_OUTSIDE:
      return outside(type, &range, i, out);
    default:
      return other_type(type, i, out);
  }
}
