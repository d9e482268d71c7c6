/*
 * Options: a table that says what each is called, whose it is, what it means and where its value
 * goes; the help and the manual are made of it. Written out because a misspelt option should get
 * the nearest right one, as everywhere else, and one of another command its name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum option_kind { FLAG, TEXT, SET, VARY, SEED, THREADS, AFFINITY, REAL };

struct option {
  const char *name;
  const char *value;    /* what stands behind it, in the help; NULL: nothing */
  const char *commands; /* those it belongs to, with blanks between; NULL: all */
  const char *help;
  size_t offset; /* of a bool, a text or a double in struct lm_cli */
  enum option_kind kind;
  double least, most; /* of REAL: above the one, up to the other */
};

#define FLAG_AT(field) .kind = FLAG, .offset = offsetof(struct lm_cli, field)
#define TEXT_AT(field) .kind = TEXT, .offset = offsetof(struct lm_cli, field)
#define REAL_AT(field, above, to) \
  .kind = REAL, .offset = offsetof(struct lm_cli, field), .least = above, .most = to
#define BUILDS "train sweep bench check summary plan eval predict sample latents outliers probe"
#define COMPUTES "train sweep bench eval predict sample latents outliers probe"

static const struct option options[] = {
    {"--set", "KEY=VALUE", BUILDS, "override a value of the experiment, such as train.epochs=3",
     .kind = SET},
    {"--vary", "KEY=V,V,...", "sweep",
     "values to train with, as of --set; given several times: all combinations", .kind = VARY},
    {"--run-dir", "DIR", "train sweep",
     "the run folder; default runs/NAME; of a sweep that of its runs' folders, runs/NAME-sweep",
     TEXT_AT(run_dir)},
    {"--resume", NULL, "train", "continue from the run folder's checkpoint", FLAG_AT(resume)},
    {"--watch", NULL, "train", "take in plugins that are rebuilt meanwhile, and outlive them",
     FLAG_AT(watch)},
    {"--profile", NULL, "train", "say where the time went, node by node", FLAG_AT(profile)},
    {"--seconds", "S", "bench", "length of a repetition; default 2", REAL_AT(seconds, 0, 3600)},
    {"--threads", "N", COMPUTES, "threads to compute with; results do not depend on it",
     .kind = THREADS},
    {"--affinity", "CPUS", COMPUTES,
     "keep each thread on a CPU: none (the default), spread, or a list such as 0,2,4-7 or 0-14:2, "
     "in the order of the threads",
     .kind = AFFINITY},
    {"--seed", "N", BUILDS " conform", "of random numbers: the same as --set train.seed=N",
     .kind = SEED},
    {"--plugin-path", "DIRS", NULL, "look for plugins here first; ':' between folders",
     TEXT_AT(plugin_path)},
    {"--input", "DATA", "predict sample latents probe",
     "a CSV, IDX or NPY file, or a data set as in an experiment", TEXT_AT(input)},
    {"--part", "NAME", "predict sample latents",
     "run this part of the model alone; sample: decoder, latents: encoder, if not given",
     TEXT_AT(part)},
    {"--out", "FILE", "sample latents outliers sweep probe",
     "what is written: of sample .png or .npy; of latents and sweep .svg or .csv; of outliers "
     ".csv; of probe .svg",
     TEXT_AT(out)},
    {"--count", "N", "sample latents", "so many draws, 64 if not given; samples in the map",
     TEXT_AT(count)},
    {"--grid", "N", "sample", "N x N codes at quantiles of the normal distribution", TEXT_AT(grid)},
    {"--dimensions", "A,B", "sample", "of a code, along which the grid goes; from 0",
     TEXT_AT(dimensions)},
    {"--interpolate", "N", "sample", "N codes between two draws, or between two samples of --input",
     TEXT_AT(interpolate)},
    {"--samples", "A,B", "sample", "which two samples of --input; 0,1 if not given",
     TEXT_AT(samples)},
    {"--encoder", "NAME", "sample", "the part that makes codes of --input; encoder if not given",
     TEXT_AT(encoder)},
    {"--shape", "HxW", "sample", "of a picture, such as 28x28 or 32x32x3, where it is not known",
     TEXT_AT(shape)},
    {"--stretch", NULL, "sample", "from the smallest number to the largest, not from 0 to 1",
     FLAG_AT(stretch)},
    {"--output", "FILE", "predict",
     "write there instead of to standard output; as an array if it ends in .npy", TEXT_AT(output)},
    {"--classes", NULL, "predict", "the class of each sample in front", FLAG_AT(classes)},
    {"--data", "DATA", "outliers", "the records to judge, given as --input is", TEXT_AT(data)},
    {"--normal", "DATA", "outliers",
     "normal records that the model was not trained with, for the threshold; default: the "
     "evaluation data of its experiment",
     TEXT_AT(normal)},
    {"--false-alarms", "RATE", "outliers",
     "share of normal records that may be taken for outliers; default 0.01",
     REAL_AT(false_alarms, 0, 0.5)},
    {"--confidence", "P", "outliers", "of the intervals; default 0.95",
     REAL_AT(confidence, 0, 0.999999)},
    {"--pictures", "FILE", "outliers",
     "a PNG of the worst outliers, and below of those just not: each input beside the output",
     TEXT_AT(pictures)},
    {"--shift", "N|DX,DY", "probe",
     "move by N pixels down and right (signals: in time), or by DX,DY", TEXT_AT(shift)},
    {"--rotate", "DEGREES", "probe", "turn pictures counter-clockwise", TEXT_AT(rotate)},
    {"--flip", NULL, "probe", "turn pictures over, left to right", FLAG_AT(flip)},
    {"--gain", "FACTOR", "probe", "multiply by it", TEXT_AT(gain)},
    {"--edge", "HOW", "probe",
     "what a shift brings in: circular (the default), the other side; or zeros, and only what is "
     "away from edges is compared",
     TEXT_AT(edge)},
    {"--json", NULL, "train bench eval predict outliers probe list inspect conform",
     "output as JSON", FLAG_AT(json)},
    {"--yaml", NULL, "inspect", "output as YAML", FLAG_AT(yaml)},
    {"--markdown", NULL, "inspect", "the settings as a table for a plugin's page",
     FLAG_AT(markdown)},
    {"--dot", NULL, "summary", "the graph in the language of Graphviz", FLAG_AT(dot)},
    {"--all", NULL, "inspect", "every plugin on the search path", FLAG_AT(all)},
    {"--only", "IDS", "conform", "these requirements alone, such as L05,P", TEXT_AT(only)},
    {"--skip", "IDS", "conform", "all but these requirements", TEXT_AT(skip)},
    {"--format", "FORM", "conform", "text, tap, junit or json", TEXT_AT(format)},
    {"--settings", "YAML", "conform", "settings of the plugin, such as '{units: 4}'",
     TEXT_AT(settings)},
    {"--shapes", "SHAPES", "conform", "its inputs, such as '7x5 7:5' ([7, 5] and 7 labels of 5)",
     TEXT_AT(shapes)},
    {"--timeout", "S", "conform", "seconds for each check; default 10", TEXT_AT(timeout)},
    {"--strict", NULL, "conform", "what a plugin should do counts, too", FLAG_AT(strict)},
    {"--quick", NULL, "conform", "what takes a moment only", FLAG_AT(quick)},
    {"--in-process", NULL, "conform", "no processes of their own, for a debugger",
     FLAG_AT(in_process)},
    {"--rules", NULL, "conform", "print the requirements", FLAG_AT(rules)},
    {"--directory", "DIR", "new", "the project's folder; default NAME", TEXT_AT(directory)},
    {"--quiet", NULL, NULL, "no progress", FLAG_AT(quiet)},
    {"--help", NULL, NULL, "this list, or that of a command", FLAG_AT(help)},
    {"--version", NULL, NULL, "of the program and of the plugin ABI", FLAG_AT(version)},
};

enum { N_OPTIONS = sizeof options / sizeof options[0] };
_Static_assert(N_OPTIONS <= 64, "struct lm_cli has a bit for each");

/* ---- whose, and what for ---- */

static bool belongs_to(const struct option *option, const char *command)
{
  size_t length = strlen(command);
  for (const char *at = option->commands; at != NULL; at = strchr(at, ' ')) {
    at += *at == ' ';
    if (strncmp(at, command, length) == 0 && (at[length] == ' ' || at[length] == '\0')) {
      return true;
    }
  }
  return option->commands == NULL;
}

/* One or two commands are named in front of what an option does; more are taken for granted. */
static void add_owner(struct lm_text *out, const struct option *option)
{
  const char *blank = option->commands == NULL ? NULL : strchr(option->commands, ' ');
  if (option->commands != NULL && (blank == NULL || strchr(blank + 1, ' ') == NULL)) {
    int length = blank == NULL ? (int)strlen(option->commands) : (int)(blank - option->commands);
    lm_text_addf(out, "%.*s%s%s: ", length, option->commands, blank == NULL ? "" : ",",
                 blank == NULL ? "" : blank);
  }
}

/* Words in lines of at most 96 columns, the later ones indented as the first. */
static void add_wrapped(struct lm_text *out, const char *text, size_t indent)
{
  size_t column = indent;
  while (*text != '\0') {
    size_t word = strcspn(text, " ");
    if (column + word > 96) {
      lm_text_addf(out, "\n%*s", (int)indent, "");
      column = indent;
    }
    lm_text_add_bytes(out, text, word);
    text += word;
    column += word + 1;
    if (*text == ' ') {
      text++;
      lm_text_add(out, column + strcspn(text, " ") > 96 ? "" : " ");
    }
  }
  lm_text_add(out, "\n");
}

void lm_cli_options_text(struct lm_text *out, const char *command)
{
  enum { INDENT = 26 };
  for (size_t i = 0; i < N_OPTIONS; i++) {
    const struct option *option = &options[i];
    struct lm_text term = {0}, text = {0};
    if (command != NULL && !belongs_to(option, command)) {
      continue;
    }
    lm_text_addf(&term, "%s%s%s", option->name, option->value == NULL ? "" : " ",
                 option->value == NULL ? "" : option->value);
    if (command == NULL) {
      add_owner(&text, option);
    }
    lm_text_add(&text, option->help);
    lm_text_addf(out, "  %-*s", INDENT - 2, lm_text_get(&term));
    add_wrapped(out, lm_text_get(&text), INDENT);
    out->failed = out->failed || !lm_text_ok(&term) || !lm_text_ok(&text);
    lm_text_release(&term);
    lm_text_release(&text);
  }
}

/* ---- reading the command line ---- */

static const struct option *find_option(const char *argument, size_t length)
{
  for (size_t i = 0; i < N_OPTIONS; i++) {
    if (strlen(options[i].name) == length && strncmp(options[i].name, argument, length) == 0) {
      return &options[i];
    }
  }
  return NULL;
}

static enum lamina_status add_set(struct lm_cli *cli, const char *text, struct lm_error *error)
{
  if (cli->n_sets == LM_CLI_SETS) {
    return lm_fail(error, LAMINA_E_USAGE, "--set is given more than %d times", LM_CLI_SETS);
  }
  cli->sets[cli->n_sets++] = text;
  return LAMINA_OK;
}

enum lamina_status lm_cli_number(const char *name, const char *text, long long least,
                                 long long most, long long *out, struct lm_error *error)
{
  char *end;
  errno = 0;
  *out = strtoll(text, &end, 10);
  if (end == text || *end != '\0' || errno != 0 || *out < least || *out > most) {
    return lm_fail(error, LAMINA_E_USAGE, "%s is '%s', expected an integer from %lld to %lld", name,
                   text, least, most);
  }
  return LAMINA_OK;
}

static enum lamina_status read_real(const struct option *option, const char *text, double *out,
                                    struct lm_error *error)
{
  char *end;
  *out = strtod(text, &end);
  if (end != text && *end == '\0' && *out > option->least && *out <= option->most) {
    return LAMINA_OK;
  }
  return lm_fail(error, LAMINA_E_USAGE, "%s is '%s', expected a number above %g and up to %g",
                 option->name, text, option->least, option->most);
}

static enum lamina_status take_value(struct lm_cli *cli, const struct option *option,
                                     const char *value, struct lm_error *error)
{
  long long number;
  switch (option->kind) {
    case TEXT:
      memcpy((char *)cli + option->offset, &value, sizeof value);
      return LAMINA_OK;
    case SET:
      return add_set(cli, value, error);
    case VARY:
      if (cli->n_varied == LM_CLI_VARIED) {
        return lm_fail(error, LAMINA_E_USAGE, "--vary is given more than %d times", LM_CLI_VARIED);
      }
      cli->varied[cli->n_varied++] = value;
      return LAMINA_OK;
    case SEED:
      LM_TRY(lm_cli_number("--seed", value, 0, INT64_MAX, &number, error));
      (void)snprintf(cli->seed, sizeof cli->seed, "train.seed=%lld", number);
      return add_set(cli, cli->seed, error);
    case THREADS:
      LM_TRY(lm_cli_number("--threads", value, 1, 1024, &number, error));
      cli->threads = (uint32_t)number;
      return LAMINA_OK;
    case AFFINITY:
      return lm_affinity_parse(value, &cli->affinity, error);
    case REAL:
      return read_real(option, value, (double *)((char *)cli + option->offset), error);
    default:
      return LAMINA_OK;
  }
}

static enum lamina_status refuse_option(const char *argument, size_t length, struct lm_error *error)
{
  char name[64];
  (void)snprintf(name, sizeof name, "%.*s", (int)(length > 63 ? 63 : length), argument);
  const char *nearest = lm_spelling_nearest(name, options, N_OPTIONS, sizeof options[0]);
  (void)lm_fail(error, LAMINA_E_USAGE, "there is no option '%s'", name);
  lm_error_suffix(error, nearest == NULL ? ", see lamina --help%s" : ", did you mean '%s'?",
                  nearest == NULL ? "" : nearest);
  return LAMINA_E_USAGE;
}

/* One option at argv[*at], with its value there or behind it. */
static enum lamina_status take_option(int argc, char **argv, int *at, struct lm_cli *cli,
                                      struct lm_error *error)
{
  const char *argument = argv[*at];
  const char *equals = strchr(argument, '=');
  size_t length = equals == NULL ? strlen(argument) : (size_t)(equals - argument);
  const struct option *option = find_option(argument, length);
  if (option == NULL) {
    return refuse_option(argument, length, error);
  }
  cli->given |= UINT64_C(1) << (option - options);
  if (option->kind == FLAG) {
    if (equals != NULL) {
      return lm_fail(error, LAMINA_E_USAGE, "%s takes no value", option->name);
    }
    *(bool *)((char *)cli + option->offset) = true;
    return LAMINA_OK;
  }
  if (equals == NULL && *at + 1 >= argc) {
    return lm_fail(error, LAMINA_E_USAGE, "%s needs a value behind it", option->name);
  }
  return take_value(cli, option, equals != NULL ? equals + 1 : argv[++*at], error);
}

enum lamina_status lm_cli_parse(int argc, char **argv, struct lm_cli *cli, struct lm_error *error)
{
  bool only_arguments = false;
  for (int i = 1; i < argc; i++) {
    bool is_option = argv[i][0] == '-' && argv[i][1] != '\0' && !only_arguments;
    if (is_option && strcmp(argv[i], "--") == 0) {
      only_arguments = true;
    } else if (is_option) {
      LM_TRY(take_option(argc, argv, &i, cli, error));
    } else if (cli->command == NULL) {
      cli->command = argv[i];
    } else if (cli->n_args < LM_CLI_ARGS) {
      cli->args[cli->n_args++] = argv[i];
    } else {
      return lm_fail(error, LAMINA_E_USAGE, "too many arguments, beginning with '%s'", argv[i]);
    }
  }
  if (cli->command == NULL && !cli->help && !cli->version) {
    return lm_fail(error, LAMINA_E_USAGE, "a command is missing, see lamina --help");
  }
  return LAMINA_OK;
}

enum lamina_status lm_cli_check_options(const struct lm_cli *cli, struct lm_error *error)
{
  for (size_t i = 0; i < N_OPTIONS; i++) {
    bool given = (cli->given >> i & 1) != 0;
    if (given && !belongs_to(&options[i], cli->command)) {
      return lm_fail(error, LAMINA_E_USAGE,
                     "lamina %s has no option %s, which is for: %s; see lamina %s --help",
                     cli->command, options[i].name, options[i].commands, cli->command);
    }
  }
  return LAMINA_OK;
}
