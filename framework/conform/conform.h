/*
 * Conformance: does a plugin keep the rules that its declarations promise and the runtime relies
 * on? The rules are a table (lm_requirements()); checks of a kind of plugin try them out with
 * settings, shapes and numbers that they find by themselves, each in a process of its own, so
 * that a plugin that crashes, hangs or exits is a finding and not the end of the tool.
 *
 * Findings are values: who shows them is the program, or a plugin's own tests (lamina/testing.h).
 * Floor 9, beside the trainer. Knows the host, the recorder and settings; no graphs, no files of
 * experiments but the one that lies beside a plugin as its example.
 */
#ifndef LM_CONFORM_CONFORM_H
#define LM_CONFORM_CONFORM_H

#include "registry/registry.h"

enum lm_severity {
  LM_MUST = 0, /* breaking it makes runs wrong or impossible */
  LM_SHOULD    /* breaking it wastes something, or is suspicious */
};

/** A rule for plugins. */
struct lm_requirement {
  const char *id; /* "L07"; never changes its meaning, never used again */
  enum lm_severity severity;
  uint32_t kinds;          /* bit k: for plugins of kind k */
  const char *sentence;    /* what holds of a plugin that conforms */
  const char *consequence; /* what happens to users when it does not */
  const char *checked;     /* how it is tried */
};

const struct lm_requirement *lm_requirements(size_t *count);

/** The requirement of an id; NULL if there is none. */
const struct lm_requirement *lm_requirement_find(const char *id);

/** The page about all of them, in Markdown. */
void lm_requirements_page(struct lm_text *out);

/** What to check, and how. */
struct lm_conform_options {
  const char *file;     /* of the plugin */
  const char *settings; /* YAML, "{units: 4}": try these and no others; NULL: find some */
  const char *shapes;   /* as of conform/probe.h: try these and no others; NULL: find some */
  const char *only;     /* ids with ',' between them, or their beginnings; NULL: all */
  const char *skip;     /* likewise; NULL: none */
  uint64_t seed;
  uint32_t limit_ms; /* for each check; 0: 10 s */
  bool quick;        /* fewer cases, and the checks that take long not at all */
  bool in_process;   /* no processes, no time limits: for debuggers */
  struct lm_registry_options registry;
};

enum lm_verdict {
  LM_NOT_CHECKED = 0, /* the reason says why */
  LM_HOLDS,           /* nothing speaks against it */
  LM_BROKEN
};

/** What came of one requirement. */
struct lm_result {
  const struct lm_requirement *rule;
  enum lm_verdict verdict;
  char *reason;
  char **findings; /* sentences */
  size_t n_findings, capacity;
  double seconds; /* of the checks that tried it */
};

struct lm_conform_report {
  char *file;
  char *plugin; /* "layer 'relu' 1.0.0", or what the file's name says when it cannot be loaded */
  uint64_t seed;
  double seconds;
  struct lm_result *results; /* in the order of the table */
  size_t count;
  enum lamina_status load_status; /* why it could not be loaded; LAMINA_OK: it could */
  char *cases;                    /* settings and shapes that were tried, a line each */
};

/**
 * Checks a plugin. LAMINA_OK says that a report was made, whatever is in it.
 * @param out  release with lm_conform_release(), also after a failure
 * @return LAMINA_OK; LAMINA_E_USAGE for an id that does not exist; LAMINA_E_MISSING when there
 *         is no such file; LAMINA_E_NOMEM; LAMINA_E_INTERNAL when processes cannot be started
 */
enum lamina_status lm_conform(const struct lm_conform_options *options,
                              struct lm_conform_report *out, struct lm_error *error) LM_MUST_CHECK;
void lm_conform_release(struct lm_conform_report *report);

/** Requirements that are broken: those that a plugin must keep, or strictly, all. */
size_t lm_conform_broken(const struct lm_conform_report *report, bool strict);

enum lm_conform_format { LM_CONFORM_TEXT = 0, LM_CONFORM_TAP, LM_CONFORM_JUNIT, LM_CONFORM_JSON };

/** "text", "tap", "junit", "json". False for other words. */
bool lm_conform_format_parse(const char *word, enum lm_conform_format *out);

/** Writes a report; strict: SHOULD counts as a failure, too. */
void lm_conform_write(const struct lm_conform_report *report, enum lm_conform_format format,
                      bool strict, struct lm_text *out);

#endif
