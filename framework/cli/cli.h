/*
 * The program: commands, their options, and what they print. The only room that prints, exits
 * and handles signals. Floor 11.
 *
 * Data goes to standard output, progress and messages to standard error. Exit codes are those
 * of lamina/status.h.
 */
#ifndef LM_CLI_CLI_H
#define LM_CLI_CLI_H

#include <signal.h>
#include <stdio.h>

#include "builder/experiment.h"
#include "cli/catalog.h"

enum { LM_CLI_SETS = 256, LM_CLI_ARGS = 16, LM_CLI_VARIED = 16 };

/** What was given on the command line. */
struct lm_cli {
  const char *command;
  const char *args[LM_CLI_ARGS]; /* what is not an option */
  size_t n_args;
  const char *sets[LM_CLI_SETS]; /* --set, --seed as a setting */
  size_t n_sets;
  const char *run_dir, *plugin_path, *input, *output, *directory, *part;
  const char *settings, *shapes, *only, *skip, *format, *timeout; /* conform */
  const char *out, *count, *grid, *dimensions, *interpolate, *samples, *encoder, *shape;
  bool stretch;                             /* sample */
  const char *shift, *rotate, *gain, *edge; /* probe */
  bool flip;
  bool strict, in_process, rules, quick;
  char seed[64];
  uint32_t threads; /* 0: as many as make sense */
  struct lm_affinity affinity;
  double seconds;                       /* --seconds; 0: not given */
  const char *normal, *data, *pictures; /* outliers */
  const char *varied[LM_CLI_VARIED];    /* --vary */
  size_t n_varied;
  double false_alarms, confidence; /* outliers; 0: not given */
  bool resume, json, yaml, markdown, classes, all, quiet, help, version, profile, dot, watch;
  uint64_t given;        /* bit i: option i of the table of options */
  uint32_t load_seconds; /* LAMINA_LOAD_SECONDS: time for a plugin to load and set up; 0: usual */
  bool terminal, line_open; /* standard error is one; a progress line stands on it */
  struct lm_registry *registry;
  struct lm_pool *pool;
};

/** Takes the command line apart. LAMINA_E_USAGE with a sentence. */
enum lamina_status lm_cli_parse(int argc, char **argv, struct lm_cli *cli,
                                struct lm_error *error) LM_MUST_CHECK;

/** Refuses options that are not the command's. LAMINA_E_USAGE with a sentence. */
enum lamina_status lm_cli_check_options(const struct lm_cli *cli,
                                        struct lm_error *error) LM_MUST_CHECK;

/** The lines of --help about the options of a command; command NULL: about all. */
void lm_cli_options_text(struct lm_text *out, const char *command);

/* Commands: each runs and says how it went. */
enum lamina_status lm_command_train(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_bench(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_check(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_summary(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_plan(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_eval(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_predict(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_sample(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_latents(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_outliers(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_sweep(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_probe(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_list(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_conform(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_inspect(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_schema(struct lm_cli *cli, struct lm_error *error);
enum lamina_status lm_command_manual(struct lm_cli *cli, struct lm_error *error);

/** Registers the plugins that are linked into the program. */
void lm_cli_preload(void);

/** The text of --help. */
void lm_cli_help_text(struct lm_text *out);

/** How to make a catalog for this command line. */
struct lm_catalog_options lm_cli_catalog_options(struct lm_cli *cli);

/** Whether the program has a command of that name. */
bool lm_cli_has_command(const char *name);

struct lm_train_options;

/** Trains a built experiment, showing progress and result; adds the observer to the options. */
enum lamina_status lm_cli_train(struct lm_cli *cli, struct lm_experiment *experiment,
                                struct lm_train_options *options,
                                struct lm_error *error) LM_MUST_CHECK;
enum lamina_status lm_command_new(struct lm_cli *cli, struct lm_error *error);

/** The kind that a word names. LAMINA_E_USAGE with the nearest kind, or all. */
enum lamina_status lm_cli_kind(const char *word, uint32_t *kind,
                               struct lm_error *error) LM_MUST_CHECK;

/** Reads an integer in a range; name says whose, for the sentence of LAMINA_E_USAGE. */
enum lamina_status lm_cli_number(const char *name, const char *text, long long least,
                                 long long most, long long *out,
                                 struct lm_error *error) LM_MUST_CHECK;

/* How long a plugin may take to load and set up before it is told to hang. */
enum { LM_CLI_BUILD_SECONDS = 30 };

/** Makes cli->registry; the pool is made when something is built. */
enum lamina_status lm_cli_start(struct lm_cli *cli, struct lm_error *error) LM_MUST_CHECK;

/** Loads and builds the experiment of args[0]; data is not read. */
enum lamina_status lm_cli_experiment(struct lm_cli *cli, struct lm_experiment **out,
                                     struct lm_error *error) LM_MUST_CHECK;

/** Builds from a configuration, which is taken over; watches for plugins that hang. */
enum lamina_status lm_cli_build(struct lm_cli *cli, struct lm_config *config, bool predict_only,
                                struct lm_experiment **out, struct lm_error *error) LM_MUST_CHECK;

/** The same with more to say; registry, pool and log of the options are filled in. */
enum lamina_status lm_cli_build_as(struct lm_cli *cli, struct lm_config *config,
                                   struct lm_experiment_options options, struct lm_experiment **out,
                                   struct lm_error *error) LM_MUST_CHECK;

/** What to call a run of an experiment file: "digits" of configs/digits.yaml; lm_free(). */
char *lm_cli_stem(const char *path);

/** Prints a text and releases it. */
enum lamina_status lm_cli_print(struct lm_text *text, struct lm_error *error) LM_MUST_CHECK;

/** Whether a text, such as a file's name, ends so. */
bool lm_cli_ends_with(const char *text, const char *end);

/** Checks the number of arguments. what: "an experiment file". */
enum lamina_status lm_cli_want_args(const struct lm_cli *cli, size_t least, size_t most,
                                    const char *what, struct lm_error *error) LM_MUST_CHECK;

/** Prints a note or a warning to standard error; level is LAMINA_LOG_*; arg the struct lm_cli. */
void lm_cli_log(void *arg, int32_t level, const char *sentence);

/** Takes the progress line off the terminal, if one stands there. */
void lm_cli_clear_line(struct lm_cli *cli);

/** Numbers in all weights of a model, shared ones once; or in those that are trained. */
int64_t lm_cli_parameters(const struct lm_graph *graph, bool trained);

/* Texts of `lamina summary` and `lamina plan`. */
void lm_cli_dot_text(const struct lm_experiment *experiment, struct lm_text *out);
void lm_cli_summary_text(const struct lm_experiment *experiment, struct lm_text *out);
enum lamina_status lm_cli_plan_text(const struct lm_experiment *experiment, struct lm_text *out,
                                    struct lm_error *error) LM_MUST_CHECK;

/* Signals. */

/** Sets up the last words of a program that a plugin brings down. */
void lm_guard_install(void);
/** The program comes to its end by itself: whatever exits before was a plugin. */
void lm_guard_finish(void);
/** From now on last words are put there, as a text, and not printed. Memory of zeros. */
void lm_guard_report_to(char *words, size_t size);
/** From now on a plugin that takes longer to return ends the program; seconds 0: no more watch. */
void lm_guard_watch(uint32_t seconds);
/** Lets SIGINT and SIGTERM set the flag, once; a second one ends the program. */
const volatile sig_atomic_t *lm_stop_install(void);

#endif
