/*
 * Inputs and outputs are gathered as numbers, brought to 0 ... 1 by the inputs' range, and laid
 * out as one sheet, in which a row of gray cells parts the groups.
 */
#include "analysis/pairs.h"

#include <math.h>
#include <string.h>

#include "analysis/scores.h"
#include "base/memory.h"

enum { COLUMNS = 16 };

/** Whose records are drawn, how a sample is a picture, and where its reconstruction is. */
struct gallery {
  struct lm_engine *engine;
  const struct lm_portion *portion;
  int64_t height, width, channels, elements;
  uint32_t field, node, output;
};

static bool take_dims(const struct lamina_type *type, struct gallery *gallery)
{
  gallery->elements = lamina_type_count(type);
  gallery->channels = type->rank == 3 ? type->dims[2] : 1;
  if (type->rank == 1) {
    gallery->height = llround(sqrt((double)gallery->elements));
    gallery->width = gallery->height;
    return gallery->height * gallery->width == gallery->elements;
  }
  if (type->rank == 2 || type->rank == 3) {
    gallery->height = type->dims[0];
    gallery->width = type->dims[1];
  }
  return (type->rank == 2 || type->rank == 3) && (gallery->channels == 1 || gallery->channels == 3);
}

static enum lamina_status find_input(struct gallery *gallery, struct lm_error *error)
{
  char text[160];
  const struct lm_graph *graph = gallery->engine->experiment->graph;
  int32_t source = lm_graph_find_source(graph, "input");
  if (source < 0) {
    return lm_fail(error, LAMINA_E_INVALID, "the data has no field 'input' to draw");
  }
  const struct lamina_type *type = &graph->sources[source]->record.type;
  if (!take_dims(type, gallery)) {
    (void)lm_shape_format(type, -1, text, sizeof text);
    return lm_fail(error, LAMINA_E_INVALID,
                   "the field 'input' is %s, expected pictures to draw: [height, width], with 1 or "
                   "3 channels behind, or the elements of a square",
                   text);
  }
  gallery->field = gallery->portion->fields[source];
  return LAMINA_OK;
}

static enum lamina_status find_output(struct gallery *gallery, struct lm_error *error)
{
  const struct lm_experiment *experiment = gallery->engine->experiment;
  for (uint32_t i = experiment->n_outputs; i > 0; i--) {
    uint32_t node = experiment->outputs[i - 1];
    uint32_t output = experiment->which[i - 1];
    const struct lamina_type *type = &experiment->inference->nodes[node].out[output]->shape.type;
    if (lamina_type_is_f32(type) && lamina_type_product(type, 1, type->rank) == gallery->elements) {
      gallery->node = node;
      gallery->output = output;
      return LAMINA_OK;
    }
  }
  return lm_fail(error, LAMINA_E_INVALID,
                 "the model has no output of %lld elements to draw beside its input",
                 (long long)gallery->elements);
}

/* Fills the cells of one group. */
static enum lamina_status gather(const struct gallery *gallery, const int64_t *places,
                                 int64_t count, float *images, struct lm_error *error)
{
  size_t bytes = (size_t)gallery->elements * sizeof *images;
  const struct lm_portion *portion = gallery->portion;
  for (int64_t i = 0; i < count; i++) {
    struct lm_program *program;
    float *pair = images + 2 * i * gallery->elements;
    LM_TRY(lm_scores_run(gallery->engine, portion, places[i], &program, error));
    memcpy(pair, lm_loader_data(portion->loader, gallery->field), bytes);
    memcpy(pair + gallery->elements,
           lm_program_output(program, gallery->node, gallery->output)->data, bytes);
  }
  return LAMINA_OK;
}

static void bring_to_unit(const struct gallery *gallery, float *images, int64_t cells)
{
  float low = 0.0f, high = 1.0f;
  for (int64_t i = 0; i < cells * gallery->elements; i++) {
    if (i / gallery->elements % 2 == 0 && isfinite(images[i])) {
      low = fminf(low, images[i]);
      high = fmaxf(high, images[i]);
    }
  }
  for (int64_t i = 0; i < cells * gallery->elements; i++) {
    images[i] = (images[i] - low) / (high - low);
  }
}

static void make_gray(const struct gallery *gallery, float *images, int64_t begin, int64_t end)
{
  for (int64_t i = begin * gallery->elements; i < end * gallery->elements; i++) {
    images[i] = (float)LM_SHEET_GRAY / 255.0f;
  }
}

/* Both groups, the second from cell `second` on. */
static enum lamina_status fill(const struct gallery *gallery, const struct lm_pairs *pairs,
                               int64_t second, float *images, struct lm_error *error)
{
  float *below = images + second * gallery->elements;
  LM_TRY(gather(gallery, pairs->groups[0], pairs->counts[0], images, error));
  return gather(gallery, pairs->groups[1], pairs->counts[1], below, error);
}

static enum lamina_status draw(const struct gallery *gallery, const struct lm_pairs *pairs,
                               struct lm_pixels *out, struct lm_error *error)
{
  int64_t first = 2 * pairs->counts[0];
  int64_t rows = (first + COLUMNS - 1) / COLUMNS;
  int64_t second = first == 0 ? 0 : (rows + 1) * COLUMNS;
  int64_t cells = pairs->counts[1] == 0 ? first : second + 2 * pairs->counts[1];
  size_t bytes = (size_t)gallery->elements * sizeof(float);
  float *images = lm_alloc((size_t)(cells < second ? second : cells), bytes);
  if (images == NULL) {
    return lm_fail_memory(error, (size_t)cells * bytes);
  }
  enum lamina_status status = fill(gallery, pairs, second, images, error);
  if (status == LAMINA_OK) {
    const struct lm_sheet sheet = {.images = images,
                                   .count = cells,
                                   .height = gallery->height,
                                   .width = gallery->width,
                                   .channels = gallery->channels,
                                   .columns = COLUMNS};
    bring_to_unit(gallery, images, cells);
    make_gray(gallery, images, first, second);
    status = lm_sheet_make(&sheet, out, error);
  }
  lm_free(images);
  return status;
}

enum lamina_status lm_pairs_draw(struct lm_engine *engine, const struct lm_portion *portion,
                                 const struct lm_pairs *pairs, struct lm_pixels *out,
                                 struct lm_error *error)
{
  struct gallery gallery = {.engine = engine, .portion = portion};
  *out = (struct lm_pixels){0};
  LM_TRY(find_input(&gallery, error));
  LM_TRY(find_output(&gallery, error));
  return draw(&gallery, pairs, out, error);
}
