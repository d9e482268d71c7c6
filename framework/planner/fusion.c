/*
 * Which elementwise layers run inside the call of a layer before them, and which look on there.
 *
 * A head is a node that hands a tensor over in pieces, as it declared. Its loop is the chain of
 * nodes that follow it without a gap in the order of the pass, each elementwise. A node may join
 * when every tensor that it takes is either complete before the head begins or comes in pieces of
 * this loop, since then each element meets the same operations in the same order as without
 * fusion; in the backward pass a gradient is complete when all of its contributions are. The
 * tensors of the chain all exist as without fusion, so who else reads them does not matter.
 *
 * The node behind the chain may be shown the pieces of its input, which it then has its own call
 * for: a normalization takes its means so.
 */
#include <stdio.h>

#include "base/memory.h"
#include "planner/plan_internal.h"

enum { REASON = 256 };

/** Where a tensor comes from, as seen from a loop. */
enum origin { EARLIER, LOOP, ELSEWHERE };

/** The loop that a node might join: the one of the node that runs just before it. */
struct loop {
  uint32_t pass, before, head;
  int32_t subject; /* which tensor of the head comes in pieces; -1: nobody has joined yet */
};

static const char *name_of(const struct lm_planning *work, uint32_t node)
{
  return work->graph->nodes[node]->name;
}

static bool find_loop(const struct lm_planning *work, uint32_t node, uint32_t pass,
                      struct loop *out)
{
  const struct lm_graph *graph = work->graph;
  uint32_t at = work->position[node];
  do {
    at = pass == LAMINA_FORWARD ? at - 1 : at + 1; /* before the first: UINT32_MAX */
  } while (at < graph->n_nodes && pass == LAMINA_BACKWARD &&
           !work->plan->nodes[graph->order[at]].backward);
  if (at >= graph->n_nodes) {
    return false;
  }
  uint32_t before = graph->order[at];
  const struct lm_fusion *fusion = &work->plan->nodes[before].fusion[pass];
  bool joined = fusion->head >= 0;
  *out = (struct loop){.pass = pass,
                       .before = before,
                       .head = joined ? (uint32_t)fusion->head : before,
                       .subject = joined ? (int32_t)fusion->subject : -1};
  return true;
}

/* Whether the tensor of the head is the one that comes in pieces; if nobody has joined, it is
 * when the head declared it. */
static bool in_pieces(const struct lm_planning *work, struct loop *loop, uint32_t index)
{
  uint32_t declared = work->inference->nodes[loop->head].may_fuse[loop->pass];
  if ((declared & (1u << index)) == 0) {
    return false;
  }
  loop->subject = loop->subject < 0 ? (int32_t)index : loop->subject;
  return loop->subject == (int32_t)index;
}

/* Of a node that works on a tensor before `node` does: what its work is, seen from the loop. */
static enum origin origin_of(const struct lm_planning *work, struct loop *loop, uint32_t other,
                             uint32_t index)
{
  if (other == loop->head) {
    return in_pieces(work, loop, index) ? LOOP : ELSEWHERE;
  } else if (work->plan->nodes[other].fusion[loop->pass].head == (int32_t)loop->head) {
    return LOOP;
  }
  return lm_time(work, other, loop->pass) < lm_time(work, loop->head, loop->pass) ? EARLIER
                                                                                  : ELSEWHERE;
}

/* ---- what a node takes ---- */

static void tell_pieces(const struct lm_planning *work, const struct loop *loop, uint32_t other,
                        char *reason)
{
  if (other == loop->head) {
    (void)snprintf(reason, REASON,
                   loop->pass == LAMINA_FORWARD
                       ? "'%s' does not hand its output over in pieces"
                       : "'%s' does not hand its input's gradient over in pieces",
                   name_of(work, other));
  } else {
    (void)snprintf(reason, REASON, "'%s' runs between '%s' and it", name_of(work, loop->before),
                   name_of(work, other));
  }
}

/* Whether the inputs from..to of a node come from the loop, at least one, or from before it. */
static bool takes_forward(const struct lm_planning *work, uint32_t node, struct loop *loop,
                          uint32_t n_inputs, char *reason)
{
  const struct lm_node *self = work->graph->nodes[node];
  int32_t last = -1;
  bool any = false;
  for (uint32_t k = 0; k < n_inputs; k++) {
    struct lm_edge edge = self->inputs[k];
    if (lm_edge_is_source(edge)) {
      continue;
    }
    enum origin origin = origin_of(work, loop, (uint32_t)edge.node, edge.output);
    if (origin == ELSEWHERE) {
      tell_pieces(work, loop, (uint32_t)edge.node, reason);
      return false;
    }
    any = any || origin == LOOP;
    last = edge.node;
  }
  if (!any && last < 0) {
    (void)snprintf(reason, REASON, "its input is a field of the data");
  } else if (!any) {
    tell_pieces(work, loop, (uint32_t)last, reason);
  }
  return any;
}

/* Whether reader's inputs include the node's output more than once. */
static bool takes_twice(const struct lm_planning *work, uint32_t reader, uint32_t node)
{
  const struct lm_node *self = work->graph->nodes[reader];
  uint32_t count = 0;
  for (uint32_t k = 0; k < self->n_inputs; k++) {
    count += self->inputs[k].node == (int32_t)node;
  }
  return count > 1;
}

/* One reader's contribution to the gradient of the node's output. */
static bool contributes(const struct lm_planning *work, struct loop *loop, uint32_t reader,
                        uint32_t input, bool *any, char *reason)
{
  const struct lm_node_plan *plan = &work->plan->nodes[reader];
  if (!plan->backward || plan->in_request[input] == LAMINA_SKIP) {
    return true;
  }
  uint32_t node = (uint32_t)work->graph->nodes[reader]->inputs[input].node;
  enum origin origin = origin_of(work, loop, reader, input);
  if (origin == ELSEWHERE || (origin == LOOP && takes_twice(work, reader, node))) {
    tell_pieces(work, loop, reader, reason);
    return false;
  }
  *any = *any || origin == LOOP;
  return true;
}

/* Whether the gradient of the node's output is made in the loop, and complete there. */
static bool takes_backward(const struct lm_planning *work, uint32_t node, struct loop *loop,
                           char *reason)
{
  const struct lm_graph *graph = work->graph;
  bool any = false;
  for (uint32_t i = work->position[node] + 1; i < graph->n_nodes; i++) {
    uint32_t reader = graph->order[i];
    for (uint32_t k = 0; k < graph->nodes[reader]->n_inputs; k++) {
      if (graph->nodes[reader]->inputs[k].node == (int32_t)node &&
          !contributes(work, loop, reader, k, &any, reason)) {
        return false;
      }
    }
  }
  if (!any) {
    (void)snprintf(reason, REASON, "'%s', which runs before it, does not read its output",
                   name_of(work, loop->before));
  }
  return any;
}

/* ---- elementwise nodes ---- */

static bool fits(const struct lm_facts *facts)
{
  for (uint32_t k = 0; k < facts->n_in; k++) {
    if (facts->n_out != 1 || facts->in[k]->bytes != facts->out[0]->bytes) {
      return false;
    }
  }
  return facts->n_in > 0;
}

static bool clears(const struct lm_node_plan *plan, uint32_t n_inputs)
{
  for (uint32_t k = 0; k < n_inputs; k++) {
    if (plan->clear_input[k]) {
      return true;
    }
  }
  return false;
}

/* What speaks against showing a node anything, or fusing it; NULL: nothing. */
static const char *wish(const struct lm_planning *work, uint32_t node)
{
  if (work->plan->options.isolate) {
    return "every layer has passes of its own in this run";
  }
  return work->graph->nodes[node]->no_fusion ? "the experiment says fuse: false" : NULL;
}

static const char *obstacle(const struct lm_planning *work, uint32_t node, uint32_t pass,
                            const struct lamina_pointwise *table)
{
  const struct lm_facts *facts = &work->inference->nodes[node];
  const struct lm_node *self = work->graph->nodes[node];
  if (wish(work, node) != NULL) {
    return wish(work, node);
  } else if ((lm_plan_mode(self, work->plan->options.train) & table->not_in) != 0) {
    return "it is not elementwise in training";
  } else if (pass == LAMINA_BACKWARD && table->gradient == NULL) {
    return "its backward is not elementwise";
  } else if (!fits(facts)) {
    return "its output is not of the size of its inputs";
  } else if (facts->lane_scratch[pass] > 0) {
    return "it needs memory for each thread";
  } else if (pass == LAMINA_BACKWARD && clears(&work->plan->nodes[node], facts->n_in)) {
    return "two of its inputs are the same";
  }
  return NULL;
}

static bool takes(const struct lm_planning *work, uint32_t node, struct loop *loop, char *reason)
{
  return loop->pass == LAMINA_FORWARD
             ? takes_forward(work, node, loop, work->graph->nodes[node]->n_inputs, reason)
             : takes_backward(work, node, loop, reason);
}

static enum lamina_status fuse(struct lm_planning *work, uint32_t node, uint32_t pass,
                               struct lm_error *error)
{
  const struct lamina_pointwise *table = lm_instance_pointwise(work->graph->nodes[node]->instance);
  struct lm_fusion *fusion = &work->plan->nodes[node].fusion[pass];
  char reason[REASON];
  struct loop loop;
  if (table == NULL) {
    return LAMINA_OK;
  }
  const char *against = obstacle(work, node, pass, table);
  if (against != NULL) {
    (void)snprintf(reason, sizeof reason, "%s", against);
  } else if (!find_loop(work, node, pass, &loop)) {
    (void)snprintf(reason, sizeof reason,
                   pass == LAMINA_FORWARD ? "its input is a field of the data"
                                          : "nothing runs before it");
  } else if (takes(work, node, &loop, reason)) {
    fusion->head = (int32_t)loop.head;
    fusion->subject = (uint32_t)loop.subject;
    return LAMINA_OK;
  }
  fusion->reason = lm_copy_text(reason);
  return fusion->reason == NULL ? lm_fail_memory(error, REASON) : LAMINA_OK;
}

/* ---- nodes that look on ---- */

/* The fused readers of what the node made, whose gradient reads their own output, need not keep
 * that: the node makes its own once more, piece by piece, of the input that it reads anyway. */
static void remake(struct lm_planning *work, uint32_t node, const struct lamina_observer *table)
{
  const struct lm_graph *graph = work->graph;
  int32_t by = work->plan->nodes[node].fusion[LAMINA_BACKWARD].shown_by;
  if (table->again == NULL || (work->inference->nodes[node].reads[LAMINA_IN] & 1u) == 0) {
    return;
  }
  for (uint32_t i = work->position[node] + 1; i < graph->n_nodes; i++) {
    const struct lm_node *reader = graph->nodes[graph->order[i]];
    const struct lamina_pointwise *own = lm_instance_pointwise(reader->instance);
    struct lm_fusion *fusion = &work->plan->nodes[graph->order[i]].fusion[LAMINA_BACKWARD];
    if (own != NULL && own->reads == LAMINA_OUT && reader->n_inputs == 1 && fusion->head == by &&
        reader->inputs[0].node == (int32_t)node) {
      fusion->remade_by = (int32_t)node;
    }
  }
}

static void show(struct lm_planning *work, uint32_t node, uint32_t pass)
{
  const struct lm_node *self = work->graph->nodes[node];
  const struct lamina_observer *table = lm_instance_observer(self->instance);
  struct lm_fusion *fusion = &work->plan->nodes[node].fusion[pass];
  char reason[REASON];
  struct loop loop;
  if (table == NULL || wish(work, node) != NULL || fusion->head >= 0 ||
      (pass == LAMINA_FORWARD ? table->forward : table->backward) == NULL ||
      (lm_plan_mode(self, work->plan->options.train) & table->only_in) != table->only_in) {
    return;
  }
  bool found = find_loop(work, node, pass, &loop);
  if (found && (pass == LAMINA_FORWARD ? takes_forward(work, node, &loop, 1, reason)
                                       : takes_backward(work, node, &loop, reason))) {
    fusion->shown_by = (int32_t)loop.head;
    fusion->subject = (uint32_t)loop.subject;
    if (pass == LAMINA_BACKWARD) {
      remake(work, node, table);
    }
  }
}

enum lamina_status lm_plan_fusion(struct lm_planning *work, struct lm_error *error)
{
  const struct lm_graph *graph = work->graph;
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    LM_TRY(fuse(work, graph->order[i], LAMINA_FORWARD, error));
    show(work, graph->order[i], LAMINA_FORWARD);
  }
  for (uint32_t i = graph->n_nodes; i-- > 0;) {
    if (work->plan->nodes[graph->order[i]].backward) {
      LM_TRY(fuse(work, graph->order[i], LAMINA_BACKWARD, error));
      show(work, graph->order[i], LAMINA_BACKWARD);
    }
  }
  return LAMINA_OK;
}
