/*
 * Options: a table of names, and where their values go. Written out because a misspelt option
 * should get the nearest right one, as everywhere else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum option_kind { FLAG, TEXT, SET, SEED, THREADS, AFFINITY, SECONDS };

struct option {
  const char *name;
  enum option_kind kind;
  size_t offset; /* of a bool or a text in struct lm_cli */
};

#define AT(field) offsetof(struct lm_cli, field)

static const struct option options[] = {
    {"--set", SET, 0},
    {"--run-dir", TEXT, AT(run_dir)},
    {"--resume", FLAG, AT(resume)},
    {"--watch", FLAG, AT(watch)},
    {"--profile", FLAG, AT(profile)},
    {"--seconds", SECONDS, 0},
    {"--threads", THREADS, 0},
    {"--affinity", AFFINITY, 0},
    {"--seed", SEED, 0},
    {"--plugin-path", TEXT, AT(plugin_path)},
    {"--input", TEXT, AT(input)},
    {"--output", TEXT, AT(output)},
    {"--directory", TEXT, AT(directory)},
    {"--classes", FLAG, AT(classes)},
    {"--json", FLAG, AT(json)},
    {"--yaml", FLAG, AT(yaml)},
    {"--markdown", FLAG, AT(markdown)},
    {"--dot", FLAG, AT(dot)},
    {"--all", FLAG, AT(all)},
    {"--settings", TEXT, AT(settings)},
    {"--shapes", TEXT, AT(shapes)},
    {"--only", TEXT, AT(only)},
    {"--skip", TEXT, AT(skip)},
    {"--format", TEXT, AT(format)},
    {"--timeout", TEXT, AT(timeout)},
    {"--strict", FLAG, AT(strict)},
    {"--quick", FLAG, AT(quick)},
    {"--in-process", FLAG, AT(in_process)},
    {"--rules", FLAG, AT(rules)},
    {"--quiet", FLAG, AT(quiet)},
    {"--help", FLAG, AT(help)},
};

enum { N_OPTIONS = sizeof options / sizeof options[0] };

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

static enum lamina_status read_seconds(const char *text, double *out, struct lm_error *error)
{
  char *end;
  *out = strtod(text, &end);
  if (end == text || *end != '\0' || !(*out > 0.0 && *out <= 3600.0)) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "--seconds is '%s', expected a number above 0 and up to 3600", text);
  }
  return LAMINA_OK;
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
    case SECONDS:
      return read_seconds(value, &cli->seconds, error);
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
    } else if (is_option && strcmp(argv[i], "--version") == 0) {
      cli->command = "--version";
      return LAMINA_OK;
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
  if (cli->command == NULL && !cli->help) {
    return lm_fail(error, LAMINA_E_USAGE, "a command is missing, see lamina --help");
  }
  return LAMINA_OK;
}
