/*
 * Products are rows of numbers from a fixed generator; the oracle is a triple loop in double
 * precision. The bound holds for additions in any order: (k + 3) roundings of at most half an
 * ulp of the sum of magnitudes.
 */
#include "tests/support/gemm_check.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include <lamina/gemm.h>
#include <lamina/service.h>

#include "base/memory.h"
#include "conform/mock.h"
#include "tests/support/part_probe.h"

#define GUARD_VALUE (-12345.678f)

enum { OFFSET = 128 };

struct fixture {
  struct lm_mock host;
  struct probe probe;
  struct lm_instance *instance;
  const struct lamina_gemm *gemm;
};

/* How a product lies in memory. */
struct form {
  int64_t m, n, k;
  bool a_transposed, b_transposed, add, bias;
  int64_t step; /* between neighbours in a row (or column, transposed) of A and B */
  int64_t gap;  /* floats between rows */
};

struct product {
  struct form form;
  struct lamina_gemm_task task;
  float *a, *b, *c, *before, *bias;
  int64_t c_count;
};

static void start(struct fixture *f, const char *name)
{
  *f = (struct fixture){0};
  cr_assert(lm_mock_init(&f->host, 1));
  probe_open(&f->probe, 1);
  cr_assert_eq(probe_try(&f->probe, LAMINA_KIND_SERVICE, name, &f->instance), LAMINA_OK, "%s",
               f->probe.error.text);
  f->gemm = f->instance->plugin->table.service.interface(f->instance->self, LAMINA_GEMM_ID);
  cr_assert_not_null(f->gemm);
}

static void stop(struct fixture *f)
{
  probe_close(&f->probe);
  lm_mock_release(&f->host);
}

static float next(uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return (float)((*state >> 8) % 2001) / 1000.0f - 1.0f;
}

static float *numbers(int64_t count, uint32_t *state)
{
  float *values = lm_alloc((size_t)count + 1, sizeof *values);
  for (int64_t i = 0; i < count; i++) {
    values[i] = next(state);
  }
  return values;
}

/* Strides of a rows x columns operand, and the floats that it takes. */
static int64_t lay_out(const struct form *form, int64_t rows, int64_t columns, bool transposed,
                       int64_t strides[2])
{
  int64_t inner = transposed ? rows : columns;
  int64_t outer = transposed ? columns : rows;
  int64_t long_stride = inner * form->step + form->gap;
  strides[0] = transposed ? form->step : long_stride;
  strides[1] = transposed ? long_stride : form->step;
  return inner == 0 || outer == 0 ? 0 : (outer - 1) * long_stride + (inner - 1) * form->step + 1;
}

static void make(struct product *p, const struct form *form)
{
  uint32_t state = 7;
  int64_t a_strides[2];
  int64_t b_strides[2];
  *p = (struct product){.form = *form};
  p->a = numbers(lay_out(form, form->m, form->k, form->a_transposed, a_strides), &state);
  p->b = numbers(lay_out(form, form->k, form->n, form->b_transposed, b_strides), &state);
  p->bias = numbers(form->n, &state);
  p->c_count = form->m * (form->n + form->gap);
  p->before = numbers(p->c_count, &state);
  p->c = numbers(p->c_count, &state);
  for (int64_t i = 0; i < p->c_count; i++) {
    bool inside = i % (form->n + form->gap) < form->n;
    p->before[i] = inside ? p->before[i] : GUARD_VALUE;
    p->c[i] = p->before[i];
  }
  p->task = (struct lamina_gemm_task){.size = sizeof p->task,
                                      .flags = form->add ? LAMINA_GEMM_ADD : 0,
                                      .m = form->m,
                                      .n = form->n,
                                      .k = form->k,
                                      .a = p->a,
                                      .a_row = a_strides[0],
                                      .a_column = a_strides[1],
                                      .b = p->b,
                                      .b_row = b_strides[0],
                                      .b_column = b_strides[1],
                                      .c = p->c,
                                      .c_row = form->n + form->gap,
                                      .bias = form->bias ? p->bias : NULL,
                                      .shared_offset = OFFSET,
                                      .lane_offset = OFFSET};
}

static void release(struct product *p)
{
  lm_free(p->a);
  lm_free(p->b);
  lm_free(p->c);
  lm_free(p->bias);
  lm_free(p->before);
}

static double expected(const struct product *p, int64_t i, int64_t j, double *bound)
{
  const struct lamina_gemm_task *t = &p->task;
  double before = p->form.add ? (double)p->before[i * t->c_row + j] : 0.0;
  double bias = p->form.bias ? (double)p->bias[j] : 0.0;
  double sum = before + bias;
  double size = fabs(before) + fabs(bias);
  for (int64_t q = 0; q < t->k; q++) {
    double term =
        (double)t->a[i * t->a_row + q * t->a_column] * (double)t->b[q * t->b_row + j * t->b_column];
    sum += term;
    size += fabs(term);
  }
  *bound = ((double)t->k + 3) * (double)(FLT_EPSILON / 2) * size;
  return sum;
}

static void check_values(const struct product *p)
{
  const struct form *form = &p->form;
  for (int64_t at = 0; at < p->c_count; at++) {
    int64_t i = at / p->task.c_row;
    int64_t j = at % p->task.c_row;
    double bound = 0.0;
    double want = j < form->n ? expected(p, i, j, &bound) : (double)GUARD_VALUE;
    cr_assert(fabs((double)p->c[at] - want) <= bound,
              "%lldx%lldx%lld%s%s%s%s step %lld: C[%lld,%lld] is %.9g, not %.9g",
              (long long)form->m, (long long)form->n, (long long)form->k,
              form->a_transposed ? " A'" : "", form->b_transposed ? " B'" : "",
              form->add ? " add" : "", form->bias ? " bias" : "", (long long)form->step,
              (long long)i, (long long)j, (double)p->c[at], want);
  }
}

static int32_t witness(void *self, int64_t first, int64_t count)
{
  struct gemm_witness *witness = self;
  for (int64_t i = first; i < first + count; i++) {
    witness->seen[i] = witness->c[i];
    witness->times[i]++;
  }
  return LAMINA_OK;
}

void gemm_witness_init(struct gemm_witness *w, const struct lamina_gemm_task *task)
{
  w->count = task->m * task->n;
  w->c = task->c;
  w->seen = lm_alloc((size_t)w->count + 1, sizeof *w->seen);
  w->times = lm_alloc((size_t)w->count + 1, 1);
  w->epilogue = (struct lamina_epilogue){.size = sizeof w->epilogue, .self = w, .apply = witness};
}

void gemm_witness_check(struct gemm_witness *w)
{
  for (int64_t i = 0; i < w->count; i++) {
    cr_assert_eq(w->times[i], 1, "element %lld was handed over %d times", (long long)i,
                 w->times[i]);
    cr_assert(memcmp(&w->seen[i], &w->c[i], sizeof(float)) == 0,
              "element %lld was %.9g when it was handed over and became %.9g", (long long)i,
              (double)w->seen[i], (double)w->c[i]);
  }
  lm_free(w->seen);
  lm_free(w->times);
}

/* Runs with exactly the scratch that the service asked for, behind a part of someone else's. */
static void check(struct fixture *f, const struct form *form)
{
  struct product p;
  struct lamina_gemm_scratch scratch = {0};
  make(&p, form);
  f->gemm->scratch(f->gemm->self, form->m, form->n, form->k, &scratch);
  cr_assert(lm_mock_set_scratch(&f->host, scratch.shared + OFFSET, scratch.per_lane + OFFSET));
  struct gemm_witness witness;
  gemm_witness_init(&witness, &p.task);
  p.task.epilogue = form->gap == 0 ? &witness.epilogue : NULL;
  int32_t status = f->gemm->run(f->gemm->self, &f->host.call, &p.task);
  cr_assert_eq(status, LAMINA_OK, "%s", f->host.failed_text);
  cr_assert(lm_mock_scratch_intact(&f->host));
  witness.count = form->gap == 0 ? witness.count : 0;
  gemm_witness_check(&witness);
  check_values(&p);
  release(&p);
}

static const int64_t shapes[][3] = {
    {1, 1, 1},  {1, 5, 3},    {3, 1, 4},    {2, 3, 1},      {5, 7, 0},       {0, 4, 4},
    {4, 0, 4},  {8, 16, 32},  {17, 13, 20}, {64, 10, 33},   {1, 300, 200},   {70, 1, 90},
    {33, 1, 1}, {64, 96, 70}, {129, 67, 5}, {20, 131, 300}, {130, 129, 140},
};

enum { SHAPES = sizeof shapes / sizeof shapes[0], VARIANTS = 32 };

static struct form form_of(const int64_t shape[3], uint32_t variant, int64_t step)
{
  return (struct form){.m = shape[0],
                       .n = shape[1],
                       .k = shape[2],
                       .a_transposed = (variant & 1) != 0,
                       .b_transposed = (variant & 2) != 0,
                       .add = (variant & 4) != 0,
                       .bias = (variant & 8) != 0,
                       .gap = (variant & 16) != 0 ? 3 : 0,
                       .step = step};
}

void gemm_check_products(const char *plugin)
{
  struct fixture f;
  start(&f, plugin);
  for (uint32_t i = 0; i < SHAPES * VARIANTS; i++) {
    struct form form = form_of(shapes[i / VARIANTS], i % VARIANTS, 1);
    check(&f, &form);
  }
  stop(&f);
}

void gemm_check_strides(const char *plugin)
{
  struct fixture f;
  start(&f, plugin);
  for (uint32_t i = 0; i < SHAPES * VARIANTS; i++) {
    struct form form = form_of(shapes[i / VARIANTS], i % VARIANTS, 3);
    check(&f, &form);
  }
  stop(&f);
}

void gemm_check_refusals(const char *plugin)
{
  struct fixture f;
  struct product p;
  struct form form = form_of((const int64_t[3]){4, 5, 6}, 0, 1);
  start(&f, plugin);
  make(&p, &form);
  struct gemm_witness witness;
  gemm_witness_init(&witness, &p.task);
  struct lamina_gemm_task bad[] = {p.task, p.task, p.task, p.task, p.task};
  bad[0].size = 8;
  bad[1].m = -1;
  bad[2].k = -3;
  bad[3].c_row = 4;
  bad[4].epilogue = &witness.epilogue;
  bad[4].c_row = 6;
  for (int i = 0; i < 5; i++) {
    f.host.failed_text[0] = '\0';
    int32_t status = f.gemm->run(f.gemm->self, &f.host.call, &bad[i]);
    cr_assert_eq(status, i == 0 ? LAMINA_E_PLUGIN : LAMINA_E_SHAPE);
    cr_assert_str_not_empty(f.host.failed_text);
  }
  cr_assert_null(f.instance->plugin->table.service.interface(f.instance->self, "lamina.gemm/2"));
  witness.count = 0;
  gemm_witness_check(&witness);
  release(&p);
  stop(&f);
}

void gemm_check_too_large(const char *plugin)
{
  struct fixture f;
  struct product p;
  struct form form = form_of((const int64_t[3]){4, 5, 6}, 0, 1);
  start(&f, plugin);
  make(&p, &form);
  p.task.m = 1;
  p.task.k = (int64_t)1 << 32;
  cr_assert_eq(f.gemm->run(f.gemm->self, &f.host.call, &p.task), LAMINA_E_UNSUPPORTED);
  cr_assert_not_null(strstr(f.host.failed_text, "2147483647"), "%s", f.host.failed_text);
  release(&p);
  stop(&f);
}
