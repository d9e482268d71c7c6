/*
 * Services: the interface that they offer, and of matrix products that it computes them.
 */
#include <lamina/gemm.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "conform/kind_step.h"
#include "conform/mock.h"

enum { SERVICE = 1 << LAMINA_KIND_SERVICE, ID = 80 };

static const void *ask_for(struct lm_home *home, const char *id)
{
  lm_home_enter(home, "interface", home->label);
  const void *found = home->instance->plugin->table.service.interface(home->instance->self, id);
  lm_home_leave(home);
  return found;
}

/*
 * "lamina.gemm/1" of "gemm_blis": the name, or its beginning, that has an interface. An experiment
 * may choose a service of any name, so those of Lamina's own headers are asked for, too.
 */
static const void *find_interface(struct lm_home *home, char id[ID])
{
  const struct lm_plugin *plugin = home->instance->plugin;
  size_t length = strlen(plugin->info.name);
  const void *found = NULL;
  while (found == NULL && length > 0) {
    (void)snprintf(id, ID, "lamina.%.*s/1", (int)length, plugin->info.name);
    found = ask_for(home, id);
    do {
      length--;
    } while (length > 0 && plugin->info.name[length] != '_');
  }
  if (found == NULL) {
    (void)snprintf(id, ID, "%s", LAMINA_GEMM_ID);
    found = ask_for(home, id);
  }
  return found;
}

static void check_interface(struct lm_trial *trial, struct lm_home *home)
{
  const struct lamina_service *table = &home->instance->plugin->table.service;
  char id[ID];
  const void *found = find_interface(home, id);
  uint32_t size = 0;
  if (found == NULL) {
    lm_skip(trial, "it offers neither \"lamina.%s/1\" nor an interface of Lamina's headers",
            home->instance->plugin->info.name);
    return;
  }
  memcpy(&size, found, sizeof size);
  if (size < 8 || size > 65536) {
    lm_find(trial, "V01", "%s: the interface \"%s\" says that it has %u bytes", home->label, id,
            size);
  }
  if (table->interface(home->instance->self, "lamina.no_such_thing/1") != NULL) {
    lm_find(trial, "V01", "%s: offers \"lamina.no_such_thing/1\"", home->label);
  }
}

static void check_interfaces(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_interface);
}

/* ---- V02: products ---- */

/** One product: sizes, and how its operands lie. */
struct product {
  int64_t m, n, k;
  bool a_turned, b_turned, bias, add;
};

static const struct product products[] = {
    {1, 1, 1, false, false, false, false},    {7, 13, 5, false, false, true, false},
    {16, 16, 16, false, true, false, true},   {33, 65, 17, true, false, true, true},
    {5, 1, 129, false, false, false, false},  {1, 200, 31, true, true, true, false},
    {100, 10, 64, true, false, false, true},  {0, 5, 3, false, false, true, false},
    {4, 6, 0, false, false, true, false},     {4, 6, 0, false, false, false, false},
    {70, 90, 300, false, true, false, false},
};

/** Operands, and the result between forbidden pages. */
struct operands {
  float *a, *b, *bias, *before;
  struct lm_zone c;
};

static float *draw_floats(int64_t n, uint64_t *seed)
{
  float *values = lm_alloc((size_t)n + 1, sizeof *values);
  for (int64_t i = 0; values != NULL && i < n; i++) {
    values[i] = (float)((int64_t)lm_draw(seed, 2001) - 1000) / 997.0f;
  }
  return values;
}

static bool make_operands(const struct product *product, struct operands *out)
{
  uint64_t seed = 17;
  size_t bytes = (size_t)(product->m * product->n) * sizeof(float);
  *out = (struct operands){
      .a = draw_floats(product->m * product->k, &seed),
      .b = draw_floats(product->k * product->n, &seed),
      .bias = draw_floats(product->n, &seed),
      .before = draw_floats(product->m * product->n, &seed),
  };
  return out->a != NULL && out->b != NULL && out->bias != NULL && out->before != NULL &&
         lm_zone_make(&out->c, bytes, &lm_zone_usual, "C");
}

static void release_operands(struct operands *operands)
{
  lm_free(operands->a);
  lm_free(operands->b);
  lm_free(operands->bias);
  lm_free(operands->before);
  lm_zone_release(&operands->c);
}

static struct lamina_gemm_task task_of(const struct product *product,
                                       const struct operands *operands)
{
  return (struct lamina_gemm_task){
      .size = sizeof(struct lamina_gemm_task),
      .flags = product->add ? LAMINA_GEMM_ADD : 0,
      .m = product->m,
      .n = product->n,
      .k = product->k,
      .a = operands->a,
      .a_row = product->a_turned ? 1 : product->k,
      .a_column = product->a_turned ? product->m : 1,
      .b = operands->b,
      .b_row = product->b_turned ? 1 : product->n,
      .b_column = product->b_turned ? product->k : 1,
      .c = (float *)(void *)operands->c.data,
      .c_row = product->n,
      .bias = product->bias ? operands->bias : NULL,
  };
}

/* Computes it on a pool; a digest of the result, 0 when it fails. */
static uint64_t compute(struct lm_trial *trial, const struct lamina_gemm *gemm,
                        const struct product *product, struct operands *operands, uint32_t threads)
{
  struct lm_mock mock;
  struct lamina_gemm_scratch scratch = {0};
  const struct lamina_gemm_task task = task_of(product, operands);
  if (!lm_mock_init(&mock, threads)) {
    return 0;
  }
  gemm->scratch(gemm->self, product->m, product->n, product->k, &scratch);
  bool made = lm_mock_set_scratch(&mock, scratch.shared, scratch.per_lane);
  lm_zone_fill(&operands->c, 0xff);
  if (product->add && operands->c.bytes > 0) {
    memcpy(operands->c.data, operands->before, operands->c.bytes);
  }
  int32_t status = made ? gemm->run(gemm->self, &mock.call, &task) : LAMINA_E_NOMEM;
  if (status != LAMINA_OK) {
    lm_find(trial, "V02", "[%lld, %lld] by [%lld, %lld] fails: %s", (long long)product->m,
            (long long)product->k, (long long)product->k, (long long)product->n, mock.failed_text);
  }
  if (!lm_mock_scratch_intact(&mock) || !lm_zone_intact(&operands->c)) {
    lm_find(trial, "P13", "[%lld, %lld] by [%lld, %lld]: writes beyond C or its scratch",
            (long long)product->m, (long long)product->k, (long long)product->k,
            (long long)product->n);
  }
  lm_mock_release(&mock);
  return status == LAMINA_OK ? lm_zone_digest(&operands->c) : 0;
}

static void compare_elements(struct lm_trial *trial, const struct product *product,
                             const struct operands *operands)
{
  const struct lamina_gemm_task task = task_of(product, operands);
  for (int64_t i = 0; i < product->m * product->n; i++) {
    int64_t row = i / product->n, column = i % product->n;
    double sum = product->add ? (double)operands->before[i] : 0.0, size = fabs(sum);
    for (int64_t p = 0; p < product->k; p++) {
      double term = (double)task.a[row * task.a_row + p * task.a_column] *
                    (double)task.b[p * task.b_row + column * task.b_column];
      sum += term;
      size += fabs(term);
    }
    sum += task.bias == NULL ? 0.0 : (double)task.bias[column];
    if (!(fabs((double)task.c[i] - sum) <=
          1e-6 * (size + 1.0) * (4.0 + (double)product->k / 16.0))) {
      lm_find(trial, "V02",
              "[%lld, %lld] by [%lld, %lld]%s%s%s%s: element %lld, %lld is %.9g, expected %.9g",
              (long long)product->m, (long long)product->k, (long long)product->k,
              (long long)product->n, product->a_turned ? ", A transposed" : "",
              product->b_turned ? ", B transposed" : "", product->bias ? ", with bias" : "",
              product->add ? ", added" : "", (long long)row, (long long)column, (double)task.c[i],
              sum);
      return;
    }
  }
}

static void check_product(struct lm_trial *trial, const struct lamina_gemm *gemm,
                          const struct product *product)
{
  struct operands operands;
  if (make_operands(product, &operands)) {
    uint64_t one = compute(trial, gemm, product, &operands, 1);
    if (one != 0) {
      compare_elements(trial, product, &operands);
    }
    if (one != 0 && compute(trial, gemm, product, &operands, 8) != one) {
      lm_find(trial, "V02", "[%lld, %lld] by [%lld, %lld]: 8 threads give other bits than 1",
              (long long)product->m, (long long)product->k, (long long)product->k,
              (long long)product->n);
    }
  }
  release_operands(&operands);
}

static void check_products_of(struct lm_trial *trial, struct lm_home *home)
{
  const struct lamina_gemm *gemm =
      home->instance->plugin->table.service.interface(home->instance->self, LAMINA_GEMM_ID);
  if (gemm == NULL) {
    lm_skip(trial, "it offers no " LAMINA_GEMM_ID);
    return;
  }
  for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
    lm_home_enter(home, "run", home->label);
    check_product(trial, gemm, &products[i]);
    lm_home_leave(home);
  }
}

bool lm_exercise_service(struct lm_trial *trial, struct lm_home *home, uint64_t *digest)
{
  const struct lamina_gemm *gemm =
      home->instance->plugin->table.service.interface(home->instance->self, LAMINA_GEMM_ID);
  for (size_t i = 0; gemm != NULL && i < sizeof products / sizeof products[0]; i++) {
    struct operands operands;
    if (make_operands(&products[i], &operands)) {
      lm_home_enter(home, "run", home->label);
      uint64_t one = compute(trial, gemm, &products[i], &operands, 1);
      lm_home_leave(home);
      *digest = lm_mix_bytes(*digest, &one, sizeof one);
    }
    release_operands(&operands);
  }
  return gemm != NULL;
}

static void check_products(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_products_of);
}

static const struct lm_check checks[] = {
    {"V01", SERVICE, check_interfaces},
    {"V02 P13", SERVICE, check_products},
};
const struct lm_checks lm_service_checks = {checks, sizeof checks / sizeof checks[0]};
