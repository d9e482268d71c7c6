/* npy: the rules of the plugin interface. */
#include <lamina/testing.h>

LAMINA_CONFORM(dataset, npy)
