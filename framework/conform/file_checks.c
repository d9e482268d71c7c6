/*
 * The file and what it says of itself: exports, needed libraries, marker against descriptor.
 */
#include <stdio.h>
#include <string.h>

#include "conform/conform_internal.h"

enum { ANY = 0x7fe };

/** What the names of a file are compared with. */
struct names {
  struct lm_trial *trial;
  char symbol[160];
  bool found;
};

static bool is_of_a_tool(const char *name)
{
  static const char *const begins[] = {
      "__asan", "__odr_asan", "__ubsan", "__sanitizer", "__start_", "__stop_", "__gcov",
      "__llvm", "_init",      "_fini",   "__bss_start", "_edata",   "_end"};
  for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
    if (strncmp(name, begins[i], strlen(begins[i])) == 0) {
      return true;
    }
  }
  return false;
}

static void see_export(void *arg, const char *name)
{
  struct names *names = arg;
  if (strcmp(name, names->symbol) == 0) {
    names->found = true;
  } else if (!is_of_a_tool(name)) {
    lm_find(names->trial, "P02", "exports %.200s besides %s; build it with -fvisibility=hidden",
            name, names->symbol);
  }
}

static void check_exports(struct lm_trial *trial)
{
  const struct lamina_plugin *info = &trial->plugin->info;
  struct names names = {.trial = trial};
  struct lm_image image;
  (void)snprintf(names.symbol, sizeof names.symbol, "%s_%s_LTX_lamina_plugin_v%d",
                 lm_kind_name(info->kind), info->name, LAMINA_ABI_MAJOR);
  if (!lm_image_find(info->name, &image)) {
    lm_find(trial, "P02", "the name does not lie in the file");
    return;
  }
  lm_image_exports(&image, see_export, &names);
  if (!names.found) {
    lm_find(trial, "P02", "does not export %s with default visibility", names.symbol);
  }
}

static void see_library(void *arg, const char *name)
{
  if (strstr(name, "lamina") != NULL) {
    lm_find(arg, "P03", "needs the library %.200s; link it without", name);
  }
}

static void check_libraries(struct lm_trial *trial)
{
  struct lm_image image;
  if (lm_image_find(trial->plugin->info.name, &image)) {
    lm_image_needs(&image, see_library, trial);
  }
}

/* The value behind "key=" in a marker: texts with a 0 behind each, an empty one at the end. */
static const char *marker_value(const char *marker, const char *key)
{
  size_t length = strlen(key);
  for (const char *at = marker; *at != '\0'; at += strlen(at) + 1) {
    if (strncmp(at, key, length) == 0 && at[length] == '=') {
      return at + length + 1;
    }
  }
  return "";
}

static void compare(struct lm_trial *trial, const char *key, const char *descriptor)
{
  const char *marker = marker_value(trial->plugin->info.marker, key);
  if (strcmp(marker, descriptor) != 0) {
    lm_find(trial, "P04", "the marker says %s=%.80s, the descriptor %.80s", key, marker,
            descriptor);
  }
}

static void check_marker(struct lm_trial *trial)
{
  const struct lamina_plugin *info = &trial->plugin->info;
  char abi[24], built[24];
  if (info->marker == NULL || strncmp(info->marker, "\177LAMINA", 7) != 0) {
    lm_find(trial, "P04", "the descriptor does not point to the marker, which a linker may drop");
    return;
  }
  (void)snprintf(abi, sizeof abi, "%u.%u", (unsigned)info->major, (unsigned)info->needs_minor);
  (void)snprintf(built, sizeof built, "%u.%u", (unsigned)info->major, (unsigned)info->built_minor);
  compare(trial, "kind", lm_kind_name(info->kind));
  compare(trial, "name", info->name);
  compare(trial, "version", info->version);
  compare(trial, "abi", abi);
  if (marker_value(info->marker, "built")[0] != '\0') {
    compare(trial, "built", built);
  }
}

static bool is_version(const char *text)
{
  for (int part = 0; part < 3; part++) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || (part < 2 && text[digits] != '.')) {
      return false;
    }
    text += digits + (part < 2);
  }
  return *text == '\0' || *text == '-' || *text == '+';
}

static void check_words(struct lm_trial *trial)
{
  const struct lamina_plugin *info = &trial->plugin->info;
  if (!is_version(info->version)) {
    lm_find(trial, "P05", "the version is '%.80s', expected one like 1.0.0", info->version);
  }
  if (info->summary == NULL || info->summary[0] == '\0' || strchr(info->summary, '\n') != NULL) {
    lm_find(trial, "P05", "the summary is %s",
            info->summary == NULL || info->summary[0] == '\0' ? "missing" : "longer than a line");
  }
}

static const struct lm_check checks[] = {
    {"P02", ANY, check_exports},
    {"P03", ANY, check_libraries},
    {"P04", ANY, check_marker},
    {"P05", ANY, check_words},
};
const struct lm_checks lm_file_checks = {checks, sizeof checks / sizeof checks[0]};
