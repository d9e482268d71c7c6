/* Points read from a file of digits: the input is two of them, the target what they make. */
#include <lamina/dataset.h>
#include <lamina/files.h>

struct points {
  const char *file;
  struct lamina_i64s factors;
  const struct lamina_files *files;
  struct lamina_file content;
};

static const struct lamina_setting settings[] = {
    LAMINA_PATH_REQUIRED(struct points, file, "digits, in pairs"),
    LAMINA_I64S(struct points, factors, "[2, -1]", "[-9, 9]", "what the target makes of a pair"),
};

static int32_t setup(void *self, struct lamina_call *call)
{
  struct points *points = self;
  points->files = lamina_service(call, LAMINA_FILES_ID);
  if (points->files == NULL) {
    return LAMINA_E_MISSING;
  }
  if (points->factors.count != 2) {
    return lamina_failf(call, LAMINA_E_INVALID, "%lld factors, expected 2",
                        (long long)points->factors.count);
  }
  return LAMINA_OK;
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const int64_t two = 2, one = 1;
  struct lamina_type pair = lamina_type_f32(1, &two);
  struct lamina_type number = lamina_type_f32(1, &one);
  (void)self;
  LAMINA_TRY(lamina_field(plan, 0, "input", &pair, 0, 0));
  return lamina_field(plan, 1, "target", &number, 0, 0);
}

static int32_t open_file(void *self, struct lamina_call *call)
{
  struct points *points = self;
  char first;
  uint64_t got = 0;
  LAMINA_TRY(points->files->peek(points->files->self, call, points->file, &first, 1, &got));
  if (got != 1 || first < '0' || first > '9') {
    return lamina_fail(call, LAMINA_E_INVALID, "the file does not begin with a digit");
  }
  return points->files->load(points->files->self, call, points->file, &points->content);
}

static int64_t count(const void *self)
{
  return (int64_t)(((const struct points *)self)->content.size / 2);
}

static int32_t read_points(void *self, struct lamina_call *call, const int64_t *index, int64_t n)
{
  const struct points *points = self;
  const struct lamina_view *input = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *target = lamina_get(call, LAMINA_OUT, 1);
  if (input == NULL || target == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < n; i++) {
    float *x = (float *)input->data + 2 * i;
    x[0] = (float)(points->content.bytes[2 * index[i]] - '0');
    x[1] = (float)(points->content.bytes[2 * index[i] + 1] - '0');
    ((float *)target->data)[i] =
        (float)points->factors.items[0] * x[0] + (float)points->factors.items[1] * x[1];
  }
  return LAMINA_OK;
}

LAMINA_DATASET(points, "1.0.0", "pairs of digits", struct points, LAMINA_SETTINGS(settings),
               .setup = setup, .infer = infer, .open = open_file, .count = count,
               .read = read_points);
