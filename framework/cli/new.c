/*
 * lamina new: writes the project of a plugin, from the templates that are part of the program.
 *
 * The project is written whole or not at all, into a folder that was not there before: what is
 * there is never touched. A name goes into identifiers and file names, so it is checked as the
 * registry checks it, and must not be a word of C.
 */
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/templates.h"
#include "io/files.h"

struct project {
  const char *kind, *name, *folder;
};

/* C's keywords, and what C compilers make of other words before they read them. */
static const char *const words_of_c[] = {
    "asm",      "auto",     "bool",     "break",   "case",   "char",   "complex", "const",
    "continue", "default",  "do",       "double",  "else",   "enum",   "errno",   "extern",
    "false",    "float",    "for",      "goto",    "if",     "inline", "int",     "linux",
    "long",     "register", "restrict", "return",  "short",  "signed", "sizeof",  "static",
    "struct",   "switch",   "true",     "typedef", "typeof", "union",  "unix",    "unsigned",
    "void",     "volatile", "while"};

static enum lamina_status check_name(uint32_t kind, const char *name, struct lm_error *error)
{
  LM_TRY(lm_name_check(kind, name, error));
  for (size_t i = 0; i < sizeof words_of_c / sizeof words_of_c[0]; i++) {
    if (strcmp(name, words_of_c[i]) == 0) {
      return lm_fail(error, LAMINA_E_INVALID,
                     "'%s' cannot be the name of a new plugin: it is a word of C, in which the "
                     "project is written",
                     name);
    }
  }
  return LAMINA_OK;
}

/* Adds text with @NAME@ and @KIND@ replaced. */
static void add_filled_in(const struct project *project, const char *text, struct lm_text *out)
{
  const struct {
    const char *mark, *value;
  } marks[] = {{"@NAME@", project->name}, {"@KIND@", project->kind}};
  enum { MARK = 6 };
  while (*text != '\0') {
    size_t plain = strcspn(text, "@");
    lm_text_add_bytes(out, text, plain);
    text += plain;
    const char *value = NULL;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0] && value == NULL; i++) {
      value = strncmp(text, marks[i].mark, MARK) == 0 ? marks[i].value : NULL;
    }
    if (value != NULL) {
      lm_text_add(out, value);
      text += MARK;
    } else if (*text != '\0') {
      lm_text_add_bytes(out, text++, 1);
    }
  }
}

/* Where a template's file goes: FOLDER/PATH by the rules of struct lm_template. */
static enum lamina_status add_path(const struct project *project, const struct lm_template *file,
                                   struct lm_text *out, struct lm_error *error)
{
  static const char hidden[] = "dot-", word[] = "plugin";
  const char *path = file->path;
  lm_text_addf(out, "%s/", project->folder);
  if (strncmp(path, hidden, sizeof hidden - 1) == 0) {
    lm_text_add(out, ".");
    path += sizeof hidden - 1;
  }
  const char *name = strstr(path, word);
  if (name == NULL) {
    lm_text_add(out, path);
  } else {
    lm_text_addf(out, "%.*s%s%s", (int)(name - path), path, project->name, name + sizeof word - 1);
  }
  return lm_text_ok(out) ? LAMINA_OK : lm_fail_memory(error, 0);
}

static bool is_part(const struct project *project, const struct lm_template *file)
{
  return strcmp(file->kind, "common") == 0 || strcmp(file->kind, project->kind) == 0;
}

/* The folder that a file of the project is in; path loses its last part. */
static const char *parent(struct lm_text *path)
{
  char *slash = strrchr(path->bytes, '/');
  *slash = '\0';
  return path->bytes;
}

static enum lamina_status write_file(const struct project *project, const struct lm_template *file,
                                     struct lm_error *error)
{
  struct lm_text path = {0}, text = {0};
  bool program = strncmp(file->text, "#!", 2) == 0;
  enum lamina_status status;
  LM_TRY_OR(out, status, add_path(project, file, &path, error));
  LM_TRY_OR(out, status, lm_folder_make(parent(&path), error));
  lm_text_clear(&path);
  LM_TRY_OR(out, status, add_path(project, file, &path, error));
  add_filled_in(project, file->text, &text);
  status = lm_text_ok(&text)
               ? lm_file_create(lm_text_get(&path), program, text.bytes, text.length, error)
               : lm_fail_memory(error, 0);
out:
  lm_text_release(&path);
  lm_text_release(&text);
  return status;
}

/* Takes back the first n templates, and the folder. What is not ours stays, and its folder. */
static void take_back(const struct project *project, size_t n)
{
  while (n-- > 0) {
    struct lm_text path = {0};
    if (is_part(project, &lm_templates[n]) &&
        add_path(project, &lm_templates[n], &path, NULL) == LAMINA_OK) {
      (void)unlink(lm_text_get(&path));
      (void)rmdir(parent(&path));
    }
    lm_text_release(&path);
  }
  (void)rmdir(project->folder);
}

static enum lamina_status write_project(const struct project *project, struct lm_error *error)
{
  enum lamina_status status = lm_folder_create(project->folder, error);
  if (status == LAMINA_E_INVALID) {
    lm_error_suffix(error, ": choose another folder with --directory");
  }
  LM_TRY(status);
  for (size_t i = 0; i < lm_n_templates; i++) {
    if (!is_part(project, &lm_templates[i])) {
      continue;
    }
    status = write_file(project, &lm_templates[i], error);
    if (status != LAMINA_OK) {
      take_back(project, i);
      return status;
    }
  }
  return LAMINA_OK;
}

/* One of the plugins that are there already. */
struct namesake {
  const char *name;
  struct lm_text path;
};

static void look_for_namesake(void *arg, const struct lm_listing *listing)
{
  struct namesake *namesake = arg;
  if (listing->refusal == NULL && strcmp(listing->name, namesake->name) == 0) {
    lm_text_clear(&namesake->path);
    lm_text_add(&namesake->path, listing->path);
  }
}

static enum lamina_status add_namesake(struct lm_cli *cli, uint32_t kind,
                                       const struct project *project, struct lm_text *out,
                                       struct lm_error *error)
{
  struct namesake namesake = {.name = project->name};
  enum lamina_status status =
      lm_registry_list(cli->registry, kind, look_for_namesake, &namesake, error);
  if (status == LAMINA_OK && namesake.path.length > 0) {
    lm_text_addf(out,
                 "\nThe %s '%s' is there already, %s.\n"
                 "An experiment uses the one that comes first on the search path.\n",
                 project->kind, project->name, lm_text_get(&namesake.path));
  }
  lm_text_release(&namesake.path);
  return status;
}

/* The folder as a shell reads it. */
static void add_for_shell(struct lm_text *out, const char *folder)
{
  bool plain = strspn(folder, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "_./-") == strlen(folder);
  lm_text_addf(out, plain && folder[0] != '-' ? "%s" : "-- '%s'", folder);
}

enum lamina_status lm_command_new(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_text text = {0};
  uint32_t kind;
  LM_TRY(lm_cli_want_args(cli, 2, 2, "a kind and a name, such as: layer swish", error));
  LM_TRY(lm_cli_kind(cli->args[0], &kind, error));
  LM_TRY(check_name(kind, cli->args[1], error));
  struct project project = {cli->args[0], cli->args[1],
                            cli->directory == NULL ? cli->args[1] : cli->directory};
  if (project.folder[0] == '\0') {
    return lm_fail(error, LAMINA_E_USAGE, "--directory is empty, expected a folder's name");
  }
  LM_TRY(write_project(&project, error));
  lm_text_addf(&text, "%s is the project of the %s '%s', which works as it is:\n\n  cd ",
               project.folder, project.kind, project.name);
  add_for_shell(&text, project.folder);
  lm_text_addf(&text,
               "\n  ./autogen.sh && ./configure && make check\n"
               "  lamina train %s.yaml --plugin-path .\n\n"
               "Make %s.c what you want; README.md says what each file is for.\n",
               project.name, project.name);
  enum lamina_status status = add_namesake(cli, kind, &project, &text, error);
  if (status != LAMINA_OK) {
    lm_text_release(&text);
    return status;
  }
  return lm_cli_print(&text, error);
}
