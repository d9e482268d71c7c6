/*
 * The operator cases of ONNX for convolution, pooling, normalization and padding, as far as the
 * layers can express them; cases.py converts them and says which it leaves out and why. They
 * come with Debian's package libonnx-testdata; without it, or without Python, this is skipped.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/layer_probe.h"

#define CASES "/usr/share/libonnx-testdata/data"

/* Cases that must be found; fewer would mean that the conversion has lost some. */
enum { LEAST = 110 };

/** What is read next, and the case that it belongs to. */
struct reader {
  char *at; /* the rest of the text */
  char name[100], mode[16];
  struct lm_probe *probe;
  uint32_t weights, states;
  int cases, left;
};

/* Cuts the next line off. */
static char *next_line(struct reader *reader)
{
  char *line = reader->at, *end = strchr(line, '\n');
  cr_assert_not_null(end, "a line has no end");
  *end = '\0';
  reader->at = end + 1;
  return line;
}

static float next_number(const struct reader *reader, char **numbers)
{
  char *end = *numbers;
  double number = strtod(*numbers, &end);
  cr_assert(end != *numbers, "%s: numbers are missing at '%.20s'", reader->name, *numbers);
  *numbers = end;
  return (float)number;
}

static void read_tensor(const struct reader *reader, uint32_t role, uint32_t index, char *numbers)
{
  cr_assert_lt(index, reader->probe->count[role], "%s: too many tensors", reader->name);
  float *values = lm_probe_value(reader->probe, role, index);
  for (int64_t i = 0; i < lm_probe_count(reader->probe, role, index); i++) {
    values[i] = next_number(reader, &numbers);
  }
  cr_assert_eq(*numbers, '\0', "%s: tensor %u of role %u has too many numbers", reader->name, index,
               role);
}

/* Runs the case and compares. The cases are float32 sums of up to some hundred products, and
 * allow 1e-3 themselves. */
static void run_case(const struct reader *reader, char *numbers)
{
  bool train = strcmp(reader->mode, "train") == 0;
  ls_forward(reader->probe, train ? LAMINA_MODE_TRAIN : 0, 0);
  for (int64_t i = 0; i < lm_probe_count(reader->probe, LAMINA_OUT, 0); i++) {
    double expected = (double)next_number(reader, &numbers);
    double found = (double)lm_probe_value(reader->probe, LAMINA_OUT, 0)[i];
    cr_assert(fabs(found - expected) <= 2e-5 * fmax(1.0, fabs(expected)),
              "%s, %s: element %lld is %.9g, expected %.9g", reader->name, reader->probe->label,
              (long long)i, found, expected);
  }
  cr_assert_eq(*numbers, '\0', "%s: the output is too small", reader->name);
}

/* NAME PLUGIN SHAPE MODE SETTINGS */
static void open_case(struct reader *reader, char *line)
{
  char plugin[40], shape[40];
  int length = 0;
  cr_assert_eq(
      sscanf(line, "%99s %39s %39s %15s %n", reader->name, plugin, shape, reader->mode, &length), 4,
      "no case: %s", line);
  reader->probe = ls_open("layer", plugin, line + length, shape, 2);
  reader->weights = reader->states = 0;
}

static void read_line(struct reader *reader, char *line)
{
  char *rest = strchr(line, ' ');
  cr_assert_not_null(rest);
  *rest++ = '\0';
  if (strcmp(line, "left") == 0) {
    (void)fprintf(stderr, "not expressed: %s\n", rest);
    reader->left++;
  } else if (strcmp(line, "case") == 0) {
    open_case(reader, rest);
  } else if (strcmp(line, "in") == 0) {
    read_tensor(reader, LAMINA_IN, 0, rest);
  } else if (strcmp(line, "weight") == 0) {
    read_tensor(reader, LAMINA_WEIGHT, reader->weights++, rest);
  } else if (strcmp(line, "state") == 0) {
    read_tensor(reader, LAMINA_STATE, reader->states++, rest);
  } else {
    cr_assert_str_eq(line, "out");
    run_case(reader, rest);
    lm_probe_close(reader->probe);
    reader->cases++;
  }
}

Test(onnx, cases_that_the_layers_can_express_pass)
{
  char folder[] = "/tmp/lamina-onnx-XXXXXX", command[600], path[60];
  if (access(CASES, R_OK) != 0 || system("python3 -c pass 2>/dev/null") != 0) {
    cr_skip_test("libonnx-testdata or python3 is not installed");
  }
  cr_assert_not_null(mkdtemp(folder));
  (void)snprintf(path, sizeof path, "%s/cases", folder);
  (void)snprintf(command, sizeof command, "python3 '%s/tests/onnx/cases.py' '%s' '%s'",
                 getenv("LAMINA_TEST_SOURCE"), CASES, path);
  int status = system(command);
  struct reader reader = {0};
  char *text = NULL;
  size_t length = 0;
  cr_assert_eq(status, 0, "cases.py failed");
  FILE *file = fopen(path, "r");
  cr_assert_not_null(file);
  ssize_t read = getdelim(&text, &length, '\0', file);
  (void)fclose(file);
  (void)unlink(path);
  (void)rmdir(folder);
  cr_assert_gt(read, 0);
  reader.at = text;
  while (*reader.at != '\0') {
    read_line(&reader, next_line(&reader));
  }
  free(text);
  cr_assert(reader.cases >= LEAST, "%d cases, %d left out", reader.cases, reader.left);
}
