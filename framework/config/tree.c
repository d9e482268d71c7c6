/*
 * Trees: owner, making, copying, changing, and looking up by key.
 *
 * The config keeps a list of every value that it ever made and frees by that list, so that a
 * value may be moved, replaced or dropped from the tree without a thought about ownership.
 * Counting against the limits happens here and nowhere else.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/config_internal.h"

static struct lm_value *new_value(struct lm_config *config, enum lm_value_kind kind,
                                  const struct lm_where *where)
{
  if (!lm_grow((void **)&config->values, &config->value_capacity, config->value_count + 1,
               sizeof *config->values)) {
    return NULL;
  }
  struct lm_value *value = lm_alloc(1, sizeof *value);
  if (value != NULL) {
    value->kind = kind;
    value->where = *where;
    config->values[config->value_count++] = value;
  }
  return value;
}

/* Gives a value a text, which may turn a scalar into null and back. Takes the text. */
static void set_text(struct lm_value *value, char *text, bool quoted)
{
  lm_free(value->text);
  bool is_null = !quoted && lm_plain_class(text) == LM_PLAIN_NULL;
  value->kind = is_null ? LM_VALUE_NULL : LM_VALUE_SCALAR;
  value->quoted = quoted;
  value->text = text;
  if (is_null) {
    lm_free(text);
    value->text = NULL;
  }
}

const char *lm_tree_name(struct lm_config *config, const char *name)
{
  for (size_t i = 0; i < config->name_count; i++) {
    if (strcmp(config->names[i], name) == 0) {
      return config->names[i];
    }
  }
  if (!lm_grow((void **)&config->names, &config->name_capacity, config->name_count + 1,
               sizeof *config->names)) {
    return NULL;
  }
  char *copy = lm_copy_text(name);
  if (copy != NULL) {
    config->names[config->name_count++] = copy;
  }
  return copy;
}

static enum lamina_status spend_value(struct lm_config *config, const struct lm_where *where,
                                      struct lm_error *error)
{
  if (config->spent_values >= LM_LIMIT_VALUES) {
    return lm_fail_at(error, LAMINA_E_INVALID, where,
                      "more than %d values (each use of an alias or a variable counts)",
                      LM_LIMIT_VALUES);
  }
  config->spent_values++;
  return LAMINA_OK;
}

static enum lamina_status spend_text(struct lm_config *config, size_t length,
                                     const struct lm_where *where, struct lm_error *error)
{
  if (length > LM_LIMIT_SCALAR) {
    return lm_fail_at(error, LAMINA_E_INVALID, where,
                      "a text of %zu bytes, expected at most %d bytes", length, LM_LIMIT_SCALAR);
  }
  if (config->spent_text + length > LM_LIMIT_ALL_TEXT) {
    return lm_fail_at(error, LAMINA_E_INVALID, where,
                      "more than %d bytes of text (each use of an alias or a variable counts)",
                      LM_LIMIT_ALL_TEXT);
  }
  config->spent_text += length;
  return LAMINA_OK;
}

enum lamina_status lm_tree_value(struct lm_config *config, enum lm_value_kind kind,
                                 const struct lm_where *where, struct lm_value **out,
                                 struct lm_error *error)
{
  LM_TRY(spend_value(config, where, error));
  *out = new_value(config, kind, where);
  return *out == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
}

enum lamina_status lm_tree_scalar(struct lm_config *config, const struct lm_scalar *scalar,
                                  const struct lm_where *where, struct lm_value **out,
                                  struct lm_error *error)
{
  if (memchr(scalar->text, '\0', scalar->length) != NULL) {
    return lm_fail_at(error, LAMINA_E_INVALID, where, "a text with a zero byte in it");
  }
  LM_TRY(spend_text(config, scalar->length, where, error));
  LM_TRY(lm_tree_value(config, LM_VALUE_SCALAR, where, out, error));
  char *text = lm_copy_bytes(scalar->text, scalar->length);
  if (text == NULL) {
    return lm_fail_memory(error, scalar->length);
  }
  set_text(*out, text, scalar->quoted);
  return LAMINA_OK;
}

enum lamina_status lm_tree_check_depth(int depth, const struct lm_where *where,
                                       struct lm_error *error)
{
  if (depth >= LM_LIMIT_DEPTH) {
    return lm_fail_at(error, LAMINA_E_INVALID, where,
                      "lists and maps in each other, more than %d deep", LM_LIMIT_DEPTH);
  }
  return LAMINA_OK;
}

static enum lamina_status copy_list(struct lm_config *config, const struct lm_value *src, int depth,
                                    struct lm_value *dst, struct lm_error *error)
{
  for (size_t i = 0; i < src->count; i++) {
    struct lm_value *item = NULL;
    LM_TRY(lm_tree_copy(config, src->items[i], depth + 1, &item, error));
    if (!lm_tree_add_item(dst, item)) {
      return lm_fail_memory(error, 0);
    }
  }
  return LAMINA_OK;
}

static enum lamina_status copy_map(struct lm_config *config, const struct lm_value *src, int depth,
                                   struct lm_value *dst, struct lm_error *error)
{
  for (size_t i = 0; i < src->count; i++) {
    const struct lm_pair *pair = &src->pairs[i];
    struct lm_value *value = NULL;
    LM_TRY(spend_text(config, strlen(pair->key), &pair->key_where, error));
    LM_TRY(lm_tree_copy(config, pair->value, depth + 1, &value, error));
    if (!lm_tree_add_pair(dst, pair->key, &pair->key_where, value)) {
      return lm_fail_memory(error, 0);
    }
  }
  return LAMINA_OK;
}

enum lamina_status lm_tree_copy(struct lm_config *config, const struct lm_value *src, int depth,
                                struct lm_value **out, struct lm_error *error)
{
  if (src->kind == LM_VALUE_SCALAR) {
    const struct lm_scalar scalar = {src->text, strlen(src->text), src->quoted};
    return lm_tree_scalar(config, &scalar, &src->where, out, error);
  }
  LM_TRY(lm_tree_value(config, src->kind, &src->where, out, error));
  if (src->kind == LM_VALUE_NULL) {
    return LAMINA_OK;
  }
  LM_TRY(lm_tree_check_depth(depth, &src->where, error));
  if (src->kind == LM_VALUE_LIST) {
    return copy_list(config, src, depth, *out, error);
  }
  return copy_map(config, src, depth, *out, error);
}

bool lm_tree_add_item(struct lm_value *list, struct lm_value *item)
{
  if (!lm_grow((void **)&list->items, &list->capacity, list->count + 1, sizeof *list->items)) {
    return false;
  }
  list->items[list->count++] = item;
  return true;
}

bool lm_tree_add_pair(struct lm_value *map, const char *key, const struct lm_where *key_where,
                      struct lm_value *value)
{
  if (!lm_grow((void **)&map->pairs, &map->capacity, map->count + 1, sizeof *map->pairs)) {
    return false;
  }
  char *copy = lm_copy_text(key);
  if (copy == NULL) {
    return false;
  }
  map->pairs[map->count++] = (struct lm_pair){copy, *key_where, value};
  return true;
}

void lm_tree_remove(struct lm_value *map, const char *key)
{
  size_t at = (size_t)(lm_value_pair(map, key) - map->pairs);
  lm_free(map->pairs[at].key);
  memmove(&map->pairs[at], &map->pairs[at + 1], (map->count - at - 1) * sizeof *map->pairs);
  map->count--;
}

static int compare_entries(const void *a, const void *b)
{
  const struct lm_index_entry *left = a;
  const struct lm_index_entry *right = b;
  int order = strcmp(left->key, right->key);
  if (order != 0) {
    return order;
  }
  return (left->at > right->at) - (left->at < right->at);
}

bool lm_index_make(const struct lm_value *map, struct lm_index *out)
{
  *out = (struct lm_index){0};
  out->entries = lm_alloc(map->count, sizeof *out->entries);
  if (out->entries == NULL) {
    return false;
  }
  out->count = map->count;
  for (size_t i = 0; i < map->count; i++) {
    out->entries[i] = (struct lm_index_entry){map->pairs[i].key, i};
  }
  qsort(out->entries, out->count, sizeof *out->entries, compare_entries);
  return true;
}

bool lm_index_find(const struct lm_index *index, const char *key, size_t *at)
{
  size_t low = 0;
  size_t high = index->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(key, index->entries[middle].key);
    if (order == 0) {
      *at = index->entries[middle].at;
      return true;
    }
    low = order > 0 ? middle + 1 : low;
    high = order > 0 ? high : middle;
  }
  return false;
}

void lm_index_release(struct lm_index *index)
{
  lm_free(index->entries);
  *index = (struct lm_index){0};
}

struct lm_config *lm_config_create(void)
{
  static const struct lm_where nowhere = {0};
  struct lm_config *config = lm_alloc(1, sizeof *config);
  if (config == NULL) {
    return NULL;
  }
  config->root = new_value(config, LM_VALUE_MAP, &nowhere);
  if (config->root == NULL) {
    lm_config_free(config);
    return NULL;
  }
  return config;
}

static void free_value(struct lm_value *value)
{
  for (size_t i = 0; value->kind == LM_VALUE_MAP && i < value->count; i++) {
    lm_free(value->pairs[i].key);
  }
  lm_free(value->pairs);
  lm_free(value->items);
  lm_free(value->text);
  lm_free(value);
}

void lm_config_free(struct lm_config *config)
{
  if (config == NULL) {
    return;
  }
  for (size_t i = 0; i < config->value_count; i++) {
    free_value(config->values[i]);
  }
  for (size_t i = 0; i < config->name_count; i++) {
    lm_free(config->names[i]);
  }
  lm_free(config->values);
  lm_free(config->names);
  lm_free(config);
}

struct lm_value *lm_config_root(struct lm_config *config)
{
  return config->root;
}

const struct lm_pair *lm_value_pair(const struct lm_value *map, const char *key)
{
  if (map == NULL || map->kind != LM_VALUE_MAP) {
    return NULL;
  }
  for (size_t i = 0; i < map->count; i++) {
    if (strcmp(map->pairs[i].key, key) == 0) {
      return &map->pairs[i];
    }
  }
  return NULL;
}

struct lm_value *lm_value_get(const struct lm_value *map, const char *key)
{
  const struct lm_pair *pair = lm_value_pair(map, key);
  return pair == NULL ? NULL : pair->value;
}

bool lm_value_is_null(const struct lm_value *value)
{
  return value == NULL || value->kind == LM_VALUE_NULL;
}

struct lm_value *lm_config_scalar(struct lm_config *config, const char *text, bool quoted,
                                  const struct lm_where *where)
{
  struct lm_value *value = new_value(config, LM_VALUE_NULL, where);
  if (value == NULL || !lm_config_set_text(config, value, text, quoted)) {
    return NULL;
  }
  return value;
}

struct lm_value *lm_config_map(struct lm_config *config, const struct lm_where *where)
{
  return new_value(config, LM_VALUE_MAP, where);
}

bool lm_config_set(struct lm_config *config, struct lm_value *map, const char *key,
                   struct lm_value *value)
{
  (void)config;
  for (size_t i = 0; i < map->count; i++) {
    if (strcmp(map->pairs[i].key, key) == 0) {
      map->pairs[i].value = value;
      return true;
    }
  }
  return lm_tree_add_pair(map, key, &value->where, value);
}

bool lm_config_set_text(struct lm_config *config, struct lm_value *scalar, const char *text,
                        bool quoted)
{
  (void)config;
  char *copy = lm_copy_text(text);
  if (copy == NULL) {
    return false;
  }
  set_text(scalar, copy, quoted);
  return true;
}

bool lm_config_rename(struct lm_config *config, struct lm_value *map, const char *old_key,
                      const char *new_key)
{
  (void)config;
  const struct lm_pair *pair = lm_value_pair(map, old_key);
  char *copy = lm_copy_text(new_key);
  if (pair == NULL || copy == NULL) {
    lm_free(copy);
    return pair == NULL;
  }
  struct lm_pair *found = &map->pairs[pair - map->pairs];
  lm_free(found->key);
  found->key = copy;
  return true;
}
