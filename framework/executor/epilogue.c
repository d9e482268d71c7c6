/*
 * Epilogues of a program: for each head the calls behind it that the plan fused into it. Those
 * calls keep their place in the list, with their tables of tensors, streams and modes; running
 * the list passes over them, since their head's loop runs their functions.
 */
#include <string.h>

#include "base/text.h"
#include "executor/executor_internal.h"

/* "node 'hidden' (layer 'dense' 1.0.0) with 'relu1', 'dropout1' in its loop" */
static const char *make_label(struct lm_making *making, const struct lm_exec_call *call)
{
  struct lm_text text = {0};
  lm_text_add(&text, call->label);
  for (uint32_t i = 0; i < call->n_fused; i++) {
    lm_text_addf(&text, "%s'%s'", i == 0 ? " with " : ", ",
                 making->executor->graph->nodes[call[1 + i].node]->name);
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

/* Which tensor of the head the first fused node takes pieces of. */
static void set_subject(const struct lm_making *making, const struct lm_exec_call *call,
                        uint32_t pass, struct lm_epilogue *epilogue)
{
  const struct lm_node *head = making->executor->graph->nodes[call->node];
  const struct lm_node *first = making->executor->graph->nodes[call[1].node];
  const struct lm_facts *facts = &making->program->inference->nodes[call[1].node];
  epilogue->total = lamina_type_count(&facts->out[0]->shape.type);
  if (pass == LAMINA_FORWARD) {
    epilogue->what = LAMINA_OUT;
    epilogue->index = first->inputs[0].output;
    return;
  }
  epilogue->what = LAMINA_IN;
  while (head->inputs[epilogue->index].node != (int32_t)call[1].node) {
    epilogue->index++;
  }
}

/* Gives a head the calls behind it that are fused into it. */
static void make_epilogue(struct lm_making *making, struct lm_exec_call *call, uint32_t pass)
{
  struct lm_epilogue *epilogue = lm_making_take(making, 1, sizeof *epilogue);
  struct lm_fused *fused = lm_making_take(making, call->n_fused, sizeof *fused);
  call->label = make_label(making, call);
  if (making->short_of_memory) {
    return;
  }
  lm_epilogue_init(epilogue);
  set_subject(making, call, pass, epilogue);
  for (uint32_t i = 0; i < call->n_fused; i++) {
    struct lm_call *own = &call[1 + i].call;
    const struct lamina_pointwise *table = lm_instance_pointwise(own->instance);
    fused[i].call = own;
    fused[i].function = pass == LAMINA_FORWARD ? table->value : table->gradient;
    fused[i].add =
        pass == LAMINA_BACKWARD && own->gradients[LAMINA_IN].requests[0] == LAMINA_ADD ? 1 : 0;
  }
  epilogue->fused = fused;
  epilogue->n_fused = call->n_fused;
  call->call.epilogue = epilogue;
}

void lm_making_fuse(struct lm_making *making, struct lm_exec_call *calls, uint32_t count,
                    uint32_t pass)
{
  const struct lm_node_plan *plans = making->program->plan->nodes;
  for (uint32_t i = 0; i < count && !making->short_of_memory; i += 1 + calls[i].n_fused) {
    uint32_t end = i + 1;
    while (end < count && plans[calls[end].node].fusion[pass].head == (int32_t)calls[i].node) {
      end++;
    }
    calls[i].n_fused = end - i - 1;
    if (calls[i].n_fused > 0) {
      make_epilogue(making, &calls[i], pass);
    }
  }
}

void lm_bind_epilogue(struct lm_exec_call *call, uint32_t pass)
{
  for (uint32_t i = 0; i < call->n_fused; i++) {
    const struct lm_call *own = &call[1 + i].call;
    const struct lamina_pointwise *table = lm_instance_pointwise(own->instance);
    struct lm_fused *fused = &call->call.epilogue->fused[i];
    if (pass == LAMINA_FORWARD) {
      fused->from = own->tensors[LAMINA_IN].views[0]->data;
      fused->to = own->tensors[LAMINA_OUT].views[0]->data;
      continue;
    }
    fused->from = own->gradients[LAMINA_OUT].views[0]->data;
    fused->to = own->gradients[LAMINA_IN].views[0]->data;
    fused->ref =
        table->reads == LAMINA_READS_NOTHING ? NULL : own->tensors[table->reads].views[0]->data;
  }
}
