/* A plain test program: it leaves with the exit status it is told, once it has leaked as many
 * bytes as it is told. */
#include <stdlib.h>

static void *volatile memory;

int main(int argc, char **argv)
{
  if (argc > 2) {
    memory = malloc((size_t)atoi(argv[2]));
    memory = NULL;
  }
  return argc > 1 ? atoi(argv[1]) : 0;
}
