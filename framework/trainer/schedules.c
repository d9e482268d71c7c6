/*
 * Settings that are scheduled: before each step of training they are the file's times a factor,
 * a function of the step alone, so that there is nothing about them to save; otherwise they are
 * the file's. The plugin reads them in its own struct, and a loss's weight is read where the
 * executor begins backward.
 */
#include <math.h>

#include "trainer/engine.h"

static enum lamina_status refuse(const struct lm_scheduled *scheduled,
                                 const struct lamina_progress *when, double factor,
                                 struct lm_error *error)
{
  const char *range = scheduled->setting == NULL ? NULL : scheduled->setting->range;
  return lm_fail_at(
      error, LAMINA_E_INVALID, &scheduled->schedule->where,
      "%s makes '%s' of %s %.9g in step %llu, %.9g times %.9g, expected a number%s%s",
      scheduled->schedule->label, scheduled->setting == NULL ? "weight" : scheduled->setting->name,
      scheduled->of->label, factor * scheduled->value, (unsigned long long)when->step + 1, factor,
      scheduled->value, range == NULL ? " that is finite" : " in ", range == NULL ? "" : range);
}

static bool is_allowed(const struct lm_scheduled *scheduled, double number)
{
  return scheduled->setting == NULL ? isfinite((float)number) != 0
                                    : lm_setting_holds(scheduled->setting, number);
}

enum lamina_status lm_engine_schedule(struct lm_engine *engine, const struct lamina_progress *when,
                                      struct lm_error *error)
{
  const struct lm_experiment *experiment = engine->experiment;
  for (size_t i = 0; i < experiment->n_scheduled; i++) {
    const struct lm_scheduled *scheduled = &experiment->scheduled[i];
    const struct lm_instance *schedule = scheduled->schedule;
    double factor = schedule->plugin->table.schedule.factor(schedule->self, when);
    if (!is_allowed(scheduled, factor * scheduled->value)) {
      return refuse(scheduled, when, factor, error);
    }
    *scheduled->number = factor * scheduled->value;
  }
  if (experiment->n_scheduled > 0) {
    lm_executor_weigh(engine->executor);
  }
  return LAMINA_OK;
}

void lm_engine_unschedule(struct lm_engine *engine)
{
  const struct lm_experiment *experiment = engine->experiment;
  for (size_t i = 0; i < experiment->n_scheduled; i++) {
    *experiment->scheduled[i].number = experiment->scheduled[i].value;
  }
  if (experiment->n_scheduled > 0) {
    lm_executor_weigh(engine->executor);
  }
}
