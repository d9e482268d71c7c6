/*
 * Products of dense layers, timed for each service that offers them: one JSON line for a shape
 * and a service. Services take turns within a round, so that a busy machine slows all of them.
 *
 * gemm [--threads N] [--rounds N] SERVICE...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lamina/gemm.h>
#include <lamina/service.h>

#include "base/memory.h"
#include "host/host.h"

enum { MOST_ROUNDS = 99, MOST_SERVICES = 8 };

/* Time for one service and shape in a round. */
static const double SECONDS = 2e-3;

struct shape {
  const char *what;
  int64_t m, n, k;
  bool a_transposed, b_transposed;
};

/* Forward, input gradient and weight gradient of the layers of W1, and what borders on them. */
static const struct shape shapes[] = {
    {"forward", 64, 512, 784, false, false},  {"forward", 64, 256, 512, false, false},
    {"forward", 64, 10, 256, false, false},   {"input", 64, 512, 256, false, true},
    {"input", 64, 256, 10, false, true},      {"weight", 784, 512, 64, true, false},
    {"weight", 512, 256, 64, true, false},    {"weight", 256, 10, 64, true, false},
    {"forward", 256, 512, 784, false, false}, {"forward", 256, 256, 512, false, false},
    {"forward", 256, 10, 256, false, false},  {"input", 256, 512, 256, false, true},
    {"input", 256, 256, 10, false, true},     {"weight", 784, 512, 256, true, false},
    {"weight", 512, 256, 256, true, false},   {"weight", 256, 10, 256, true, false},
    {"forward", 1, 512, 784, false, false},   {"square", 512, 512, 512, false, false},
};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

struct service {
  const char *name;
  struct lm_instance *instance;
  const struct lamina_gemm *gemm;
  double rates[MOST_ROUNDS];
};

struct bench {
  struct lm_host host;
  struct service services[MOST_SERVICES];
  int n_services, rounds;
  uint32_t threads;
};

static double now(void)
{
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static float *random_floats(int64_t count)
{
  static uint32_t state = 1;
  float *values = lm_alloc_aligned((size_t)count * sizeof *values, LAMINA_ALIGNMENT);
  for (int64_t i = 0; values != NULL && i < count; i++) {
    state = state * 1664525u + 1013904223u;
    values[i] = (float)(state >> 8) / 16777216.0f - 0.5f;
  }
  return values;
}

/* A service that is not there is left out with a word. */
static void add_service(struct bench *bench, const char *name)
{
  struct lm_error error = {0};
  struct service *service = &bench->services[bench->n_services];
  struct lm_instance_spec spec = {.kind = LAMINA_KIND_SERVICE, .name = name};
  if (bench->n_services == MOST_SERVICES ||
      lm_instance_create(&bench->host, &spec, &service->instance, &error) != LAMINA_OK) {
    (void)fprintf(stderr, "gemm: without %s: %s\n", name, error.text);
    return;
  }
  service->name = name;
  service->gemm =
      service->instance->plugin->table.service.interface(service->instance->self, LAMINA_GEMM_ID);
  if (service->gemm == NULL) {
    (void)fprintf(stderr, "gemm: without %s: it does not offer %s\n", name, LAMINA_GEMM_ID);
    lm_instance_free(service->instance);
    return;
  }
  bench->n_services++;
}

/* Runs the product for a while, at least once. @return GFLOP/s, or 0 when it fails */
static double rate_of(struct bench *bench, struct service *service,
                      const struct lamina_gemm_task *task)
{
  struct lm_call call;
  struct lm_error error = {0};
  struct lamina_gemm_scratch need = {0};
  lm_call_init(&call, &bench->host, service->instance, "run");
  lm_call_begin(&call, &error);
  service->gemm->scratch(service->gemm->self, task->m, task->n, task->k, &need);
  call.lane_stride = lm_round_up((size_t)need.per_lane, LAMINA_ALIGNMENT);
  size_t shared = lm_round_up((size_t)need.shared, LAMINA_ALIGNMENT);
  char *memory = lm_alloc_aligned(shared + bench->threads * call.lane_stride + LAMINA_ALIGNMENT,
                                  LAMINA_ALIGNMENT);
  if (memory == NULL) {
    return 0.0;
  }
  call.shared_scratch = memory;
  call.lane_scratch = memory + shared;
  int32_t status = service->gemm->run(service->gemm->self, &call.base, task);
  double begin = now();
  double elapsed = 0.0;
  int64_t products = 0;
  while (status == LAMINA_OK && elapsed < SECONDS) {
    status = service->gemm->run(service->gemm->self, &call.base, task);
    products++;
    elapsed = now() - begin;
  }
  lm_free(memory);
  if (status != LAMINA_OK) {
    (void)fprintf(stderr, "gemm: %s\n", error.text);
    return 0.0;
  }
  return 2e-9 * (double)products * (double)(task->m * task->n * task->k) / elapsed;
}

static int compare(const void *a, const void *b)
{
  double x;
  double y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static void print(const struct bench *bench, const struct shape *shape, struct service *service)
{
  qsort(service->rates, (size_t)bench->rounds, sizeof service->rates[0], compare);
  (void)printf("{\"bench\": \"gemm\", \"what\": \"%s\", \"m\": %lld, \"n\": %lld, \"k\": %lld, "
               "\"threads\": %u, \"service\": \"%s\", \"isa\": \"%s\", \"gflops\": %.2f, "
               "\"slowest\": %.2f, \"fastest\": %.2f}\n",
               shape->what, (long long)shape->m, (long long)shape->n, (long long)shape->k,
               bench->threads, service->name, service->gemm->isa == NULL ? "" : service->gemm->isa,
               service->rates[bench->rounds / 2], service->rates[0],
               service->rates[bench->rounds - 1]);
  (void)fflush(stdout);
}

static bool time_shape(struct bench *bench, const struct shape *shape)
{
  float *a = random_floats(shape->m * shape->k);
  float *b = random_floats(shape->k * shape->n);
  float *c = random_floats(shape->m * shape->n);
  struct lamina_gemm_task task = {.size = sizeof task,
                                  .m = shape->m,
                                  .n = shape->n,
                                  .k = shape->k,
                                  .a = a,
                                  .a_row = shape->a_transposed ? 1 : shape->k,
                                  .a_column = shape->a_transposed ? shape->m : 1,
                                  .b = b,
                                  .b_row = shape->b_transposed ? 1 : shape->n,
                                  .b_column = shape->b_transposed ? shape->k : 1,
                                  .c = c,
                                  .c_row = shape->n};
  bool done = a != NULL && b != NULL && c != NULL;
  for (int round = 0; round < bench->rounds && done; round++) {
    for (int i = 0; i < bench->n_services; i++) {
      bench->services[i].rates[round] = rate_of(bench, &bench->services[i], &task);
      done = done && bench->services[i].rates[round] > 0.0;
    }
  }
  for (int i = 0; i < bench->n_services && done; i++) {
    print(bench, shape, &bench->services[i]);
  }
  lm_free(a);
  lm_free(b);
  lm_free(c);
  return done;
}

static int run(struct bench *bench, char **names)
{
  bool done = true;
  for (; *names != NULL; names++) {
    add_service(bench, *names);
  }
  for (int i = 0; i < SHAPES && done; i++) {
    done = time_shape(bench, &shapes[i]);
  }
  for (int i = 0; i < bench->n_services; i++) {
    lm_instance_free(bench->services[i].instance);
  }
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
  struct lm_error error = {0};
  struct lm_registry_options options = {0};
  struct bench bench = {.rounds = 9, .threads = 1};
  int at = 1;
  for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
    int number = atoi(argv[at + 1]);
    if (strcmp(argv[at], "--threads") == 0) {
      bench.threads = (uint32_t)number;
    } else if (strcmp(argv[at], "--rounds") == 0 && number > 0 && number <= MOST_ROUNDS) {
      bench.rounds = number;
    } else {
      (void)fprintf(stderr, "gemm [--threads N] [--rounds N] SERVICE...\n");
      return EXIT_FAILURE;
    }
  }
  int status = EXIT_FAILURE;
  if (lm_registry_create(&options, &bench.host.registry, &error) == LAMINA_OK &&
      lm_pool_create(bench.threads, &bench.host.pool, &error) == LAMINA_OK) {
    status = run(&bench, argv + at);
  } else {
    (void)fprintf(stderr, "gemm: %s\n", error.text);
  }
  lm_pool_free(bench.host.pool);
  lm_registry_free(bench.host.registry);
  return status;
}
