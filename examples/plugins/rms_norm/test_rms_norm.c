/* rms_norm: the rules of the plugin interface. */
#include <lamina/testing.h>

LAMINA_CONFORM(layer, rms_norm)
