/*
 * The files that `lamina new` writes, as the build put them into the program from templates/.
 * Floor 11.
 */
#ifndef LM_CLI_TEMPLATES_H
#define LM_CLI_TEMPLATES_H

#include <stddef.h>

/**
 * One file. In its text @NAME@ and @KIND@ stand for the plugin's; in the last part of its path
 * "plugin" stands for the name, and a part that begins with "dot-" begins with "." in a project.
 * A text that begins with "#!" is a program.
 */
struct lm_template {
  const char *kind; /* "common": in every project */
  const char *path;
  const char *text;
};

extern const struct lm_template lm_templates[];
extern const size_t lm_n_templates;

#endif
