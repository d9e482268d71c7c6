/*
 * Reports: for people, as TAP 13, as JUnit's XML, as JSON.
 */
#include <string.h>

#include "conform/conform.h"

static bool fails(const struct lm_result *result, bool strict)
{
  return result->verdict == LM_BROKEN && (strict || result->rule->severity == LM_MUST);
}

bool lm_conform_format_parse(const char *word, enum lm_conform_format *out)
{
  static const char *const words[] = {"text", "tap", "junit", "json"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcmp(word, words[i]) == 0) {
      *out = (enum lm_conform_format)i;
      return true;
    }
  }
  return false;
}

/* ---- for people ---- */

static void list_ids(const struct lm_conform_report *report, enum lm_verdict verdict,
                     struct lm_text *out)
{
  size_t column = 0;
  for (size_t i = 0; i < report->count; i++) {
    if (report->results[i].verdict == verdict) {
      lm_text_addf(out, "%s%s",
                   column == 0        ? ""
                   : column % 20 == 0 ? "\n              "
                                      : " ",
                   report->results[i].rule->id);
      column++;
    }
  }
  lm_text_add(out, column == 0 ? "none\n" : "\n");
}

static void write_broken(const struct lm_conform_report *report, const struct lm_result *result,
                         struct lm_text *out)
{
  const struct lm_requirement *rule = result->rule;
  lm_text_addf(out, "\n%s %s: %s\n", rule->severity == LM_MUST ? "BROKEN" : "SUSPICIOUS", rule->id,
               rule->sentence);
  for (size_t i = 0; i < result->n_findings; i++) {
    lm_text_addf(out, "  - %s\n", result->findings[i]);
  }
  lm_text_addf(out, "  If broken: %s\n  Again: lamina conform %s --only %s --seed %llu\n",
               rule->consequence, report->file, rule->id, (unsigned long long)report->seed);
}

static void write_text(const struct lm_conform_report *report, struct lm_text *out)
{
  size_t counts[3] = {0};
  lm_text_addf(out, "%s (%s), seed %llu\n", report->plugin, report->file,
               (unsigned long long)report->seed);
  for (size_t i = 0; i < report->count; i++) {
    counts[report->results[i].verdict]++;
  }
  lm_text_add(out, "  holds:      ");
  list_ids(report, LM_HOLDS, out);
  for (size_t i = 0; i < report->count; i++) {
    if (report->results[i].verdict == LM_NOT_CHECKED) {
      lm_text_addf(out, "  not checked: %s, %s\n", report->results[i].rule->id,
                   report->results[i].reason);
    }
  }
  for (size_t i = 0; i < report->count; i++) {
    if (report->results[i].verdict == LM_BROKEN) {
      write_broken(report, &report->results[i], out);
    }
  }
  lm_text_addf(out, "%s%zu hold, %zu broken, %zu not checked; %.1f s\n",
               counts[LM_BROKEN] > 0 ? "\n" : "  ", counts[LM_HOLDS], counts[LM_BROKEN],
               counts[LM_NOT_CHECKED], report->seconds);
}

/* ---- TAP 13 ---- */

/* A '#' in a description would begin a directive. */
static void add_description(struct lm_text *out, const char *text)
{
  for (const char *at = text; *at != '\0'; at++) {
    lm_text_add_bytes(out, *at == '#' || *at == '\n' ? " " : at, 1);
  }
}

static void write_tap(const struct lm_conform_report *report, bool strict, struct lm_text *out)
{
  lm_text_addf(out, "TAP version 13\n1..%zu\n", report->count);
  for (size_t i = 0; i < report->count; i++) {
    const struct lm_result *result = &report->results[i];
    lm_text_addf(out, "%s %zu - %s ", fails(result, strict) ? "not ok" : "ok", i + 1,
                 result->rule->id);
    add_description(out, result->rule->sentence);
    if (result->verdict == LM_NOT_CHECKED) {
      lm_text_add(out, " # SKIP ");
      add_description(out, result->reason);
    }
    lm_text_add(out, "\n");
    for (size_t k = 0; k < result->n_findings; k++) {
      lm_text_add(out, "# ");
      add_description(out, result->findings[k]);
      lm_text_add(out, "\n");
    }
  }
}

/* ---- JUnit ---- */

static void write_case(const struct lm_conform_report *report, const struct lm_result *result,
                       bool strict, struct lm_text *out)
{
  lm_text_addf(out, "    <testcase classname=\"");
  lm_text_add_xml(out, report->plugin);
  lm_text_addf(out, "\" name=\"%s ", result->rule->id);
  lm_text_add_xml(out, result->rule->sentence);
  lm_text_addf(out, "\" time=\"%.3f\">\n", result->seconds);
  if (result->verdict == LM_NOT_CHECKED) {
    lm_text_add(out, "      <skipped message=\"");
    lm_text_add_xml(out, result->reason);
    lm_text_add(out, "\"/>\n");
  }
  for (size_t i = 0; i < result->n_findings; i++) {
    lm_text_add(out, fails(result, strict) ? "      <failure message=\"" : "      <system-out>");
    lm_text_add_xml(out, result->findings[i]);
    lm_text_add(out, fails(result, strict) ? "\"/>\n" : "</system-out>\n");
  }
  lm_text_add(out, "    </testcase>\n");
}

static void write_junit(const struct lm_conform_report *report, bool strict, struct lm_text *out)
{
  size_t skipped = 0;
  for (size_t i = 0; i < report->count; i++) {
    skipped += report->results[i].verdict == LM_NOT_CHECKED;
  }
  lm_text_add(out,
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"");
  lm_text_add_xml(out, report->plugin);
  lm_text_addf(out,
               "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" time=\"%.3f\">\n",
               report->count, lm_conform_broken(report, strict), skipped, report->seconds);
  for (size_t i = 0; i < report->count; i++) {
    write_case(report, &report->results[i], strict, out);
  }
  lm_text_add(out, "  </testsuite>\n</testsuites>\n");
}

/* ---- JSON ---- */

static void add_key(struct lm_text *out, const char *key, const char *text)
{
  lm_text_addf(out, "\"%s\": ", key);
  lm_text_add_json_string(out, text);
}

static void write_result(const struct lm_result *result, struct lm_text *out)
{
  static const char *const verdicts[] = {"not checked", "holds", "broken"};
  lm_text_add(out, "    {");
  add_key(out, "id", result->rule->id);
  lm_text_add(out, ", ");
  add_key(out, "severity", result->rule->severity == LM_MUST ? "must" : "should");
  lm_text_add(out, ", ");
  add_key(out, "verdict", verdicts[result->verdict]);
  lm_text_add(out, ", ");
  add_key(out, "requirement", result->rule->sentence);
  if (result->verdict == LM_NOT_CHECKED) {
    lm_text_add(out, ", ");
    add_key(out, "reason", result->reason);
  }
  lm_text_add(out, ", \"findings\": [");
  for (size_t i = 0; i < result->n_findings; i++) {
    lm_text_add(out, i == 0 ? "" : ", ");
    lm_text_add_json_string(out, result->findings[i]);
  }
  lm_text_addf(out, "], \"seconds\": %.3f}", result->seconds);
}

static void write_json(const struct lm_conform_report *report, bool strict, struct lm_text *out)
{
  lm_text_add(out, "{\n  ");
  add_key(out, "plugin", report->plugin);
  lm_text_add(out, ",\n  ");
  add_key(out, "file", report->file);
  lm_text_addf(
      out, ",\n  \"seed\": %llu,\n  \"conforms\": %s,\n  \"seconds\": %.3f,\n  \"results\": [\n",
      (unsigned long long)report->seed, lm_conform_broken(report, strict) == 0 ? "true" : "false",
      report->seconds);
  for (size_t i = 0; i < report->count; i++) {
    write_result(&report->results[i], out);
    lm_text_add(out, i + 1 < report->count ? ",\n" : "\n");
  }
  lm_text_add(out, "  ]\n}\n");
}

void lm_conform_write(const struct lm_conform_report *report, enum lm_conform_format format,
                      bool strict, struct lm_text *out)
{
  switch (format) {
    case LM_CONFORM_TAP:
      write_tap(report, strict, out);
      break;
    case LM_CONFORM_JUNIT:
      write_junit(report, strict, out);
      break;
    case LM_CONFORM_JSON:
      write_json(report, strict, out);
      break;
    default:
      write_text(report, out);
  }
}
