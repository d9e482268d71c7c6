/* The learning rate as it is, at any time. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/part_probe.h"

LAMINA_CONFORM(schedule, constant)

Test(schedule_constant, is_one_at_any_time)
{
  struct probe probe;
  probe_open(&probe, 1);
  struct lm_instance *constant = probe_make(&probe, LAMINA_KIND_SCHEDULE, "constant");
  static const uint64_t steps[] = {0, 1, 999, 1000, UINT64_MAX};
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    cr_assert_eq(probe_factor(constant, steps[i], 1000, 10), 1.0);
  }
  probe_close(&probe);
}

Test(schedule_constant, has_no_settings)
{
  static const struct probe_refusal cases[] = {{"{constant: {value: 1}}", "value"}};
  probe_refuses(LAMINA_KIND_SCHEDULE, cases, 1);
}
