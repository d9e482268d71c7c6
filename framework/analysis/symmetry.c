/*
 * Measuring motions: the data goes through the layers as it is and moved, batch by batch, and
 * every output of every layer is compared.
 *
 * The executor is one of its own, in which nothing is overwritten or fused, so that each layer's
 * output is what it would be by itself.
 */
#include "analysis/symmetry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/symmetry_internal.h"
#include "base/memory.h"

enum { BATCH = 32, EQUIVARIANCE = 0, INSIDE, INVARIANCE };

/* ---- targets and sources ---- */

struct lm_symmetry_target *lm_symmetry_target_of(const struct lm_probing *probing,
                                                 struct lm_edge edge)
{
  for (uint32_t i = 0; i < probing->n_targets && !lm_edge_is_source(edge); i++) {
    struct lm_symmetry_target *target = &probing->targets[i];
    if (target->node == (uint32_t)edge.node && target->output == edge.output) {
      return target;
    }
  }
  return NULL;
}

bool lm_symmetry_moves(const struct lm_probing *probing, struct lm_edge edge)
{
  if (lm_edge_is_source(edge)) {
    return probing->sources[lm_edge_source_index(edge)].moves;
  }
  const struct lm_symmetry_target *target = lm_symmetry_target_of(probing, edge);
  return target != NULL && target->moved;
}

static int64_t count_of(const struct lm_tensor *tensor)
{
  return lamina_type_product(&tensor->shape.type, 1, tensor->shape.type.rank);
}

static bool make_target(struct lm_probing *probing, uint32_t node, uint32_t output)
{
  struct lm_symmetry_target *target = &probing->targets[probing->n_targets++];
  size_t samples = (size_t)probing->engine->train.count;
  target->node = node;
  target->output = output;
  target->count = count_of(probing->experiment->inference->nodes[node].out[output]);
  target->plain = lm_alloc((size_t)(probing->batch * target->count), sizeof(float));
  target->expected = lm_alloc((size_t)target->count, sizeof(float));
  target->inexact = lm_alloc((size_t)target->count, 1);
  bool done = target->plain != NULL && target->expected != NULL && target->inexact != NULL;
  for (int k = 0; k < 3; k++) {
    target->errors[k] = lm_alloc(samples, sizeof(double));
    done = done && target->errors[k] != NULL;
  }
  return done;
}

/* Every float32 output of every layer, in the order in which they run. */
static bool make_targets(struct lm_probing *probing)
{
  const struct lm_graph *graph = probing->experiment->graph;
  const struct lm_inference *inference = probing->experiment->inference;
  size_t count = 0;
  bool done = true;
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    count += inference->nodes[i].n_out;
  }
  probing->targets = lm_alloc(count, sizeof *probing->targets);
  for (uint32_t i = 0; i < graph->n_nodes && probing->targets != NULL && done; i++) {
    uint32_t node = graph->order[i];
    const struct lm_facts *facts = &inference->nodes[node];
    for (uint32_t k = 0; k < facts->n_out && done; k++) {
      if (graph->nodes[node]->kind == LM_NODE_LAYER &&
          lamina_type_is_f32(&facts->out[k]->shape.type)) {
        done = make_target(probing, node, k);
      }
    }
  }
  return done && probing->targets != NULL;
}

static bool make_sources(struct lm_probing *probing)
{
  const struct lm_inference *inference = probing->experiment->inference;
  bool done = true;
  for (uint32_t i = 0; i < inference->n_sources && done; i++) {
    struct lm_symmetry_source *source = &probing->sources[i];
    source->count = count_of(inference->sources[i]);
    /* Class labels are int32, of the same size; they are copied and not looked at. */
    source->content = lm_alloc((size_t)(probing->batch * source->count), sizeof(float));
    source->moved = lm_alloc((size_t)(probing->batch * source->count), sizeof(float));
    done = source->content != NULL && source->moved != NULL;
  }
  return done;
}

static void release(struct lm_probing *probing)
{
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    struct lm_symmetry_target *target = &probing->targets[i];
    lm_free(target->plain);
    lm_free(target->expected);
    lm_free(target->inexact);
    lm_free(target->at_edge);
    for (int k = 0; k < 3; k++) {
      lm_free(target->errors[k]);
    }
  }
  for (int i = 0; i < LM_MAX_FACTS; i++) {
    lm_free(probing->sources[i].content);
    lm_free(probing->sources[i].moved);
  }
  lm_free(probing->targets);
  lm_executor_free(probing->executor);
}

static enum lamina_status prepare(struct lm_probing *probing, struct lm_engine *engine,
                                  struct lm_error *error)
{
  struct lm_experiment *experiment = engine->experiment;
  struct lm_executor_options options = {.isolate = true};
  int64_t batch = experiment->train.batch < BATCH ? experiment->train.batch : BATCH;
  *probing = (struct lm_probing){.engine = engine, .experiment = experiment};
  probing->batch = batch < engine->train.count ? batch : engine->train.count;
  if (!make_targets(probing) || !make_sources(probing)) {
    return lm_fail_memory(error, 0);
  }
  return lm_executor_create(experiment->graph, &engine->store, &options, &probing->executor, error);
}

/* ---- running ---- */

enum lamina_status lm_symmetry_load(struct lm_probing *probing, int64_t begin, int64_t n,
                                    struct lm_error *error)
{
  const struct lm_portion *portion = &probing->engine->train;
  LM_TRY(lm_loader_fill(portion->loader, portion->index + begin, n, false, 0, error));
  for (uint32_t i = 0; i < probing->experiment->graph->n_sources; i++) {
    struct lm_symmetry_source *source = &probing->sources[i];
    memcpy(source->content, lm_loader_data(portion->loader, portion->fields[i]),
           (size_t)(n * source->count) * sizeof(float));
  }
  return LAMINA_OK;
}

void lm_symmetry_move(struct lm_probing *probing, int64_t n)
{
  for (uint32_t i = 0; i < probing->experiment->graph->n_sources; i++) {
    struct lm_symmetry_source *source = &probing->sources[i];
    struct lm_motion own;
    if (!source->moves || !lm_motion_on(probing->motion, &source->grid, &own)) {
      memcpy(source->moved, source->content, (size_t)(n * source->count) * sizeof(float));
      continue;
    }
    for (int64_t k = 0; k < n; k++) {
      lm_motion_apply(&own, &source->grid.image, 0.0f, source->content + k * source->count,
                      source->moved + k * source->count);
    }
  }
}

static void connect(struct lm_probing *probing, bool moved, struct lm_program *program)
{
  for (uint32_t i = 0; i < probing->experiment->graph->n_sources; i++) {
    struct lm_symmetry_source *source = &probing->sources[i];
    program->sources[i].data = moved ? source->moved : source->content;
  }
}

enum lamina_status lm_symmetry_forward_on(struct lm_probing *probing, int64_t n, bool moved,
                                          struct lm_program **out, struct lm_error *error)
{
  LM_TRY(lm_executor_program(probing->executor, n, false, out, error));
  connect(probing, moved, *out);
  return lm_program_forward(*out, 0, error);
}

static const float *values_of(const struct lm_program *program,
                              const struct lm_symmetry_target *target)
{
  return lm_program_output(program, target->node, target->output)->data;
}

void lm_symmetry_keep(struct lm_probing *probing, const struct lm_program *program, int64_t n)
{
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    struct lm_symmetry_target *target = &probing->targets[i];
    memcpy(target->plain, values_of(program, target), (size_t)(n * target->count) * sizeof(float));
  }
}

/* ---- comparing ---- */

/* ||a - b|| / ||b|| over the places that do not see an edge, or all when at_edge is NULL. */
static double relative(const float *a, const float *b, const struct lm_grid *grid,
                       const unsigned char *at_edge)
{
  int64_t channels = grid->image.channels;
  double difference = 0.0, norm = 0.0, other = 0.0;
  for (int64_t place = 0; place < lm_grid_places(grid); place++) {
    for (int64_t i = place * channels; i < (place + 1) * channels; i++) {
      if (at_edge == NULL || at_edge[place] == 0) {
        double x = (double)a[i], y = (double)b[i];
        difference += (x - y) * (x - y);
        norm += y * y;
        other += x * x;
      }
    }
  }
  norm = norm > 0.0 ? norm : other; /* something that comes of nothing: 1 */
  return norm > 0.0 ? sqrt(difference / norm) : 0.0;
}

/* Marks the places where two samples are further apart than rounding can bring them. */
static void mark_inexact(struct lm_symmetry_target *target, const float *after)
{
  int64_t channels = target->grid.image.channels;
  float largest = 0.0f;
  for (int64_t i = 0; i < target->count; i++) {
    largest = fmaxf(largest, fabsf(target->expected[i]));
  }
  for (int64_t i = 0; i < target->count; i++) {
    bool far = fabsf(after[i] - target->expected[i]) > (float)LM_SYMMETRY_EXACT * largest;
    target->inexact[i / channels] |= far;
  }
}

static void compare(struct lm_symmetry_target *target, const float *after, int64_t k,
                    int64_t sample)
{
  const float *before = target->plain + k * target->count;
  after += k * target->count;
  target->errors[INVARIANCE][sample] = relative(after, before, &target->grid, NULL);
  if (!target->has_motion) {
    return;
  }
  lm_motion_apply(&target->motion, &target->grid.image, 0.0f, before, target->expected);
  target->errors[EQUIVARIANCE][sample] = relative(after, target->expected, &target->grid, NULL);
  mark_inexact(target, after);
  if (target->at_edge != NULL) {
    target->errors[INSIDE][sample] =
        relative(after, target->expected, &target->grid, target->at_edge);
  }
}

static double input_error(const struct lm_probing *probing, int64_t k)
{
  double worst = 0.0;
  for (uint32_t i = 0; i < probing->experiment->graph->n_sources; i++) {
    const struct lm_symmetry_source *source = &probing->sources[i];
    if (source->moves) {
      double own = relative(source->moved + k * source->count, source->content + k * source->count,
                            &source->grid, NULL);
      worst = own > worst ? own : worst;
    }
  }
  return worst;
}

static enum lamina_status compare_batch(struct lm_probing *probing, int64_t begin, int64_t n,
                                        double *input, struct lm_error *error)
{
  struct lm_program *program;
  LM_TRY(lm_symmetry_load(probing, begin, n, error));
  LM_TRY(lm_symmetry_forward_on(probing, n, false, &program, error));
  lm_symmetry_keep(probing, program, n);
  lm_symmetry_move(probing, n);
  LM_TRY(lm_symmetry_forward_on(probing, n, true, &program, error));
  for (int64_t k = 0; k < n; k++) {
    input[begin + k] = input_error(probing, k);
  }
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    struct lm_symmetry_target *target = &probing->targets[i];
    const float *after = values_of(program, target);
    for (int64_t k = 0; k < n; k++) {
      compare(target, after, k, begin + k);
    }
  }
  return LAMINA_OK;
}

/* ---- what numbers come to ---- */

static int by_size(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static struct lm_spread spread_of(double *errors, int64_t n)
{
  struct lm_spread spread = {0};
  qsort(errors, (size_t)n, sizeof *errors, by_size);
  for (int64_t i = 0; i < n; i++) {
    spread.mean += errors[i] / (double)n;
  }
  spread.median = 0.5 * (errors[(n - 1) / 2] + errors[n / 2]);
  spread.most = errors[n - 1];
  return spread;
}

static enum lm_symmetry_state state_of(const struct lm_probing *probing,
                                       const struct lm_symmetry_target *target, int64_t inside)
{
  bool gain = probing->motion->kind == LM_MOTION_GAIN;
  if (target->has_motion) {
    return gain || inside > 0 || lm_motion_keeps_all(probing->motion) ? LM_SYMMETRY_MEASURED
                                                                      : LM_SYMMETRY_NO_INSIDE;
  }
  return target->grid.axes == 0 ? LM_SYMMETRY_NO_GRID : LM_SYMMETRY_NO_MOTION;
}

static void sum_up(const struct lm_probing *probing, struct lm_symmetry_target *target,
                   struct lm_symmetry_row *row)
{
  int64_t n = probing->engine->train.count;
  const struct lm_grid *grid = &target->grid;
  for (int64_t i = 0; target->at_edge != NULL && i < lm_grid_places(grid); i++) {
    row->inside += target->at_edge[i] == 0;
  }
  for (int64_t i = 0; i < lm_grid_places(grid); i++) {
    row->exact += target->inexact[i] == 0;
  }
  row->state = state_of(probing, target, row->inside);
  if (grid->axes > 0) {
    row->height = grid->image.height;
    row->width = grid->image.width;
    for (int axis = 0; axis < 2; axis++) {
      row->steps[axis] = (double)grid->step[axis] / (double)grid->part[axis];
    }
  }
  row->equivariance = spread_of(target->errors[EQUIVARIANCE], n);
  row->at_inside = spread_of(target->errors[INSIDE], n);
  row->invariance = spread_of(target->errors[INVARIANCE], n);
  if (!lm_motion_keeps_all(probing->motion)) {
    row->equivariance = row->at_inside;
  }
}

/* How large what comes of zeros is, beside what comes of the data. Loses what is loaded. */
static enum lamina_status find_constants(struct lm_probing *probing, int64_t n,
                                         struct lm_error *error)
{
  struct lm_program *program;
  for (uint32_t i = 0; i < probing->experiment->graph->n_sources; i++) {
    struct lm_symmetry_source *source = &probing->sources[i];
    if (source->moves) {
      memset(source->moved, 0, (size_t)(n * source->count) * sizeof(float));
    }
  }
  LM_TRY(lm_symmetry_forward_on(probing, n, true, &program, error));
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    struct lm_symmetry_target *target = &probing->targets[i];
    const float *values = values_of(program, target);
    float constant = 0.0f, largest = 0.0f;
    for (int64_t k = 0; k < n * target->count; k++) {
      constant = fmaxf(constant, fabsf(values[k]));
      largest = fmaxf(largest, fabsf(target->plain[k]));
    }
    target->constant = constant == 0.0f ? 0.0 : (double)constant / (double)fmaxf(largest, constant);
  }
  return LAMINA_OK;
}

/* ---- one motion ---- */

static void find_moved(struct lm_probing *probing)
{
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    probing->targets[i].moved = false;
  }
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    struct lm_symmetry_target *target = &probing->targets[i];
    const struct lm_node *node = probing->experiment->graph->nodes[target->node];
    for (uint32_t k = 0; k < node->n_inputs; k++) {
      target->moved = target->moved || lm_symmetry_moves(probing, node->inputs[k]);
    }
  }
}

/* Grids, edges or constants: what is found out with the first records. */
static enum lamina_status explore(struct lm_probing *probing, struct lm_error *error)
{
  int64_t n = probing->batch;
  LM_TRY(lm_symmetry_find_sources(probing, error));
  find_moved(probing);
  LM_TRY(lm_symmetry_load(probing, 0, n, error));
  LM_TRY(lm_symmetry_find_grids(probing, n, error));
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    struct lm_symmetry_target *target = &probing->targets[i];
    target->has_motion = lm_motion_on(probing->motion, &target->grid, &target->motion);
    memset(target->inexact, 0, (size_t)target->count);
  }
  if (probing->motion->kind != LM_MOTION_GAIN) {
    return lm_symmetry_find_edges(probing, n, error);
  }
  struct lm_program *program;
  LM_TRY(lm_symmetry_forward_on(probing, n, false, &program, error));
  lm_symmetry_keep(probing, program, n);
  return find_constants(probing, n, error);
}

static int first_axes(const struct lm_probing *probing)
{
  int axes = 0;
  for (int i = 0; i < LM_MAX_FACTS; i++) {
    axes = axes == 0 && probing->sources[i].moves ? probing->sources[i].grid.axes : axes;
  }
  return axes;
}

static enum lamina_status measure_samples(struct lm_probing *probing, struct lm_symmetry_part *part,
                                          struct lm_error *error)
{
  int64_t count = probing->engine->train.count;
  enum lamina_status status = LAMINA_OK;
  double *input = lm_alloc((size_t)count, sizeof *input);
  if (input == NULL) {
    return lm_fail_memory(error, (size_t)count * sizeof *input);
  }
  for (int64_t begin = 0; begin < count && status == LAMINA_OK; begin += probing->batch) {
    int64_t n = count - begin < probing->batch ? count - begin : probing->batch;
    status = compare_batch(probing, begin, n, input, error);
  }
  part->input = spread_of(input, count);
  lm_free(input);
  return status;
}

static enum lamina_status measure_part(struct lm_probing *probing,
                                       const struct lm_symmetry_report *report,
                                       struct lm_symmetry_part *part, struct lm_error *error)
{
  struct lm_text label = {0};
  probing->motion = &part->motion;
  LM_TRY(explore(probing, error));
  lm_motion_label(&part->motion, first_axes(probing), &label);
  part->label = lm_text_take(&label);
  part->rows = lm_alloc(probing->n_targets, sizeof *part->rows);
  if (part->label == NULL || part->rows == NULL) {
    return lm_fail_memory(error, 0);
  }
  LM_TRY(measure_samples(probing, part, error));
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    sum_up(probing, &probing->targets[i], &part->rows[i]);
  }
  return lm_symmetry_find_causes(probing, report, part, error);
}

/* ---- loss and metrics ---- */

/* The scores of what is moved; motion NULL: of the data as they are. */
static enum lamina_status score(struct lm_probing *probing, const struct lm_motion *motion,
                                struct lm_scores *scores, struct lm_error *error)
{
  struct lm_engine *engine = probing->engine;
  int64_t count = engine->train.count;
  *scores = (struct lm_scores){0};
  if (motion == NULL) {
    return lm_engine_evaluate(engine, &engine->train, scores, error);
  }
  lm_engine_clear_metrics(engine);
  for (int64_t begin = 0; begin < count; begin += probing->batch) {
    int64_t n = count - begin < probing->batch ? count - begin : probing->batch;
    struct lm_program *program;
    LM_TRY(lm_symmetry_load(probing, begin, n, error));
    lm_symmetry_move(probing, n);
    LM_TRY(lm_executor_program(engine->executor, n, false, &program, error));
    connect(probing, true, program);
    LM_TRY(lm_program_forward(program, 0, error));
    scores->loss += lm_engine_loss(engine, program) * (double)n / (double)count;
  }
  lm_engine_read_metrics(engine, scores);
  lm_engine_clear_metrics(engine);
  return LAMINA_OK;
}

/* ---- everything ---- */

static enum lamina_status measure(struct lm_probing *probing, const struct lm_motion *motions,
                                  struct lm_symmetry_report *report, struct lm_error *error)
{
  for (uint32_t i = 0; i < report->n_parts; i++) {
    struct lm_symmetry_part *part = &report->parts[i];
    part->motion = motions[i];
    LM_TRY(measure_part(probing, report, part, error));
    if (report->has_scores) {
      LM_TRY(score(probing, &part->motion, &part->scores, error));
    }
  }
  return report->has_scores ? score(probing, NULL, &report->scores, error) : LAMINA_OK;
}

enum lamina_status lm_symmetry_measure(struct lm_engine *engine, const struct lm_motion *motions,
                                       uint32_t n, struct lm_symmetry_report **out,
                                       struct lm_error *error)
{
  enum lamina_status status;
  struct lm_probing probing = {0};
  struct lm_symmetry_report *report = lm_alloc(1, sizeof *report);
  *out = NULL;
  if (report == NULL) {
    return lm_fail_memory(error, sizeof *report);
  }
  LM_TRY_OR(fail, status, prepare(&probing, engine, error));
  LM_TRY_OR(fail, status, lm_symmetry_describe(&probing, n, report, error));
  LM_TRY_OR(fail, status, measure(&probing, motions, report, error));
  release(&probing);
  *out = report;
  return LAMINA_OK;

fail:
  release(&probing);
  lm_symmetry_report_free(report);
  return status;
}
