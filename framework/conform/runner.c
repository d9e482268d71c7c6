/*
 * The runner: a process for each check, and one report of what all of them found.
 *
 * A check's process loads the plugin anew, so checks cannot disturb each other, and shares the
 * ledger with this one. What it did not come to write there is told from how it ended. The
 * first process is the scout's, which finds the settings and shapes for all the others.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "conform/conform_internal.h"

enum { USUAL_LIMIT_MS = 10000 };

/* What is under way. */
struct tour {
  const struct lm_conform_options *options;
  struct lm_conform_report *report;
  struct lm_ledger *ledger;
  struct lm_error *error;
  char *cases; /* text of the scout's */
  uint32_t limit_ms;
};

static const struct lm_checks *const all_checks[] = {
    &lm_file_checks,      &lm_settings_checks,     &lm_layer_checks,   &lm_layer_memory_checks,
    &lm_fusion_checks,    &lm_layer_number_checks, &lm_metric_checks,  &lm_transform_checks,
    &lm_optimizer_checks, &lm_function_checks,     &lm_dataset_checks, &lm_service_checks,
    &lm_kind_checks,
};

/* ---- which ---- */

/* Whether an id, or its beginning, is in a list such as "P,L05". */
static bool is_listed(const char *list, const char *id)
{
  while (list != NULL && *list != '\0') {
    size_t length = strcspn(list, ",");
    if (length > 0 && strncmp(list, id, length) == 0) {
      return true;
    }
    list += length + (list[length] == ',');
  }
  return false;
}

/* What is not tried when a plugin was just rebuilt and a training waits for it. */
static const char slow[] = "S02,S03,S04,L02,L12,L15,L17,L20,O01,D04,T01,V02";

static bool is_wanted(const struct lm_conform_options *options, const char *id)
{
  if (options->quick && is_listed(slow, id)) {
    return false;
  }
  return (options->only == NULL || is_listed(options->only, id)) && !is_listed(options->skip, id);
}

/* The ids of a check, one after the other: false at the end. */
static bool next_id(const char **ids, char id[8])
{
  size_t length = strcspn(*ids, " ");
  if (length == 0 || length > 7) {
    return false;
  }
  memcpy(id, *ids, length);
  id[length] = '\0';
  *ids += length + ((*ids)[length] == ' ');
  return true;
}

static bool is_check_wanted(const struct lm_conform_options *options, const struct lm_check *check)
{
  const char *rest = check->ids;
  for (char id[8]; next_id(&rest, id);) {
    if (is_wanted(options, id)) {
      return true;
    }
  }
  return false;
}

/* Every word of a list must be the beginning of some id. */
static enum lamina_status check_list(const char *option, const char *list, struct lm_error *error)
{
  size_t count;
  const struct lm_requirement *rules = lm_requirements(&count);
  while (list != NULL && *list != '\0') {
    char word[16];
    size_t length = strcspn(list, ","), i = 0;
    (void)snprintf(word, sizeof word, "%.*s", (int)(length > 15 ? 15 : length), list);
    while (i < count && strncmp(rules[i].id, word, strlen(word)) != 0) {
      i++;
    }
    if (length == 0 || i == count) {
      return lm_fail(
          error, LAMINA_E_USAGE,
          "%s: there is no requirement '%s'; they are like L05, or L for all of a letter", option,
          word);
    }
    list += length + (list[length] == ',');
  }
  return LAMINA_OK;
}

/* ---- what came of it ---- */

static struct lm_result *result_of(struct lm_conform_report *report, const char *id)
{
  for (size_t i = 0; i < report->count; i++) {
    if (strcmp(report->results[i].rule->id, id) == 0) {
      return &report->results[i];
    }
  }
  return NULL;
}

static bool add_finding(struct lm_result *result, const char *text)
{
  for (size_t i = 0; i < result->n_findings; i++) {
    if (strcmp(result->findings[i], text) == 0) {
      return true;
    }
  }
  char *copy = lm_copy_text(text);
  if (copy == NULL || !lm_grow((void **)&result->findings, &result->capacity,
                               result->n_findings + 1, sizeof *result->findings)) {
    lm_free(copy);
    return false;
  }
  result->findings[result->n_findings++] = copy;
  result->verdict = LM_BROKEN;
  return true;
}

static enum lamina_status take_finding(struct tour *tour, const char *id, const char *text)
{
  struct lm_result *result = result_of(tour->report, id);
  if (result == NULL || is_listed(tour->options->skip, id)) {
    return LAMINA_OK;
  }
  return add_finding(result, text) ? LAMINA_OK : lm_fail_memory(tour->error, 0);
}

/* What the ledger holds after a check; reason: why the check came to no end of its own. */
static enum lamina_status take_ledger(struct tour *tour, const char *ids, const char *reason,
                                      double seconds)
{
  const struct lm_ledger *ledger = tour->ledger;
  const char *rest = ids;
  reason = reason == NULL && ledger->skip[0] != '\0' ? ledger->skip : reason;
  for (uint32_t i = 0; i < ledger->n_findings; i++) {
    LM_TRY(take_finding(tour, ledger->findings[i].id, ledger->findings[i].text));
  }
  for (char id[8]; next_id(&rest, id);) {
    struct lm_result *result = result_of(tour->report, id);
    if (result == NULL) {
      continue;
    }
    result->seconds += seconds;
    if (reason == NULL && result->verdict == LM_NOT_CHECKED) {
      result->verdict = LM_HOLDS;
    } else if (reason != NULL && result->verdict == LM_NOT_CHECKED && result->reason == NULL &&
               (result->reason = lm_copy_text(reason)) == NULL) {
      return lm_fail_memory(tour->error, 0);
    }
  }
  return LAMINA_OK;
}

/* ---- processes ---- */

/* Runs first when a plugin calls exit(): what the program does at its own end is not done. */
static void leave(int status, void *arg)
{
  (void)arg;
  _exit(status);
}

/* The plugin must not write between our lines, and its death must look like one. */
static void prepare_child(void)
{
  static const int usual[] = {SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGALRM};
  const struct rlimit no_core = {0, 0};
  (void)setpgid(0, 0);
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)setrlimit(RLIMIT_CORE, &no_core);
  (void)on_exit(leave, NULL);
  for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
    (void)signal(usual[i], SIG_DFL);
  }
  (void)freopen("/dev/null", "r", stdin);
  (void)freopen("/dev/null", "w", stdout);
}

static void run_trial(struct tour *tour, lm_check_fn run, bool own_process)
{
  struct lm_trial *trial = lm_alloc(1, sizeof *trial);
  char *cases = lm_copy_text(tour->cases == NULL ? "" : tour->cases);
  if (trial != NULL && cases != NULL) {
    trial->options = tour->options;
    trial->ledger = tour->ledger;
    trial->seed = tour->options->seed;
    if (own_process) {
      lm_fault_install(trial);
    }
    if (lm_trial_load(trial) && lm_cases_read(trial, cases)) {
      run(trial);
    }
    tour->ledger->finished = true;
  }
  lm_zones_retire(false);
  if (trial != NULL && !own_process) {
    lm_trial_release(trial);
  }
  lm_free(cases);
  lm_free(trial);
}

/* Waits for a child's end; false when it had to be stopped. */
static bool wait_for(pid_t child, uint32_t limit_ms, int *status)
{
  int64_t deadline = lm_clock_ns() + (int64_t)limit_ms * 1000000;
  struct timespec pause = {.tv_nsec = 50000};
  while (waitpid(child, status, WNOHANG) == 0) {
    if (lm_clock_ns() >= deadline) {
      (void)kill(-child, SIGKILL);
      (void)kill(child, SIGKILL);
      while (waitpid(child, status, 0) < 0 && errno == EINTR) {
      }
      return false;
    }
    (void)nanosleep(&pause, NULL);
    pause.tv_nsec = pause.tv_nsec < 2000000 ? pause.tv_nsec * 2 : 2000000;
  }
  (void)kill(-child, SIGKILL); /* what it may have started */
  return true;
}

/* Why a child that did not finish did not: a finding, unless it told one itself. */
static void judge_end(struct tour *tour, bool came_back, int status, char *reason, size_t size)
{
  struct lm_ledger *ledger = tour->ledger;
  struct lm_trial trial = {.ledger = ledger};
  int64_t in_call_ms = (lm_clock_ns() - ledger->called_at) / 1000000;
  if (!came_back && (!ledger->in_call || in_call_ms < tour->limit_ms / 2)) {
    (void)snprintf(reason, size, "it took longer than %u ms; see --timeout", tour->limit_ms);
    return;
  }
  (void)snprintf(reason, size, "the check did not come to its end: %.300s", ledger->stage);
  if (!came_back) {
    lm_find(&trial, "P11", "%s: does not come back: stopped after %lld ms", ledger->stage,
            (long long)in_call_ms);
  } else if (WIFSIGNALED(status)) {
    lm_find(&trial, "P11", "%s: ended by signal %d (%s)", ledger->stage, WTERMSIG(status),
            strsignal(WTERMSIG(status)));
  } else if (WEXITSTATUS(status) != LM_FAULT_EXIT) {
    lm_find(&trial, "P11", "%s: ended the process with status %d", ledger->stage,
            WEXITSTATUS(status));
  }
}

static enum lamina_status run_in_child(struct tour *tour, lm_check_fn run, char *reason,
                                       size_t size)
{
  int status = 0;
  (void)fflush(NULL);
  pid_t child = fork();
  if (child < 0) {
    return lm_fail(tour->error, LAMINA_E_INTERNAL, "a process cannot be started: %s",
                   strerror(errno));
  }
  if (child == 0) {
    prepare_child();
    lm_zones_retire(true);
    run_trial(tour, run, true);
    _exit(0);
  }
  bool came_back = wait_for(child, tour->limit_ms, &status);
  if (!tour->ledger->finished) {
    judge_end(tour, came_back, status, reason, size);
  }
  return LAMINA_OK;
}

static enum lamina_status run_check(struct tour *tour, const char *ids, lm_check_fn run)
{
  char reason[400] = "";
  int64_t begin = lm_clock_ns();
  memset(tour->ledger, 0, sizeof *tour->ledger);
  if (tour->options->in_process) {
    run_trial(tour, run, false);
  } else {
    LM_TRY(run_in_child(tour, run, reason, sizeof reason));
  }
  double seconds = (double)(lm_clock_ns() - begin) * 1e-9;
  return take_ledger(tour, ids, reason[0] == '\0' ? NULL : reason, seconds);
}

/* ---- the whole ---- */

static enum lamina_status make_results(struct tour *tour)
{
  size_t count;
  const struct lm_requirement *rules = lm_requirements(&count);
  uint32_t bit = 1u << tour->ledger->kind;
  struct lm_conform_report *report = tour->report;
  report->results = lm_alloc(count, sizeof *report->results);
  if (report->results == NULL) {
    return lm_fail_memory(tour->error, 0);
  }
  for (size_t i = 0; i < count; i++) {
    bool fits = tour->ledger->kind == LAMINA_KIND_NONE ? rules[i].id[0] == 'P'
                                                       : (rules[i].kinds & bit) != 0;
    if (fits) {
      report->results[report->count++].rule = &rules[i];
    }
  }
  return LAMINA_OK;
}

/* The first process: does it load, and what does it accept? */
static enum lamina_status run_scout(struct tour *tour)
{
  char reason[400] = "";
  struct lm_conform_report *report = tour->report;
  struct lm_ledger *ledger = tour->ledger;
  const char *slash = strrchr(tour->options->file, '/');
  if (tour->options->in_process) {
    run_trial(tour, lm_scout, false);
  } else {
    LM_TRY(run_in_child(tour, lm_scout, reason, sizeof reason));
  }
  report->load_status = ledger->kind == LAMINA_KIND_NONE && ledger->load_status == LAMINA_OK
                            ? LAMINA_E_PLUGIN
                            : (enum lamina_status)ledger->load_status;
  report->plugin = lm_copy_text(ledger->plugin[0] != '\0' ? ledger->plugin
                                : slash == NULL           ? tour->options->file
                                                          : slash + 1);
  report->cases = lm_copy_text(ledger->cases);
  tour->cases = lm_copy_text(ledger->cases);
  if (report->plugin == NULL || report->cases == NULL || tour->cases == NULL) {
    return lm_fail_memory(tour->error, 0);
  }
  LM_TRY(make_results(tour));
  LM_TRY(take_ledger(tour, "L01", reason[0] == '\0' ? NULL : reason, 0.0));
  return take_ledger(tour, "P01", report->load_status == LAMINA_OK ? NULL : reason, 0.0);
}

static enum lamina_status run_checks(struct tour *tour, uint32_t kind)
{
  for (size_t l = 0; l < sizeof all_checks / sizeof all_checks[0]; l++) {
    for (size_t i = 0; i < all_checks[l]->count; i++) {
      const struct lm_check *check = &all_checks[l]->items[i];
      if ((check->kinds & (1u << kind)) != 0 && is_check_wanted(tour->options, check)) {
        LM_TRY(run_check(tour, check->ids, check->run));
      }
    }
  }
  return LAMINA_OK;
}

/* Rules that every call is held to, and rules that nothing has asked about. */
static enum lamina_status settle(struct tour *tour)
{
  static const char everywhere[] = "P01 P11 P12 P13 P14 P15";
  struct lm_conform_report *report = tour->report;
  bool loaded = report->load_status == LAMINA_OK;
  for (size_t i = 0; i < report->count; i++) {
    struct lm_result *result = &report->results[i];
    if (result->verdict != LM_NOT_CHECKED || result->reason != NULL) {
      continue;
    }
    if (loaded && strstr(everywhere, result->rule->id) != NULL) {
      result->verdict = LM_HOLDS;
      continue;
    }
    result->reason = lm_copy_text(
        !loaded                                      ? "the plugin cannot be loaded"
        : is_wanted(tour->options, result->rule->id) ? "nothing that was tried needs it"
        : tour->options->quick && is_listed(slow, result->rule->id) ? "no part of the quick check"
                                                                    : "not asked for");
    if (result->reason == NULL) {
      return lm_fail_memory(tour->error, 0);
    }
  }
  return LAMINA_OK;
}

static enum lamina_status run_all(struct tour *tour)
{
  LM_TRY(run_scout(tour));
  uint32_t kind = tour->ledger->kind;
  if (tour->report->load_status == LAMINA_OK) {
    LM_TRY(run_checks(tour, kind));
  }
  return settle(tour);
}

enum lamina_status lm_conform(const struct lm_conform_options *options,
                              struct lm_conform_report *out, struct lm_error *error)
{
  struct stat found;
  int64_t begin = lm_clock_ns();
  struct tour tour = {.options = options, .report = out, .error = error};
  *out = (struct lm_conform_report){.seed = options->seed};
  LM_TRY(check_list("--only", options->only, error));
  LM_TRY(check_list("--skip", options->skip, error));
  if (stat(options->file, &found) != 0) {
    return lm_fail(error, LAMINA_E_MISSING, "the file %s cannot be found: %s", options->file,
                   strerror(errno));
  }
  tour.limit_ms = options->limit_ms == 0 ? USUAL_LIMIT_MS : options->limit_ms;
  tour.ledger =
      mmap(NULL, sizeof *tour.ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (tour.ledger == MAP_FAILED) {
    return lm_fail_memory(error, sizeof *tour.ledger);
  }
  out->file = lm_copy_text(options->file);
  enum lamina_status status = out->file == NULL ? lm_fail_memory(error, 0) : run_all(&tour);
  (void)munmap(tour.ledger, sizeof *tour.ledger);
  lm_free(tour.cases);
  out->seconds = (double)(lm_clock_ns() - begin) * 1e-9;
  return status;
}

void lm_conform_release(struct lm_conform_report *report)
{
  for (size_t i = 0; i < report->count; i++) {
    struct lm_result *result = &report->results[i];
    for (size_t k = 0; k < result->n_findings; k++) {
      lm_free(result->findings[k]);
    }
    lm_free(result->findings);
    lm_free(result->reason);
  }
  lm_free(report->results);
  lm_free(report->file);
  lm_free(report->plugin);
  lm_free(report->cases);
  *report = (struct lm_conform_report){0};
}

size_t lm_conform_broken(const struct lm_conform_report *report, bool strict)
{
  size_t broken = 0;
  for (size_t i = 0; i < report->count; i++) {
    const struct lm_result *result = &report->results[i];
    broken += result->verdict == LM_BROKEN && (strict || result->rule->severity == LM_MUST);
  }
  return broken;
}
