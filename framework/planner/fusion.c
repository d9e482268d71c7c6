/*
 * Which elementwise layers run inside the call of the layer before them.
 *
 * A head is a node that hands a tensor over in pieces, as it declared; what is fused into it is
 * the chain of elementwise nodes that follow it directly in the order of the pass. Being next
 * in the order is all that has to be proven: nobody runs in between who could still read or
 * write what the chain overwrites, and in the backward pass the head's contribution to a
 * gradient is then the last one. The tensors of the chain all exist as without fusion, so who
 * else reads them does not matter.
 */
#include <stdio.h>

#include "base/memory.h"
#include "planner/plan_internal.h"

enum { REASON = 256 };

static const char *name_of(const struct lm_planning *work, uint32_t node)
{
  return work->graph->nodes[node]->name;
}

static bool needs_scratch(const struct lm_facts *facts)
{
  return facts->scratch[0] > 0 || facts->scratch[1] > 0 || facts->lane_scratch[0] > 0 ||
         facts->lane_scratch[1] > 0;
}

/* What speaks against fusing a node at all; NULL: nothing. */
static const char *obstacle(const struct lm_planning *work, uint32_t node)
{
  const struct lm_facts *facts = &work->inference->nodes[node];
  if (work->plan->options.isolate) {
    return "every layer has passes of its own in this run";
  } else if (work->graph->nodes[node]->no_fusion) {
    return "the experiment says fuse: false";
  } else if (facts->n_in != 1 || facts->n_out != 1 || facts->in[0]->bytes != facts->out[0]->bytes) {
    return "its output is not of the size of its one input";
  } else if (facts->n_save > 0 || needs_scratch(facts)) {
    return "it keeps memory of its own";
  }
  return NULL;
}

/* The node that a chain that ends in `before` is fused into; -1 if there is none. */
static int32_t head_of(const struct lm_planning *work, uint32_t before, uint32_t pass,
                       uint32_t index)
{
  int32_t head = work->plan->nodes[before].fusion[pass].head;
  if (head >= 0) {
    return head;
  }
  uint32_t declared = work->inference->nodes[before].may_fuse[pass];
  return (declared & (1u << index)) != 0 ? (int32_t)before : -1;
}

static int32_t forward_head(const struct lm_planning *work, uint32_t node, char *reason)
{
  struct lm_edge edge = work->graph->nodes[node]->inputs[0];
  if (lm_edge_is_source(edge)) {
    (void)snprintf(reason, REASON, "its input is a field of the data");
    return -1;
  }
  uint32_t before = work->graph->order[work->position[node] - 1];
  if (before != (uint32_t)edge.node) {
    (void)snprintf(reason, REASON, "'%s' runs between '%s' and it", name_of(work, before),
                   name_of(work, (uint32_t)edge.node));
    return -1;
  }
  int32_t head = head_of(work, before, LAMINA_FORWARD, edge.output);
  if (head < 0) {
    (void)snprintf(reason, REASON, "'%s' does not hand its output over in pieces",
                   name_of(work, before));
  }
  return head;
}

/* The input of `reader` that is the node's output; -1 when none is, or more than one. */
static int32_t only_input(const struct lm_planning *work, uint32_t reader, uint32_t node)
{
  const struct lm_node *self = work->graph->nodes[reader];
  int32_t found = -1;
  for (uint32_t k = 0; k < self->n_inputs; k++) {
    if (self->inputs[k].node == (int32_t)node) {
      if (found >= 0) {
        return -1;
      }
      found = (int32_t)k;
    }
  }
  return found;
}

static int32_t backward_head(const struct lm_planning *work, uint32_t node, char *reason)
{
  uint32_t next = work->position[node] + 1;
  while (next < work->graph->n_nodes && !work->plan->nodes[work->graph->order[next]].backward) {
    next++;
  }
  if (next == work->graph->n_nodes) {
    (void)snprintf(reason, REASON, "nothing runs before it");
    return -1;
  }
  uint32_t before = work->graph->order[next];
  int32_t input = only_input(work, before, node);
  int32_t head = input < 0 ? -1 : head_of(work, before, LAMINA_BACKWARD, (uint32_t)input);
  if (input < 0) {
    (void)snprintf(reason, REASON, "'%s', which runs before it, does not have it as its one input",
                   name_of(work, before));
  } else if (head < 0) {
    (void)snprintf(reason, REASON, "'%s' does not hand its input's gradient over in pieces",
                   name_of(work, before));
  }
  return head;
}

static enum lamina_status fuse(struct lm_planning *work, uint32_t node, uint32_t pass,
                               struct lm_error *error)
{
  struct lm_fusion *fusion = &work->plan->nodes[node].fusion[pass];
  char reason[REASON];
  if (lm_instance_pointwise(work->graph->nodes[node]->instance) == NULL) {
    return LAMINA_OK;
  }
  const char *against = obstacle(work, node);
  if (against != NULL) {
    (void)snprintf(reason, sizeof reason, "%s", against);
  } else {
    fusion->head = pass == LAMINA_FORWARD ? forward_head(work, node, reason)
                                          : backward_head(work, node, reason);
  }
  if (fusion->head >= 0) {
    return LAMINA_OK;
  }
  fusion->reason = lm_copy_text(reason);
  return fusion->reason == NULL ? lm_fail_memory(error, REASON) : LAMINA_OK;
}

enum lamina_status lm_plan_fusion(struct lm_planning *work, struct lm_error *error)
{
  const struct lm_graph *graph = work->graph;
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    LM_TRY(fuse(work, graph->order[i], LAMINA_FORWARD, error));
  }
  for (uint32_t i = graph->n_nodes; i-- > 0;) {
    if (work->plan->nodes[graph->order[i]].backward) {
      LM_TRY(fuse(work, graph->order[i], LAMINA_BACKWARD, error));
    }
  }
  return LAMINA_OK;
}
