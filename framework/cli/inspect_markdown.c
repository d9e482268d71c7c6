/*
 * `lamina inspect KIND NAME --markdown`: the settings as the table that a plugin's page has under
 * Parameters.
 */
#include <string.h>

#include "cli/plugins_internal.h"

/* A cell of a table: '|' would end it, so the words of a choice are parted by commas. */
static void add_plain_cell(struct lm_text *out, struct lm_text *plain)
{
  for (const char *rest = lm_text_get(plain); *rest != '\0';) {
    size_t length = strcspn(rest, "|");
    lm_text_add_bytes(out, rest, length);
    rest += length;
    if (*rest == '|') {
      lm_text_add(out, ", ");
      rest++;
    }
  }
  out->failed = out->failed || !lm_text_ok(plain);
  lm_text_release(plain);
}

static void add_cell(struct lm_text *out, const char *text)
{
  struct lm_text plain = {0};
  lm_cli_add_plain(&plain, text);
  add_plain_cell(out, &plain);
}

static void add_row(struct lm_text *out, const struct lamina_setting *row)
{
  struct lm_text meaning = {0};
  lm_text_addf(out, "| `%s` | %s | ", row->name, row->type);
  if (row->deflt == NULL) {
    lm_text_add(out, "required");
  } else {
    lm_text_add(out, "`");
    add_cell(out, row->deflt[0] == '\0' ? "''" : row->deflt);
    lm_text_add(out, "`");
  }
  lm_text_add(out, " | ");
  add_cell(out, row->range == NULL ? "" : row->range);
  lm_text_add(out, " | ");
  lm_cli_add_meaning(&meaning, row);
  add_plain_cell(out, &meaning);
  if (row->unit != NULL) {
    lm_text_add(out, " (");
    add_cell(out, row->unit);
    lm_text_add(out, ")");
  }
  lm_text_add(out, " |\n");
}

void lm_cli_inspect_markdown(const struct lm_plugin *plugin, struct lm_text *out)
{
  uint32_t written = 0;
  for (uint32_t i = 0; i < plugin->info.n_settings; i++) {
    struct lamina_setting row = lm_cli_setting(plugin, i);
    if (row.replaced_by != NULL) {
      continue;
    }
    if (written++ == 0) {
      lm_text_add(out, "| setting | type | default | range | meaning |\n"
                       "| --- | --- | --- | --- | --- |\n");
    }
    add_row(out, &row);
  }
  lm_text_add(out, written == 0 ? "None.\n" : "");
}
