/* Sentences: what is put before and after them, and what is too long. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/error.h"

Test(error, fail_keeps_status_and_sentence)
{
  struct lm_error error = {0};
  cr_assert_eq(lm_fail(&error, LAMINA_E_SHAPE, "%d rows, expected %s", 3, "4"), LAMINA_E_SHAPE);
  cr_assert_eq(error.status, LAMINA_E_SHAPE);
  cr_assert_str_eq(error.text, "3 rows, expected 4");
}

Test(error, nobody_needs_to_listen)
{
  cr_assert_eq(lm_fail(NULL, LAMINA_E_IO, "x"), LAMINA_E_IO);
  cr_assert_eq(lm_fail_at(NULL, LAMINA_E_IO, NULL, "x"), LAMINA_E_IO);
  cr_assert_eq(lm_fail_memory(NULL, 5), LAMINA_E_NOMEM);
  lm_error_prefix(NULL, "x");
  lm_error_suffix(NULL, "x");
}

Test(error, a_place_is_put_before_the_sentence_as_far_as_it_is_known)
{
  static const struct {
    struct lm_where where;
    const char *text;
  } rows[] = {
      {{"a.yaml", 3, 7}, "a.yaml:3:7: no"},
      {{"a.yaml", 0, 0}, "a.yaml: no"},
      {{NULL, 3, 7}, "no"},
  };
  for (int i = 0; i < 3; i++) {
    struct lm_error error = {0};
    cr_assert_eq(lm_fail_at(&error, LAMINA_E_INVALID, &rows[i].where, "no"), LAMINA_E_INVALID);
    cr_assert_str_eq(error.text, rows[i].text);
  }
  struct lm_error error = {0};
  (void)lm_fail_at(&error, LAMINA_E_INVALID, NULL, "no");
  cr_assert_str_eq(error.text, "no");
}

Test(error, prefix_and_suffix_go_around_the_sentence)
{
  struct lm_error error = {0};
  (void)lm_fail(&error, LAMINA_E_IO, "disk full");
  lm_error_prefix(&error, "node '%s'", "a%b");
  lm_error_suffix(&error, "; free %d bytes", 9);
  cr_assert_str_eq(error.text, "node 'a%b': disk full; free 9 bytes");
  cr_assert_eq(error.status, LAMINA_E_IO);
}

Test(error, long_sentences_are_cut_and_say_so)
{
  char long_text[sizeof((struct lm_error *)0)->text + 100];
  memset(long_text, 'x', sizeof long_text - 1);
  long_text[sizeof long_text - 1] = '\0';
  struct lm_error errors[3] = {0};
  (void)lm_fail(&errors[0], LAMINA_E_IO, "%s", long_text);
  (void)lm_fail(&errors[1], LAMINA_E_IO, "short");
  lm_error_prefix(&errors[1], "%s", long_text + 200);
  lm_error_suffix(&errors[1], "%s", long_text);
  (void)lm_fail(&errors[2], LAMINA_E_IO, "%s", long_text + 105);
  lm_error_prefix(&errors[2], "before");
  for (int i = 0; i < 3; i++) {
    size_t length = strlen(errors[i].text);
    cr_assert_eq(length, sizeof errors[i].text - 1, "case %d: %d", i, (int)length);
    cr_assert_str_eq(errors[i].text + length - 3, "...");
  }
}

Test(error, lack_of_memory_tells_the_size_when_known)
{
  struct lm_error error = {0};
  cr_assert_eq(lm_fail_memory(&error, 1ull << 40), LAMINA_E_NOMEM);
  cr_assert_str_eq(error.text, "not enough memory for 1099511627776 bytes");
  cr_assert_eq(lm_fail_memory(&error, 0), LAMINA_E_NOMEM);
  cr_assert_str_eq(error.text, "not enough memory");
}

Test(error, every_status_has_a_text_a_name_and_an_exit_code)
{
#define ROW(name, value, exit_code, text)             \
  cr_assert_eq(lm_status_exit_code(name), exit_code); \
  cr_assert_str_eq(lm_status_text(name), text);       \
  cr_assert_str_eq(lm_status_name(name), #name);
  LAMINA_STATUS_LIST(ROW)
#undef ROW
  cr_assert_str_eq(lm_status_name(LAMINA_STATUS_END), "unknown status");
  cr_assert_str_eq(lm_status_text((enum lamina_status)77), "unknown status");
  cr_assert_eq(lm_status_exit_code((enum lamina_status)77), 70);
}

static enum lamina_status forwards(enum lamina_status inner, int *after)
{
  enum lamina_status status = LAMINA_OK;
  LM_TRY(inner);
  LM_TRY_OR(out, status, LAMINA_E_STOPPED);
  *after += 100;
out:
  *after += 1;
  return status;
}

Test(error, try_returns_and_try_or_jumps)
{
  int after = 0;
  cr_assert_eq(forwards(LAMINA_E_IO, &after), LAMINA_E_IO);
  cr_assert_eq(after, 0);
  cr_assert_eq(forwards(LAMINA_OK, &after), LAMINA_E_STOPPED);
  cr_assert_eq(after, 1);
}
