/*
 * Records are sorted by score for their ranks, and once more by label for the classes, so that
 * labels may be any numbers.
 */
#include "analysis/judgement.h"

#include <stdlib.h>

#include "base/memory.h"

/** A record on its way through sorting. */
struct entry {
  double score;
  int64_t at;
  int32_t label;
};

void lm_judgement_release(struct lm_judgement *judgement)
{
  lm_free(judgement->order);
  lm_free(judgement->ranks);
  lm_free(judgement->classes);
  *judgement = (struct lm_judgement){0};
}

static int by_score(const void *left, const void *right)
{
  const struct entry *a = left, *b = right;
  int order = (a->score < b->score) - (a->score > b->score);
  return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

static int by_label(const void *left, const void *right)
{
  const struct entry *a = left, *b = right;
  int order = (a->label > b->label) - (a->label < b->label);
  return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

static void rank(const struct lm_case *subject, const struct entry *sorted,
                 struct lm_judgement *out)
{
  int64_t first = 0; /* of those with the same score */
  for (int64_t i = 0; i < subject->count; i++) {
    first = sorted[i].score == sorted[first].score ? first : i;
    out->order[i] = sorted[i].at;
    out->ranks[sorted[i].at] = first + 1;
    out->flagged += sorted[i].score > subject->threshold;
  }
  double score = sorted[0].score;
  out->flat = sorted[subject->count - 1].score == score && subject->normals[0] == score &&
              subject->normals[subject->n_normals - 1] == score;
  out->share = lm_share_interval(out->flagged, subject->count, subject->confidence);
}

/* One class; scores has room for all of them. */
static void judge_class(const struct lm_case *subject, const struct entry *entries, int64_t n,
                        double *scores, struct lm_judged_class *out)
{
  *out = (struct lm_judged_class){.label = entries[0].label, .count = n};
  for (int64_t i = 0; i < n; i++) {
    scores[i] = entries[i].score;
    out->flagged += scores[i] > subject->threshold;
  }
  out->share = lm_share_interval(out->flagged, n, subject->confidence);
  out->auc = lm_outlier_auc(subject->normals, subject->n_normals, scores, n);
}

static enum lamina_status judge_classes(const struct lm_case *subject, struct entry *entries,
                                        struct lm_judgement *out, struct lm_error *error)
{
  size_t capacity = 0;
  double *scores = lm_alloc((size_t)subject->count, sizeof *scores);
  bool done = scores != NULL;
  qsort(entries, (size_t)subject->count, sizeof *entries, by_label);
  for (int64_t begin = 0, end = 0; begin < subject->count && done; begin = end) {
    while (end < subject->count && entries[end].label == entries[begin].label) {
      end++;
    }
    done = lm_grow((void **)&out->classes, &capacity, out->n_classes + 1, sizeof *out->classes);
    if (done) {
      judge_class(subject, entries + begin, end - begin, scores, &out->classes[out->n_classes++]);
    }
  }
  lm_free(scores);
  return done ? LAMINA_OK : lm_fail_memory(error, 0);
}

enum lamina_status lm_judge(const struct lm_case *subject, struct lm_judgement *out,
                            struct lm_error *error)
{
  size_t count = (size_t)subject->count;
  enum lamina_status status = LAMINA_OK;
  struct entry *entries = lm_alloc(count, sizeof *entries);
  *out = (struct lm_judgement){.order = lm_alloc(count, sizeof *out->order),
                               .ranks = lm_alloc(count, sizeof *out->ranks)};
  if (entries == NULL || out->order == NULL || out->ranks == NULL) {
    status = lm_fail_memory(error, count * sizeof *entries);
  }
  for (int64_t i = 0; status == LAMINA_OK && i < subject->count; i++) {
    int32_t label = subject->labels == NULL ? 0 : subject->labels[i];
    entries[i] = (struct entry){.score = subject->scores[i], .at = i, .label = label};
  }
  if (status == LAMINA_OK) {
    qsort(entries, count, sizeof *entries, by_score);
    rank(subject, entries, out);
  }
  if (status == LAMINA_OK && subject->labels != NULL) {
    status = judge_classes(subject, entries, out, error);
  }
  if (status != LAMINA_OK) {
    lm_judgement_release(out);
  }
  lm_free(entries);
  return status;
}
