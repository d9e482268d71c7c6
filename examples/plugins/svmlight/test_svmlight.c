/* svmlight: the rules of the plugin interface. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

LAMINA_CONFORM(dataset, svmlight)
