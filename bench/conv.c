/*
 * Convolutions of real networks, timed one by one: forward, gradient of the input, gradient of
 * the weights, by the layer's own kernels and through the service conv_onednn where it is built.
 * One JSON line for each. Both take turns within a round; the fastest run counts.
 *
 * conv [--threads N] [--rounds N]
 *
 * On one thread it is the thread's own time that is measured, which neighbours on the machine
 * hardly change; on several it is the time that passes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conform/probe.h"

enum { MOST_REPEATS = 50, SIDES = 2, PASSES = 3 };

/* A round of one pass lasts about so long, and is one run at least. */
static const double SECONDS = 5e-3;

/* Square images and windows. Padded by half of the window, or not at all. */
struct shape {
  const char *what;
  int images, size, c, k, kernel, stride;
  bool padded;
};

static const struct shape shapes[] = {
    {"W2", 64, 28, 1, 20, 5, 1, false},
    {"W2", 64, 12, 20, 50, 5, 1, false},
    {"W3", 64, 32, 3, 64, 3, 1, true},
    {"W3", 64, 32, 64, 64, 3, 1, true},
    {"W3", 64, 16, 64, 128, 3, 1, true},
    {"W3", 64, 16, 128, 128, 3, 1, true},
    {"W3", 64, 8, 128, 256, 3, 1, true},
    {"W3", 64, 8, 256, 256, 3, 1, true},
    {"W5", 128, 32, 3, 16, 3, 1, true},
    {"W5", 128, 32, 16, 16, 3, 1, true},
    {"W5", 128, 32, 16, 32, 3, 2, true},
    {"W5", 128, 32, 16, 32, 1, 2, true},
    {"W5", 128, 16, 32, 32, 3, 1, true},
    {"W5", 128, 16, 32, 64, 3, 2, true},
    {"W5", 128, 8, 64, 64, 3, 1, true},
    {"ResNet-50", 8, 56, 64, 64, 3, 1, true},
    {"ResNet-50", 8, 28, 128, 128, 3, 1, true},
    {"ResNet-50", 8, 14, 256, 256, 3, 1, true},
    {"ResNet-50", 8, 7, 512, 512, 3, 1, true},
    {"ResNet-50", 8, 56, 64, 256, 1, 1, true},
    {"ResNet-50", 8, 56, 256, 64, 1, 1, true},
    {"ResNet-50", 8, 28, 512, 128, 1, 1, true},
    {"ResNet-50", 8, 14, 1024, 256, 1, 1, true},
    {"ResNet-50", 8, 7, 512, 2048, 1, 1, true},
};

struct bench {
  struct lm_registry *registry;
  int threads, rounds;
  bool served; /* whether there is the service */
};

/* A pass over a probe, and its fastest run yet. */
struct timing {
  clockid_t clock;
  bool forward;
  double best;
};

static double now(clockid_t clock)
{
  struct timespec time;
  (void)clock_gettime(clock, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int32_t run_pass(void *arg, struct lm_instance *instance, struct lamina_call *call)
{
  struct timing *timing = arg;
  const struct lamina_layer *layer = &instance->plugin->table.layer;
  double spent = 0.0;
  for (int i = 0; i < MOST_REPEATS && (i < 2 || spent < SECONDS); i++) {
    double begin = now(timing->clock);
    int32_t status = timing->forward ? layer->forward(instance->self, call)
                                     : layer->backward(instance->self, call);
    double elapsed = now(timing->clock) - begin;
    if (status != LAMINA_OK) {
      return status;
    }
    spent += elapsed;
    timing->best = elapsed < timing->best ? elapsed : timing->best;
  }
  return LAMINA_OK;
}

/* NULL when it cannot be made, with a word. */
static struct lm_probe *open_probe(const struct bench *bench, const struct shape *shape,
                                   const char *services)
{
  char settings[120], image[80];
  struct lm_error error = {0};
  struct lm_probe *probe = NULL;
  (void)snprintf(settings, sizeof settings,
                 "{filters: %d, kernel: %d, stride: %d, padding: %d, bias: false}", shape->k,
                 shape->kernel, shape->stride, shape->padded ? shape->kernel / 2 : 0);
  (void)snprintf(image, sizeof image, "%dx%dx%dx%d", shape->images, shape->size, shape->size,
                 shape->c);
  const struct lm_probe_spec spec = {.home = {.registry = bench->registry,
                                              .kind = LAMINA_KIND_LAYER,
                                              .name = "conv2d",
                                              .settings = settings,
                                              .services = services,
                                              .threads = (uint32_t)bench->threads},
                                     .shapes = image};
  if (lm_probe_open(&spec, &probe, &error) != LAMINA_OK) {
    (void)fprintf(stderr, "conv: %s\n", error.text);
    return NULL;
  }
  lm_probe_fill(probe, 1);
  return probe;
}

static const char *const pass_names[PASSES] = {"forward", "input", "weight"};

/* Runs pass 0, 1 or 2 for a while. */
static bool time_pass(struct lm_probe *probe, int pass, struct timing *timing)
{
  const struct lm_probe_use use = {.pass = pass == 0 ? LAMINA_FORWARD : LAMINA_BACKWARD,
                                   .mode = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP};
  timing->forward = pass == 0;
  probe->requests[LAMINA_IN][0] = pass == 1 ? LAMINA_WRITE : LAMINA_SKIP;
  probe->requests[LAMINA_WEIGHT][0] = pass == 2 ? LAMINA_WRITE : LAMINA_SKIP;
  enum lamina_status status = lm_probe_run(probe, &use, run_pass, timing);
  if (status != LAMINA_OK) {
    (void)fprintf(stderr, "conv: %s: %s\n", probe->label, probe->error.text);
  }
  return status == LAMINA_OK;
}

static void print(const struct bench *bench, const struct shape *shape, int pass, const char *by,
                  const struct lm_probe *probe, double seconds)
{
  const double x = (double)lm_probe_count(probe, LAMINA_IN, 0);
  const double y = (double)lm_probe_count(probe, LAMINA_OUT, 0);
  const double w = (double)lm_probe_count(probe, LAMINA_WEIGHT, 0);
  const double flops = 2.0 * y * w / (double)shape->k;
  (void)printf("{\"bench\": \"conv\", \"what\": \"%s\", \"images\": %d, \"size\": %d, \"c\": %d, "
               "\"k\": %d, \"kernel\": %d, \"stride\": %d, \"pass\": \"%s\", \"threads\": %d, "
               "\"by\": \"%s\", \"us\": %.1f, \"gflops\": %.1f, \"flops\": %.0f, "
               "\"bytes\": %.0f}\n",
               shape->what, shape->images, shape->size, shape->c, shape->k, shape->kernel,
               shape->stride, pass_names[pass], bench->threads, by, 1e6 * seconds,
               1e-9 * flops / seconds, flops, sizeof(float) * (x + y + w));
  (void)fflush(stdout);
}

static bool time_shape(const struct bench *bench, const struct shape *shape)
{
  static const char *const names[SIDES] = {"lamina", "oneDNN"};
  char services[60];
  struct timing timings[SIDES][PASSES];
  (void)snprintf(services, sizeof services, "{conv: {conv_onednn: {threads: %d}}}",
                 bench->threads);
  struct lm_probe *probes[SIDES] = {open_probe(bench, shape, NULL),
                                    bench->served ? open_probe(bench, shape, services) : NULL};
  bool done = probes[0] != NULL;
  for (int i = 0; i < SIDES * PASSES; i++) {
    timings[i / PASSES][i % PASSES] = (struct timing){
        .clock = bench->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, .best = 1e30};
  }
  for (int i = 0; i < bench->rounds * SIDES * PASSES && done; i++) {
    int side = i / PASSES % SIDES;
    done = probes[side] == NULL || time_pass(probes[side], i % PASSES,
                                             &timings[side][i % PASSES]);
  }
  for (int i = 0; i < SIDES * PASSES && done; i++) {
    int side = i % SIDES, pass = i / SIDES;
    if (probes[side] != NULL) {
      print(bench, shape, pass, names[side], probes[side], timings[side][pass].best);
    }
  }
  lm_probe_close(probes[0]);
  if (probes[1] != NULL) {
    lm_probe_close(probes[1]);
  }
  return done;
}

/* Whether there is the service; says so when not. */
static bool is_served(const struct bench *bench)
{
  struct lm_probe *probe = open_probe(bench, &shapes[0], "{conv: conv_onednn}");
  if (probe == NULL) {
    return false;
  }
  lm_probe_close(probe);
  return true;
}

int main(int argc, char **argv)
{
  struct lm_error error = {0};
  struct lm_registry_options options = {0};
  struct bench bench = {.rounds = 9, .threads = 1};
  for (int at = 1; at + 1 < argc; at += 2) {
    int number = atoi(argv[at + 1]);
    int *into = strcmp(argv[at], "--threads") == 0  ? &bench.threads
                : strcmp(argv[at], "--rounds") == 0 ? &bench.rounds
                                                    : NULL;
    if (into == NULL || number < 1) {
      (void)fprintf(stderr, "conv [--threads N] [--rounds N]\n");
      return EXIT_FAILURE;
    }
    *into = number;
  }
  if (lm_registry_create(&options, &bench.registry, &error) != LAMINA_OK) {
    (void)fprintf(stderr, "conv: %s\n", error.text);
    return EXIT_FAILURE;
  }
  bool done = true;
  bench.served = is_served(&bench);
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0] && done; i++) {
    done = time_shape(&bench, &shapes[i]);
  }
  lm_registry_free(bench.registry);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
