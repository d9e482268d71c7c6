/*
 * A model that is open: its file, the experiment in it, and data given on the command line.
 *
 * What a trained model needs is in its file, so every command on models begins by building the
 * experiment that it carries: lm_opened_read(), then what the command changes in it, then
 * lm_opened_build().
 */
#ifndef LM_CLI_OPENED_H
#define LM_CLI_OPENED_H

#include "checkpoint/model.h"
#include "cli/cli.h"
#include "trainer/engine.h"

struct lm_opened {
  const char *path; /* borrowed */
  struct lm_safetensors_file *file;
  struct lm_config *config; /* the experiment's text, before it is built */
  struct lm_config *other;  /* owns values that were put into it */
  struct lm_experiment *experiment;
  struct lm_engine *engine;
  struct lm_field_list fields; /* of the model's own data, [after lm_opened_build_part()] */
};

/** Reads the file at path, borrowed; --set is applied to its experiment. */
enum lamina_status lm_opened_read(struct lm_cli *cli, const char *path, struct lm_opened *opened,
                                  struct lm_error *error) LM_MUST_CHECK;

/** Puts the `data:` of an experiment file in place of the model's. */
enum lamina_status lm_opened_take_data(struct lm_opened *opened, const char *path,
                                       struct lm_error *error) LM_MUST_CHECK;

/** Refuses a command line without --input. LAMINA_E_USAGE. */
enum lamina_status lm_opened_want_input(const struct lm_cli *cli,
                                        struct lm_error *error) LM_MUST_CHECK;

/**
 * Lets the experiment read nothing but a data set of the command line, through its transforms.
 * @param input   a CSV or IDX file, or a data set as YAML such as "csv: {file: x.csv}"
 * @param option  where it was given, for messages: "--input"
 */
enum lamina_status lm_opened_take_input(struct lm_opened *opened, const char *input,
                                        const char *option, struct lm_error *error) LM_MUST_CHECK;

/** Builds the experiment, reads its data and loads the weights. predict_only: without losses. */
enum lamina_status lm_opened_build(struct lm_cli *cli, struct lm_opened *opened, bool predict_only,
                                   struct lm_error *error) LM_MUST_CHECK;

/**
 * Builds one part of the model and loads its weights.
 * @param of_data  its records are those of the data given, which is read; else they are the
 *                 caller's: opened->experiment->train_data tells what they are
 */
enum lamina_status lm_opened_build_part(struct lm_cli *cli, struct lm_opened *opened,
                                        const char *part, bool of_data,
                                        struct lm_error *error) LM_MUST_CHECK;

void lm_opened_close(struct lm_opened *opened);

#endif
