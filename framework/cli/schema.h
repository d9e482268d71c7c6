/* The schema of the experiment file. */
#ifndef LM_CLI_SCHEMA_H
#define LM_CLI_SCHEMA_H

#include "cli/catalog.h"

/** Adds a JSON Schema (draft 7) of experiments with these plugins. */
enum lamina_status lm_cli_schema(const struct lm_catalog *catalog, struct lm_text *out,
                                 struct lm_error *error) LM_MUST_CHECK;

#endif
