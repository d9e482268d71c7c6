/*
 * When a value may be overwritten.
 *
 * A tensor is read for the last time by the latest of: the nodes that take it as input, those
 * among them whose derivative reads it, and its producer's derivative if that reads it and it is
 * not made once more for that. An
 * output may take its input's buffer exactly when that last reading is the node's own forward.
 * The reasons are texts for people: they name the reader that stands in the way.
 */
#include <stdio.h>

#include "planner/plan_internal.h"

static bool is_same(struct lm_edge edge, uint32_t node, uint32_t output)
{
  return edge.node == (int32_t)node && edge.output == output;
}

/* A reading of a tensor. */
struct reading {
  uint32_t time;
  uint32_t reader;
  bool by_derivative;
};

static void note(struct reading *last, uint32_t time, uint32_t reader, bool by_derivative)
{
  if (time > last->time) {
    *last = (struct reading){time, reader, by_derivative};
  }
}

static struct reading last_reading(const struct lm_planning *work, uint32_t node, uint32_t output)
{
  const struct lm_graph *graph = work->graph;
  struct reading last = {.time = lm_time_forward(work, node), .reader = node};
  for (uint32_t c = 0; c < graph->n_nodes; c++) {
    for (uint32_t k = 0; k < graph->nodes[c]->n_inputs; k++) {
      if (!is_same(graph->nodes[c]->inputs[k], node, output)) {
        continue;
      }
      note(&last, lm_time_forward(work, c), c, false);
      if (work->plan->nodes[c].backward &&
          (work->inference->nodes[c].reads[LAMINA_IN] & (1u << k)) != 0) {
        note(&last, lm_time_backward(work, c), c, true);
      }
    }
  }
  if (work->plan->nodes[node].backward &&
      work->plan->nodes[node].fusion[LAMINA_BACKWARD].remade_by < 0 &&
      (work->inference->nodes[node].reads[LAMINA_OUT] & (1u << output)) != 0) {
    note(&last, lm_time_backward(work, node), node, true);
  }
  return last;
}

static bool is_kept(const struct lm_planning *work, uint32_t node)
{
  return work->graph->nodes[node]->kind == LM_NODE_LOSS ||
         (work->plan->options.keep != NULL && work->plan->options.keep[node]);
}

uint32_t lm_last_read(const struct lm_planning *work, uint32_t node, uint32_t output)
{
  return is_kept(work, node) ? lm_time_end(work) : last_reading(work, node, output).time;
}

static bool is_given_once(const struct lm_node *node, uint32_t input)
{
  uint32_t count = 0;
  for (uint32_t k = 0; k < node->n_inputs; k++) {
    count += node->inputs[k].node == node->inputs[input].node &&
             node->inputs[k].output == node->inputs[input].output;
  }
  return count == 1;
}

/* Whether another node, in whose loop this one runs, takes the tensor as a whole meanwhile. */
static bool is_read_by_head(const struct lm_planning *work, uint32_t node, struct lm_edge edge)
{
  int32_t head = work->plan->nodes[node].fusion[LAMINA_FORWARD].head;
  for (uint32_t k = 0; head >= 0 && k < work->graph->nodes[head]->n_inputs; k++) {
    if (is_same(work->graph->nodes[head]->inputs[k], (uint32_t)edge.node, edge.output)) {
      return true;
    }
  }
  return false;
}

bool lm_may_overwrite(const struct lm_planning *work, uint32_t node, uint32_t from, uint32_t to,
                      char *reason, size_t size)
{
  const struct lm_node *self = work->graph->nodes[node];
  const struct lm_facts *facts = &work->inference->nodes[node];
  struct lm_edge edge = self->inputs[from];
  const char *name = facts->in[from]->name;
  if (work->plan->options.isolate) {
    (void)snprintf(reason, size, "every tensor has memory of its own in this run");
  } else if (self->in_place == LM_IN_PLACE_NEVER) {
    (void)snprintf(reason, size, "the experiment says in_place: false");
  } else if (lm_edge_is_source(edge)) {
    (void)snprintf(reason, size, "'%s' is a field of the data", name);
  } else if (is_kept(work, (uint32_t)edge.node)) {
    (void)snprintf(reason, size, "'%s' is read after the pass", name);
  } else if (!is_given_once(self, from)) {
    (void)snprintf(reason, size, "'%s' is more than one of its inputs", name);
  } else if (facts->in[from]->bytes != facts->out[to]->bytes) {
    (void)snprintf(reason, size, "'%s' has %zu bytes and the output %zu", name,
                   facts->in[from]->bytes, facts->out[to]->bytes);
  } else if (is_read_by_head(work, node, edge)) {
    (void)snprintf(reason, size, "'%s', in whose loop it runs, reads '%s'",
                   work->graph->nodes[work->plan->nodes[node].fusion[LAMINA_FORWARD].head]->name,
                   name);
  } else {
    struct reading last = last_reading(work, (uint32_t)edge.node, edge.output);
    if (last.reader == node && !last.by_derivative) {
      return true;
    }
    (void)snprintf(reason, size, "%s '%s' reads '%s' later",
                   last.by_derivative ? "the derivative of" : "node",
                   work->graph->nodes[last.reader]->name, name);
  }
  return false;
}
