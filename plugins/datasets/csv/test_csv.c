/*
 * Tables: what RFC 4180 allows, headers, targets, class names, and refusals to the letter of
 * where they point. The files of data/ are the larger oracle.
 */
#include <criterion/criterion.h>
#include <float.h>
#include <stdio.h>
#include <string.h>

#include <lamina/testing.h>

#include "base/memory.h"
#include "tests/support/part_probe.h"
#include "tests/support/support.h"

LAMINA_CONFORM_WITH(dataset, csv,
                    .settings =
                        "{file: '${env:LAMINA_TEST_SOURCE}/data/iris.csv', header: present, "
                        "classes: 3}")

enum { MOST = 8 };

/** A table, how to read it, and what has to come out. */
struct table_case {
  const char *text, *settings;
  int64_t records, inputs, classes;
  float input[MOST];
  int32_t target[MOST];
};

static enum lamina_status open_text(struct probe *probe, const char *text, const char *settings,
                                    struct probe_data *data)
{
  char yaml[256];
  (void)snprintf(yaml, sizeof yaml, "{csv: {file: t.csv%s%s}}", *settings == '\0' ? "" : ", ",
                 settings);
  probe_write(probe, "t.csv", text, strlen(text));
  return probe_data_open(probe, yaml, "train", data);
}

static void check_tables(const struct table_case *cases, size_t count)
{
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < count; i++) {
    const struct table_case *wanted = &cases[i];
    struct probe_data data;
    enum lamina_status status = open_text(&probe, wanted->text, wanted->settings, &data);
    probe_expect(&probe, status, LAMINA_OK, "");
    cr_assert_eq(data.dataset->count, wanted->records, "table %d: %d records", (int)i,
                 (int)data.dataset->count);
    cr_assert_eq(data.dataset->fields[0].shape.dims[0], wanted->inputs, "table %d", (int)i);
    cr_assert_eq(data.dataset->fields[1].classes, wanted->classes, "table %d: %d classes", (int)i,
                 (int)data.dataset->fields[1].classes);
    probe_data_load(&data, wanted->records);
    const float *input = probe_data_batch(&data, 0, wanted->records, 0);
    for (int64_t j = 0; j < wanted->records * wanted->inputs; j++) {
      cr_assert_eq(input[j], wanted->input[j], "table %d, input %d: %.9g", (int)i, (int)j,
                   (double)input[j]);
    }
    cr_assert_arr_eq(lm_loader_data(data.loader, 1), wanted->target,
                     (size_t)wanted->records * sizeof *wanted->target, "table %d", (int)i);
    probe_data_close(&data);
  }
  probe_close(&probe);
}

Test(csv, cells_are_split_as_rfc_4180_says)
{
  static const struct table_case cases[] = {
      {"1,2,0\n3,4,1\n", "", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
      {"1,2,0\n3,4,1", "", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
      {"1,2,0\r\n3,4,1\r\n", "", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
      {"\xef\xbb\xbf"
       "1,2,0\n3,4,1\n",
       "",
       2,
       2,
       2,
       {1, 2, 3, 4},
       {0, 1}},
      {"\n\n1,2,0\n\r\n3,4,1\n\n", "", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
      {" 1 ,\t2,0\n3,  4 , 1 \n", "", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
      {"\"1\",\"2\",\"0\"\r\n\"3\" , \"4\",1\r\n", "", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
      {"1;2;0\n3;4;1\n", "separator: ';'", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
      {"1\t2\t0\n3\t4\t1\n", "separator: \"\\t\"", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
      {"1 2 0\n3 4 1\n", "separator: ' '", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
      {"-1.5,+2e2,0\n.5,4.,1\n", "", 2, 2, 2, {-1.5f, 200, 0.5f, 4}, {0, 1}},
      {"0.1,16777217,0\n3.40282347e+38,1e-46,1\n",
       "",
       2,
       2,
       2,
       {0.1f, 16777216, FLT_MAX, 0},
       {0, 1}}, /* as %.9g writes the largest */
      /* more digits than a number keeps, before the point and behind it */
      {"123456789012345678901234567890,0.1000000000000000000000000001,0\n"
       "0.00000000000000000000000000000000000000012345678901234567890123456789e40,-0,1\n",
       "",
       2,
       2,
       2,
       {123456789012345678901234567890.0f, 0.1f, 1.2345678901234568f, 0},
       {0, 1}},
      {"1,2,0\n3,4,1\n5,6,7\n", "limit: 2", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
  };
  check_tables(cases, sizeof cases / sizeof cases[0]);
}

Test(csv, a_header_is_found_and_names_columns)
{
  static const struct table_case cases[] = {
      {"a,b,c\n1,2,0\n3,4,1\n", "", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
      {"1,2,c\n1,2,0\n3,4,1\n", "", 2, 2, 2, {1, 2, 3, 4}, {0, 1}}, /* only the target's a word */
      {"5,6,2\n1,2,0\n", "header: present", 1, 2, 1, {1, 2}, {0}},
      {"5,6,2\n1,2,0\n", "header: absent", 2, 2, 3, {5, 6, 1, 2}, {2, 0}},
      {"2,2,x,y\n1,2,0\n3,4,1\n", "", 2, 2, 2, {1, 2, 3, 4}, {0, 1}}, /* counts, then words */
      {"a,b,c\n1,2,0\n3,4,1\n", "target: b", 2, 2, 5, {1, 0, 3, 1}, {2, 4}},
      {"\"a,\"\"x\"\"\",b\n1,2\n", "target: 'a,\"x\"'", 1, 1, 2, {2}, {1}},
      {"\"a\nb\",c\n1,0\n", "", 1, 1, 1, {1}, {0}},
      {"0,1,2\n1,3,4\n", "target: first", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
      {"1,0,2\n3,1,4\n", "target: \"2\"", 2, 2, 2, {1, 2, 3, 4}, {0, 1}},
  };
  check_tables(cases, sizeof cases / sizeof cases[0]);
}

Test(csv, class_names_are_numbered_in_byte_order_or_as_given)
{
  static const struct table_case cases[] = {
      {"1,pear\n2,apple\n3,fig\n4,pear\n", "", 4, 1, 3, {1, 2, 3, 4}, {2, 0, 1, 2}},
      {"1,pear\n2,apple\n3,fig\n", "names: 'pear,fig,apple'", 3, 1, 3, {1, 2, 3}, {0, 2, 1}},
      {"1,a\n2,B\n3,\"a\"\n", "", 3, 1, 2, {1, 2, 3}, {1, 0, 1}},
      {"1,x\n2,7\n3,x\n",
       "header: absent",
       3,
       1,
       2,
       {1, 2, 3},
       {1, 0, 1}}, /* a number among names is a name */
      {"1,\"a,b\"\n2,\"a\"\"b\"\n", "", 2, 1, 2, {1, 2}, {1, 0}}, /* '\"' is below ',' */
      {"1,0\n2,3\n", "classes: 5", 2, 1, 5, {1, 2}, {0, 3}},
  };
  check_tables(cases, sizeof cases / sizeof cases[0]);
}

Test(csv, targets_may_be_values_or_absent_and_inputs_may_have_a_shape)
{
  struct probe probe;
  struct probe_data data;
  static const float all[] = {1, 2, 3, 4, 5, 6}, values[] = {3, 6};
  probe_open(&probe, 1);
  const char *text = "1,2,3\n4,5,6\n";
  probe_expect(&probe, open_text(&probe, text, "target_type: value", &data), LAMINA_OK, "");
  cr_assert(lamina_type_is_f32(&data.dataset->fields[1].shape.type));
  cr_assert_eq(data.dataset->fields[1].shape.type.rank, 1);
  probe_data_load(&data, 2);
  cr_assert_arr_eq(probe_data_batch(&data, 0, 2, 1), values, sizeof values);
  probe_data_close(&data);
  probe_expect(&probe, open_text(&probe, text, "target: none", &data), LAMINA_OK, "");
  cr_assert_eq(data.dataset->n_fields, 1);
  probe_data_load(&data, 2);
  cr_assert_arr_eq(probe_data_batch(&data, 0, 2, 0), all, sizeof all);
  probe_data_close(&data);
  probe_expect(&probe, open_text(&probe, text, "input_shape: [1, 2]", &data), LAMINA_OK, "");
  const struct lm_shape *shape = &data.dataset->fields[0].shape;
  cr_assert(shape->type.rank == 2 && shape->dims[0] == 1 && shape->dims[1] == 2);
  probe_data_close(&data);
  probe_close(&probe);
}

Test(csv, what_is_wrong_in_a_table_is_told_by_line_and_column)
{
  static const struct {
    const char *text, *settings, *fragment;
  } cases[] = {
      {"a,b,c\n1,2,0\n3,x,1\n", "", "t.csv:3: column 2 ('b'): found 'x', expected a number"},
      {"1,2,0\n\n3,,1\n", "", "t.csv:3: column 2: found nothing, expected a number"},
      {"1,2,0\n3,\"\",1\n", "", "t.csv:2: column 2: found nothing, expected a number"},
      {"1,2,0\n3,nan,1\n", "", "t.csv:2: column 2: found 'nan', expected a number"},
      {"nan,2,0\n3,4,1\n", "", "t.csv:1: column 1: found 'nan', expected a number"},
      {"1,2,0\n3,inf,1\n", "", "t.csv:2: column 2: found 'inf', expected a number"},
      {"1,2,0\n3,1e39,1\n", "", "t.csv:2: column 2: found '1e39', expected a number that float32"},
      {"1,2,0\n3,3.4028236e38,1\n", "",
       "t.csv:2: column 2: found '3.4028236e38', expected a number that"},
      {"1,2,0\n3,1e400,1\n", "", "t.csv:2: column 2: found '1e400', expected a number that"},
      {"1,2,0\n3,0x10,1\n", "", "t.csv:2: column 2: found '0x10', expected a number"},
      {"1,2,0\n3,1_000,1\n", "", "t.csv:2: column 2: found '1_000', expected a number"},
      {"1,2,0\n3,1e,1\n", "", "t.csv:2: column 2: found '1e', expected a number"},
      {"1,2,0\n3,.,1\n", "", "t.csv:2: column 2: found '.', expected a number"},
      {"1,2,0\n3,\x01\xff,1\n", "", "t.csv:2: column 2: found '?\?', expected a number"},
      {"1,2,0\n3,4\n", "", "t.csv:2: found 2 cells, expected 3"},
      {"1,2,0\n3,4,1,5\n", "", "t.csv:2: found 4 cells, expected 3"},
      {"1,2,0\n3,4,1\n5\n", "", "t.csv:3: found 1 cell, expected 3"},
      {"1,2,0\n3,4,1,\n", "", "t.csv:2: found 4 cells, expected 3"},
      {"1,2,0\n3,\"4,1\n5,6,0\n", "", "t.csv:2: a quote that begins in this line is never closed"},
      {"1,2,0\n3,\"4\"x,1\n", "", "t.csv:2: found text after a closing quote"},
      {"\"1\n\",2,0\n3,x,1\n", "header: absent", "t.csv:1: column 1: found"},
      {"\"a\nb\",c\n1,0\nx,1\n", "", "t.csv:4: column 1 ('a?b'): found 'x'"},
      {"1,2,0\n3,4,-1\n", "", "t.csv:2: column 3: found '-1', expected a class number"},
      {"1,2,0\n3,4,0.5\n", "", "t.csv:2: column 3: found '0.5', expected a class number"},
      {"1,2,0\n3,4,\n", "", "t.csv:2: column 3: found nothing, expected a class number"},
      {"1,2,0\n3,4,5\n", "classes: 3",
       "t.csv:2: column 3: found '5', expected a class from 0 to 2"},
      {"1,2,0\n3,4,b\n", "", "t.csv:2: column 3: found 'b', expected a class number, as in"},
      {"1,2,a\n3,4,b\n", "names: 'a,c'", "t.csv:2: column 3: found 'b', expected one of the class"},
      {"1,2,a\n3,4,\n", "header: absent",
       "t.csv:2: column 3: found nothing, expected a class name"},
      {"1,2,a\n3,4,b\n5,6,c\n", "classes: 2", "t.csv:3: found more than 2 different class names"},
      {"", "", "found an empty file"},
      {"\n\n", "", "found an empty file"},
      {"a,b,c\n", "", "found only a header"},
      {"1\n2\n", "", "the only column is the target"},
      {"a,b\n1,2\n", "target: d", "found no column 'd', the header has 'a', 'b'"},
      {"1,2\n3,4\n", "target: b, header: absent", "is a column's name, but header is absent"},
      {"1,2\n3,4\n", "target: \"3\"", "target is column 3, but there are 2"},
  };
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct probe_data data;
    enum lamina_status status = open_text(&probe, cases[i].text, cases[i].settings, &data);
    probe_expect(&probe, status, LAMINA_E_INVALID, cases[i].fragment);
    cr_assert_not_null(strstr(probe.error.text, "t.yaml:1:"), "%s", probe.error.text);
    probe_data_close(&data);
  }
  probe_close(&probe);
}

Test(csv, settings_that_cannot_be_meant_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"csv", "file"},
      {"{csv: {file: a.csv, separator: ''}}", "expected one character"},
      {"{csv: {file: a.csv, separator: ', '}}", "expected one character"},
      {"{csv: {file: a.csv, separator: '.'}}", "expected one character"},
      {"{csv: {file: a.csv, separator: '5'}}", "expected one character"},
      {"{csv: {file: a.csv, target: '0'}}", "expected a column's number"},
      {"{csv: {file: a.csv, target: '1.5'}}", "expected a column's number"},
      {"{csv: {file: a.csv, names: 'a,a'}}", "a name twice"},
      {"{csv: {file: a.csv, names: 'a,,b'}}", "an empty or badly quoted name"},
      {"{csv: {file: a.csv, names: 'a,b', classes: 3}}", "classes is 3, but names lists 2"},
      {"{csv: {file: a.csv, header: maybe}}", "header"},
      {"{csv: {file: a.csv, input_shape: [0]}}", "input_shape"},
      {"{csv: {file: a.csv, input_shape: [1, 1, 1, 1, 1, 1, 1, 1]}}", "expected up to 7"},
      {"{csv: {fil: a.csv}}", "did you mean 'file'?"},
  };
  probe_refuses(LAMINA_KIND_DATASET, cases, sizeof cases / sizeof cases[0]);
}

Test(csv, a_shape_that_does_not_fit_is_refused)
{
  static const char *const shapes[] = {"input_shape: [3]", "input_shape: [2, 2]",
                                       "input_shape: [4294967296, 4294967296, 2]"};
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    struct probe_data data;
    enum lamina_status status = open_text(&probe, "1,2,0\n", shapes[i], &data);
    probe_expect(&probe, status, LAMINA_E_SHAPE, "its product has to be 2");
    probe_data_close(&data);
  }
  probe_close(&probe);
}

/** A file of data/, and what is published about it. */
struct known_file {
  const char *file;
  int64_t records, inputs;
  int64_t of_class[10];
  float first[4];
  uint32_t logged; /* a first line of counts is mentioned */
};

static void check_file(const struct known_file *wanted)
{
  struct probe probe;
  struct probe_data data;
  int64_t of_class[10] = {0};
  char *yaml =
      lm_format("{csv: {file: '%s/data/%s'}}", ls_environment("LAMINA_TEST_SOURCE"), wanted->file);
  probe_open(&probe, 1);
  probe_expect(&probe, probe_data_open(&probe, yaml, "train", &data), LAMINA_OK, "");
  cr_assert_eq(data.dataset->count, wanted->records);
  cr_assert_eq(data.dataset->fields[0].shape.dims[0], wanted->inputs);
  cr_assert_eq(probe.logged, wanted->logged);
  probe_data_load(&data, wanted->records);
  cr_assert_arr_eq(probe_data_batch(&data, 0, wanted->records, 0), wanted->first,
                   sizeof wanted->first);
  const int32_t *labels = lm_loader_data(data.loader, 1);
  for (int64_t i = 0; i < wanted->records; i++) {
    of_class[labels[i]]++;
  }
  cr_assert_arr_eq(of_class, wanted->of_class, sizeof of_class, "%s", wanted->file);
  probe_data_close(&data);
  probe_close(&probe);
  lm_free(yaml);
}

Test(csv, the_files_of_this_project_hold_what_their_collections_say)
{
  static const struct known_file files[] = {
      {"iris.csv", 150, 4, {50, 50, 50}, {5.1f, 3.5f, 1.4f, 0.2f}, 1},
      {"breast_cancer.csv", 569, 30, {212, 357}, {17.99f, 10.38f, 122.8f, 1001}, 1},
      {"digits.csv.gz",
       1797,
       64,
       {178, 182, 177, 183, 181, 182, 181, 179, 174, 180},
       {0, 0, 5, 13},
       0},
  };
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    check_file(&files[i]);
  }
}

/* More than the first look takes in: the second record begins behind 16 KiB. */
Test(csv, long_lines_are_read_whole)
{
  enum { COLUMNS = 9000 };
  struct probe probe;
  struct probe_data data;
  char *text = lm_alloc(COLUMNS * 6 + 64, 1);
  size_t length = 0;
  for (int row = 0; row < 2; row++) {
    for (int i = 0; i < COLUMNS; i++) {
      text[length++] = (char)('0' + (i + row) % 10);
      text[length++] = i == COLUMNS - 1 ? '\n' : ',';
    }
  }
  probe_open(&probe, 1);
  probe_expect(&probe, open_text(&probe, text, "", &data), LAMINA_OK, "");
  cr_assert_eq(data.dataset->fields[0].shape.dims[0], COLUMNS - 1);
  cr_assert_eq(data.dataset->count, 2);
  probe_data_load(&data, 2);
  const float *second = probe_data_batch(&data, 1, 1, 0);
  for (int i = 0; i < COLUMNS - 1; i++) {
    cr_assert_eq(second[i], (float)((i + 1) % 10));
  }
  probe_data_close(&data);
  probe_close(&probe);
  lm_free(text);
}
