/* A Criterion program without a test: run-criterion.sh must not take it for a success. */
#include <criterion/criterion.h>

void empty(void);

void empty(void)
{
  cr_log_info("nothing to test");
}
