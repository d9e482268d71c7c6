/*
 * Marks read the CPU's counter where it has one that runs at a constant rate, since a call of
 * the clock would cost as much as a small node. Counts become seconds by the monotonic clock
 * over the whole training.
 *
 * The cost of a mark is measured when the profile begins, back to back, so it is the least that
 * a mark takes; what is taken out of a row is never more than what it holds.
 */
#include "trainer/profile.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"

enum { TRIALS = 200, MARKS_OF_TRIAL = 64 };

/** Time of a row: counts, and the marks that ended them. */
struct row {
  uint64_t counts, marks;
  uint32_t head; /* 1 + the node whose row has this node's time; 0: none */
};

struct lm_profile {
  const struct lm_experiment *experiment;
  struct row parts[LM_PROFILE_PARTS];
  struct row *forward, *backward; /* by node */
  uint64_t first, last, total;    /* counts */
  double mark_counts;             /* what a mark costs */
  double began, seconds;
  uint64_t steps, samples;
};

/* The words for people are chosen so that their first one is the key in JSON. */
static const char *const part_names[LM_PROFILE_PARTS] = {"unexplained",      "data",       "update",
                                                         "order of records", "evaluation", "files"};

static uint64_t count_now(void)
{
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t count;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
  return count;
#else
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

static inline void mark(struct lm_profile *profile, struct row *row)
{
  uint64_t now = count_now();
  row->counts += now - profile->last;
  row->marks++;
  profile->last = now;
}

enum lamina_status lm_profile_create(const struct lm_experiment *experiment,
                                     struct lm_profile **out, struct lm_error *error)
{
  struct lm_profile *profile = lm_alloc(1, sizeof *profile);
  *out = NULL;
  if (profile == NULL) {
    return lm_fail_memory(error, sizeof *profile);
  }
  uint32_t nodes = experiment->graph->n_nodes;
  profile->experiment = experiment;
  profile->forward = lm_alloc(nodes, sizeof *profile->forward);
  profile->backward = lm_alloc(nodes, sizeof *profile->backward);
  if (profile->forward == NULL || profile->backward == NULL) {
    lm_profile_free(profile);
    return lm_fail_memory(error, nodes * sizeof *profile->forward);
  }
  *out = profile;
  return LAMINA_OK;
}

void lm_profile_free(struct lm_profile *profile)
{
  if (profile != NULL) {
    lm_free(profile->forward);
    lm_free(profile->backward);
    lm_free(profile);
  }
}

static double cost_of_mark(struct lm_profile *profile)
{
  uint64_t least = UINT64_MAX;
  for (int trial = 0; trial < TRIALS; trial++) {
    struct row row = {0};
    profile->last = count_now();
    for (int i = 0; i < MARKS_OF_TRIAL; i++) {
      mark(profile, &row);
    }
    least = row.counts < least ? row.counts : least;
  }
  return (double)least / MARKS_OF_TRIAL;
}

void lm_profile_begin(struct lm_profile *profile)
{
  if (profile != NULL) {
    profile->mark_counts = cost_of_mark(profile);
    profile->began = lm_clock_seconds();
    profile->first = profile->last = count_now();
  }
}

void lm_profile_mark_part(struct lm_profile *profile, enum lm_profile_part part)
{
  mark(profile, &profile->parts[part]);
}

void lm_profile_end(struct lm_profile *profile)
{
  if (profile != NULL) {
    mark(profile, &profile->parts[LM_PROFILE_REST]);
    profile->total = profile->last - profile->first;
    profile->seconds = lm_clock_seconds() - profile->began;
  }
}

/* ---- a step ---- */

static enum lamina_status run_calls(struct lm_profile *profile, struct lm_exec_call *calls,
                                    uint32_t count, struct row *rows, uint64_t step,
                                    struct lm_error *error)
{
  for (uint32_t i = 0; i < count; i += 1 + calls[i].n_fused) {
    LM_TRY(lm_exec_call_run(&calls[i], step, error));
    for (uint32_t k = 1; k <= calls[i].n_fused; k++) {
      rows[calls[i + k].node].head = 1 + calls[i].node;
    }
    mark(profile, &rows[calls[i].node]);
  }
  return LAMINA_OK;
}

enum lamina_status lm_profile_forward(struct lm_profile *profile, struct lm_program *program,
                                      uint64_t step, struct lm_error *error)
{
  return profile == NULL ? lm_program_forward(program, step, error)
                         : run_calls(profile, program->forward, program->n_forward,
                                     profile->forward, step, error);
}

enum lamina_status lm_profile_backward(struct lm_profile *profile, struct lm_program *program,
                                       uint64_t step, struct lm_error *error)
{
  if (profile == NULL) {
    return lm_program_backward(program, step, error);
  }
  profile->steps++;
  profile->samples += (uint64_t)program->batch;
  return run_calls(profile, program->backward, program->n_backward, profile->backward, step, error);
}

/* ---- what came of it ---- */

static double seconds_of(const struct lm_profile *profile, double counts)
{
  return profile->total == 0 ? 0.0 : counts * profile->seconds / (double)profile->total;
}

/* The counts that the marks of a row took. */
static double overhead_of(const struct lm_profile *profile, const struct row *row)
{
  double marks = profile->mark_counts * (double)row->marks;
  return marks < (double)row->counts ? marks : (double)row->counts;
}

static double row_seconds(const struct lm_profile *profile, const struct row *row)
{
  return seconds_of(profile, (double)row->counts - overhead_of(profile, row));
}

static double marking_seconds(const struct lm_profile *profile)
{
  double counts = 0.0;
  for (int i = 0; i < LM_PROFILE_PARTS; i++) {
    counts += overhead_of(profile, &profile->parts[i]);
  }
  for (uint32_t i = 0; i < profile->experiment->graph->n_nodes; i++) {
    counts +=
        overhead_of(profile, &profile->forward[i]) + overhead_of(profile, &profile->backward[i]);
  }
  return seconds_of(profile, counts);
}

static void add_part(const struct lm_profile *profile, const char *name, double seconds,
                     struct lm_text *out)
{
  double steps = profile->steps == 0 ? 1.0 : (double)profile->steps;
  lm_text_addf(out, "%-32s %10s %10s %10.3f %7.2f\n", name, "", "", seconds * 1e6 / steps,
               profile->seconds > 0.0 ? 100.0 * seconds / profile->seconds : 0.0);
}

/* Microseconds a step; of a fused node that they are in another one's row. */
static void add_pass(const struct lm_profile *profile, const struct row *row, struct lm_text *out)
{
  double steps = profile->steps == 0 ? 1.0 : (double)profile->steps;
  if (row->head > 0) {
    lm_text_addf(out, " %10s", "fused");
  } else {
    lm_text_addf(out, " %10.3f", row_seconds(profile, row) * 1e6 / steps);
  }
}

static void add_node(const struct lm_profile *profile, uint32_t i, struct lm_text *out)
{
  const struct lm_node *node = profile->experiment->graph->nodes[i];
  double steps = profile->steps == 0 ? 1.0 : (double)profile->steps;
  double both =
      row_seconds(profile, &profile->forward[i]) + row_seconds(profile, &profile->backward[i]);
  char name[33];
  (void)snprintf(name, sizeof name, "%s (%s)", node->name, node->instance->plugin->info.name);
  lm_text_addf(out, "%-32s", name);
  add_pass(profile, &profile->forward[i], out);
  add_pass(profile, &profile->backward[i], out);
  lm_text_addf(out, " %10.3f %7.2f\n", both * 1e6 / steps,
               profile->seconds > 0.0 ? 100.0 * both / profile->seconds : 0.0);
}

void lm_profile_text(const struct lm_profile *profile, struct lm_text *out)
{
  const struct lm_graph *graph = profile->experiment->graph;
  double steps = profile->steps == 0 ? 1.0 : (double)profile->steps;
  lm_text_addf(out, "%llu steps in %.3f s; microseconds per step:\n%-32s %10s %10s %10s %7s\n",
               (unsigned long long)profile->steps, profile->seconds, "", "forward", "backward",
               "both", "%");
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    add_node(profile, graph->order[i], out);
  }
  for (int i = LM_PROFILE_REST + 1; i < LM_PROFILE_PARTS; i++) {
    add_part(profile, part_names[i], row_seconds(profile, &profile->parts[i]), out);
  }
  add_part(profile, "profiling", marking_seconds(profile), out);
  add_part(profile, part_names[LM_PROFILE_REST],
           row_seconds(profile, &profile->parts[LM_PROFILE_REST]), out);
  lm_text_addf(out, "%-32s %10s %10s %10.3f %7.2f\n", "all", "", "", profile->seconds * 1e6 / steps,
               100.0);
}

static void add_json(struct lm_text *out, const char *key, double seconds)
{
  lm_text_addf(out, "\"%.*s\": %.9g", (int)strcspn(key, " "), key, seconds);
}

/* The node that has a fused node's time. */
static void add_head(const struct lm_profile *profile, const char *key, const struct row *row,
                     struct lm_text *out)
{
  if (row->head > 0) {
    lm_text_addf(out, ", \"%s\": ", key);
    lm_text_add_json_string(out, profile->experiment->graph->nodes[row->head - 1]->name);
  }
}

void lm_profile_json(const struct lm_profile *profile, struct lm_text *out)
{
  const struct lm_graph *graph = profile->experiment->graph;
  lm_text_addf(out, "{\"steps\": %llu, \"samples\": %llu, \"seconds\": %.9g,\n \"nodes\": [",
               (unsigned long long)profile->steps, (unsigned long long)profile->samples,
               profile->seconds);
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    const struct lm_node *node = graph->nodes[graph->order[i]];
    lm_text_add(out, i == 0 ? "\n  {\"name\": " : ",\n  {\"name\": ");
    lm_text_add_json_string(out, node->name);
    lm_text_addf(out, ", \"plugin\": \"%s\", ", node->instance->plugin->info.name);
    add_json(out, "forward", row_seconds(profile, &profile->forward[graph->order[i]]));
    lm_text_add(out, ", ");
    add_json(out, "backward", row_seconds(profile, &profile->backward[graph->order[i]]));
    add_head(profile, "forward_in", &profile->forward[graph->order[i]], out);
    add_head(profile, "backward_in", &profile->backward[graph->order[i]], out);
    lm_text_add(out, "}");
  }
  lm_text_add(out, "],\n ");
  for (int i = 0; i < LM_PROFILE_PARTS; i++) {
    add_json(out, part_names[i], row_seconds(profile, &profile->parts[i]));
    lm_text_add(out, ", ");
  }
  add_json(out, "profiling", marking_seconds(profile));
  lm_text_add(out, "}\n");
}
