/* The text builder, its JSON, and byte counts for people. */
#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

Test(text, parts_follow_each_other)
{
  struct lm_text text = {0};
  cr_assert_str_eq(lm_text_get(&text), "");
  lm_text_add(&text, "a");
  lm_text_add_bytes(&text, "bcd", 2);
  lm_text_addf(&text, "-%d-%s", 42, "x");
  lm_text_add(&text, "");
  cr_assert(lm_text_ok(&text));
  cr_assert_str_eq(lm_text_get(&text), "abc-42-x");
  cr_assert_eq(text.length, 8);
  lm_text_clear(&text);
  cr_assert_str_eq(lm_text_get(&text), "");
  for (int i = 0; i < 10000; i++) {
    lm_text_addf(&text, "%d", i % 10);
  }
  cr_assert_eq(text.length, 10000);
  cr_assert_str_eq(lm_text_get(&text) + 9990, "0123456789");
  lm_text_release(&text);
}

Test(text, the_content_can_be_taken_even_when_empty)
{
  struct lm_text text = {0};
  char *empty = lm_text_take(&text);
  cr_assert_str_eq(empty, "");
  lm_text_add(&text, "abc");
  char *taken = lm_text_take(&text);
  cr_assert_str_eq(taken, "abc");
  cr_assert_str_eq(lm_text_get(&text), "");
  lm_free(empty);
  lm_free(taken);
  lm_text_release(&text);
}

Test(text, lack_of_memory_is_remembered_until_the_end)
{
  struct lm_text text = {0};
  lm_text_add(&text, "begin");
  lm_alloc_fail_after(0, false);
  lm_text_addf(&text, "%200s", "x");
  lm_alloc_fail_after(-1, false);
  lm_text_add(&text, "more");
  cr_assert_not(lm_text_ok(&text));
  cr_assert_str_eq(lm_text_get(&text), "begin");
  cr_assert_null(lm_text_take(&text));
}

static const char *const strings[][2] = {
    {"plain", "\"plain\""},
    {"a\"b\\c", "\"a\\\"b\\\\c\""},
    {"line\nend", "\"line\\nend\""},
    {"\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\""},
    {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
    {"\xf0\x9f\x99\x82", "\"\xf0\x9f\x99\x82\""},
    /* Not UTF-8: a lone byte, a cut sequence, an overlong one, a surrogate, beyond the end. */
    {"\xff", "\"\xef\xbf\xbd\""},
    {"\xc3", "\"\xef\xbf\xbd\""},
    {"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
};

Test(text, json_strings_are_escaped_and_valid_utf8)
{
  for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
    struct lm_text text = {0};
    lm_text_add_json_string(&text, strings[i][0]);
    cr_assert_str_eq(lm_text_get(&text), strings[i][1], "case %d", (int)i);
    lm_text_release(&text);
  }
}

Test(text, json_numbers_read_back_as_the_same_double)
{
  static const double numbers[] = {0.0, 1.0, -1.5, 0.1, 1e300, 5e-324, 1.0 / 3.0, 123456789.0};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    struct lm_text text = {0};
    lm_text_add_json_number(&text, numbers[i]);
    cr_assert(strtod(lm_text_get(&text), NULL) == numbers[i], "%s", lm_text_get(&text));
    lm_text_release(&text);
  }
  static const double odd[] = {NAN, INFINITY, -INFINITY};
  for (int i = 0; i < 3; i++) {
    struct lm_text text = {0};
    lm_text_add_json_number(&text, odd[i]);
    cr_assert_str_eq(lm_text_get(&text), "null");
    lm_text_release(&text);
  }
}

Test(text, json_numbers_are_short)
{
  struct lm_text text = {0};
  lm_text_add_json_number(&text, 0.1);
  cr_assert_str_eq(lm_text_get(&text), "0.1");
  lm_text_release(&text);
}

Test(text, byte_counts_read_well)
{
  static const struct {
    uint64_t bytes;
    const char *text;
  } rows[] = {
      {0, "0 B"},        {512, "512 B"},       {1023, "1023 B"},        {1024, "1.0 KiB"},
      {3482, "3.4 KiB"}, {1258291, "1.2 MiB"}, {1ull << 30, "1.0 GiB"}, {1ull << 50, "1024.0 TiB"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char out[32];
    lm_format_bytes(out, sizeof out, rows[i].bytes);
    cr_assert_str_eq(out, rows[i].text);
  }
}
