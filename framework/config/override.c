/*
 * Overrides: PATH=VALUE, where a path is keys and [indices] and a value is YAML.
 *
 * The path is taken apart before the tree is touched, so a malformed override changes nothing.
 * What a path needs on its way and does not find is made, except beside a key that looks like
 * a misspelling of it; whether a new key makes sense is for its reader to say.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "config/config_internal.h"

/* One step of a path: a key, or an index when key is NULL. end: where it ends in the text. */
struct step {
  const char *key;
  size_t index;
  int end;
};

struct override {
  struct lm_config *config;
  struct lm_error *error;
  const char *text; /* as given */
  struct lm_where where;
  char *keys; /* copy of the path, cut into keys */
  struct step steps[LM_LIMIT_DEPTH];
  size_t count;
};

static enum lamina_status malformed(const struct override *override, const char *why)
{
  return lm_fail_at(override->error, LAMINA_E_USAGE, &override->where,
                    "%s, expected a.b[2].c=value", why);
}

/* Reads "[12]"; *at moves behind it. */
static bool read_index(const char *text, size_t *at, size_t *index)
{
  size_t i = *at + 1;
  size_t begin = i;
  *index = 0;
  while (text[i] >= '0' && text[i] <= '9' && *index <= LM_LIMIT_VALUES) {
    *index = *index * 10 + (size_t)(text[i] - '0');
    i++;
  }
  *at = i + 1;
  return i > begin && text[i] == ']';
}

/* One step at *at; *at moves to what follows it: ".key", "[n]" or the end. */
static enum lamina_status read_step(struct override *override, size_t *at, size_t length)
{
  const char *text = override->text;
  if (override->count == LM_LIMIT_DEPTH) {
    return malformed(override, "a path of too many steps");
  }
  struct step *step = &override->steps[override->count++];
  if (text[*at] == '[') {
    if (!read_index(text, at, &step->index)) {
      return malformed(override, "an index that is not a number in brackets");
    }
  } else {
    size_t begin = text[*at] == '.' ? *at + 1 : *at;
    size_t size = strcspn(text + begin, ".[]=");
    if (size == 0 || text[begin + size] == ']') {
      return malformed(override, size == 0 ? "a key is missing in the path" : "a stray ']'");
    }
    if (size > LM_LIMIT_KEY) {
      return malformed(override, "a key that is too long");
    }
    *at = begin + size;
    step->key = override->keys + begin;
  }
  step->end = (int)*at;
  if (*at < length && text[*at] != '.' && text[*at] != '[') {
    return malformed(override, "something between ']' and the next key");
  }
  return LAMINA_OK;
}

static enum lamina_status read_path(struct override *override)
{
  size_t length = strcspn(override->text, "=");
  if (override->text[length] == '\0' || length == 0) {
    return malformed(override, length == 0 ? "the path is missing" : "'=' is missing");
  }
  override->keys = lm_copy_bytes(override->text, length);
  if (override->keys == NULL) {
    return lm_fail_memory(override->error, 0);
  }
  if (override->text[0] == '.') {
    return malformed(override, "a key is missing in the path");
  }
  size_t at = 0;
  while (at < length) {
    LM_TRY(read_step(override, &at, length));
  }
  for (size_t i = 0; i < override->count; i++) {
    override->keys[override->steps[i].end] = '\0';
  }
  return LAMINA_OK;
}

/* The path up to and without a step, for messages. */
static int shown_length(const struct override *override, size_t step)
{
  return step == 0 ? 0 : override->steps[step - 1].end;
}

/* A null on the way becomes what the step needs; anything else must be that already. */
static enum lamina_status expect_kind(const struct override *override, size_t step,
                                      struct lm_value *value, enum lm_value_kind kind)
{
  if (value->kind == LM_VALUE_NULL) {
    value->kind = kind;
    value->where = override->where;
  }
  if (value->kind == kind) {
    return LAMINA_OK;
  }
  char found[LM_EXCERPT + 16];
  const char *wanted = kind == LM_VALUE_MAP ? "a map" : "a list";
  (void)lm_value_describe(value, found, sizeof found);
  if (step == 0) {
    return lm_fail_at(override->error, LAMINA_E_INVALID, &override->where,
                      "the experiment is %s, expected %s", found, wanted);
  }
  return lm_fail_at(override->error, LAMINA_E_INVALID, &override->where,
                    "'%.*s' is %s, expected %s", shown_length(override, step), override->text,
                    found, wanted);
}

static enum lamina_status refuse_new_key(const struct override *override, size_t step,
                                         const char *nearest)
{
  return lm_fail_at(override->error, LAMINA_E_INVALID, &override->where,
                    "there is no '%.*s', did you mean '%s'?", override->steps[step].end,
                    override->text, nearest);
}

/* The place of a step in its parent; made when it does not exist. */
static enum lamina_status find_key(struct override *override, size_t step, struct lm_value *map,
                                   struct lm_value ***slot)
{
  const char *key = override->steps[step].key;
  LM_TRY(expect_kind(override, step, map, LM_VALUE_MAP));
  const struct lm_pair *pair = lm_value_pair(map, key);
  if (pair != NULL) {
    *slot = &map->pairs[pair - map->pairs].value;
    return LAMINA_OK;
  }
  if (step + 1 < override->count) {
    const char *nearest = lm_spelling_nearest(key, map->pairs, map->count, sizeof *map->pairs);
    if (nearest != NULL) {
      return refuse_new_key(override, step, nearest);
    }
  }
  struct lm_value *value = NULL;
  LM_TRY(lm_tree_value(override->config, LM_VALUE_NULL, &override->where, &value, override->error));
  if (!lm_tree_add_pair(map, key, &override->where, value)) {
    return lm_fail_memory(override->error, 0);
  }
  *slot = &map->pairs[map->count - 1].value;
  return LAMINA_OK;
}

static enum lamina_status find_item(struct override *override, size_t step, struct lm_value *list,
                                    struct lm_value ***slot)
{
  size_t index = override->steps[step].index;
  LM_TRY(expect_kind(override, step, list, LM_VALUE_LIST));
  if (index > list->count) {
    return lm_fail_at(override->error, LAMINA_E_INVALID, &override->where,
                      "'%.*s' has %zu items, expected an index up to %zu (which appends)",
                      shown_length(override, step), override->text, list->count, list->count);
  }
  if (index == list->count) {
    struct lm_value *value = NULL;
    LM_TRY(
        lm_tree_value(override->config, LM_VALUE_NULL, &override->where, &value, override->error));
    if (!lm_tree_add_item(list, value)) {
      return lm_fail_memory(override->error, 0);
    }
  }
  *slot = &list->items[index];
  return LAMINA_OK;
}

static enum lamina_status read_value(struct override *override, struct lm_value **out)
{
  const char *text = strchr(override->text, '=') + 1;
  struct lm_source source = {text, strlen(text), override->where.file, true};
  enum lamina_status status = lm_compose(override->config, &source, out, override->error);
  if (status == LAMINA_E_INVALID) {
    status = LAMINA_E_USAGE;
    if (override->error != NULL) {
      override->error->status = status;
    }
  }
  LM_TRY(status);
  return *out != NULL ? LAMINA_OK
                      : lm_tree_value(override->config, LM_VALUE_NULL, &override->where, out,
                                      override->error);
}

static enum lamina_status apply(struct override *override)
{
  struct lm_value *value = NULL;
  struct lm_value **slot = &override->config->root;
  LM_TRY(read_path(override));
  LM_TRY(read_value(override, &value));
  const char *first = override->steps[0].key;
  if (first != NULL && strcmp(first, "include") == 0) {
    return lm_fail_at(override->error, LAMINA_E_INVALID, &override->where,
                      "files are included before overrides are applied");
  }
  for (size_t i = 0; i < override->count; i++) {
    LM_TRY(override->steps[i].key != NULL ? find_key(override, i, *slot, &slot)
                                          : find_item(override, i, *slot, &slot));
  }
  *slot = value;
  return LAMINA_OK;
}

enum lamina_status lm_override(struct lm_config *config, const char *text, struct lm_error *error)
{
  char shown[LM_EXCERPT];
  char name[LM_EXCERPT + sizeof "--set "];
  (void)snprintf(name, sizeof name, "--set %s", lm_excerpt(text, shown, sizeof shown));
  struct override override = {.config = config, .error = error, .text = text};
  override.where.file = lm_tree_name(config, name);
  if (override.where.file == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status = apply(&override);
  lm_free(override.keys);
  return status;
}
