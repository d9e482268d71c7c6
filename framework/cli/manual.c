/*
 * `lamina manual`: pages for man(1), made of what the program has anyway: lamina(1) of the text
 * of --help, lamina-experiment(5) of the tables that check experiments, lamina-plugins(7) of the
 * settings' tables of the plugins. So no page can say what is not so.
 */
#include <string.h>

#include "base/memory.h"
#include "builder/keys.h"
#include "cli/catalog.h"
#include "cli/cli.h"
#include "cli/plugins_internal.h"
#include "io/files.h"

/* Text in roff: what would be a command or a special character is written out. */
static void add_bytes(struct lm_text *out, const char *text, size_t length)
{
  for (size_t i = 0; i < length; i++) {
    if ((text[i] == '.' || text[i] == '\'') && (i == 0 || text[i - 1] == '\n')) {
      lm_text_add(out, "\\&");
    }
    if (text[i] == '\\') {
      lm_text_add(out, "\\e");
    } else if (text[i] == '-') {
      lm_text_add(out, "\\-");
    } else {
      lm_text_add_bytes(out, &text[i], 1);
    }
  }
}

static void add_line(struct lm_text *out, struct lm_text *line)
{
  add_bytes(out, lm_text_get(line), line->length);
  out->failed = out->failed || !lm_text_ok(line);
  lm_text_release(line);
}

static void add_plain(struct lm_text *out, const char *text)
{
  struct lm_text line = {0};
  lm_cli_add_plain(&line, text);
  add_line(out, &line);
}

static void begin_page(struct lm_text *out, const char *name, int section, const char *summary)
{
  lm_text_addf(out, ".TH %s %d \"\" \"Lamina %s\" \"Lamina\"\n.SH NAME\n", name, section,
               LM_VERSION);
  add_bytes(out, name, strlen(name));
  lm_text_addf(out, " \\- %s\n", summary);
}

/* Headings are in capitals; nothing when there is no text. */
static void begin_section(struct lm_text *out, const char *text, size_t length)
{
  lm_text_add(out, length == 0 ? "" : ".SH ");
  for (size_t i = 0; i < length; i++) {
    bool small = text[i] >= 'a' && text[i] <= 'z';
    lm_text_addf(out, "%c", small ? text[i] - 'a' + 'A' : text[i]);
  }
  lm_text_add(out, length == 0 ? "" : "\n");
}

static void begin_entry(struct lm_text *out, const char *term)
{
  lm_text_add(out, ".TP\n\\fB");
  add_bytes(out, term, strlen(term));
  lm_text_add(out, "\\fR\n");
}

static void end_page(struct lm_text *out, const char *others)
{
  lm_text_addf(out, ".SH SEE ALSO\n%s\n", others);
}

/* ---- lamina(1) ---- */

/* "  train    FILE     train an experiment": term and text are parted by the last wide gap. */
static void add_help_entry(struct lm_text *out, const char *line, size_t length)
{
  size_t text = length;
  for (size_t i = 2; i + 2 < length; i++) {
    text = strncmp(line + i, "  ", 2) == 0 ? i + 2 : text;
  }
  lm_text_add(out, ".TP\n\\fB");
  for (size_t i = 2; i < text; i++) {
    bool gap = line[i] == ' ' && (i + 1 >= text || line[i + 1] == ' ');
    add_bytes(out, line + i, gap ? 0 : 1);
  }
  lm_text_add(out, "\\fR\n");
  add_bytes(out, line + text, length - text);
  lm_text_add(out, text < length ? "\n" : "");
}

/*
 * One line of the help: a word alone begins a section, a line indented by two an entry, and all
 * else goes on with what was before.
 */
static void add_help_line(struct lm_text *out, const char *line, size_t length)
{
  if (length == 0 || memchr(line, ' ', length) == NULL) {
    begin_section(out, line, length);
    return;
  }
  size_t indent = strspn(line, " ");
  if (indent > 2) {
    add_bytes(out, line + indent, length - indent);
    lm_text_add(out, "\n");
    return;
  }
  if (indent != 2) {
    static const char exits[] = "Exit codes: ";
    bool is_exits = strncmp(line, exits, strlen(exits)) == 0;
    size_t skipped = is_exits ? strlen(exits) : 0;
    lm_text_add(out, is_exits ? ".SH EXIT STATUS\n" : "");
    add_bytes(out, line + skipped, length - skipped);
    lm_text_add(out, "\n");
    return;
  }
  add_help_entry(out, line, length);
}

static void add_program(struct lm_text *out)
{
  struct lm_text help = {0};
  begin_page(out, "lamina", 1, "trains neural networks that a file describes");
  lm_text_add(out, ".SH SYNOPSIS\n.B lamina\n.I COMMAND ARGUMENTS\n[\\fIOPTIONS\\fR]\n"
                   ".SH DESCRIPTION\nLamina builds the network of an experiment, a YAML file, from "
                   "plugins and trains it. Data goes to standard output, progress and messages to "
                   "standard error.\n");
  lm_cli_help_text(&help);
  const char *line = strchr(lm_text_get(&help), '\n');
  while (line != NULL && line[1] != '\0') {
    size_t length = strcspn(line + 1, "\n");
    add_help_line(out, line + 1, length);
    line = line[length + 1] == '\0' ? NULL : line + 1 + length;
  }
  out->failed = out->failed || !lm_text_ok(&help);
  lm_text_release(&help);
  end_page(out, "\\fBlamina\\-experiment\\fR(5), \\fBlamina\\-plugins\\fR(7)");
}

/* ---- settings, of plugins and of sections ---- */

static void add_row(struct lm_text *out, const struct lamina_setting *row)
{
  struct lm_text meaning = {0};
  begin_entry(out, row->name);
  if (row->replaced_by != NULL) {
    lm_text_addf(out, "The old name of %s.\n", row->replaced_by);
    return;
  }
  add_plain(out, lm_cli_type_words(row->type));
  if (row->range != NULL) {
    lm_text_add(out, strcmp(row->type, "choice") == 0 ? " of " : " in ");
    add_plain(out, row->range);
  }
  if (row->unit != NULL) {
    lm_text_add(out, ", ");
    add_plain(out, row->unit);
  }
  lm_text_add(out, row->deflt == NULL ? "; required" : "; default ");
  add_plain(out, row->deflt == NULL ? "" : row->deflt[0] == '\0' ? "''" : row->deflt);
  lm_text_add(out, "\n.br\n");
  lm_cli_add_meaning(&meaning, row);
  add_line(out, &meaning);
  lm_text_add(out, "\n");
}

static void add_table(struct lm_text *out, const struct lm_settings *table)
{
  for (size_t i = 0; i < table->count; i++) {
    add_row(out, lm_settings_row(table, i));
  }
}

/* ---- lamina-experiment(5) ---- */

static void add_keys(struct lm_text *out, const struct lm_key *keys)
{
  for (size_t i = 0; keys[i].name != NULL; i++) {
    begin_entry(out, keys[i].name);
    add_plain(out, keys[i].doc);
    lm_text_add(out, keys[i].required ? " (required)\n" : "\n");
  }
}

static void add_experiment(struct lm_text *out)
{
  begin_page(out, "lamina-experiment", 5, "the file that describes a training");
  lm_text_add(out,
              ".SH DESCRIPTION\nA map in YAML 1.2. A plugin is named alone, or as "
              "{\\fIname\\fR: {\\fIsettings\\fR}}; in lists, keys of the host may stand beside it. "
              "${\\fIname\\fR} stands for a value of vars, ${env:\\fINAME\\fR} for one of the "
              "environment, and include names files that this one is put over.\n.SH SECTIONS\n");
  add_keys(out, lm_root_keys);
  lm_text_add(out, ".SH DATA\n");
  add_keys(out, lm_data_keys);
  for (uint32_t kind = 1; kind < LM_KINDS; kind++) {
    if (lm_item_keys(kind)[0].name != NULL) {
      char title[64];
      int length = snprintf(title, sizeof title, "beside a %s", lm_kind_name(kind));
      begin_section(out, title, (size_t)length);
      add_keys(out, lm_item_keys(kind));
    }
  }
  lm_text_add(out, ".SH TRAIN\n");
  add_table(out, &lm_train_table);
  lm_text_add(out, ".SH TRAIN.CHECKPOINT\n");
  add_table(out, &lm_checkpoint_table);
  lm_text_add(out, ".SH TRAIN.EARLY_STOPPING\n");
  add_table(out, &lm_early_stopping_table);
  end_page(out, "\\fBlamina\\fR(1), \\fBlamina\\-plugins\\fR(7)");
}

/* ---- lamina-plugins(7) ---- */

static void add_plugin(struct lm_text *out, const struct lm_plugin *plugin)
{
  const struct lm_settings table = lm_cli_settings_of(plugin, plugin->info.name);
  lm_text_addf(out, ".SS %s\n", plugin->info.name);
  add_plain(out, plugin->info.summary);
  lm_text_add(out, "\n");
  add_table(out, &table);
}

static void add_plugins(struct lm_text *out, const struct lm_catalog *catalog)
{
  uint32_t kind = LAMINA_KIND_NONE;
  begin_page(out, "lamina-plugins", 7, "the plugins of Lamina and their settings");
  for (size_t i = 0; i < catalog->count; i++) {
    const struct lm_plugin *plugin = catalog->items[i];
    if (plugin->info.kind != kind) {
      kind = plugin->info.kind;
      begin_section(out, lm_kind_name(kind), strlen(lm_kind_name(kind)));
    }
    add_plugin(out, plugin);
  }
  end_page(out, "\\fBlamina\\fR(1), \\fBlamina\\-experiment\\fR(5)");
}

/* With a folder, the page is of what lies there, all of it. */
static enum lamina_status write_plugins(struct lm_cli *cli, struct lm_text *out,
                                        struct lm_error *error)
{
  struct lm_catalog catalog;
  char *folder = NULL;
  if (cli->n_args == 2) {
    bool is_builtin = strcmp(cli->args[1], "built-in:") == 0;
    folder = is_builtin ? lm_copy_text(cli->args[1]) : lm_path_absolute(cli->args[1], NULL);
  }
  if (cli->n_args == 2 && folder == NULL) {
    return lm_fail_memory(error, 0);
  }
  struct lm_catalog_options options = lm_cli_catalog_options(cli);
  options.folder = folder;
  enum lamina_status status = lm_catalog_make(&options, &catalog, error);
  lm_free(folder);
  LM_TRY(status);
  if (cli->n_args == 2 && (catalog.left_out > 0 || catalog.count == 0)) {
    status =
        lm_fail(error, LAMINA_E_PLUGIN, "%s has %zu plugins that can be used and %zu that cannot",
                cli->args[1], catalog.count, catalog.left_out);
  } else {
    add_plugins(out, &catalog);
  }
  lm_free(catalog.items);
  return status;
}

enum lamina_status lm_command_manual(struct lm_cli *cli, struct lm_error *error)
{
  static const char *const pages[] = {"lamina", "experiment", "plugins"};
  enum { N_PAGES = sizeof pages / sizeof pages[0] };
  struct lm_text out = {0};
  enum lamina_status status = LAMINA_OK;
  LM_TRY(lm_cli_want_args(cli, 0, 2, "the name of a page", error));
  const char *page = cli->n_args == 0 ? pages[0] : cli->args[0];
  if (strcmp(page, pages[0]) == 0) {
    add_program(&out);
  } else if (strcmp(page, pages[1]) == 0) {
    add_experiment(&out);
  } else if (strcmp(page, pages[2]) == 0) {
    status = write_plugins(cli, &out, error);
  } else {
    const char *nearest = lm_spelling_nearest(page, pages, N_PAGES, sizeof pages[0]);
    status = lm_fail(error, LAMINA_E_USAGE,
                     "there is no page '%s', expected lamina, experiment or plugins", page);
    if (nearest != NULL) {
      lm_error_suffix(error, "; did you mean '%s'?", nearest);
    }
  }
  if (status != LAMINA_OK) {
    lm_text_release(&out);
    return status;
  }
  return lm_cli_print(&out, error);
}
