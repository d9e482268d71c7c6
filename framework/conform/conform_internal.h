/*
 * What the files of conformance share: the trial that a check runs in, the ledger in which it
 * writes what it finds, and the tables of checks.
 *
 * cases.c finds settings and shapes; runner.c starts a process for each check; trial.c is what
 * checks write findings with; fault.c tells what a crash touched; watch.c counts what a plugin
 * calls; *_checks.c are the checks; report.c writes what came of them.
 */
#ifndef LM_CONFORM_CONFORM_INTERNAL_H
#define LM_CONFORM_CONFORM_INTERNAL_H

#include <stdatomic.h>

#include "conform/conform.h"
#include "conform/image.h"
#include "conform/probe.h"

enum {
  LM_LEDGER_FINDINGS = 40,
  LM_LEDGER_TEXT = 800,
  LM_LEDGER_CASES = 16 * 1024,
  LM_FAULT_EXIT = 86,  /* of a process that told its crash itself */
  LM_SAME_FINDINGS = 3 /* of one rule in one check; further ones are only counted */
};

/** A finding as a check writes it down. */
struct lm_finding {
  char id[8];
  char text[LM_LEDGER_TEXT];
};

/** Memory that a check's process shares with the tool's: it survives whatever happens. */
struct lm_ledger {
  char stage[LM_PROBE_LABEL + 160]; /* what the plugin is doing: "forward, layer 'x' on 7x5" */
  char skip[400];                   /* why the check does not apply */
  char plugin[160];                 /* "layer 'relu' 1.0.0" */
  char cases[LM_LEDGER_CASES];      /* what the scout found, as lines */
  atomic_uint n_findings;
  uint32_t more; /* findings that were left out */
  uint32_t kind;
  int64_t called_at;   /* when the call began that runs, by lm_clock_ns() */
  int32_t load_status; /* of loading the plugin */
  bool in_call;        /* a function of the plugin runs */
  bool finished;       /* the check came to its end */
  struct lm_finding findings[LM_LEDGER_FINDINGS];
};

/** Settings and shapes that a plugin accepts. */
struct lm_case {
  const char *settings;
  const char *pattern; /* shapes with 'N' for the batch: "Nx5 N:5" */
  int64_t batch;
  uint32_t constant; /* bit i: input i has no gradient */
  uint32_t flags;    /* LM_CASE_* */
};

enum {
  LM_CASE_LARGE = 1,   /* many chunks of work; the others are small */
  LM_CASE_FORWARD = 2, /* there is no backward */
  LM_CASE_UNSTEADY = 4 /* results differ from run to run: only for lm_each_case() */
};

enum { LM_CASES = 24 };

/** What a check is given. */
struct lm_trial {
  const struct lm_conform_options *options;
  struct lm_ledger *ledger;
  struct lm_registry *registry;
  const struct lm_plugin *plugin;
  struct lm_observer observer;
  struct lm_watch *watch; /* NULL unless calls are watched */
  bool computes;          /* the function that runs is no setup(), infer() or open() */
  uint64_t seed;
  struct lm_case cases[LM_CASES];
  size_t n_cases;
  char *example; /* the experiment beside the plugin, or NULL */
};

typedef void (*lm_check_fn)(struct lm_trial *trial);

/** One check: the rules that it tries, the kinds that it is for. */
struct lm_check {
  const char *ids; /* "P06 P07" */
  uint32_t kinds;
  lm_check_fn run;
};

/** A list of checks; room by room, so that a kind is one file. */
struct lm_checks {
  const struct lm_check *items;
  size_t count;
};
extern const struct lm_checks lm_file_checks, lm_settings_checks, lm_layer_checks,
    lm_layer_memory_checks, lm_layer_number_checks, lm_fusion_checks, lm_metric_checks,
    lm_transform_checks, lm_optimizer_checks, lm_function_checks, lm_dataset_checks,
    lm_service_checks, lm_kind_checks;

/* trial.c */

/** Writes a finding down. */
void lm_find(struct lm_trial *trial, const char *id, const char *format, ...) LM_PRINTF(3, 4);

/** The check does not apply, and why. */
void lm_skip(struct lm_trial *trial, const char *format, ...) LM_PRINTF(2, 3);

/** Reads a refusal: it must be a status of its own and a sentence (P12). */
void lm_judge_refusal(struct lm_trial *trial, enum lamina_status status,
                      const struct lm_error *error);

/** Loads the plugin into the trial; a refusal is P01's finding. */
bool lm_trial_load(struct lm_trial *trial);
void lm_trial_release(struct lm_trial *trial);

/** A home of the plugin under trial. NULL settings: none given. */
enum lamina_status lm_trial_home(struct lm_trial *trial, const char *settings, uint32_t threads,
                                 struct lm_home **out, struct lm_error *error) LM_MUST_CHECK;

/** The same in one thread, with texts "key=value" on top of the settings. */
enum lamina_status lm_trial_home_with(struct lm_trial *trial, const char *settings,
                                      const char *const *overrides, size_t count,
                                      struct lm_home **out, struct lm_error *error) LM_MUST_CHECK;

/** How a case is to be opened. */
struct lm_opening {
  uint32_t threads; /* 0: 2 */
  bool shuffled;
  const struct lm_zone_style *style;
  int64_t batch; /* -1: the case's own */
};

/** A probe of a case; NULL, with a finding, when the plugin refuses now what it took before. */
struct lm_probe *lm_trial_open(struct lm_trial *trial, const struct lm_case *item,
                               const struct lm_opening *opening);

/** Shapes of a pattern at a batch size; release with lm_free(). */
char *lm_pattern_shapes(const char *pattern, int64_t batch);

/* cases.c */

/** Finds cases and writes them into the ledger. */
void lm_scout(struct lm_trial *trial);
/** Reads cases from a ledger's text, which is kept by the trial. */
bool lm_cases_read(struct lm_trial *trial, char *text);

/**
 * Settings with which an instance might be made: sample number `round` of what is required, and
 * `key` at `value` (NULL: no key). False when something required has no samples.
 */
bool lm_settings_wish(const struct lm_plugin *plugin, uint32_t round, const char *key,
                      const char *value, struct lm_text *out);

/* observe.c */

/** Whether there is anything by which effects of settings show. */
bool lm_can_observe(const struct lm_trial *trial);
/** What a metric makes of the partial result of the update before. metric_checks.c */
double lm_metric_number(const struct lm_probe *probe);
/** A setting that gets another value after infer(): that of an instance with one more override. */
struct lm_change {
  const struct lamina_setting *row; /* of type "f64" */
  const char *override;
};
/** A number made of what is declared and computed; false when refused; change may be NULL. */
bool lm_observe(struct lm_trial *trial, const char *settings, const char *const *overrides,
                size_t count, const struct lm_change *change, uint64_t *digest);

/* example.c */

/** Looks for the experiment beside the plugin. */
void lm_example_find(struct lm_trial *trial);
/** Writes the settings that it gives to the plugin, a line each. */
void lm_example_settings(struct lm_trial *trial, struct lm_text *out);

/* fault.c */

/** From now on a crash in this process is a finding, and its end. */
void lm_fault_install(struct lm_trial *trial);

/* watch.c */

/** What a plugin must not call: counted from here on. NULL, with a reason, where that fails. */
struct lm_watch *lm_watch_create(const struct lm_plugin *plugin, const char **reason);
/** The plugin calls the functions themselves again. NULL is fine. */
void lm_watch_free(struct lm_watch *watch);
void lm_watch_begin(struct lm_watch *watch);
/** Writes findings about what was called since; only what computes may not allocate. */
void lm_watch_end(struct lm_watch *watch, struct lm_trial *trial, bool computes);

/* layer_step.c */

/** A copy of outputs, gradients and states, one after the other. */
struct lm_result_bits {
  char *bytes;
  size_t length;
};

/** What is compared. */
enum lm_compared { LM_EVERYTHING = 0, LM_GRADIENTS, LM_OUTPUTS };

/** Fills the probe of a case and asks for all gradients that it has. */
void lm_case_fill(const struct lm_trial *trial, const struct lm_case *item, struct lm_probe *probe,
                  uint64_t seed);
void lm_case_request(const struct lm_case *item, struct lm_probe *probe, uint32_t request);
/** Whether backward is to produce a gradient. */
bool lm_case_has_gradient(const struct lm_case *item, const struct lm_probe *probe, uint32_t role,
                          uint32_t index);

/** Both passes in training at step 3; a failure is a finding of the rule id. */
bool lm_case_run(struct lm_trial *trial, const struct lm_case *item, struct lm_probe *probe,
                 const char *id);
/** Fills and runs. */
bool lm_case_step(struct lm_trial *trial, const struct lm_case *item, struct lm_probe *probe,
                  const char *id);

bool lm_bits_take(const struct lm_probe *probe, struct lm_result_bits *out);
void lm_bits_release(struct lm_result_bits *bits);
/** A finding of the rule id unless the probe's numbers are these bits. */
bool lm_bits_compare(struct lm_trial *trial, const struct lm_probe *probe,
                     const struct lm_result_bits *bits, enum lm_compared compared, const char *id,
                     const char *when);
/** An output, or the gradient of a tensor, in the bits. */
const float *lm_bits_output(const struct lm_probe *probe, const struct lm_result_bits *bits,
                            uint32_t index);
const float *lm_bits_gradient(const struct lm_probe *probe, const struct lm_result_bits *bits,
                              uint32_t role, uint32_t index);

/** A case under a check: opened, run once, and what came out. */
struct lm_bout {
  struct lm_trial *trial;
  const struct lm_case *item;
  struct lm_probe *probe;
  struct lm_result_bits step;
};

/**
 * Calls a check for each case that can be run and has none of the flags.
 * @param id  of the rule that a failing first step breaks
 */
void lm_each_case(struct lm_trial *trial, uint32_t without, const char *id,
                  void (*check)(struct lm_bout *bout));

/* layer_number_checks.c */

/** Compares the gradients of a case's step with differences; findings are of L05. */
void lm_check_gradients(struct lm_bout *bout);

enum { LM_TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, LM_STEP = 3 };

#endif
