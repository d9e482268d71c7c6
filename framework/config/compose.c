/*
 * YAML events to a tree.
 *
 * Events rather than libyaml's documents, because limits must hold while reading: a document
 * of 200,000 open brackets takes minutes to load and is refused here at the 65th. An alias is
 * expanded by copying, so that a tree is a tree and setting a key in one place changes no
 * other; copies count against the limits. What YAML allows and experiments do not need is
 * refused by name: merge keys, foreign tags, several documents, keys that are not texts.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "config/compose_internal.h"

static enum lamina_status compose_value(struct lm_composer *composer, const yaml_event_t *event,
                                        int depth, struct lm_value **out);

static enum lamina_status next_event(struct lm_composer *composer, yaml_event_t *event)
{
  if (!yaml_parser_parse(&composer->parser, event)) {
    memset(event, 0, sizeof *event);
    return lm_compose_refusal(composer);
  }
  return LAMINA_OK;
}

static uint32_t hash_of(const char *text)
{
  uint32_t hash = 2166136261u; /* FNV-1a */
  for (const unsigned char *s = (const unsigned char *)text; *s != '\0'; s++) {
    hash = (uint32_t)((hash ^ *s) * 16777619ull);
  }
  return hash;
}

static enum lamina_status add_anchor(struct lm_composer *composer, const yaml_char_t *name,
                                     struct lm_value *value, size_t *index)
{
  *index = SIZE_MAX;
  if (name == NULL) {
    return LAMINA_OK;
  }
  if (composer->anchor_count >= LM_LIMIT_ANCHORS) {
    return lm_fail_at(composer->error, LAMINA_E_INVALID, &value->where,
                      "more than %d anchors (&name)", LM_LIMIT_ANCHORS);
  }
  char *copy = lm_copy_text((const char *)name);
  if (copy == NULL || !lm_grow((void **)&composer->anchors, &composer->anchor_capacity,
                               composer->anchor_count + 1, sizeof *composer->anchors)) {
    lm_free(copy);
    return lm_fail_memory(composer->error, 0);
  }
  *index = composer->anchor_count++;
  composer->anchors[*index] = (struct lm_anchor){copy, hash_of(copy), true, value};
  return LAMINA_OK;
}

static void close_anchor(struct lm_composer *composer, size_t index)
{
  if (index != SIZE_MAX) {
    composer->anchors[index].open = false;
  }
}

/* The latest anchor of a name: YAML lets a later one replace an earlier one. */
static const struct lm_anchor *find_anchor(const struct lm_composer *composer, const char *name)
{
  uint32_t hash = hash_of(name);
  for (size_t i = composer->anchor_count; i > 0; i--) {
    const struct lm_anchor *anchor = &composer->anchors[i - 1];
    if (anchor->hash == hash && strcmp(anchor->name, name) == 0) {
      return anchor;
    }
  }
  return NULL;
}

static enum lamina_status compose_alias(struct lm_composer *composer, const yaml_event_t *event,
                                        int depth, struct lm_value **out)
{
  const char *name = (const char *)event->data.alias.anchor;
  struct lm_where where = lm_compose_where(composer, &event->start_mark);
  char shown[LM_EXCERPT];
  (void)lm_excerpt(name, shown, sizeof shown);
  const struct lm_anchor *anchor = find_anchor(composer, name);
  if (anchor == NULL) {
    (void)lm_fail_at(composer->error, LAMINA_E_INVALID, &where, "the alias *%s has no anchor &%s",
                     shown, shown);
    const char *nearest = lm_spelling_nearest(name, composer->anchors, composer->anchor_count,
                                              sizeof *composer->anchors);
    if (nearest != NULL) {
      lm_error_suffix(composer->error, ", did you mean '*%s'?", nearest);
    }
    return LAMINA_E_INVALID;
  }
  if (anchor->open) {
    return lm_fail_at(composer->error, LAMINA_E_INVALID, &where,
                      "the alias *%s stands inside the value that it names", shown);
  }
  enum lamina_status status =
      lm_tree_copy(composer->config, anchor->value, depth, out, composer->error);
  if (status == LAMINA_E_INVALID && !composer->source->in_command) {
    lm_error_suffix(composer->error, ", copied by the alias *%s at %d:%d", shown, where.line,
                    where.column);
  }
  return status;
}

static bool tag_is(const yaml_char_t *tag, const char *name)
{
  static const char core[] = "tag:yaml.org,2002:";
  const char *text = (const char *)tag;
  return strncmp(text, core, sizeof core - 1) == 0 && strcmp(text + sizeof core - 1, name) == 0;
}

static enum lamina_status refuse_tag(const struct lm_composer *composer, const yaml_char_t *tag,
                                     const struct lm_where *where)
{
  char shown[LM_EXCERPT];
  return lm_fail_at(composer->error, LAMINA_E_INVALID, where,
                    "the tag '%s' does not fit here, write the value without it",
                    lm_excerpt((const char *)tag, shown, sizeof shown));
}

/* A core tag decides between text and plain; a plain value must then be what it says. */
static enum lamina_status apply_scalar_tag(const struct lm_composer *composer,
                                           const yaml_char_t *tag, struct lm_scalar *scalar,
                                           const struct lm_where *where)
{
  static const struct {
    const char *name;
    unsigned classes; /* bits of enum lm_plain */
  } tags[] = {{"null", 1u << LM_PLAIN_NULL},
              {"bool", 1u << LM_PLAIN_BOOL},
              {"int", 1u << LM_PLAIN_INTEGER},
              {"float", 1u << LM_PLAIN_INTEGER | 1u << LM_PLAIN_FLOAT}};
  if (tag == NULL) {
    return LAMINA_OK;
  }
  if (strcmp((const char *)tag, "!") == 0 || tag_is(tag, "str")) {
    scalar->quoted = true;
    return LAMINA_OK;
  }
  for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
    if (tag_is(tag, tags[i].name) && (tags[i].classes >> lm_plain_class(scalar->text) & 1u) != 0) {
      scalar->quoted = false;
      return LAMINA_OK;
    }
  }
  return refuse_tag(composer, tag, where);
}

static enum lamina_status compose_scalar(struct lm_composer *composer, const yaml_event_t *event,
                                         struct lm_value **out)
{
  struct lm_where where = lm_compose_where(composer, &event->start_mark);
  struct lm_scalar scalar = {(const char *)event->data.scalar.value, event->data.scalar.length,
                             event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE};
  size_t anchor;
  LM_TRY(apply_scalar_tag(composer, event->data.scalar.tag, &scalar, &where));
  LM_TRY(lm_tree_scalar(composer->config, &scalar, &where, out, composer->error));
  LM_TRY(add_anchor(composer, event->data.scalar.anchor, *out, &anchor));
  close_anchor(composer, anchor);
  return LAMINA_OK;
}

/* One item of a list; *done at the list's end. */
static enum lamina_status compose_item(struct lm_composer *composer, int depth,
                                       struct lm_value *list, bool *done)
{
  yaml_event_t event;
  struct lm_value *item = NULL;
  LM_TRY(next_event(composer, &event));
  *done = event.type == YAML_SEQUENCE_END_EVENT;
  enum lamina_status status = LAMINA_OK;
  if (!*done) {
    status = compose_value(composer, &event, depth, &item);
  }
  if (item != NULL && status == LAMINA_OK && !lm_tree_add_item(list, item)) {
    status = lm_fail_memory(composer->error, 0);
  }
  yaml_event_delete(&event);
  return status;
}

/* Takes an event as a key, or says what is wrong with it. */
static enum lamina_status check_key(const struct lm_composer *composer, const yaml_event_t *event)
{
  struct lm_where where = lm_compose_where(composer, &event->start_mark);
  struct lm_error *error = composer->error;
  if (event->type != YAML_SCALAR_EVENT) {
    const char *found = event->type == YAML_ALIAS_EVENT            ? "an alias"
                        : event->type == YAML_SEQUENCE_START_EVENT ? "a list"
                                                                   : "a map";
    return lm_fail_at(error, LAMINA_E_INVALID, &where, "expected a text as key, found %s", found);
  }
  const char *key = (const char *)event->data.scalar.value;
  size_t length = event->data.scalar.length;
  bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  if (plain && length == 0) {
    return lm_fail_at(error, LAMINA_E_INVALID, &where, "expected a key before ':'");
  }
  if (plain && strcmp(key, "<<") == 0) {
    return lm_fail_at(error, LAMINA_E_INVALID, &where,
                      "merge keys (<<) are not read: repeat the keys, or use include: or ${...}");
  }
  if (memchr(key, '\0', length) != NULL) {
    return lm_fail_at(error, LAMINA_E_INVALID, &where, "a key with a zero byte in it");
  }
  if (length > LM_LIMIT_KEY) {
    return lm_fail_at(error, LAMINA_E_INVALID, &where,
                      "a key of %zu bytes, expected at most %d bytes", length, LM_LIMIT_KEY);
  }
  if (event->data.scalar.anchor != NULL) {
    return lm_fail_at(error, LAMINA_E_INVALID, &where, "a key cannot have an anchor");
  }
  const yaml_char_t *tag = event->data.scalar.tag;
  return tag == NULL || tag_is(tag, "str") ? LAMINA_OK : refuse_tag(composer, tag, &where);
}

static enum lamina_status compose_pair_value(struct lm_composer *composer, int depth,
                                             const yaml_event_t *key, struct lm_value *map)
{
  yaml_event_t event;
  struct lm_value *value = NULL;
  struct lm_where where = lm_compose_where(composer, &key->start_mark);
  LM_TRY(next_event(composer, &event));
  enum lamina_status status = compose_value(composer, &event, depth, &value);
  yaml_event_delete(&event);
  LM_TRY(status);
  if (!lm_tree_add_pair(map, (const char *)key->data.scalar.value, &where, value)) {
    return lm_fail_memory(composer->error, 0);
  }
  return LAMINA_OK;
}

/* One key with its value; *done at the map's end. */
static enum lamina_status compose_pair(struct lm_composer *composer, int depth,
                                       struct lm_value *map, bool *done)
{
  yaml_event_t key;
  LM_TRY(next_event(composer, &key));
  *done = key.type == YAML_MAPPING_END_EVENT;
  enum lamina_status status = LAMINA_OK;
  if (!*done) {
    status = check_key(composer, &key);
  }
  if (!*done && status == LAMINA_OK) {
    status = compose_pair_value(composer, depth, &key, map);
  }
  yaml_event_delete(&key);
  return status;
}

/* Once a map is whole: comparing each key with all before it would be quadratic. */
static enum lamina_status refuse_duplicates(const struct lm_composer *composer,
                                            const struct lm_value *map)
{
  struct lm_index index;
  size_t first = 0;
  size_t second = SIZE_MAX;
  if (!lm_index_make(map, &index)) {
    return lm_fail_memory(composer->error, 0);
  }
  for (size_t i = 1; i < index.count; i++) {
    bool same = strcmp(index.entries[i - 1].key, index.entries[i].key) == 0;
    if (same && index.entries[i].at < second) {
      first = index.entries[i - 1].at;
      second = index.entries[i].at;
    }
  }
  lm_index_release(&index);
  if (second == SIZE_MAX) {
    return LAMINA_OK;
  }
  char shown[LM_EXCERPT];
  (void)lm_fail_at(composer->error, LAMINA_E_INVALID, &map->pairs[second].key_where,
                   "the key '%s' is given twice",
                   lm_excerpt(map->pairs[second].key, shown, sizeof shown));
  if (!composer->source->in_command) {
    lm_error_suffix(composer->error, ", first at %d:%d", map->pairs[first].key_where.line,
                    map->pairs[first].key_where.column);
  }
  return LAMINA_E_INVALID;
}

static enum lamina_status compose_collection(struct lm_composer *composer,
                                             const yaml_event_t *event, int depth,
                                             struct lm_value **out)
{
  bool is_map = event->type == YAML_MAPPING_START_EVENT;
  const yaml_char_t *tag = is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
  const yaml_char_t *name =
      is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
  struct lm_where where = lm_compose_where(composer, &event->start_mark);
  LM_TRY(lm_tree_check_depth(depth, &where, composer->error));
  if (tag != NULL && strcmp((const char *)tag, "!") != 0 && !tag_is(tag, is_map ? "map" : "seq")) {
    return refuse_tag(composer, tag, &where);
  }
  LM_TRY(lm_tree_value(composer->config, is_map ? LM_VALUE_MAP : LM_VALUE_LIST, &where, out,
                       composer->error));
  size_t anchor;
  LM_TRY(add_anchor(composer, name, *out, &anchor));
  bool done = false;
  while (!done) {
    LM_TRY(is_map ? compose_pair(composer, depth + 1, *out, &done)
                  : compose_item(composer, depth + 1, *out, &done));
  }
  close_anchor(composer, anchor);
  return is_map ? refuse_duplicates(composer, *out) : LAMINA_OK;
}

/* depth: lists and maps around the value. */
static enum lamina_status compose_value(struct lm_composer *composer, const yaml_event_t *event,
                                        int depth, struct lm_value **out)
{
  switch (event->type) {
    case YAML_ALIAS_EVENT:
      return compose_alias(composer, event, depth, out);
    case YAML_SCALAR_EVENT:
      return compose_scalar(composer, event, out);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
      return compose_collection(composer, event, depth, out);
    default:
      return lm_fail(composer->error, LAMINA_E_INTERNAL, "unexpected YAML event %d",
                     (int)event->type);
  }
}

/* Skips events up to the document's value; *event is the end of the stream if there is none. */
static enum lamina_status find_document(struct lm_composer *composer, yaml_event_t *event)
{
  for (;;) {
    LM_TRY(next_event(composer, event));
    if (event->type != YAML_STREAM_START_EVENT && event->type != YAML_DOCUMENT_START_EVENT) {
      return LAMINA_OK;
    }
    yaml_event_delete(event);
  }
}

/* After the value: the end of the document, and nothing behind it. */
static enum lamina_status expect_end(struct lm_composer *composer)
{
  for (;;) {
    yaml_event_t event;
    LM_TRY(next_event(composer, &event));
    yaml_event_type_t type = event.type;
    struct lm_where where = lm_compose_where(composer, &event.start_mark);
    yaml_event_delete(&event);
    if (type == YAML_STREAM_END_EVENT) {
      return LAMINA_OK;
    }
    if (type != YAML_DOCUMENT_END_EVENT) {
      return lm_fail_at(composer->error, LAMINA_E_INVALID, &where,
                        "a second document begins, expected one in a file");
    }
  }
}

static enum lamina_status compose_document(struct lm_composer *composer, struct lm_value **out)
{
  yaml_event_t event;
  LM_TRY(find_document(composer, &event));
  if (event.type == YAML_STREAM_END_EVENT) {
    yaml_event_delete(&event);
    return LAMINA_OK;
  }
  enum lamina_status status = compose_value(composer, &event, 0, out);
  yaml_event_delete(&event);
  LM_TRY(status);
  return expect_end(composer);
}

enum lamina_status lm_compose(struct lm_config *config, const struct lm_source *source,
                              struct lm_value **out, struct lm_error *error)
{
  struct lm_composer composer = {.config = config, .source = source, .error = error};
  *out = NULL;
  LM_TRY(lm_compose_screen(&composer));
  if (!yaml_parser_initialize(&composer.parser)) {
    return lm_fail_memory(error, 0);
  }
  yaml_parser_set_input_string(&composer.parser, (const unsigned char *)source->text,
                               source->length);
  enum lamina_status status = compose_document(&composer, out);
  yaml_parser_delete(&composer.parser);
  for (size_t i = 0; i < composer.anchor_count; i++) {
    lm_free(composer.anchors[i].name);
  }
  lm_free(composer.anchors);
  return status;
}
