/*
 * Epilogues of a program: for each head the calls behind it that the plan fused into it, and the
 * call behind those if it is shown the pieces. Fused calls keep their place in the list, with
 * their tables of tensors, streams and modes; running the list passes over them, since their
 * head's loop runs their functions.
 */
#include <string.h>

#include "base/text.h"
#include "executor/executor_internal.h"

/** The calls of one loop: the head, the fused ones behind it, and perhaps one that looks on. */
struct loop {
  struct lm_exec_call *head;
  uint32_t n_calls; /* behind the head */
  uint32_t pass;
};

/* "node 'hidden' (layer 'dense' 1.0.0) with 'relu1', 'dropout1' in its loop" */
static const char *make_label(struct lm_making *making, const struct loop *loop)
{
  struct lm_text text = {0};
  lm_text_add(&text, loop->head->label);
  for (uint32_t i = 0; i < loop->n_calls; i++) {
    lm_text_addf(&text, "%s'%s'", i == 0 ? " with " : ", ",
                 making->executor->graph->nodes[loop->head[1 + i].node]->name);
  }
  lm_text_add(&text, " in its loop");
  char *label = lm_text_ok(&text) ? lm_making_take(making, text.length + 1, 1) : NULL;
  if (label != NULL) {
    memcpy(label, lm_text_get(&text), text.length);
  }
  making->short_of_memory = label == NULL;
  lm_text_release(&text);
  return label;
}

/* Which tensor of the head comes in pieces. */
static void set_subject(const struct lm_making *making, const struct loop *loop,
                        struct lm_epilogue *epilogue)
{
  const struct lm_facts *facts = &making->program->inference->nodes[loop->head->node];
  const struct lm_node_plan *first = &making->program->plan->nodes[loop->head[1].node];
  epilogue->index = first->fusion[loop->pass].subject;
  epilogue->what = loop->pass == LAMINA_FORWARD ? LAMINA_OUT : LAMINA_IN;
  const struct lm_tensor *subject =
      loop->pass == LAMINA_FORWARD ? facts->out[epilogue->index] : facts->in[epilogue->index];
  epilogue->total = lamina_type_count(&subject->shape.type);
}

static void add_observer(struct lm_exec_call *call, uint32_t pass, struct lm_epilogue *epilogue)
{
  const struct lamina_observer *table = lm_instance_observer(call->call.instance);
  epilogue->fused[epilogue->n_fused++] =
      (struct lm_fused){.function = pass == LAMINA_FORWARD ? table->forward : table->backward,
                        .prepare = table->prepare,
                        .call = &call->call,
                        .observes = true};
}

static void add_value(struct lm_exec_call *call, struct lm_epilogue *epilogue)
{
  const struct lamina_pointwise *table = lm_instance_pointwise(call->call.instance);
  epilogue->fused[epilogue->n_fused++] =
      (struct lm_fused){.function = table->value,
                        .prepare = table->prepare,
                        .call = &call->call,
                        .inputs = call->call.tensors[LAMINA_IN].views,
                        .n_inputs = call->call.tensors[LAMINA_IN].count};
}

/* Whether the gradient of an input is written over that of the output. */
static bool lies_over(const struct lm_making *making, const struct lm_exec_call *call, uint32_t k)
{
  const struct lm_node *self = making->executor->graph->nodes[call->node];
  const struct lm_plan *plan = making->program->plan;
  return lm_plan_in_gradient(plan, self, k) == plan->nodes[call->node].out_gradient[0];
}

/* How the output that the gradient reads is made once more: by the node that looks on in the same
 * loop, and so has the last of its calls. */
static struct lm_remake remake_of(const struct lm_making *making, const struct loop *loop,
                                  struct lm_exec_call *call)
{
  struct lm_call *maker = &loop->head[loop->n_calls].call;
  if (making->program->plan->nodes[call->node].fusion[loop->pass].remade_by < 0) {
    return (struct lm_remake){0};
  }
  return (struct lm_remake){.again = lm_instance_observer(maker->instance)->again,
                            .call = maker,
                            .value = lm_instance_pointwise(call->call.instance)->value};
}

/* The gradients that are asked for; that which overwrites the output's comes last. */
static void add_gradients(const struct lm_making *making, const struct loop *loop,
                          struct lm_exec_call *call, struct lm_epilogue *epilogue)
{
  const struct lamina_pointwise *table = lm_instance_pointwise(call->call.instance);
  const struct lm_gradients *gradients = &call->call.gradients[LAMINA_IN];
  const struct lm_remake remake = remake_of(making, loop, call);
  uint32_t begin = epilogue->n_fused;
  epilogue->remakes = epilogue->remakes || remake.again != NULL;
  for (uint32_t i = 0; i < 2 * gradients->count; i++) {
    uint32_t k = i % gradients->count;
    if (gradients->requests[k] != LAMINA_SKIP &&
        lies_over(making, call, k) == (i >= gradients->count)) {
      epilogue->fused[epilogue->n_fused] =
          (struct lm_fused){.function = table->gradient,
                            .prepare = epilogue->n_fused == begin ? table->prepare : NULL,
                            .call = &call->call,
                            .remake = remake,
                            .add = gradients->requests[k] == LAMINA_ADD,
                            .input = k};
      epilogue->n_fused++;
    }
  }
}

static uint32_t most_functions(const struct lm_making *making, const struct loop *loop)
{
  uint32_t count = 0;
  for (uint32_t i = 1; i <= loop->n_calls; i++) {
    count += making->executor->graph->nodes[loop->head[i].node]->n_inputs;
  }
  return count;
}

/* Gives a head the calls behind it that work in its loop. */
static void make_epilogue(struct lm_making *making, const struct loop *loop)
{
  struct lm_epilogue *epilogue = lm_making_take(making, 1, sizeof *epilogue);
  struct lm_fused *fused = lm_making_take(making, most_functions(making, loop), sizeof *fused);
  const char *label = make_label(making, loop);
  if (making->short_of_memory) {
    return;
  }
  lm_epilogue_init(epilogue);
  epilogue->fused = fused;
  set_subject(making, loop, epilogue);
  for (uint32_t i = 1; i <= loop->n_calls; i++) {
    if (i > loop->head->n_fused) {
      add_observer(&loop->head[i], loop->pass, epilogue);
    } else if (loop->pass == LAMINA_FORWARD) {
      add_value(&loop->head[i], epilogue);
    } else {
      add_gradients(making, loop, &loop->head[i], epilogue);
    }
  }
  loop->head->label = label;
  loop->head->call.epilogue = epilogue;
}

void lm_making_fuse(struct lm_making *making, struct lm_exec_call *calls, uint32_t count,
                    uint32_t pass)
{
  const struct lm_node_plan *plans = making->program->plan->nodes;
  for (uint32_t i = 0; i < count && !making->short_of_memory; i += 1 + calls[i].n_fused) {
    uint32_t end = i + 1;
    int32_t head = (int32_t)calls[i].node;
    while (end < count && plans[calls[end].node].fusion[pass].head == head) {
      end++;
    }
    calls[i].n_fused = end - i - 1;
    bool shown = end < count && plans[calls[end].node].fusion[pass].shown_by == head;
    struct loop loop = {&calls[i], calls[i].n_fused + (shown ? 1 : 0), pass};
    if (loop.n_calls > 0) {
      make_epilogue(making, &loop);
    }
  }
}

/* ---- addresses ---- */

static void bind_gradient(struct lm_fused *fused)
{
  const struct lm_call *own = fused->call;
  uint32_t reads = lm_instance_pointwise(own->instance)->reads;
  fused->from = own->gradients[LAMINA_OUT].views[0]->data;
  fused->to = own->gradients[LAMINA_IN].views[fused->input]->data;
  if (fused->remake.again != NULL) {
    return;
  }
  fused->ref = reads == LAMINA_READS_NOTHING
                   ? NULL
                   : own->tensors[reads].views[reads == LAMINA_IN ? fused->input : 0]->data;
}

void lm_bind_epilogue(struct lm_exec_call *call, uint32_t pass)
{
  struct lm_epilogue *epilogue = call->call.epilogue;
  for (uint32_t i = 0; epilogue != NULL && i < epilogue->n_fused; i++) {
    struct lm_fused *fused = &epilogue->fused[i];
    const struct lm_call *own = fused->call;
    if (fused->observes) {
      fused->from = pass == LAMINA_FORWARD ? own->tensors[LAMINA_IN].views[0]->data
                                           : own->gradients[LAMINA_OUT].views[0]->data;
    } else if (pass == LAMINA_FORWARD) {
      fused->to = own->tensors[LAMINA_OUT].views[0]->data;
    } else {
      bind_gradient(fused);
    }
  }
}
