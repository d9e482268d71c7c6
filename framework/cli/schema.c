/*
 * `lamina schema`: a JSON Schema of the experiment file, made of the plugins that there are.
 *
 * It is of draft 7, which is what language servers for YAML read. Each plugin has a definition,
 * layer_dense; each kind has two: layer_item, the forms of one item of a list, and layer_needs,
 * what must be given. They are apart because a file that includes others need not say
 * everything itself: maps are merged with those of the included files, lists are not.
 */
#include <string.h>

#include "builder/keys.h"
#include "cli/plugins_internal.h"
#include "cli/schema.h"

#define REFERENCE "\"" LM_SCHEMA_REFERENCE "\""
#define LABEL "\"integer\", \"string\"], \"minimum\": 0, \"pattern\": " REFERENCE
#define TEXT "\"string\", \"number\", \"boolean\"" /* any scalar is a text */
#define ITEM "{\"$ref\": \"#/definitions/%s_item\"}"
#define STRICT "{\"allOf\": [" ITEM ", {\"$ref\": \"#/definitions/%s_needs\"}]}"

/* What is written, and from what. */
struct work {
  const struct lm_catalog *catalog;
  struct lm_text *out;
};

/* The next plugin of a kind behind *at, or NULL. */
static const struct lm_plugin *next_of(const struct work *work, uint32_t kind, size_t *at)
{
  while (*at < work->catalog->count) {
    const struct lm_plugin *plugin = work->catalog->items[(*at)++];
    if (plugin->info.kind == kind) {
      return plugin;
    }
  }
  return NULL;
}

/* ---- keys of the host ---- */

static void add_number(struct lm_text *out, const char *bounds)
{
  lm_text_addf(out,
               "\"type\": [\"number\", \"string\"], \"pattern\": \"" LM_SCHEMA_FRACTION
               "|" LM_SCHEMA_REFERENCE "\"%s",
               bounds);
}

/* The members of a value's schema but its description. */
static void add_form(const struct lm_key *key, struct lm_text *out)
{
  const char *kind = key->kind == LAMINA_KIND_NONE ? "" : lm_kind_name(key->kind);
  const char *null = key->required ? "" : ", {\"type\": \"null\"}";
  switch (key->form) {
    case LM_FORM_TEXT:
      lm_text_add(out, "\"type\": [" TEXT "]");
      return;
    case LM_FORM_TEXTS:
    case LM_FORM_BOOL_OR_TEXTS:
      lm_text_add(out,
                  "\"type\": [" TEXT ", \"array\", \"null\"], \"items\": {\"type\": [" TEXT "]}");
      return;
    case LM_FORM_NUMBER:
      add_number(out, "");
      return;
    case LM_FORM_SHARE:
      add_number(out, ", \"exclusiveMinimum\": 0, \"exclusiveMaximum\": 1");
      return;
    case LM_FORM_BOOL:
      lm_text_add(out, "\"type\": [\"boolean\", \"string\"], \"pattern\": " REFERENCE);
      return;
    case LM_FORM_MAP:
      lm_text_add(out, "\"type\": [\"object\", \"null\"]");
      return;
    case LM_FORM_LABELS:
      lm_text_add(out, "\"type\": [\"object\", \"string\", \"null\"], \"pattern\": " REFERENCE
                       ", \"additionalProperties\": {\"type\": [\"array\", " LABEL
                       ", \"minItems\": 1, \"items\": {\"type\": [" LABEL "}}");
      return;
    case LM_FORM_DATA:
      lm_text_add(out, "\"allOf\": [{\"$ref\": \"#/definitions/data\"}]");
      return;
    case LM_FORM_TRAIN:
      lm_text_add(out, "\"allOf\": [{\"$ref\": \"#/definitions/train\"}]");
      return;
    case LM_FORM_PLUGIN:
      lm_text_addf(out, "\"anyOf\": [" ITEM "%s]", kind, null);
      return;
    case LM_FORM_ITEMS:
      lm_text_addf(out, "\"anyOf\": [" ITEM ", {\"type\": \"array\", \"items\": " STRICT "}%s]",
                   kind, kind, kind, null);
      return;
    case LM_FORM_CHAIN:
      lm_text_addf(out,
                   "\"type\": [\"array\", \"object\", \"string\"], \"pattern\": " REFERENCE
                   ", \"minItems\": 1, \"items\": " STRICT
                   ", \"minProperties\": 1, \"additionalProperties\": {\"type\": [\"array\", "
                   "\"string\"], \"pattern\": " REFERENCE ", \"minItems\": 1, \"items\": " STRICT
                   "}",
                   kind, kind, kind, kind);
      return;
    case LM_FORM_PLUGIN_MAP:
      lm_text_addf(out,
                   "\"type\": [\"object\", \"string\", \"null\"], \"pattern\": " REFERENCE
                   ", \"additionalProperties\": {\"anyOf\": [" STRICT ", {\"type\": \"null\"}]}",
                   kind, kind);
      return;
  }
}

static void add_keys(const struct lm_key *keys, const char *indent, struct lm_text *out)
{
  for (size_t i = 0; keys[i].name != NULL; i++) {
    lm_text_addf(out, "%s\n%s\"%s\": {", i == 0 ? "" : ",", indent, keys[i].name);
    add_form(&keys[i], out);
    lm_text_add(out, ", \"description\": ");
    lm_text_add_json_string(out, keys[i].doc);
    lm_text_add(out, "}");
  }
}

/* What must be given in a map with these keys, and in the plugins that it names. */
static void add_strict(const struct lm_key *keys, struct lm_text *out)
{
  const char *between = "";
  lm_text_add(out, "\"required\": [");
  for (size_t i = 0; keys[i].name != NULL; i++) {
    if (keys[i].required) {
      lm_text_addf(out, "%s\"%s\"", between, keys[i].name);
      between = ", ";
    }
  }
  lm_text_add(out, "], \"properties\": {");
  between = "";
  for (size_t i = 0; keys[i].name != NULL; i++) {
    if (keys[i].form == LM_FORM_DATA) {
      lm_text_addf(out, "%s\n    \"%s\": {", between, keys[i].name);
      add_strict(lm_data_keys, out);
      lm_text_add(out, "}");
    } else if (keys[i].form == LM_FORM_PLUGIN || keys[i].form == LM_FORM_ITEMS) {
      lm_text_addf(out, "%s\n    \"%s\": {\"$ref\": \"#/definitions/%s_needs\"}", between,
                   keys[i].name, lm_kind_name(keys[i].kind));
    } else {
      continue;
    }
    between = ",";
  }
  lm_text_add(out, "}");
}

/* ---- plugins ---- */

static void add_plugin(const struct lm_plugin *plugin, struct lm_text *out)
{
  const struct lamina_plugin *info = &plugin->info;
  const struct lm_settings table = lm_cli_settings_of(plugin, info->name);
  const char *kind = lm_kind_name(info->kind);
  lm_text_addf(out, "    \"%s_%s\": {\"title\": \"%s %s\", \"description\": ", kind, info->name,
               kind, info->name);
  lm_text_add_json_string(out, info->summary);
  lm_text_add(out, ",\n      \"type\": [\"object\", \"string\", \"null\"], \"pattern\": " REFERENCE
                   ", \"additionalProperties\": false,\n      \"properties\": {");
  lm_cli_schema_properties(&table, "      ", out);
  lm_text_add(out, "}},\n");
}

/* A name alone, with what each plugin says of itself. */
static void add_names(const struct work *work, uint32_t kind)
{
  const struct lm_plugin *plugin;
  struct lm_text *out = work->out;
  const char *between = "";
  lm_text_add(out, "      {\"type\": \"string\", \"enum\": [");
  for (size_t at = 0; (plugin = next_of(work, kind, &at)) != NULL; between = ", ") {
    lm_text_addf(out, "%s\"%s\"", between, plugin->info.name);
  }
  between = "";
  lm_text_add(out, "],\n       \"enumDescriptions\": [");
  for (size_t at = 0; (plugin = next_of(work, kind, &at)) != NULL; between = ", ") {
    lm_text_add(out, between);
    lm_text_add_json_string(out, plugin->info.summary);
  }
  lm_text_add(out, "]},\n");
}

/* A map with one plugin, and the keys that may stand beside it. */
static void add_map(const struct work *work, uint32_t kind)
{
  const struct lm_plugin *plugin;
  struct lm_text *out = work->out;
  const struct lm_key *keys = lm_item_keys(kind);
  const char *between = "";
  lm_text_add(out, "      {\"type\": \"object\", \"additionalProperties\": false, \"oneOf\": [");
  for (size_t at = 0; (plugin = next_of(work, kind, &at)) != NULL; between = ", ") {
    lm_text_addf(out, "%s{\"required\": [\"%s\"]}", between, plugin->info.name);
  }
  lm_text_add(out, "],\n       \"properties\": {");
  between = "";
  for (size_t at = 0; (plugin = next_of(work, kind, &at)) != NULL; between = ",") {
    lm_text_addf(out, "%s\n        \"%s\": {\"$ref\": \"#/definitions/%s_%s\"}", between,
                 plugin->info.name, lm_kind_name(kind), plugin->info.name);
  }
  lm_text_add(out, keys[0].name == NULL ? "" : between);
  add_keys(keys, "        ", out);
  lm_text_add(out, "}},\n");
}

/* A plugin with a setting that must be given: its name alone will not do, nor no map. */
static void add_needs(const struct work *work, uint32_t kind)
{
  const struct lm_plugin *plugin;
  struct lm_text *out = work->out;
  struct lm_text names = {0};
  const char *between = "";
  lm_text_addf(out, "    \"%s_needs\": {\"properties\": {", lm_kind_name(kind));
  for (size_t at = 0; (plugin = next_of(work, kind, &at)) != NULL;) {
    const char *name = plugin->info.name;
    const struct lm_settings table = lm_cli_settings_of(plugin, name);
    if (lm_cli_has_required(&table)) {
      lm_text_addf(out, "%s\n      \"%s\": {\"type\": [\"object\", \"string\"], ", between, name);
      lm_cli_schema_required(&table, out);
      lm_text_add(out, "}");
      lm_text_addf(&names, "%s\"%s\"", between, name);
      between = ",";
    }
  }
  lm_text_add(out, "}");
  if (names.length > 0) {
    lm_text_addf(out, ", \"not\": {\"enum\": [%s]}", lm_text_get(&names));
  }
  lm_text_add(out, "},\n");
  out->failed = out->failed || !lm_text_ok(&names);
  lm_text_release(&names);
}

static void add_kind(const struct work *work, uint32_t kind)
{
  const struct lm_plugin *plugin;
  struct lm_text *out = work->out;
  size_t first = 0;
  for (size_t at = 0; (plugin = next_of(work, kind, &at)) != NULL;) {
    add_plugin(plugin, out);
  }
  lm_text_addf(out, "    \"%s_item\": {\"anyOf\": [\n", lm_kind_name(kind));
  if (next_of(work, kind, &first) != NULL) {
    add_names(work, kind);
    add_map(work, kind);
  }
  lm_text_add(out, "      {\"type\": \"string\", \"pattern\": " REFERENCE "}]},\n");
  add_needs(work, kind);
}

/* ---- sections ---- */

static void add_data(struct lm_text *out)
{
  lm_text_add(out, "    \"data\": {\"type\": [\"object\", \"string\"], \"pattern\": " REFERENCE
                   ", \"additionalProperties\": false,\n"
                   "      \"not\": {\"required\": [\"test\", \"holdout\"], \"properties\": {"
                   "\"test\": {\"not\": {\"type\": \"null\"}}, "
                   "\"holdout\": {\"not\": {\"type\": \"null\"}}}},\n"
                   "      \"properties\": {");
  add_keys(lm_data_keys, "        ", out);
  lm_text_add(out, "}},\n");
}

static void add_table(const char *name, const char *doc, const struct lm_settings *table,
                      struct lm_text *out)
{
  lm_text_addf(out,
               ",\n        \"%s\": {\"description\": \"%s\", \"type\": [\"object\", \"null\"], "
               "\"additionalProperties\": false, \"properties\": {",
               name, doc);
  lm_cli_schema_properties(table, "        ", out);
  lm_text_add(out, "}}");
}

static void add_train(struct lm_text *out)
{
  lm_text_add(
      out, "    \"train\": {\"type\": [\"object\", \"null\", \"string\"], \"pattern\": " REFERENCE
           ", \"additionalProperties\": false,\n      \"properties\": {");
  lm_cli_schema_properties(&lm_train_table, "      ", out);
  add_table("checkpoint", "when the state of the run is saved", &lm_checkpoint_table, out);
  add_table("early_stopping", "ends the run when it stops getting better", &lm_early_stopping_table,
            out);
  lm_text_add(out, "}}\n");
}

static void add_root(struct lm_text *out)
{
  lm_text_add(out, "{\n  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n"
                   "  \"title\": \"Lamina experiment\",\n"
                   "  \"type\": \"object\",\n  \"additionalProperties\": false,\n"
                   "  \"properties\": {\n    \"include\": {\"type\": [\"string\", \"array\"], "
                   "\"items\": {\"type\": \"string\"}, \"description\": "
                   "\"files that this one is put over: maps are merged, all else is replaced\"},");
  add_keys(lm_root_keys, "    ", out);
  lm_text_add(out, "\n  },\n  \"if\": {\"required\": [\"include\"]},\n  \"else\": {");
  add_strict(lm_root_keys, out);
  lm_text_add(out, "},\n");
}

enum lamina_status lm_cli_schema(const struct lm_catalog *catalog, struct lm_text *out,
                                 struct lm_error *error)
{
  const struct work work = {catalog, out};
  add_root(out);
  lm_text_add(out, "  \"definitions\": {\n");
  for (uint32_t kind = 1; kind < LM_KINDS; kind++) {
    add_kind(&work, kind);
  }
  add_data(out);
  add_train(out);
  lm_text_add(out, "  }\n}\n");
  return lm_text_ok(out) ? LAMINA_OK : lm_fail_memory(error, 0);
}
