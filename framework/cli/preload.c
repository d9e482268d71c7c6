/*
 * The plugins that are linked into the program, in a build without shared objects: libtool makes
 * the table of their symbols. An ordinary build has none.
 */
#include "cli/cli.h"

#ifdef LM_PRELOADED
extern const struct lm_preloaded lt__PROGRAM__LTX_preloaded_symbols[];

void lm_cli_preload(void)
{
  lm_registry_preload(lt__PROGRAM__LTX_preloaded_symbols);
}
#else
void lm_cli_preload(void)
{
}
#endif
