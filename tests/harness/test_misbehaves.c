/*
 * Tests that fail, crash, leak and so on, on purpose: check.sh runs them one by one through
 * run-criterion.sh and looks at what it makes of each.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *volatile memory;
static volatile int number = INT_MAX;

static void crash(void)
{
  abort();
}

Test(passes, although_it_prints_like_a_failure)
{
  puts("not ok - this is a test's own text");
  cr_assert(true);
}

Test(fails, by_an_assertion)
{
  cr_assert(false, "on purpose");
}

Test(crashes, by_abort)
{
  crash();
}

Test(crashes_late, in_its_cleanup, .fini = crash)
{
  cr_assert(true);
}

Test(skips, with_a_reason)
{
  cr_skip_test("on purpose");
}

Test(leaks, one_block)
{
  memory = malloc(77);
  memory = NULL;
  cr_assert(true);
}

Test(overflows, a_signed_number)
{
  number = number + 1;
  cr_assert(true);
}

Test(hangs, until_it_is_stopped)
{
  for (;;) {
    (void)pause();
  }
}
