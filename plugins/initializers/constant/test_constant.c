/* One value in every element, and nothing beyond the last. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/part_probe.h"

LAMINA_CONFORM(initializer, constant)

Test(initializer_constant, fills_every_element_with_the_value)
{
  static const struct {
    const char *yaml;
    float value;
  } cases[] = {{"constant", 0.0f},
               {"{constant: {value: 0.1}}", 0.1f},
               {"{constant: {value: -3.4e38}}", -3.4e38f},
               {"{constant: {value: 1/3}}", 1.0f / 3.0f}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct probe probe;
    const struct probe_weight weight = {"a/bias", 37, 0, 0};
    float out[38];
    for (int j = 0; j < 38; j++) {
      out[j] = 7.0f;
    }
    probe_open(&probe, 1);
    struct lm_instance *constant = probe_make(&probe, LAMINA_KIND_INITIALIZER, cases[i].yaml);
    probe_expect(&probe, probe_fill(&probe, constant, &weight, out), LAMINA_OK, "");
    for (int j = 0; j < 37; j++) {
      cr_assert_eq(out[j], cases[i].value, "%s: element %d is %g", cases[i].yaml, j,
                   (double)out[j]);
    }
    cr_assert_eq(out[37], 7.0f);
    probe_close(&probe);
  }
}

Test(initializer_constant, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{constant: {value: 1e39}}", "value"},
      {"{constant: {value: .inf}}", "value"},
      {"{constant: {value: one}}", "value"},
      {"{constant: {val: 1}}", "did you mean 'value'?"},
  };
  probe_refuses(LAMINA_KIND_INITIALIZER, cases, sizeof cases / sizeof cases[0]);
}
