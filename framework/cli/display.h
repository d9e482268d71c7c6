/*
 * What is shown while training, on standard error: on a terminal one line that is rewritten, with
 * a bar, the rate and the time left; and a line for each epoch, wherever it goes.
 */
#ifndef LM_CLI_DISPLAY_H
#define LM_CLI_DISPLAY_H

#include "cli/cli.h"
#include "trainer/train.h"

struct lm_display {
  struct lm_cli *cli;
  double shown;        /* when the line was last written; 0: not yet */
  double first_time;   /* what the time left is reckoned from: when this process showed a step */
  uint64_t first_step; /* and which */
};

void lm_display_init(struct lm_display *display, struct lm_cli *cli);

/** The functions that the trainer tells its progress to; they use display. */
struct lm_train_observer lm_display_observer(struct lm_display *display);

/** Loss and metrics as "loss 0.1234  accuracy 0.9876", in columns that keep their width. */
void lm_display_scores(struct lm_text *text, const struct lm_epoch_report *report,
                       const struct lm_scores *scores);

#endif
