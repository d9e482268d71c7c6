/*
 * `lamina inspect KIND NAME --yaml`: a piece of an experiment that can be pasted and runs.
 *
 * Defaults are YAML text already. A required setting has none, so a value in its range stands
 * in, and the comment says that it must be chosen.
 */
#include <math.h>
#include <string.h>

#include "cli/plugins_internal.h"

static bool lies_inside(double value, const struct lm_cli_bound *low,
                        const struct lm_cli_bound *high)
{
  bool above = !low->given || (low->open ? value > low->value : value >= low->value);
  bool below = !high->given || (high->open ? value < high->value : value <= high->value);
  return above && below;
}

/* A number in the range, a small whole one if there is one. */
static double example_number(const struct lamina_setting *row)
{
  struct lm_cli_bound low;
  struct lm_cli_bound high;
  lm_cli_parse_range(row->range, &low, &high);
  const double candidates[] = {1,
                               0,
                               ceil(low.value),
                               ceil(low.value) + 1,
                               low.value,
                               low.value + 1,
                               floor(high.value),
                               floor(high.value) - 1,
                               0.5 * (low.value + high.value)};
  for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
    if (lies_inside(candidates[i], &low, &high)) {
      return candidates[i];
    }
  }
  return 1;
}

static void add_example(const struct lamina_setting *row, struct lm_text *out)
{
  bool list = strcmp(row->type, "i64s") == 0 || strcmp(row->type, "f64s") == 0;
  if (list || strcmp(row->type, "i64") == 0 || strcmp(row->type, "f64") == 0) {
    lm_text_add(out, list ? "[" : "");
    lm_text_add_json_number(out, example_number(row));
    lm_text_add(out, list ? "]" : "");
  } else if (strcmp(row->type, "bool") == 0) {
    lm_text_add(out, "true");
  } else if (strcmp(row->type, "choice") == 0 && row->range != NULL) {
    lm_text_add_bytes(out, row->range, strcspn(row->range, "|"));
  } else {
    lm_text_addf(out, "'%s'", strcmp(row->type, "path") == 0 ? "FILE" : "TEXT");
  }
}

static void add_value(const struct lamina_setting *row, struct lm_text *out)
{
  if (row->deflt == NULL) {
    add_example(row, out);
  } else if (row->deflt[0] == '\0') {
    lm_text_add(out, "''"); /* nothing at all would be null */
  } else {
    lm_cli_add_plain(out, row->deflt);
  }
}

static void add_comment(const struct lamina_setting *row, struct lm_text *out)
{
  lm_text_add(out, "  # ");
  lm_cli_add_meaning(out, row);
  lm_text_addf(out, " (%s", row->deflt == NULL ? "required, " : "");
  lm_cli_add_plain(out, lm_cli_type_words(row->type));
  if (row->range != NULL) {
    lm_text_add(out, strcmp(row->type, "choice") == 0 ? " of " : " in ");
    lm_cli_add_plain(out, row->range);
  }
  if (row->unit != NULL) {
    lm_text_add(out, ", ");
    lm_cli_add_plain(out, row->unit);
  }
  lm_text_add(out, ")\n");
}

void lm_cli_inspect_yaml(const struct lm_plugin *plugin, struct lm_text *out)
{
  const struct lamina_plugin *info = &plugin->info;
  uint32_t written = 0;
  lm_text_addf(out, "# %s %s ", lm_kind_name(info->kind), info->name);
  lm_cli_add_plain(out, info->version);
  lm_text_add(out, ": ");
  lm_cli_add_plain(out, info->summary);
  lm_text_addf(out, "\n%s:", info->name);
  for (uint32_t i = 0; i < info->n_settings; i++) {
    struct lamina_setting row = lm_cli_setting(plugin, i);
    if (row.replaced_by != NULL) {
      continue;
    }
    lm_text_add(out, written++ == 0 ? "\n  " : "  ");
    lm_cli_add_plain(out, row.name);
    lm_text_add(out, ": ");
    add_value(&row, out);
    add_comment(&row, out);
  }
  if (written == 0) {
    lm_text_add(out, " {}\n");
  }
}
