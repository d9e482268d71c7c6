/* Which CPUs a text of the user names, and in which order CPUs are taken to spread threads. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/affinity.h"

/* The CPUs of a text as "0 2 4 ", chosen among those allowed. */
static enum lamina_status choose(const char *text, const char *allowed, const char *system,
                                 char out[256], struct lm_error *error)
{
  struct lm_affinity affinity;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (size_t cpu = 0; allowed[cpu] != '\0'; cpu++) {
    if (allowed[cpu] == 'x') {
      CPU_SET(cpu, &set);
    }
  }
  enum lamina_status status = lm_affinity_choose(text, &set, system, &affinity, error);
  size_t length = 0;
  out[0] = '\0';
  for (uint32_t i = 0; status == LAMINA_OK && i < affinity.count; i++) {
    length += (size_t)snprintf(out + length, 256 - length, "%u ", affinity.cpu[i]);
  }
  return status;
}

Test(affinity, lists_name_cpus_in_the_order_of_the_threads)
{
  static const struct {
    const char *text, *cpus;
  } rows[] = {
      {"none", ""},        {"0", "0 "},         {"7", "7 "},
      {"0,2", "0 2 "},     {"2,0", "2 0 "},     {"0-3", "0 1 2 3 "},
      {"6-7,0", "6 7 0 "}, {"0-7:3", "0 3 6 "}, {"1-7:2,0", "1 3 5 7 0 "},
      {"3-3", "3 "},       {"004", "4 "},       {"2-7:100", "2 "},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_error error = {0};
    char cpus[256];
    cr_assert_eq(choose(rows[i].text, "xxxxxxxx", "/none", cpus, &error), LAMINA_OK, "%s: %s",
                 rows[i].text, error.text);
    cr_expect_str_eq(cpus, rows[i].cpus, "%s", rows[i].text);
  }
}

Test(affinity, other_lists_are_refused_with_what_was_expected)
{
  static const struct {
    const char *text, *allowed, *part;
  } rows[] = {
      {"", "xx", "the affinity is '', expected none, spread, or a list"},
      {"close", "xx", "is 'close'"},
      {"spread,1", "xx", "is 'spread,1'"},
      {"0,", "xx", "is '0,'"},
      {",0", "xx", "is ',0'"},
      {"0,,1", "xx", "is '0,,1'"},
      {"1-0", "xx", "is '1-0'"},
      {"0-", "xx", "is '0-'"},
      {"-1", "xx", "is '-1'"},
      {"0-1:0", "xx", "is '0-1:0'"},
      {"0:2", "xx", "is '0:2'"},
      {"0 1", "xx", "is '0 1'"},
      {"0x1", "xx", "is '0x1'"},
      {"99999999999999999999", "xx", "is '9999999999"},
      {"0,1,0", "xx", "names CPU 0 twice"},
      {"0-1,1", "xx", "names CPU 1 twice"},
      {"1", "x.xx.x", "names CPU 1, which this process may not use; it may use 0,2-3,5"},
      {"0-3", "xx", "names CPU 2, which this process may not use; it may use 0-1"},
      {"1023", "xx", "names CPU 1023,"},
      {"999999", "xx", "names CPU 999999,"},
      {"9",
       "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x"
       ".x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x",
       "it may use 0,2,4,6,8,10,12"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_error error = {0};
    char cpus[256];
    cr_expect_eq(choose(rows[i].text, rows[i].allowed, "/none", cpus, &error), LAMINA_E_USAGE, "%s",
                 rows[i].text);
    cr_expect(strstr(error.text, rows[i].part) != NULL, "no '%s' in: %s", rows[i].part, error.text);
  }
}

/* A system's folder: CPU i is in package i of the text, and on that core of it: "0.3 1.0 ". */
static void make_system(const char *root, const char *seats)
{
  int package, core, length;
  for (int cpu = 0; sscanf(seats, "%d.%d %n", &package, &core, &length) == 2; cpu++) {
    const char *const names[] = {"physical_package_id", "core_id"};
    char path[256];
    (void)snprintf(path, sizeof path, "%s/cpu%d", root, cpu);
    cr_assert_eq(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/cpu%d/topology", root, cpu);
    cr_assert_eq(mkdir(path, 0700), 0);
    for (int i = 0; i < 2; i++) {
      (void)snprintf(path, sizeof path, "%s/cpu%d/topology/%s", root, cpu, names[i]);
      FILE *file = fopen(path, "w");
      cr_assert_not_null(file);
      cr_assert_gt(fprintf(file, "%d\n", i == 0 ? package : core), 0);
      cr_assert_eq(fclose(file), 0);
    }
    seats += length;
  }
}

Test(affinity, spreading_takes_cores_before_their_further_threads_and_packages_by_turns)
{
  static const struct {
    const char *seats, *allowed, *cpus;
  } rows[] = {
      {"", "xxxx", "0 1 2 3 "}, /* the system tells nothing */
      {"0.0 0.1 0.2 0.3", "xxxx", "0 1 2 3 "},
      {"0.0 0.0 0.1 0.1", "xxxx", "0 2 1 3 "},
      {"0.0 0.1 0.0 0.1", "xxxx", "0 1 2 3 "},
      {"0.0 0.1 1.0 1.1", "xxxx", "0 2 1 3 "},
      {"0.0 0.8 1.0 1.8 0.0 0.8 1.0 1.8", "xxxxxxxx", "0 2 1 3 4 6 5 7 "},
      {"0.0 0.8 1.0 1.8 0.0 0.8 1.0 1.8", "..xxxx..", "4 2 5 3 "},
      {"0.0 0.0 0.1 0.1", ".xxx", "1 2 3 "},
      {"-1.0 -1.1", "xx", "0 1 "},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char root[] = "/tmp/lamina-affinity-XXXXXX";
    char command[128];
    char cpus[256];
    struct lm_error error = {0};
    cr_assert_not_null(mkdtemp(root));
    make_system(root, rows[i].seats);
    enum lamina_status status = choose("spread", rows[i].allowed, root, cpus, &error);
    (void)snprintf(command, sizeof command, "rm -r %s", root);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(status, LAMINA_OK, "%s", error.text);
    cr_expect_str_eq(cpus, rows[i].cpus, "%s of %s", rows[i].allowed, rows[i].seats);
  }
}
