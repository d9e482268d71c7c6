/*
 * Evaluation: forward only, losses and metrics over a portion of data.
 */
#include <math.h>
#include <string.h>

#include "trainer/session.h"

void lm_session_clear_metrics(struct lm_session *session)
{
  for (uint32_t i = 0; i < session->experiment->n_metrics; i++) {
    uint32_t count;
    double *part = lm_executor_part(session->executor, session->experiment->metrics[i], &count);
    if (part != NULL) {
      memset(part, 0, count * sizeof *part);
    }
  }
}

void lm_session_read_metrics(struct lm_session *session, struct lm_scores *scores)
{
  for (uint32_t i = 0; i < session->experiment->n_metrics; i++) {
    uint32_t count;
    uint32_t node = session->experiment->metrics[i];
    const struct lm_instance *instance = session->experiment->graph->nodes[node]->instance;
    const double *part = lm_executor_part(session->executor, node, &count);
    scores->metrics[i] =
        part == NULL ? (double)NAN : instance->plugin->table.metric.value(instance->self, part);
  }
}

double lm_session_loss(const struct lm_session *session, const struct lm_program *program)
{
  double sum = 0.0;
  for (uint32_t i = 0; i < session->experiment->n_losses; i++) {
    uint32_t node = session->experiment->losses[i];
    sum += session->experiment->graph->nodes[node]->loss_weight *
           (double)lm_program_loss(program, node);
  }
  return sum;
}

enum lamina_status lm_session_evaluate(struct lm_session *session, const struct lm_portion *portion,
                                       struct lm_scores *scores, struct lm_error *error)
{
  int64_t batch = session->experiment->train.batch;
  *scores = (struct lm_scores){0};
  lm_session_clear_metrics(session);
  for (int64_t begin = 0; begin < portion->count; begin += batch) {
    int64_t n = portion->count - begin < batch ? portion->count - begin : batch;
    struct lm_program *program;
    LM_TRY(lm_executor_program(session->executor, n, false, &program, error));
    LM_TRY(lm_loader_fill(portion->loader, portion->index + begin, n, false, 0, error));
    lm_session_connect(session, portion, program);
    LM_TRY(lm_program_forward(program, 0, error));
    scores->loss += lm_session_loss(session, program) * (double)n;
  }
  scores->loss /= (double)portion->count;
  lm_session_read_metrics(session, scores);
  lm_session_clear_metrics(session);
  return LAMINA_OK;
}
