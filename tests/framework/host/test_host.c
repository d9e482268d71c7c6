/*
 * The host as instances see it: services, settings, and how components are named.
 */
#include <criterion/criterion.h>
#include <string.h>

#include <lamina/files.h>
#include <lamina/gemm.h>

#include "base/memory.h"
#include "tests/support/net.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DATA "data: {train: {two_fields: {samples: 8, width: 4}}}\n"
#define MODEL "model:\n- {dense: {units: 4}}\n"
#define REST "loss: dot\noptimizer: {sgd: {rate: 0.1}}\ntrain: {batch: 4}\n"

Test(host, finds_a_service_by_its_id_and_makes_it_once)
{
  struct ls_net net = {0};
  const void *one = NULL;
  const void *two = NULL;
  cr_assert_eq(ls_net_build(&net, DATA MODEL REST, 1), LAMINA_OK, "%s", net.error.text);
  struct lm_host *host = &net.experiment->host;
  cr_expect_eq(lm_service_find(host, LAMINA_GEMM_ID, &one, &net.error), LAMINA_OK);
  cr_expect_eq(lm_service_find(host, LAMINA_GEMM_ID, &two, &net.error), LAMINA_OK);
  cr_expect(one != NULL && one == two);
  cr_expect_eq(lm_service_find(host, LAMINA_FILES_ID, &one, &net.error), LAMINA_OK);
  cr_expect_eq(one, lm_files_service());
  ls_net_release(&net);
}

Test(host, says_which_service_there_is_not)
{
  static const struct {
    const char *id;
    const char *part;
  } rows[] = {
      {"lamina.mirror/1", "needs itself"},
      {"lamina.nothing/1", "'nothing'"},
      {"lamina.gemm/9", "does not offer"},
      {"gemm", "looks like"},
      {"lamina.gemm", "looks like"},
      {"lamina./1", "looks like"},
      {"", "looks like"},
      {"lamina.../1", "looks like"},
      {"org.example.Upper/1", "Upper"},
      {"lamina.a_very_long_name_of_a_service_that_is_longer_than_any_plugin_may_be_named/1",
       "looks like"},
  };
  struct ls_net net = {0};
  cr_assert_eq(ls_net_build(&net, DATA MODEL REST, 1), LAMINA_OK, "%s", net.error.text);
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    const void *service = NULL;
    enum lamina_status status =
        lm_service_find(&net.experiment->host, rows[i].id, &service, &net.error);
    cr_expect_neq(status, LAMINA_OK, "%s", rows[i].id);
    cr_expect(strstr(net.error.text, rows[i].part) != NULL, "%s: %s", rows[i].id, net.error.text);
  }
  ls_net_release(&net);
}

/* A service that a plugin can do without is there only when the experiment says so. */
Test(host, finds_a_service_that_must_be_chosen_only_when_it_was)
{
  static const struct {
    const char *yaml, *id;
    enum lamina_status status;
    bool found;
  } rows[] = {
      {DATA MODEL REST, LAMINA_GEMM_ID, LAMINA_OK, false},
      {DATA MODEL REST, "no id", LAMINA_OK, false},
      {DATA "services: {gemm: gemm}\n" MODEL REST, LAMINA_GEMM_ID, LAMINA_OK, true},
      {DATA "services: {gemm: gemm}\n" MODEL REST, "lamina.gemm/9", LAMINA_E_MISSING, false},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct ls_net net = {0};
    const void *service = &net;
    cr_assert_eq(ls_net_build(&net, rows[i].yaml, 1), LAMINA_OK, "%s", net.error.text);
    cr_expect_eq(lm_service_chosen(&net.experiment->host, rows[i].id, &service, &net.error),
                 rows[i].status, "row %zu: %s", i, net.error.text);
    cr_expect_eq(service != NULL, rows[i].found, "row %zu", i);
    ls_net_release(&net);
  }
}

Test(host, puts_another_plugin_in_the_place_of_a_service)
{
  static const struct ls_refusal rows[] = {
      {DATA "services: {gemm: my_gemm}\n" MODEL REST,
       LAMINA_E_MISSING,
       {"net.yaml:2:18", "my_gemm"}},
      {DATA "services: {gemm: {gemm: {kernal: portable}}}\n" MODEL REST,
       LAMINA_E_INVALID,
       {"net.yaml:2:26", "kernal"}},
      {DATA "services: [gemm]\n" MODEL REST, LAMINA_E_INVALID, {"net.yaml:2:11", "a map such as"}},
      {DATA "services: {gemm: [a]}\n" MODEL REST,
       LAMINA_E_INVALID,
       {"net.yaml:2:18", "a service is a list"}},
      {DATA "services: {gem: gemm}\n" MODEL REST,
       LAMINA_E_MISSING,
       {"net.yaml:2:12: no plugin here uses a service 'gem'", "gemm"}},
      {DATA "model:\n- {dense: {units: 4}}\n- {probe: {fault: service}}\n" REST,
       LAMINA_E_MISSING,
       {"net.yaml:4:4: node 'probe' (layer 'probe' 1.0.0)", "nothing"}},
  };
  struct ls_net net = {0};
  ls_expect_refusals(rows, COUNT_OF(rows), false);
  cr_expect_eq(ls_net_build(&net, DATA "services: {gemm: gemm}\n" MODEL REST, 1), LAMINA_OK, "%s",
               net.error.text);
  ls_net_release(&net);
}

Test(host, fills_settings_and_refuses_what_they_do_not_allow)
{
  static const struct ls_refusal rows[] = {
      {DATA "model:\n- {dense: {untis: 4}}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:3:12", "untis", "units"}},
      {DATA "model:\n- {dense: {units: 0}}\n" REST, LAMINA_E_INVALID, {"net.yaml:3:19", "found 0"}},
      {DATA "model:\n- {dense: {units: yes}}\n" REST, LAMINA_E_INVALID, {"net.yaml:3:19", "yes"}},
      {DATA "model:\n- dense\n" REST, LAMINA_E_INVALID, {"net.yaml:3:3", "units"}},
      {DATA "model:\n- {dense: 4}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:3:11", "settings of 'dense'", "a map such as"}},
      {DATA "model:\n- dens: {units: 4}\n" REST,
       LAMINA_E_MISSING,
       {"net.yaml:3:3", "dens", "dense"}},
      {DATA "model:\n- {dropout: {rate: 1}}\n" REST, LAMINA_E_INVALID, {"net.yaml:3:20", "rate"}},
      {DATA "model:\n- {dropout: {rate: .nan}}\n" REST, LAMINA_E_INVALID, {"net.yaml:3:20"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}
