/*
 * Edges: which places of a layer see the edge of the input, or what a motion brought in there.
 *
 * The pixels in question are changed a good deal, up and down, and the places whose numbers change
 * with them see them. It says of padding, too: a window that reaches beyond the edge, in whatever
 * layer, also sees the pixels at it. What is far from all of this must come out as moved, whatever
 * is done at edges.
 */
#include <math.h>
#include <string.h>

#include "analysis/symmetry_internal.h"
#include "base/memory.h"

/* Smaller changes, of the largest one, are rounding: layers may compute places in groups. */
static const float SEEN = 1e-5f;

/* By source, pixels that are changed. */
struct marks {
  float *pixels[LM_MAX_FACTS]; /* [places] 1: changed; NULL: the source does not move */
};

static void release_marks(struct marks *marks)
{
  for (int i = 0; i < LM_MAX_FACTS; i++) {
    lm_free(marks->pixels[i]);
  }
}

static struct lamina_image one_channel(const struct lm_grid *grid)
{
  return (struct lamina_image){grid->image.height, grid->image.width, 1};
}

/* The outermost pixels; those of axes of one pixel are no edge. */
static void mark_border(const struct lm_grid *grid, float *pixels)
{
  int64_t height = grid->image.height, width = grid->image.width;
  for (int64_t i = 0; i < height * width; i++) {
    int64_t y = i / width, x = i % width;
    bool border =
        (height > 1 && (y == 0 || y == height - 1)) || (width > 1 && (x == 0 || x == width - 1));
    pixels[i] = border ? 1.0f : pixels[i];
  }
}

/* Pixels of moved pictures that are not wholly those of the picture. */
static void mark_foreign(const struct lm_probing *probing, const struct lm_grid *grid,
                         const float *ones, float *pixels)
{
  struct lamina_image image = one_channel(grid);
  lm_motion_apply(probing->motion, &image, 0.0f, ones, pixels);
  for (int64_t i = 0; i < lm_grid_places(grid); i++) {
    pixels[i] = pixels[i] < 0.999f ? 1.0f : 0.0f;
  }
}

static enum lamina_status make_marks(const struct lm_probing *probing, bool moved,
                                     struct marks *marks, struct lm_error *error)
{
  for (uint32_t i = 0; i < probing->experiment->graph->n_sources; i++) {
    const struct lm_grid *grid = &probing->sources[i].grid;
    size_t places = (size_t)lm_grid_places(grid);
    if (!probing->sources[i].moves) {
      continue;
    }
    marks->pixels[i] = lm_alloc(places, sizeof(float));
    float *ones = lm_alloc(places, sizeof *ones);
    if (marks->pixels[i] == NULL || ones == NULL) {
      lm_free(ones);
      return lm_fail_memory(error, places * sizeof *ones);
    }
    for (size_t k = 0; k < places; k++) {
      ones[k] = 1.0f;
    }
    if (moved) {
      mark_foreign(probing, grid, ones, marks->pixels[i]);
    }
    mark_border(grid, marks->pixels[i]);
    lm_free(ones);
  }
  return LAMINA_OK;
}

/* Adds numbers of one sign, each another one and larger than what is there, to marked pixels. */
static void change(const struct lm_symmetry_source *source, const float *marks, int64_t n,
                   float sign, float *data)
{
  int64_t channels = source->grid.image.channels, total = n * source->count;
  float largest = 0.0f;
  for (int64_t i = 0; i < total; i++) {
    largest = fmaxf(largest, fabsf(data[i]));
  }
  largest = largest > 0.0f ? largest : 1.0f;
  for (int64_t i = 0; i < total; i++) {
    uint32_t mixed = (uint32_t)i * 2654435761u;
    float more = largest * (1.0f + (float)(mixed >> 16) / 65536.0f);
    data[i] += marks[i % source->count / channels] > 0.0f ? sign * more : 0.0f;
  }
}

/* Places of the target whose numbers in the run differ from the plain ones. */
static void collect(struct lm_symmetry_target *target, const float *values, int64_t n, float *seen)
{
  int64_t channels = target->grid.image.channels, total = n * target->count;
  float largest = 0.0f;
  for (int64_t i = 0; i < total; i++) {
    largest = fmaxf(largest, fabsf(values[i] - target->plain[i]));
  }
  for (int64_t i = 0; i < total; i++) {
    if (fabsf(values[i] - target->plain[i]) > SEEN * largest) {
      seen[i % target->count / channels] = 1.0f;
    }
  }
}

/*
 * Sets, by target, the places that see marked pixels of the content, or of what is moved. The
 * content is what it was afterwards; what is moved is not.
 */
static enum lamina_status find_seen(struct lm_probing *probing, int64_t n, bool moved,
                                    const struct marks *marks, float **seen, struct lm_error *error)
{
  struct lm_program *program;
  LM_TRY(lm_symmetry_forward_on(probing, n, moved, &program, error));
  lm_symmetry_keep(probing, program, n);
  for (int sign = 1; sign >= -1; sign -= 2) {
    lm_symmetry_move(probing, n);
    for (uint32_t i = 0; i < probing->experiment->graph->n_sources; i++) {
      struct lm_symmetry_source *source = &probing->sources[i];
      size_t bytes = (size_t)(n * source->count) * sizeof(float);
      if (source->moves && !moved) {
        memcpy(source->moved, source->content, bytes);
      }
      if (source->moves) {
        change(source, marks->pixels[i], n, (float)sign, source->moved);
      }
    }
    LM_TRY(lm_symmetry_forward_on(probing, n, true, &program, error));
    for (uint32_t i = 0; i < probing->n_targets; i++) {
      struct lm_symmetry_target *target = &probing->targets[i];
      const struct lamina_view *view = lm_program_output(program, target->node, target->output);
      if (target->at_edge != NULL) {
        collect(target, view->data, n, seen[i]);
      }
    }
  }
  return LAMINA_OK;
}

/* Places count as being at an edge when they, or where they were, see one. */
static void join(struct lm_symmetry_target *target, const float *before, const float *after,
                 float *moved)
{
  struct lamina_image image = one_channel(&target->grid);
  lm_motion_apply(&target->motion, &image, 1.0f, before, moved);
  for (int64_t i = 0; i < lm_grid_places(&target->grid); i++) {
    target->at_edge[i] = moved[i] > 1e-3f || after[i] > 0.0f;
  }
}

/* Memory for three maps of places for each target that has a motion on its grid. */
static enum lamina_status make_maps(struct lm_probing *probing, float **before, float **after,
                                    struct lm_error *error)
{
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    struct lm_symmetry_target *target = &probing->targets[i];
    size_t places = (size_t)lm_grid_places(&target->grid);
    lm_free(target->at_edge);
    target->at_edge = NULL;
    if (!target->has_motion || target->grid.axes == 0) {
      continue;
    }
    before[i] = lm_alloc(2 * places, sizeof **before); /* with room for what it is moved to */
    after[i] = lm_alloc(places, sizeof **after);
    target->at_edge = lm_alloc(places, 1);
    if (before[i] == NULL || after[i] == NULL || target->at_edge == NULL) {
      return lm_fail_memory(error, places * sizeof **before);
    }
  }
  return LAMINA_OK;
}

static enum lamina_status find_all(struct lm_probing *probing, int64_t n, float **before,
                                   float **after, struct lm_error *error)
{
  enum lamina_status status;
  struct marks own = {0}, foreign = {0};
  LM_TRY_OR(out, status, make_maps(probing, before, after, error));
  LM_TRY_OR(out, status, make_marks(probing, false, &own, error));
  LM_TRY_OR(out, status, make_marks(probing, true, &foreign, error));
  LM_TRY_OR(out, status, find_seen(probing, n, false, &own, before, error));
  lm_symmetry_move(probing, n);
  LM_TRY_OR(out, status, find_seen(probing, n, true, &foreign, after, error));
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    struct lm_symmetry_target *target = &probing->targets[i];
    if (target->at_edge != NULL) {
      join(target, before[i], after[i], before[i] + lm_grid_places(&target->grid));
    }
  }

out:
  release_marks(&own);
  release_marks(&foreign);
  return status;
}

enum lamina_status lm_symmetry_find_edges(struct lm_probing *probing, int64_t n,
                                          struct lm_error *error)
{
  uint32_t count = probing->n_targets;
  float **maps = lm_alloc(2 * (size_t)count, sizeof *maps);
  if (maps == NULL) {
    return lm_fail_memory(error, 2 * count * sizeof *maps);
  }
  enum lamina_status status = find_all(probing, n, maps, maps + count, error);
  for (uint32_t i = 0; i < 2 * count; i++) {
    lm_free(maps[i]);
  }
  lm_free(maps);
  return status;
}
