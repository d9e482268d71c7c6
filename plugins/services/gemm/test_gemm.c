/*
 * Matrix products against a triple loop in double precision, for every kernel of this CPU, over
 * random shapes, strides, transposes and flags; then what must not happen: other bits with more
 * threads, writes outside C, scratch beyond what was asked for, elements handed to the epilogue
 * too early, twice or never.
 */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/gemm.h>
#include <lamina/testing.h>

#include "base/memory.h"
#include "tests/support/gemm_check.h"
#include "conform/mock.h"
#include "tests/support/part_probe.h"

LAMINA_CONFORM(service, gemm)

enum { PORTABLE = 1, AVX2 = 2, AVX512 = 3, KERNELS = 4, GUARD = 64 };

#define GUARD_VALUE (-12345.678f)

/* A service as a run makes it, and a host whose scratch has guards to call it on. */
struct fixture {
  struct probe probe;
  struct lm_mock host;
  struct lm_instance *instance;
  const struct lamina_gemm *gemm;
};

/* One product with operands that lie in memory as a user might have them. */
struct product {
  int64_t m, n, k;
  bool a_transposed, b_transposed, add, bias;
  int64_t a_gap, b_gap, c_gap; /* floats between the rows in memory */
  float *a, *b, *c, *expected_from, *biases;
  int64_t a_count, b_count, c_count;
  struct lamina_gemm_task task;
};

static const void *interface_of(const struct fixture *f, const char *id)
{
  return f->instance->plugin->table.service.interface(f->instance->self, id);
}

static int32_t start(struct fixture *f, uint32_t threads, int32_t kernel)
{
  static const char *const settings[KERNELS] = {
      "gemm", "{gemm: {kernel: portable}}", "{gemm: {kernel: avx2}}", "{gemm: {kernel: avx512}}"};
  probe_open(&f->probe, 1);
  cr_assert(lm_mock_init(&f->host, threads));
  int32_t status = probe_try(&f->probe, LAMINA_KIND_SERVICE, settings[kernel], &f->instance);
  f->gemm = status == LAMINA_OK ? interface_of(f, LAMINA_GEMM_ID) : NULL;
  return status;
}

static void stop(struct fixture *f)
{
  probe_close(&f->probe);
  lm_mock_release(&f->host);
}

/* Deterministic numbers: a step of a linear congruential generator. */
static uint32_t next(uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static float next_float(uint32_t *state)
{
  return (float)(next(state) % 2001) / 1000.0f - 1.0f;
}

static float *random_floats(int64_t count, uint32_t *state)
{
  float *values = lm_alloc((size_t)count + 1, sizeof *values);
  for (int64_t i = 0; i < count; i++) {
    values[i] = next_float(state);
  }
  return values;
}

/* Lays a rows x columns operand out; the strides go to the task. Operands end where their last
 * element ends, so that a sanitizer sees reads beyond. */
static int64_t lay_out(int64_t rows, int64_t columns, int64_t gap, bool transposed,
                       int64_t *row_stride, int64_t *column_stride)
{
  int64_t inner = transposed ? rows : columns;
  int64_t outer = transposed ? columns : rows;
  *row_stride = transposed ? 1 : inner + gap;
  *column_stride = transposed ? inner + gap : 1;
  return outer == 0 || inner == 0 ? 0 : (outer - 1) * (inner + gap) + inner;
}

static void product_make(struct product *p, uint32_t seed)
{
  uint32_t state = seed;
  struct lamina_gemm_task *task = &p->task;
  *task = (struct lamina_gemm_task){.size = sizeof *task, .m = p->m, .n = p->n, .k = p->k};
  task->flags = p->add ? LAMINA_GEMM_ADD : 0;
  p->a_count = lay_out(p->m, p->k, p->a_gap, p->a_transposed, &task->a_row, &task->a_column);
  p->b_count = lay_out(p->k, p->n, p->b_gap, p->b_transposed, &task->b_row, &task->b_column);
  p->c_count = p->m * (p->n + p->c_gap);
  p->a = random_floats(p->a_count, &state);
  p->b = random_floats(p->b_count, &state);
  p->biases = random_floats(p->n, &state);
  p->expected_from = random_floats(p->c_count, &state);
  p->c = lm_alloc((size_t)(p->c_count + 2 * GUARD), sizeof *p->c);
  for (int64_t i = 0; i < p->c_count + 2 * GUARD; i++) {
    p->c[i] = GUARD_VALUE;
  }
  task->a = p->a;
  task->b = p->b;
  task->c = p->c + GUARD;
  task->c_row = p->n + p->c_gap;
  task->bias = p->bias ? p->biases : NULL;
}

static void product_reset(struct product *p)
{
  for (int64_t i = 0; i < p->m; i++) {
    memcpy(p->task.c + i * p->task.c_row, p->expected_from + i * p->task.c_row,
           (size_t)p->n * sizeof *p->c);
  }
}

static void product_release(struct product *p)
{
  lm_free(p->a);
  lm_free(p->b);
  lm_free(p->c);
  lm_free(p->biases);
  lm_free(p->expected_from);
}

/* Runs with exactly the scratch that the service asked for, at offsets of its own. */
static void product_run(struct fixture *f, struct product *p)
{
  struct lamina_gemm_scratch scratch = {0};
  f->gemm->scratch(f->gemm->self, p->m, p->n, p->k, &scratch);
  cr_assert(lm_mock_set_scratch(&f->host, scratch.shared + 128, scratch.per_lane + 64));
  p->task.shared_offset = 128;
  p->task.lane_offset = 64;
  product_reset(p);
  struct gemm_witness witness;
  gemm_witness_init(&witness, &p->task);
  witness.count = p->c_gap == 0 ? witness.count : 0;
  p->task.epilogue = p->c_gap == 0 ? &witness.epilogue : NULL;
  int32_t status = f->gemm->run(f->gemm->self, &f->host.call, &p->task);
  cr_assert_eq(status, LAMINA_OK, "%s", f->host.failed_text);
  gemm_witness_check(&witness);
  cr_assert(lm_mock_scratch_intact(&f->host), "scratch overrun at %dx%dx%d", (int)p->m, (int)p->n,
            (int)p->k);
}

/* The element in double precision, and how far a float chain may be from it. */
static double expected(const struct product *p, int64_t i, int64_t j, double *bound)
{
  const struct lamina_gemm_task *t = &p->task;
  double sum = 0;
  double size = 0;
  for (int64_t q = 0; q < p->k; q++) {
    double term =
        (double)t->a[i * t->a_row + q * t->a_column] * (double)t->b[q * t->b_row + j * t->b_column];
    sum += term;
    size += fabs(term);
  }
  if (p->bias) {
    sum += (double)p->biases[j];
    size += fabs((double)p->biases[j]);
  }
  if (p->add) {
    sum += (double)p->expected_from[i * t->c_row + j];
    size += fabs((double)p->expected_from[i * t->c_row + j]);
  }
  *bound = ((double)p->k + 3) * (FLT_EPSILON / 2) * size;
  return sum;
}

static void check_values(const struct product *p)
{
  for (int64_t i = 0; i < p->m; i++) {
    for (int64_t j = 0; j < p->n; j++) {
      double bound;
      double want = expected(p, i, j, &bound);
      double got = (double)p->task.c[i * p->task.c_row + j];
      cr_assert(fabs(got - want) <= bound, "%dx%dx%d%s%s%s%s: C[%d,%d] is %.9g, not %.9g",
                (int)p->m, (int)p->n, (int)p->k, p->a_transposed ? " A'" : "",
                p->b_transposed ? " B'" : "", p->add ? " add" : "", p->bias ? " bias" : "", (int)i,
                (int)j, got, want);
    }
  }
}

static void check_surroundings(const struct product *p)
{
  int64_t total = p->c_count + 2 * GUARD;
  for (int64_t at = 0; at < total; at++) {
    int64_t i = at - GUARD;
    bool inside = i >= 0 && i < p->c_count && i % p->task.c_row < p->n;
    cr_assert(inside || p->c[at] == GUARD_VALUE, "%dx%dx%d wrote outside C at %d", (int)p->m,
              (int)p->n, (int)p->k, (int)i);
  }
}

static void check_product(struct fixture *f, struct product *p, uint32_t seed)
{
  product_make(p, seed);
  product_run(f, p);
  check_values(p);
  check_surroundings(p);
  product_release(p);
}

/* All combinations of transposes, flags and gaps by the bits of `variant`. */
static struct product product_of(int64_t m, int64_t n, int64_t k, uint32_t variant)
{
  return (struct product){
      .m = m,
      .n = n,
      .k = k,
      .a_transposed = (variant & 1) != 0,
      .b_transposed = (variant & 2) != 0,
      .add = (variant & 4) != 0,
      .bias = (variant & 8) != 0,
      .a_gap = (variant & 16) != 0 ? 3 : 0,
      .b_gap = (variant & 16) != 0 ? 5 : 0,
      .c_gap = (variant & 16) != 0 ? 7 : 0,
  };
}

static const int64_t sizes[] = {0, 1, 2, 3, 5, 7, 8, 10, 13, 16, 17, 20, 31, 33, 47, 64};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

Test(gemm, every_kernel_agrees_with_double_precision_on_small_shapes)
{
  for (int32_t kernel = PORTABLE; kernel < KERNELS; kernel++) {
    struct fixture f;
    if (start(&f, 2, kernel) == LAMINA_OK) {
      uint32_t state = 7;
      for (int i = 0; i < 1500; i++) {
        struct product p = product_of(sizes[next(&state) % SIZES], sizes[next(&state) % SIZES],
                                      sizes[next(&state) % SIZES], next(&state));
        check_product(&f, &p, state);
      }
    }
    stop(&f);
  }
}

/* Shapes that reach each way through the code: blocks of k, chunks, edges, few rows, few
 * columns, an outer product, long sums. */
static const int64_t shapes[][3] = {
    {64, 96, 300},  {131, 67, 259}, {300, 20, 130}, {257, 10, 64},  {1, 512, 300},  {1, 300, 512},
    {3, 400, 257},  {8, 130, 700},  {700, 1, 70},   {200, 150, 1},  {1, 1, 40000},  {2, 3, 9000},
    {37, 41, 1031}, {20, 200, 40},  {512, 33, 17},  {13, 784, 100}, {5, 1000, 64},  {129, 257, 65},
    {16, 16, 4096}, {0, 40, 50},    {40, 0, 50},    {70, 90, 0},    {90, 10, 1100}, {45, 23, 64},
    {101, 14, 40},  {33, 1, 32},    {50, 6, 600},
};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

Test(gemm, every_kernel_agrees_with_double_precision_on_larger_shapes)
{
  for (int32_t kernel = PORTABLE; kernel < KERNELS; kernel++) {
    struct fixture f;
    uint32_t rounds = start(&f, 2, kernel) == LAMINA_OK ? SHAPES * 4 : 0;
    for (uint32_t i = 0; i < rounds; i++) {
      const int64_t *shape = shapes[i / 4];
      uint32_t variant = i % 4 | (i * 5u & 7u) << 2;
      struct product p = product_of(shape[0], shape[1], shape[2], variant);
      check_product(&f, &p, i / 4);
    }
    stop(&f);
  }
}

Test(gemm, any_stride_is_read_right)
{
  struct fixture f;
  cr_assert_eq(start(&f, 2, 0), LAMINA_OK);
  static const int64_t cases[][3] = {{5, 6, 7}, {70, 90, 80}};
  for (int i = 0; i < 2; i++) {
    struct product p = product_of(cases[i][0], cases[i][1], cases[i][2], 0);
    product_make(&p, 3);
    /* Every second column of matrices twice as wide. */
    uint32_t state = 5;
    lm_free(p.a);
    lm_free(p.b);
    p.task.a = p.a = random_floats(2 * p.m * p.k, &state);
    p.task.b = p.b = random_floats(2 * p.k * p.n, &state);
    p.task.a_row = 2 * p.k;
    p.task.b_row = 2 * p.n;
    p.task.a_column = p.task.b_column = 2;
    product_run(&f, &p);
    check_values(&p);
    product_release(&p);
  }
  stop(&f);
}

Test(gemm, bits_do_not_depend_on_the_number_of_threads)
{
  static const int64_t cases[][3] = {{64, 512, 300}, {256, 20, 400}, {1, 700, 600},  {300, 257, 64},
                                     {90, 80, 5000}, {64, 300, 512}, {3000, 10, 300}};
  static const uint32_t threads[] = {1, 2, 7};
  for (uint32_t i = 0; i < sizeof cases / sizeof cases[0] * 4; i++) {
    float *first = NULL;
    for (int t = 0; t < 3; t++) {
      struct fixture f;
      cr_assert_eq(start(&f, threads[t], 0), LAMINA_OK);
      struct product p = product_of(cases[i / 4][0], cases[i / 4][1], cases[i / 4][2], i % 4);
      product_make(&p, 11);
      product_run(&f, &p);
      if (first == NULL) {
        first = lm_alloc((size_t)p.c_count, sizeof *first);
        memcpy(first, p.task.c, (size_t)p.c_count * sizeof *first);
      }
      cr_assert_arr_eq(first, p.task.c, (size_t)p.c_count * sizeof *first,
                       "%u threads change bits of case %u", threads[t], i);
      product_release(&p);
      stop(&f);
    }
    lm_free(first);
  }
}

Test(gemm, nan_and_infinity_meet_zero_and_propagate)
{
  static const int64_t cases[][3] = {{3, 20, 5}, {64, 100, 200}, {1, 400, 300}, {64, 10, 40}};
  for (uint32_t i = 0; i < 16; i++) {
    struct fixture f;
    cr_assert_eq(start(&f, 1, 0), LAMINA_OK);
    struct product p = product_of(cases[i / 4][0], cases[i / 4][1], cases[i / 4][2], i % 4);
    product_make(&p, 13);
    memset(p.a, 0, (size_t)p.a_count * sizeof *p.a);
    int64_t column = p.n - 1;
    p.b[2 * p.task.b_row] = INFINITY;
    p.b[3 * p.task.b_row + column * p.task.b_column] = NAN;
    product_run(&f, &p);
    for (int64_t row = 0; row < p.m; row++) {
      const float *c = p.task.c + row * p.task.c_row;
      cr_assert(isnan(c[0]) && isnan(c[column]), "case %u", i);
      cr_assert_eq(c[1], 0.0f, "a neighbour was touched in case %u", i);
    }
    product_release(&p);
    stop(&f);
  }
}

Test(gemm, old_nan_in_the_result_does_not_survive_overwriting)
{
  struct fixture f;
  cr_assert_eq(start(&f, 1, 0), LAMINA_OK);
  static const int64_t cases[][3] = {{3, 5, 4}, {3, 5, 0}, {100, 100, 100}};
  for (int i = 0; i < 3; i++) {
    struct product p = product_of(cases[i][0], cases[i][1], cases[i][2], 0);
    product_make(&p, 17);
    p.expected_from[0] = NAN;
    product_run(&f, &p);
    check_values(&p);
    product_release(&p);
  }
  stop(&f);
}

Test(gemm, a_kernel_that_the_cpu_lacks_is_refused_with_a_sentence)
{
  bool has[KERNELS] = {true, true, false, false};
#if defined(__x86_64__)
  has[AVX2] = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  has[AVX512] = has[AVX2] && __builtin_cpu_supports("avx512f");
#endif
  for (int32_t kernel = 0; kernel < KERNELS; kernel++) {
    struct fixture f;
    int32_t status = start(&f, 1, kernel);
    probe_expect(&f.probe, (enum lamina_status)status,
                 has[kernel] ? LAMINA_OK : LAMINA_E_UNSUPPORTED, "this CPU lacks");
    stop(&f);
  }
}

Test(gemm, wrong_tasks_are_refused_with_a_sentence)
{
  struct fixture f;
  cr_assert_eq(start(&f, 1, 0), LAMINA_OK);
  struct product p = product_of(4, 5, 6, 0);
  product_make(&p, 1);
  struct lamina_gemm_task bad[] = {p.task, p.task, p.task, p.task};
  bad[0].size = 8;
  bad[1].m = -1;
  bad[2].k = -3;
  bad[3].c_row = 4;
  for (int i = 0; i < 4; i++) {
    f.host.failed_text[0] = '\0';
    int32_t status = f.gemm->run(f.gemm->self, &f.host.call, &bad[i]);
    cr_assert_eq(status, i == 0 ? LAMINA_E_PLUGIN : LAMINA_E_SHAPE);
    cr_assert_str_not_empty(f.host.failed_text);
  }
  product_release(&p);
  stop(&f);
}

Test(gemm, missing_scratch_is_an_error_and_no_crash)
{
  struct fixture f;
  cr_assert_eq(start(&f, 2, 0), LAMINA_OK);
  struct product p = product_of(200, 200, 200, 0);
  product_make(&p, 1);
  cr_assert_eq(f.gemm->run(f.gemm->self, &f.host.call, &p.task), LAMINA_E_PLUGIN);
  cr_assert_not_null(strstr(f.host.failed_text, "scratch"));
  product_release(&p);
  stop(&f);
}

Test(gemm, other_services_are_not_offered)
{
  struct fixture f;
  cr_assert_eq(start(&f, 1, 0), LAMINA_OK);
  cr_assert_null(interface_of(&f, "lamina.gemm/2"));
  stop(&f);
}

Test(gemm, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{gemm: {kernel: sse}}", "kernel"},
      {"{gemm: {kernels: portable}}", "did you mean 'kernel'?"},
  };
  probe_refuses(LAMINA_KIND_SERVICE, cases, sizeof cases / sizeof cases[0]);
}
