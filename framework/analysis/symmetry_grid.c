/*
 * Grids: which tensors still have rows and columns, and how many pixels lie between their places.
 *
 * Shapes tell most of it. A layer that reads `in` places along an axis and makes `out` of them
 * takes steps of at most (in - 1) / (out - 1), or makes so many of one place. Where that leaves a
 * choice - 8 places to 4 is a stride of 2 as well as a window of 5 - the input is shifted by each
 * step that may be: only at the right one the output is shifted by exactly one place.
 */
#include <math.h>

#include "analysis/symmetry_internal.h"
#include "base/memory.h"

enum { MOST_STEPS = 16 }; /* that are tried for one layer */

/* A step has to explain the output so much better than the one that sizes suggest. */
static const double CLEARLY = 0.5;

/* ---- sources ---- */

static bool reads(const struct lm_node *node, struct lm_edge edge)
{
  for (uint32_t k = 0; k < node->n_inputs; k++) {
    if (node->inputs[k].node == edge.node && node->inputs[k].output == edge.output) {
      return true;
    }
  }
  return false;
}

/* Whether the layers behind a source keep its rank, in another shape, or have one more. */
static void look_behind(const struct lm_probing *probing, uint32_t source, bool *more, bool *other)
{
  const struct lm_inference *inference = probing->experiment->inference;
  const struct lamina_type *type = &inference->sources[source]->shape.type;
  *more = *other = false;
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    const struct lm_symmetry_target *target = &probing->targets[i];
    const struct lamina_type *out = &inference->nodes[target->node].out[target->output]->shape.type;
    *more = *more || out->rank == type->rank + 1;
    *other = *other || (out->rank == type->rank && !lamina_shape_equal(out, type));
  }
}

/*
 * Records of three dimensions are pictures, and of one they are signals if a layer makes channels
 * of them. Two dimensions are a picture in gray when a layer makes channels of it, when nothing
 * but a picture fits the motion, or when it is flattened at once; or else a signal with channels.
 */
static int axes_of(const struct lm_probing *probing, uint32_t source)
{
  const struct lm_inference *inference = probing->experiment->inference;
  uint32_t rank = inference->sources[source]->shape.type.rank;
  const struct lm_motion *motion = probing->motion;
  bool of_pictures =
      motion->pair || motion->kind == LM_MOTION_TURN || motion->kind == LM_MOTION_FLIP;
  bool more, other;
  look_behind(probing, source, &more, &other);
  switch (rank) {
    case 4:
      return 2;
    case 3:
      return of_pictures || more || !other ? 2 : 1;
    case 2:
      return more ? 1 : 0;
    default:
      return 0;
  }
}

static struct lm_grid no_grid(int64_t count)
{
  return (struct lm_grid){.image = {1, 1, count}, .step = {1, 1}, .part = {1, 1}};
}

/* The grid of a tensor of this type whose pictures or signals have so many axes. */
static struct lm_grid grid_of(const struct lamina_type *type, int axes)
{
  struct lm_grid grid = no_grid(lamina_type_product(type, 1, type->rank));
  int64_t places = lamina_type_product(type, 1, (uint32_t)axes + 1);
  if (axes == 0 || type->rank < (uint32_t)axes + 1 || type->rank > (uint32_t)axes + 2 ||
      places <= 1) {
    return grid;
  }
  grid.axes = axes;
  grid.image = (struct lamina_image){.height = type->dims[1],
                                     .width = axes == 2 ? type->dims[2] : 1,
                                     .channels = grid.image.channels / places};
  return grid;
}

static bool is_read_by_layers(const struct lm_graph *graph, uint32_t source)
{
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    if (graph->nodes[i]->kind == LM_NODE_LAYER && reads(graph->nodes[i], lm_edge_source(source))) {
      return true;
    }
  }
  return false;
}

static enum lamina_status check_fit(const struct lm_probing *probing, uint32_t index,
                                    struct lm_error *error)
{
  const struct lm_motion *motion = probing->motion;
  const struct lm_grid *grid = &probing->sources[index].grid;
  const struct lamina_image *image = &grid->image;
  const char *name = probing->experiment->inference->sources[index]->name;
  bool is_shift = motion->kind == LM_MOTION_SHIFT;
  if (grid->axes == 1 && (motion->kind == LM_MOTION_TURN || motion->kind == LM_MOTION_FLIP ||
                          (is_shift && motion->pair))) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "'%s' are signals of %lld steps in time, which only a gain and a shift by one "
                   "number are for",
                   name, (long long)image->height);
  }
  if (motion->kind == LM_MOTION_TURN && image->height != image->width) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "pictures of '%s' are %lld high and %lld wide, expected squares for a turn",
                   name, (long long)image->height, (long long)image->width);
  }
  bool too_high = motion->down >= image->height || -motion->down >= image->height;
  bool too_wide = motion->right >= image->width || -motion->right >= image->width;
  if (is_shift && grid->axes == 1 && too_high) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "a shift by %lld does not fit signals of '%s', which have %lld steps in time",
                   (long long)motion->down, name, (long long)image->height);
  }
  if (is_shift && grid->axes == 2 && (too_high || too_wide)) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "a shift by %lld,%lld does not fit pictures of '%s', which are %lld wide and "
                   "%lld high",
                   (long long)motion->right, (long long)motion->down, name, (long long)image->width,
                   (long long)image->height);
  }
  return LAMINA_OK;
}

/* What layers read, when nothing of it can be moved. */
static enum lamina_status refuse_sources(const struct lm_probing *probing, struct lm_error *error)
{
  const struct lm_inference *inference = probing->experiment->inference;
  char shape[160];
  (void)lm_fail(error, LAMINA_E_INVALID, "the model reads no pictures or signals to be moved");
  for (uint32_t i = 0; i < inference->n_sources; i++) {
    if (is_read_by_layers(probing->experiment->graph, i)) {
      const struct lm_tensor *source = inference->sources[i];
      lm_error_suffix(error, ", '%s' is %s", source->name,
                      lm_shape_format(&source->shape.type, inference->batch, shape, sizeof shape));
    }
  }
  return LAMINA_E_INVALID;
}

enum lamina_status lm_symmetry_find_sources(struct lm_probing *probing, struct lm_error *error)
{
  const struct lm_inference *inference = probing->experiment->inference;
  bool any = false;
  for (uint32_t i = 0; i < inference->n_sources; i++) {
    struct lm_symmetry_source *source = &probing->sources[i];
    const struct lamina_type *type = &inference->sources[i]->shape.type;
    bool gain = probing->motion->kind == LM_MOTION_GAIN;
    source->moves = false;
    if (!lamina_type_is_f32(type) || !is_read_by_layers(probing->experiment->graph, i)) {
      continue;
    }
    source->grid = grid_of(type, axes_of(probing, i));
    source->moves = gain || source->grid.axes > 0;
    any = any || source->moves;
    if (source->moves) {
      LM_TRY(check_fit(probing, i, error));
    }
  }
  return any ? LAMINA_OK : refuse_sources(probing, error);
}

/* ---- steps ---- */

static int64_t size_of(const struct lm_grid *grid, int axis)
{
  return axis == 0 ? grid->image.height : grid->image.width;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
  while (b != 0) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

static void set_step(struct lm_grid *grid, int axis, int64_t step, int64_t part)
{
  int64_t divisor = common_divisor(step, part);
  grid->step[axis] = step / divisor;
  grid->part[axis] = part / divisor;
}

static int64_t nearest(double ratio, int64_t most)
{
  int64_t number = (int64_t)floor(ratio + 0.5);
  return number < 1 ? 1 : number > most ? most : number;
}

/* How a layer may get from the places of its input to its own along an axis. */
struct choice {
  int64_t likely, most; /* from 1 */
  bool finer;           /* it makes so many of one place; otherwise one of so many */
};

static struct choice choose(int64_t in, int64_t out)
{
  struct choice choice = {.likely = 1, .most = 1, .finer = out > in};
  int64_t large = choice.finer ? out : in, small = choice.finer ? in : out;
  if (large != small) {
    choice.most = small == 1 ? large : (large - 1) / (small - 1);
    choice.likely = small == 1 ? large : nearest((double)large / (double)small, choice.most);
  }
  return choice;
}

/* Sum over places of all samples of (y - what is `by` places before in x)^2, and of that^2. */
static double distance(const struct lm_symmetry_target *target, const float *y, int64_t n, int axis,
                       int64_t by)
{
  const struct lamina_image *image = &target->grid.image;
  int64_t down = axis == 0 ? by : 0, right = axis == 1 ? by : 0;
  int64_t run = (image->width - right) * image->channels, row = image->width * image->channels;
  double sum = 0.0, norm = 0.0;
  for (int64_t i = 0; i < n * image->height; i++) {
    if (i % image->height < down) {
      continue;
    }
    const float *from = target->plain + (i - down) * row;
    const float *to = y + i * row + right * image->channels;
    for (int64_t k = 0; k < run; k++) {
      double a = (double)from[k], d = (double)to[k] - a;
      sum += d * d;
      norm += a * a;
    }
  }
  return norm > 0.0 ? sum / norm : 0.0;
}

/* How badly a step of the target's grid explains what a shift of the input does. */
static enum lamina_status try_step(struct lm_probing *probing, struct lm_symmetry_target *target,
                                   int64_t n, int axis, double *out, struct lm_error *error)
{
  const struct lm_motion *asked = probing->motion;
  int64_t by = target->grid.step[axis];
  struct lm_motion shift = {.down = axis == 0 ? by : 0, .right = axis == 1 ? by : 0};
  struct lm_program *program;
  *out = INFINITY;
  for (uint32_t i = 0; i < probing->experiment->graph->n_sources; i++) {
    const struct lm_symmetry_source *source = &probing->sources[i];
    if (source->moves && by >= size_of(&source->grid, axis)) {
      return LAMINA_OK;
    }
  }
  if (target->grid.part[axis] >= size_of(&target->grid, axis)) {
    return LAMINA_OK;
  }
  probing->motion = &shift;
  lm_symmetry_move(probing, n);
  probing->motion = asked;
  LM_TRY(lm_symmetry_forward_on(probing, n, true, &program, error));
  const struct lamina_view *view = lm_program_output(program, target->node, target->output);
  *out = distance(target, view->data, n, axis, target->grid.part[axis]);
  return LAMINA_OK;
}

/* The step along an axis, of what is `from` before the layer. */
static enum lamina_status find_step(struct lm_probing *probing, struct lm_symmetry_target *target,
                                    const struct lm_grid *from, int64_t n, int axis,
                                    struct lm_error *error)
{
  struct choice choice = choose(size_of(from, axis), size_of(&target->grid, axis));
  bool one_place = size_of(&target->grid, axis) == 1 || size_of(from, axis) == 1;
  int64_t first = choice.most > MOST_STEPS ? choice.most - MOST_STEPS + 1 : 1;
  int64_t best = choice.likely;
  double least = INFINITY;
  for (int64_t k = first - 1; k <= choice.most && choice.most > 1 && !one_place; k++) {
    int64_t candidate = k < first ? choice.likely : k; /* the likely one in front */
    double error_of;
    set_step(&target->grid, axis, from->step[axis] * (choice.finer ? 1 : candidate),
             from->part[axis] * (choice.finer ? candidate : 1));
    LM_TRY(try_step(probing, target, n, axis, &error_of, error));
    if (k < first || error_of < CLEARLY * least) {
      best = candidate;
      least = error_of;
    }
  }
  set_step(&target->grid, axis, from->step[axis] * (choice.finer ? 1 : best),
           from->part[axis] * (choice.finer ? best : 1));
  return LAMINA_OK;
}

/* ---- targets ---- */

static const struct lm_grid *grid_at(const struct lm_probing *probing, struct lm_edge edge)
{
  if (lm_edge_is_source(edge)) {
    const struct lm_symmetry_source *source = &probing->sources[lm_edge_source_index(edge)];
    return source->moves ? &source->grid : NULL;
  }
  const struct lm_symmetry_target *target = lm_symmetry_target_of(probing, edge);
  return target == NULL ? NULL : &target->grid;
}

/* The grid of the first input that has one; NULL if none has. */
static const struct lm_grid *grid_before(const struct lm_probing *probing, uint32_t node)
{
  const struct lm_node *self = probing->experiment->graph->nodes[node];
  for (uint32_t k = 0; k < self->n_inputs; k++) {
    const struct lm_grid *grid = grid_at(probing, self->inputs[k]);
    if (grid != NULL && grid->axes > 0) {
      return grid;
    }
  }
  return NULL;
}

static const struct lm_symmetry_source *moving_source(const struct lm_probing *probing)
{
  uint32_t i = 0;
  while (!probing->sources[i].moves) {
    i++;
  }
  return &probing->sources[i];
}

/* Behind layers without a grid, what has places again that pixels can be shared out to has one. */
static void begin_again(const struct lm_probing *probing, const struct lamina_type *type,
                        struct lm_grid *grid)
{
  const struct lm_grid *source = &moving_source(probing)->grid;
  struct lm_grid found = grid_of(type, source->axes);
  bool fits = type->rank == (uint32_t)source->axes + 2 && found.axes > 0;
  for (int axis = 0; axis < 2 && fits; axis++) {
    fits = size_of(source, axis) % size_of(&found, axis) == 0;
    set_step(&found, axis, size_of(source, axis), size_of(&found, axis));
  }
  if (fits) {
    *grid = found;
  }
}

static enum lamina_status find_grid(struct lm_probing *probing, struct lm_symmetry_target *target,
                                    int64_t n, struct lm_error *error)
{
  const struct lm_facts *facts = &probing->experiment->inference->nodes[target->node];
  const struct lamina_type *type = &facts->out[target->output]->shape.type;
  const struct lm_grid *from = grid_before(probing, target->node);
  target->grid = no_grid(target->count);
  if (from == NULL) {
    begin_again(probing, type, &target->grid);
    return LAMINA_OK;
  }
  /* Without an axis of channels, only a tensor of the same rank can do without one. */
  uint32_t k = 0;
  while (grid_at(probing, probing->experiment->graph->nodes[target->node]->inputs[k]) != from) {
    k++;
  }
  const struct lamina_type *before = &facts->in[k]->shape.type;
  bool same_rank = type->rank == before->rank;
  bool gets_channels = type->rank == before->rank + 1 && type->rank == (uint32_t)from->axes + 2;
  bool is_vector = type->rank == 2 && !lamina_shape_equal(type, before);
  if ((!same_rank && !gets_channels) || is_vector) {
    return LAMINA_OK;
  }
  target->grid = grid_of(type, from->axes);
  for (int axis = 0; axis < target->grid.axes; axis++) {
    LM_TRY(find_step(probing, target, from, n, axis, error));
  }
  return LAMINA_OK;
}

enum lamina_status lm_symmetry_find_grids(struct lm_probing *probing, int64_t n,
                                          struct lm_error *error)
{
  struct lm_program *program;
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    probing->targets[i].grid = no_grid(probing->targets[i].count);
  }
  if (probing->motion->kind == LM_MOTION_GAIN) {
    return LAMINA_OK;
  }
  LM_TRY(lm_symmetry_forward_on(probing, n, false, &program, error));
  lm_symmetry_keep(probing, program, n);
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    if (probing->targets[i].moved) {
      LM_TRY(find_grid(probing, &probing->targets[i], n, error));
    }
  }
  return LAMINA_OK;
}
