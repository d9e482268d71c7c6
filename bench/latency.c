/*
 * How long a trained model takes for a batch, through lamina/lamina.h as other programs use it:
 * the time of each of many runs, of which the median and the best are printed as a JSON object.
 *
 *     latency MODEL THREADS SECONDS [BATCH]
 *
 * Inputs are random. The clock is read around each run, some 20 ns; runs that something else on
 * the machine disturbs do not move the median.
 */
#include <lamina/lamina.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 200000, WARM = 200, PORTS = 32 };

static const double WARM_SECONDS = 1.0;

/* Memory for the model's inputs and outputs. */
struct buffers {
  struct lamina_samples inputs[PORTS];
  struct lamina_results outputs[PORTS];
};

static double now(void)
{
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return 1e6 * (double)time.tv_sec + 1e-3 * (double)time.tv_nsec;
}

/* The most memory that the process has had, in MB; 0 where the system does not tell. */
static double peak_memory(void)
{
  char line[256];
  double kilobytes = 0.0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "VmHWM:", 6) == 0) {
      kilobytes = atof(line + 6);
    }
  }
  if (file != NULL) {
    (void)fclose(file);
  }
  return kilobytes * 1024.0 / 1e6;
}

static int by_time(const void *a, const void *b)
{
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Floats from 0 to 1, or bytes. */
static void *noise(const struct lamina_model_tensor *tensor, uint64_t bytes)
{
  uint32_t state = 1;
  unsigned char *data = malloc(bytes + 1);
  for (uint64_t i = 0; data != NULL && i < bytes; i++) {
    state = state * 1664525u + 1013904223u;
    data[i] = (unsigned char)(state >> 24);
  }
  for (uint64_t i = 0; data != NULL && tensor->dt_code == LAMINA_DT_FLOAT && i < bytes / 4; i++) {
    ((float *)(void *)data)[i] = (float)data[4 * i] / 255.0f;
  }
  return data;
}

static int make(const struct lamina_model *model, int64_t batch, struct buffers *out)
{
  struct lamina_model_tensor tensor = {.size = sizeof tensor};
  for (uint32_t i = 0; i < lamina_model_inputs(model); i++) {
    (void)lamina_model_input(model, i, &tensor, NULL);
    uint64_t bytes = tensor.bytes * (uint64_t)batch;
    out->inputs[i] = (struct lamina_samples){noise(&tensor, bytes), bytes};
    if (out->inputs[i].data == NULL) {
      return 0;
    }
  }
  for (uint32_t i = 0; i < lamina_model_outputs(model); i++) {
    (void)lamina_model_output(model, i, &tensor, NULL);
    uint64_t bytes = tensor.bytes * (uint64_t)batch;
    out->outputs[i] = (struct lamina_results){malloc(bytes + 1), bytes};
    if (out->outputs[i].data == NULL) {
      return 0;
    }
  }
  return 1;
}

/*
 * Runs until the time is over, or `most` times, at least once; times may be NULL. Returns the
 * number of runs; -1 when one fails.
 */
static int measure(struct lamina_model *model, int64_t batch, const struct buffers *buffers,
                   double seconds, int most, double *times)
{
  double end = now() + 1e6 * seconds;
  int count = 0;
  while (count == 0 || (count < most && now() < end)) {
    double began = now();
    if (lamina_model_run(model, batch, buffers->inputs, buffers->outputs, NULL) != LAMINA_OK) {
      return -1;
    }
    if (times != NULL) {
      times[count] = now() - began;
    }
    count++;
  }
  return count;
}

int main(int argc, char **argv)
{
  static double times[MOST];
  static struct buffers buffers;
  struct lamina_error error;
  struct lamina_model *model = NULL;
  if (argc < 4) {
    (void)fprintf(stderr, "latency MODEL THREADS SECONDS [BATCH]\n");
    return 64;
  }
  const struct lamina_model_options options = {
      .size = sizeof options, .flags = LAMINA_MODEL_PREPARED, .threads = (uint32_t)atoi(argv[2])};
  int64_t batch = argc > 4 ? atoll(argv[4]) : 1;
  int count = -1;
  if (lamina_model_load(argv[1], &options, &model, &error) != LAMINA_OK) {
    (void)fprintf(stderr, "%s\n", error.sentence);
    return lamina_exit_code(error.status);
  }
  if (make(model, batch, &buffers) &&
      measure(model, batch, &buffers, WARM_SECONDS, WARM, NULL) > 0) {
    count = measure(model, batch, &buffers, atof(argv[3]), MOST, times);
  }
  lamina_model_free(model);
  if (count <= 0) {
    (void)fprintf(stderr, "the model cannot be run\n");
    return 70;
  }
  qsort(times, (size_t)count, sizeof *times, by_time);
  (void)printf("{\"batch\": %lld, \"threads\": %s, \"runs\": %d, \"median_us\": %.3f, "
               "\"fastest_us\": %.3f, \"peak_mb\": %.1f}\n",
               (long long)batch, argv[2], count, times[count / 2], times[0], peak_memory());
  return 0;
}
