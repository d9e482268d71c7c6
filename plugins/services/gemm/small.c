/*
 * Small products: a few tiles straight from the caller's memory, without threads or scratch.
 * What counts here is the time of a call. A small transposed B is packed on the stack.
 */
#include "gemm_internal.h"

/* Multiplications of a product; floats of a transposed B, widened to whole vectors. */
enum { MOST_WORK = 1 << 15, MOST_TRANSPOSED = 1 << 10 };

static bool is_small(int64_t m, int64_t n, int64_t k)
{
  return m <= MOST_WORK && n <= MOST_WORK && k <= MOST_WORK && m * n <= MOST_WORK &&
         m * n * k <= MOST_WORK;
}

static void run_panel(const struct lm_gemm_kernel *kernel, const struct lamina_gemm_task *task,
                      struct lm_gemm_tile *tile, enum lm_gemm_source source)
{
  int vectors = tile->columns > kernel->lanes ? 2 : 1;
  for (int64_t left = task->m; left > 0; left -= kernel->rows) {
    int64_t rows = left < kernel->rows ? left : kernel->rows;
    kernel->tiles[rows - 1][vectors - 1][source](tile);
    tile->a += rows * task->a_row;
    tile->c += rows * task->c_row;
  }
}

static void run_transposed(const struct lm_gemm_kernel *kernel, const struct lamina_gemm_task *task,
                           struct lm_gemm_tile *tile)
{
  float panel[MOST_TRANSPOSED] __attribute__((aligned(LAMINA_ALIGNMENT)));
  tile->panel = panel;
  lm_gemm_pack(kernel, tile, task->b_column);
  run_panel(kernel, task, tile, LM_GEMM_PANEL);
}

bool lm_gemm_small(const struct lm_gemm_kernel *kernel, const struct lamina_gemm_task *task)
{
  int64_t width = lm_gemm_width(kernel);
  bool direct = task->b_column == 1 || task->n == 1;
  if (!is_small(task->m, task->n, task->k) || lm_gemm_is_narrow(kernel, task) ||
      (!direct && task->k * width > MOST_TRANSPOSED)) {
    return false;
  }
  for (int64_t j = 0; j < task->n; j += width) {
    struct lm_gemm_tile tile = {
        .a = task->a,
        .a_row = task->a_row,
        .a_column = task->a_column,
        .b = task->b + j * task->b_column,
        .b_row = task->b_row,
        .c = task->c + j,
        .c_row = task->c_row,
        .bias = task->bias != NULL ? task->bias + j : NULL,
        .k = task->k,
        .columns = task->n - j < width ? task->n - j : width,
        .add = (task->flags & LAMINA_GEMM_ADD) != 0,
    };
    if (direct) {
      run_panel(kernel, task, &tile, LM_GEMM_DIRECT);
    } else {
      run_transposed(kernel, task, &tile);
    }
  }
  return true;
}
