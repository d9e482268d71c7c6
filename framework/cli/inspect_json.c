/*
 * `lamina inspect KIND NAME --json`: the settings of one plugin as a JSON Schema (draft 2020-12),
 * for editors and for checks outside of Lamina. `lamina schema` has those of all plugins.
 */
#include "cli/plugins_internal.h"

void lm_cli_inspect_json(const struct lm_plugin *plugin, struct lm_text *out)
{
  const struct lamina_plugin *info = &plugin->info;
  const struct lm_settings table = lm_cli_settings_of(plugin, info->name);
  lm_text_add(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n");
  lm_text_addf(out, "  \"title\": \"%s %s\",\n  \"description\": ", lm_kind_name(info->kind),
               info->name);
  lm_text_add_json_string(out, info->summary);
  lm_text_add(out, ",\n  \"type\": \"object\",\n  \"properties\": {");
  lm_cli_schema_properties(&table, "  ", out);
  lm_text_add(out, table.count == 0 ? "},\n  " : "\n  },\n  ");
  lm_cli_schema_required(&table, out);
  lm_text_add(out, ",\n  \"additionalProperties\": false\n}\n");
}
