/*
 * main(): finds the command, runs it, says what went wrong, and returns the exit code.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cli.h"

struct command {
  const char *name;
  enum lamina_status (*run)(struct lm_cli *cli, struct lm_error *error);
  const char *arguments, *summary;
};

static const struct command commands[] = {
    {"train", lm_command_train, "FILE", "train an experiment; its run folder gets the model"},
    {"sweep", lm_command_sweep, "FILE --vary KEY=V,V", "train it once for each value, and compare"},
    {"eval", lm_command_eval, "MODEL [FILE]", "loss and metrics of a model on its test data"},
    {"predict", lm_command_predict, "MODEL --input DATA", "outputs of a model for each sample"},
    {"sample", lm_command_sample, "MODEL --out FILE", "what a decoder makes of random codes"},
    {"latents", lm_command_latents, "MODEL --out FILE", "a map of codes, coloured by class"},
    {"outliers", lm_command_outliers, "MODEL --data DATA",
     "records that a model finds unlike the normal ones"},
    {"probe", lm_command_probe, "MODEL --input DATA",
     "what shifts, turns and gains do to each layer"},
    {"check", lm_command_check, "FILE", "everything short of training: settings, shapes, data"},
    {"summary", lm_command_summary, "FILE", "nodes, shapes and numbers of parameters"},
    {"plan", lm_command_plan, "FILE", "where every tensor lives, and who overwrites whom"},
    {"bench", lm_command_bench, "FILE", "how fast an experiment trains on this machine"},
    {"list", lm_command_list, "[KIND]", "plugins on the search path; loads none of them"},
    {"conform", lm_command_conform, "FILE.so", "does a plugin keep the rules? --rules prints them"},
    {"inspect", lm_command_inspect, "KIND NAME | --all", "what a plugin says of itself"},
    {"schema", lm_command_schema, "", "a JSON Schema of experiments, for editors"},
    {"manual", lm_command_manual, "[PAGE]", "a page for man: lamina, experiment or plugins"},
    {"new", lm_command_new, "KIND NAME", "write the project of a plugin of your own"},
};

static const char REST[] =
    "Environment\n"
    "  LAMINA_PLUGIN_PATH   folders of plugins, after those of --plugin-path\n"
    "  LAMINA_LOAD_SECONDS  how long a plugin may take to load and set up; default 30\n"
    "  LAMINA_DEBUG=loader  says how each plugin is found; watch: what --watch does\n"
    "\n"
    "Exit codes: 0 done, 64 usage, 65 bad input, 66 missing input, 70 internal or a broken\n"
    "plugin, 71 memory, 74 input or output, 75 stopped by a signal with a checkpoint written.\n";

void lm_cli_help_text(struct lm_text *out)
{
  lm_text_add(out, "Usage: lamina COMMAND ARGUMENTS [OPTIONS]\n\nCommands\n");
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    lm_text_addf(out, "  %-8s %-20s %s\n", commands[i].name, commands[i].arguments,
                 commands[i].summary);
  }
  lm_text_add(out, "\nOptions\n");
  lm_cli_options_text(out, NULL);
  lm_text_addf(out, "\n%s", REST);
}

static void command_help_text(const struct command *command, struct lm_text *out)
{
  lm_text_addf(out, "Usage: lamina %s %s [OPTIONS]\n\n%s.\n\nOptions\n", command->name,
               command->arguments, command->summary);
  lm_cli_options_text(out, command->name);
}

static const struct command *find_command(const char *name)
{
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    if (strcmp(commands[i].name, name) == 0) {
      return &commands[i];
    }
  }
  return NULL;
}

bool lm_cli_has_command(const char *name)
{
  return find_command(name) != NULL;
}

static enum lamina_status refuse_command(const char *name, struct lm_error *error)
{
  const char *nearest =
      lm_spelling_nearest(name, commands, sizeof commands / sizeof commands[0], sizeof commands[0]);
  (void)lm_fail(error, LAMINA_E_USAGE, "there is no command '%s'", name);
  lm_error_suffix(error, nearest == NULL ? ", see lamina --help%s" : ", did you mean '%s'?",
                  nearest == NULL ? "" : nearest);
  return LAMINA_E_USAGE;
}

/* A program that starts with a closed stream must not write messages into a data file. */
static void open_standard_streams(void)
{
  int file;
  do {
    file = open("/dev/null", O_RDWR);
  } while (file >= 0 && file <= 2);
  if (file > 2) {
    (void)close(file);
  }
}

static enum lamina_status run(struct lm_cli *cli, struct lm_error *error)
{
  const struct command *command = find_command(cli->command);
  if (command == NULL) {
    return refuse_command(cli->command, error);
  }
  LM_TRY(lm_cli_check_options(cli, error));
  if (cli->help) {
    struct lm_text help = {0};
    command_help_text(command, &help);
    return lm_cli_print(&help, error);
  }
  LM_TRY(lm_cli_start(cli, error));
  return command->run(cli, error);
}

/* What was printed must have arrived: a full disk shows only here. */
static enum lamina_status flush_output(enum lamina_status status, struct lm_error *error)
{
  errno = 0;
  if ((fflush(stdout) != 0 || ferror(stdout)) && status == LAMINA_OK) {
    return lm_fail(error, LAMINA_E_IO, "standard output cannot be written (%s)",
                   errno == 0 ? "an earlier write failed" : strerror(errno));
  }
  return status;
}

int main(int argc, char **argv)
{
  struct lm_cli cli = {0};
  struct lm_error error = {0};
  open_standard_streams();
  lm_guard_install();
  lm_cli_preload();
  enum lamina_status status = lm_cli_parse(argc, argv, &cli, &error);
  if (status == LAMINA_OK && cli.version) {
    (void)printf("lamina %s, plugin ABI %d.%d\n", LM_VERSION, LAMINA_ABI_MAJOR, LAMINA_ABI_MINOR);
  } else if (status == LAMINA_OK && cli.command == NULL) {
    struct lm_text help = {0};
    lm_cli_help_text(&help);
    status = lm_cli_print(&help, &error);
  } else if (status == LAMINA_OK) {
    status = run(&cli, &error);
  }
  lm_registry_free(cli.registry);
  lm_pool_free(cli.pool);
  status = flush_output(status, &error);
  if (status != LAMINA_OK) {
    (void)fprintf(stderr, "lamina: %s\n", error.text);
  }
  lm_guard_finish();
  return lm_status_exit_code(status);
}
