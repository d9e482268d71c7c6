/*
 * A product too big for one tile is cut into chunks, the same for any number of threads: a
 * chunk is a block of rows by a group of panels, nearly square, so that it reads little for
 * what it computes. Inside a chunk the blocks of k are outermost: a block of A stays in L2
 * while one panel of B after the other passes through L1. A panel is packed once a chunk, by
 * the first row of tiles while it computes, or by lm_gemm_pack when B is transposed.
 *
 * The columns of a narrow C would leave lanes empty: the transpose is computed where its B,
 * which is A, can be read as it lies.
 */
#include "gemm_internal.h"

/* Multiplications in a chunk, at least and at most: 10 to 100 us on CPUs of 2020. */
#define CHUNK_LEAST ((int64_t)1 << 19)
#define CHUNK_MOST ((int64_t)1 << 22)
/* Above this sum length chunks may grow, or their strips of A and B would get too narrow. */
#define LONG_SUM ((int64_t)1 << 10)
enum { CHUNKS_WANTED = 8, ROWS_WANTED = 128 };
/* A shorter sum does not pay for turning its result. */
enum { LEAST_TURNED = 32 };

struct job {
  const struct lm_gemm_kernel *kernel;
  struct lamina_call *call;
  const struct lamina_gemm_task *task;
  bool turned;   /* tiles are of C' */
  int64_t tiles; /* rows of tiles */
  int64_t chunk_tiles, chunk_columns;
  int64_t row_chunks; /* chunks below each other */
  int64_t k_blocks;
  const struct lamina_epilogue *epilogue;
};

static int64_t ceil_div(int64_t a, int64_t b)
{
  return a / b + (a % b != 0);
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
  int64_t raised = value < least ? least : value;
  return raised > most ? most : raised;
}

/* Cuts `total` into `parts` that differ by one at most; where part `i` begins. */
static int64_t cut(int64_t total, int64_t parts, int64_t i)
{
  int64_t rest = total % parts;
  return total / parts * i + (i < rest ? i : rest);
}

static int64_t chunk_work(const struct lamina_gemm_task *task)
{
  double work = (double)task->m * (double)task->n * (double)task->k / CHUNKS_WANTED;
  int64_t most = CHUNK_MOST * clamp(task->k / LONG_SUM, 1, 8);
  if (work > (double)most) {
    return most;
  }
  return work < (double)CHUNK_LEAST ? CHUNK_LEAST : (int64_t)work;
}

bool lm_gemm_is_narrow(const struct lm_gemm_kernel *kernel, const struct lamina_gemm_task *task)
{
  int64_t half = kernel->lanes / 2;
  return task->a_row == 1 && task->k >= LEAST_TURNED && task->m >= lm_gemm_width(kernel) &&
         task->n != 2 * half && task->n <= 3 * half;
}

static void job_cut(struct job *job)
{
  const struct lamina_gemm_task *task = job->task;
  int64_t width = lm_gemm_width(job->kernel);
  job->turned = lm_gemm_is_narrow(job->kernel, task);
  int64_t rows = job->turned ? width : job->kernel->rows;
  int64_t area = chunk_work(task) / (task->k > 0 ? task->k : 1);
  int64_t tall = task->m < ROWS_WANTED ? task->m : ROWS_WANTED;
  int64_t columns = clamp(area / tall / width * width, width, ceil_div(task->n, width) * width);
  job->tiles = ceil_div(task->m, rows);
  job->chunk_columns = columns;
  int64_t chunk_rows = area / (columns < task->n ? columns : task->n);
  job->chunk_tiles = clamp(ceil_div(chunk_rows, rows), 1, job->tiles);
  /* Equal chunks rather than full ones and a small last one. */
  job->row_chunks = ceil_div(job->tiles, job->chunk_tiles);
  job->chunk_tiles = ceil_div(job->tiles, job->row_chunks);
  job->row_chunks = ceil_div(job->tiles, job->chunk_tiles);
  job->k_blocks = task->k > 0 ? ceil_div(task->k, job->kernel->k_block) : 1;
}

/* Rows of C, computed as columns of C' = B' A' and turned on the way to C. `whole` has all of
 * C's columns, and the bias and addition that are still to come. */
static void run_strip(const struct job *job, const struct lm_gemm_tile *whole, int64_t row,
                      int64_t rows)
{
  float strip[LM_GEMM_MOST_ROWS * LM_GEMM_MOST_WIDTH] __attribute__((aligned(LAMINA_ALIGNMENT)));
  const struct lm_gemm_kernel *kernel = job->kernel;
  struct lm_gemm_tile tile = {.a_row = job->task->b_column,
                              .a_column = whole->b_row,
                              .b = whole->a + row,
                              .b_row = whole->a_column,
                              .c = strip,
                              .c_row = LM_GEMM_MOST_WIDTH,
                              .k = whole->k,
                              .columns = rows};
  int vectors = rows > kernel->lanes ? 2 : 1;
  int64_t parts = ceil_div(whole->columns, kernel->rows);
  for (int64_t part = 0; part < parts; part++) {
    int64_t j = cut(whole->columns, parts, part);
    int64_t count = cut(whole->columns, parts, part + 1) - j;
    tile.a = whole->b + j * job->task->b_column;
    kernel->tiles[count - 1][vectors - 1][LM_GEMM_DIRECT](&tile);
    struct lm_gemm_turn turn = {.from = strip,
                                .from_row = LM_GEMM_MOST_WIDTH,
                                .to = whole->c + row * whole->c_row + j,
                                .to_row = whole->c_row,
                                .rows = rows,
                                .columns = count,
                                .bias = whole->bias != NULL ? whole->bias + j : NULL,
                                .add = whole->add};
    kernel->turn(&turn);
  }
}

/* All rows of tiles of a chunk over one panel and one block of k. */
static void run_panel(const struct job *job, struct lm_gemm_tile tile, int64_t first_tile,
                      int64_t last_tile)
{
  const struct lamina_gemm_task *task = job->task;
  for (int64_t t = first_tile; t < last_tile && job->turned; t++) {
    int64_t row = cut(task->m, job->tiles, t);
    run_strip(job, &tile, row, cut(task->m, job->tiles, t + 1) - row);
  }
  if (job->turned) {
    return;
  }
  int vectors = tile.columns > job->kernel->lanes ? 2 : 1;
  const float *a = tile.a;
  float *c = tile.c;
  enum lm_gemm_source source = LM_GEMM_PANEL;
  if (task->b_column == 1) {
    source = last_tile - first_tile > 1 ? LM_GEMM_COPY : LM_GEMM_DIRECT;
  } else {
    lm_gemm_pack(job->kernel, &tile, task->b_column);
  }
  for (int64_t t = first_tile; t < last_tile; t++) {
    int64_t row = cut(task->m, job->tiles, t);
    int64_t rows = cut(task->m, job->tiles, t + 1) - row;
    tile.a = a + row * task->a_row;
    tile.c = c + row * task->c_row;
    job->kernel->tiles[rows - 1][vectors - 1][source](&tile);
    source = LM_GEMM_PANEL;
  }
}

/* Hands over the rows of tiles first .. last - 1 of columns begin .. end - 1, still in L2. */
static int32_t finish(const struct job *job, int64_t first, int64_t last, int64_t begin,
                      int64_t end)
{
  const struct lamina_gemm_task *task = job->task;
  int64_t row = cut(task->m, job->tiles, first);
  int64_t rows = cut(task->m, job->tiles, last) - row;
  if (job->epilogue == NULL || end - begin == task->n) {
    return lamina_epilogue_apply(job->epilogue, row * task->n, rows * task->n);
  }
  for (int64_t i = row; i < row + rows; i++) {
    LAMINA_TRY(lamina_epilogue_apply(job->epilogue, i * task->n + begin, end - begin));
  }
  return LAMINA_OK;
}

static int32_t run_chunk(const struct job *job, int64_t chunk, float *panel)
{
  const struct lamina_gemm_task *task = job->task;
  int64_t first_tile = chunk % job->row_chunks * job->chunk_tiles;
  int64_t last_tile = clamp(first_tile + job->chunk_tiles, 0, job->tiles);
  int64_t begin = chunk / job->row_chunks * job->chunk_columns;
  int64_t end = clamp(begin + job->chunk_columns, 0, task->n);
  int64_t width = lm_gemm_width(job->kernel);
  for (int64_t block = 0; block < job->k_blocks; block++) {
    int64_t p = cut(task->k, job->k_blocks, block);
    int64_t depth = cut(task->k, job->k_blocks, block + 1) - p;
    for (int64_t j = begin; j < end; j += width) {
      struct lm_gemm_tile tile = {
          .a = task->a + p * task->a_column,
          .a_row = task->a_row,
          .a_column = task->a_column,
          .b = task->b + p * task->b_row + j * task->b_column,
          .b_row = task->b_row,
          .panel = panel,
          .c = task->c + j,
          .c_row = task->c_row,
          .bias = task->bias != NULL && block == 0 ? task->bias + j : NULL,
          .k = depth,
          .columns = end - j < width ? end - j : width,
          .add = block > 0 || (task->flags & LAMINA_GEMM_ADD) != 0,
      };
      run_panel(job, tile, first_tile, last_tile);
    }
  }
  return finish(job, first_tile, last_tile, begin, end);
}

static int32_t body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  char *scratch = lamina_scratch(job->call, lane);
  if (scratch == NULL) {
    return lamina_fail(job->call, LAMINA_E_PLUGIN,
                       "the layer did not declare the scratch of its matrix products");
  }
  for (int64_t chunk = begin; chunk < end; chunk++) {
    LAMINA_TRY(run_chunk(job, chunk, (float *)(void *)(scratch + job->task->lane_offset)));
  }
  return LAMINA_OK;
}

int32_t lm_gemm_blocks(const struct lm_gemm_kernel *kernel, struct lamina_call *call,
                       const struct lamina_gemm_task *task)
{
  struct job job = {
      .kernel = kernel, .call = call, .task = task, .epilogue = lamina_gemm_epilogue(task)};
  job_cut(&job);
  int64_t chunks = job.row_chunks * ceil_div(task->n, job.chunk_columns);
  return lamina_parallel_for(call, chunks, 1, body, &job);
}

int32_t lm_gemm_blocks_alone(const struct lm_gemm_kernel *kernel,
                             const struct lamina_gemm_task *task, float *panel)
{
  struct job job = {.kernel = kernel, .task = task, .epilogue = lamina_gemm_epilogue(task)};
  job_cut(&job);
  int64_t chunks = job.row_chunks * ceil_div(task->n, job.chunk_columns);
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    LAMINA_TRY(run_chunk(&job, chunk, panel));
  }
  return LAMINA_OK;
}

void lm_gemm_blocks_scratch(const struct lm_gemm_kernel *kernel, int64_t m, int64_t n, int64_t k,
                            struct lamina_gemm_scratch *out)
{
  (void)m;
  int64_t depth = k < kernel->k_block ? k : kernel->k_block;
  int64_t width = lm_gemm_width(kernel);
  int64_t columns = n < width ? ceil_div(n, kernel->lanes) * kernel->lanes : width;
  out->shared = 0;
  uint64_t bytes = (uint64_t)depth * (uint64_t)columns * sizeof(float);
  /* Whole alignments, so that what a layer puts behind it is aligned too. */
  out->per_lane = (bytes + LAMINA_ALIGNMENT - 1) / LAMINA_ALIGNMENT * LAMINA_ALIGNMENT;
}
