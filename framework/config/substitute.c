/*
 * ${...}: variables of the top-level map `vars:` and of the environment.
 *
 * A scalar that is nothing but one reference becomes a copy of the variable's value, of
 * whatever kind; inside other text the variable's text is put in. Variables are finished
 * before they are copied, so what was put in is never looked at again, and `$${` leaves a
 * literal `${`. Variables of the environment count as written plain: EPOCHS=5 is a number.
 *
 * As in the shell, ${env:NAME:-text} has a text to take, and ${env:NAME:?text} one to refuse
 * with, when the variable is unset or empty.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/config_internal.h"

enum state { STATE_NEW = 0, STATE_OPEN, STATE_DONE };

struct substitution {
  struct lm_config *config;
  struct lm_error *error;
  struct lm_value *vars; /* NULL: there are none */
  struct lm_index index;
  unsigned char *states;           /* enum state, for each variable */
  size_t open[LM_LIMIT_VARIABLES]; /* variables being finished, outermost first */
  size_t open_count;
};

/* A reference as written. */
struct reference {
  char name[LM_EXCERPT];
  bool is_env;
  char otherwise;   /* '-': text is taken if the variable has none; '?': text says so; else 0 */
  const char *text; /* behind ":-" or ":?" */
  size_t text_length;
  size_t length; /* from '$' to '}' */
};

static enum lamina_status substitute_value(struct substitution *s, struct lm_value **slot,
                                           int depth);

static bool is_name(const char *text)
{
  size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
  return length > 0 && text[length] == '\0' && (text[0] < '0' || text[0] > '9');
}

/* Takes apart the reference at text, which begins with "${". */
static enum lamina_status read_reference(const struct substitution *s, const char *text,
                                         const struct lm_where *where, struct reference *out)
{
  *out = (struct reference){0};
  const char *begin = text + 2;
  const char *end = strchr(begin, '}');
  const char *inner = strstr(begin, "${");
  if (end == NULL) {
    return lm_fail_at(s->error, LAMINA_E_INVALID, where,
                      "'${' without '}' (write $${ for a literal ${)");
  }
  if (inner != NULL && inner < end) {
    return lm_fail_at(s->error, LAMINA_E_INVALID, where, "a ${...} inside another");
  }
  out->length = (size_t)(end + 1 - text);
  out->is_env = strncmp(begin, "env:", 4) == 0;
  begin += out->is_env ? 4 : 0;
  size_t size = (size_t)(end - begin);
  const char *colon = out->is_env ? memchr(begin, ':', size) : NULL;
  if (colon != NULL && (colon[1] == '-' || colon[1] == '?')) {
    out->otherwise = colon[1];
    out->text = colon + 2;
    out->text_length = (size_t)(end - out->text);
    size = (size_t)(colon - begin);
  }
  if (size < sizeof out->name) {
    memcpy(out->name, begin, size);
  }
  if (!is_name(out->name)) {
    return lm_fail_at(s->error, LAMINA_E_INVALID, where,
                      "'%.*s': expected ${name}, ${env:NAME}, ${env:NAME:-fallback} or "
                      "${env:NAME:?what it is for}",
                      (int)(out->length < LM_EXCERPT ? out->length : LM_EXCERPT), text);
  }
  return LAMINA_OK;
}

static bool is_utf8(const char *text)
{
  const unsigned char *s = (const unsigned char *)text;
  while (*s != '\0') {
    uint32_t code;
    size_t length = lm_code_point(s, &code);
    if (length == 0) {
      return false;
    }
    s += length;
  }
  return true;
}

static enum lamina_status get_env(const struct substitution *s, const struct reference *reference,
                                  const struct lm_where *where, struct lm_scalar *out)
{
  const char *value = getenv(reference->name);
  bool has_none = value == NULL || value[0] == '\0';
  if (has_none && reference->otherwise == '-') {
    *out = (struct lm_scalar){reference->text, reference->text_length, false};
    return LAMINA_OK;
  }
  if (has_none && reference->otherwise == '?') {
    return lm_fail_at(s->error, LAMINA_E_MISSING, where,
                      "the environment variable %s is not set, expected %.*s", reference->name,
                      (int)reference->text_length, reference->text);
  }
  if (value == NULL) {
    return lm_fail_at(s->error, LAMINA_E_INVALID, where,
                      "the environment variable %s is not set (set it, or write "
                      "${env:%s:-fallback})",
                      reference->name, reference->name);
  }
  if (!is_utf8(value)) {
    return lm_fail_at(s->error, LAMINA_E_INVALID, where,
                      "the environment variable %s is not UTF-8 text", reference->name);
  }
  *out = (struct lm_scalar){value, strlen(value), false};
  return LAMINA_OK;
}

static enum lamina_status refuse_unknown(const struct substitution *s, const char *name,
                                         const struct lm_where *where)
{
  const struct lm_value *vars = s->vars;
  const char *nearest =
      vars == NULL ? NULL
                   : lm_spelling_nearest(name, vars->pairs, vars->count, sizeof *vars->pairs);
  (void)lm_fail_at(s->error, LAMINA_E_INVALID, where, "there is no variable '%s' in vars:", name);
  if (nearest != NULL) {
    lm_error_suffix(s->error, ", did you mean '%s'?", nearest);
  } else if (getenv(name) != NULL) {
    lm_error_suffix(s->error, " (the environment has one: ${env:%s})", name);
  }
  return LAMINA_E_INVALID;
}

static enum lamina_status refuse_cycle(const struct substitution *s, size_t at,
                                       const struct lm_where *where)
{
  size_t i = 0;
  while (s->open[i] != at) {
    i++;
  }
  (void)lm_fail_at(s->error, LAMINA_E_INVALID, where, "a variable that uses itself: ");
  for (; i < s->open_count; i++) {
    lm_error_suffix(s->error, "%s -> ", s->vars->pairs[s->open[i]].key);
  }
  lm_error_suffix(s->error, "%s", s->vars->pairs[at].key);
  return LAMINA_E_INVALID;
}

/* Finishes the variable at a position of vars. where: who asks. */
static enum lamina_status finish_variable(struct substitution *s, size_t at,
                                          const struct lm_where *where)
{
  if (s->states[at] == STATE_DONE) {
    return LAMINA_OK;
  }
  if (s->states[at] == STATE_OPEN) {
    return refuse_cycle(s, at, where);
  }
  if (s->open_count == LM_LIMIT_VARIABLES) {
    return lm_fail_at(s->error, LAMINA_E_INVALID, where,
                      "variables that use each other, more than %d deep", LM_LIMIT_VARIABLES);
  }
  s->states[at] = STATE_OPEN;
  s->open[s->open_count++] = at;
  LM_TRY(substitute_value(s, &s->vars->pairs[at].value, 2));
  s->open_count--;
  s->states[at] = STATE_DONE;
  return LAMINA_OK;
}

static enum lamina_status get_variable(struct substitution *s, const char *name,
                                       const struct lm_where *where, const struct lm_value **out)
{
  size_t at;
  if (s->vars == NULL || !lm_index_find(&s->index, name, &at)) {
    return refuse_unknown(s, name, where);
  }
  LM_TRY(finish_variable(s, at, where));
  *out = s->vars->pairs[at].value;
  return LAMINA_OK;
}

/* A scalar that is one reference: the value takes its place. */
static enum lamina_status replace_whole(struct substitution *s, struct lm_value **slot, int depth,
                                        const struct reference *reference)
{
  const struct lm_where where = (*slot)->where;
  if (reference->is_env) {
    struct lm_scalar scalar;
    LM_TRY(get_env(s, reference, &where, &scalar));
    return lm_tree_scalar(s->config, &scalar, &where, slot, s->error);
  }
  const struct lm_value *value;
  LM_TRY(get_variable(s, reference->name, &where, &value));
  return lm_tree_copy(s->config, value, depth, slot, s->error);
}

static enum lamina_status add_reference(struct substitution *s, const struct lm_where *where,
                                        const struct reference *reference, struct lm_text *out)
{
  if (reference->is_env) {
    struct lm_scalar scalar;
    LM_TRY(get_env(s, reference, where, &scalar));
    lm_text_add_bytes(out, scalar.text, scalar.length);
    return LAMINA_OK;
  }
  const struct lm_value *value;
  LM_TRY(get_variable(s, reference->name, where, &value));
  if (value->kind != LM_VALUE_SCALAR) {
    char found[LM_EXCERPT + 16];
    return lm_fail_at(s->error, LAMINA_E_INVALID, where,
                      "the variable '%s' is %s, expected a text to put into another",
                      reference->name, lm_value_describe(value, found, sizeof found));
  }
  lm_text_add(out, value->text);
  return LAMINA_OK;
}

static enum lamina_status add_parts(struct substitution *s, const char *text,
                                    const struct lm_where *where, struct lm_text *out)
{
  struct reference reference;
  while (*text != '\0') {
    if (strncmp(text, "$${", 3) == 0) {
      lm_text_add(out, "${");
      text += 3;
    } else if (strncmp(text, "${", 2) == 0) {
      LM_TRY(read_reference(s, text, where, &reference));
      LM_TRY(add_reference(s, where, &reference, out));
      text += reference.length;
    } else {
      size_t plain = 1 + strcspn(text + 1, "$");
      lm_text_add_bytes(out, text, plain);
      text += plain;
    }
    if (out->length > LM_LIMIT_SCALAR) {
      break; /* lm_tree_scalar says so */
    }
  }
  return lm_text_ok(out) ? LAMINA_OK : lm_fail_memory(s->error, 0);
}

static enum lamina_status replace_parts(struct substitution *s, struct lm_value **slot)
{
  const struct lm_where where = (*slot)->where;
  struct lm_text text = {0};
  enum lamina_status status = add_parts(s, (*slot)->text, &where, &text);
  if (status == LAMINA_OK) {
    struct lm_scalar scalar = {lm_text_get(&text), text.length, (*slot)->quoted};
    status = lm_tree_scalar(s->config, &scalar, &where, slot, s->error);
  }
  lm_text_release(&text);
  return status;
}

static enum lamina_status substitute_scalar(struct substitution *s, struct lm_value **slot,
                                            int depth)
{
  const char *text = (*slot)->text;
  if (strstr(text, "${") == NULL) {
    return LAMINA_OK;
  }
  if (strncmp(text, "${", 2) == 0) {
    struct reference reference;
    LM_TRY(read_reference(s, text, &(*slot)->where, &reference));
    if (text[reference.length] == '\0') {
      return replace_whole(s, slot, depth, &reference);
    }
  }
  return replace_parts(s, slot);
}

static enum lamina_status substitute_map(struct substitution *s, struct lm_value *map, int depth)
{
  for (size_t i = 0; i < map->count; i++) {
    struct lm_pair *pair = &map->pairs[i];
    if (strstr(pair->key, "${") != NULL) {
      return lm_fail_at(s->error, LAMINA_E_INVALID, &pair->key_where, "a key cannot have ${ in it");
    }
    if (pair->value != s->vars) {
      LM_TRY(substitute_value(s, &pair->value, depth + 1));
    }
  }
  return LAMINA_OK;
}

/* depth: lists and maps around the value. */
static enum lamina_status substitute_value(struct substitution *s, struct lm_value **slot,
                                           int depth)
{
  struct lm_value *value = *slot;
  if (value->kind == LM_VALUE_NULL) {
    return LAMINA_OK;
  }
  if (value->kind == LM_VALUE_SCALAR) {
    return substitute_scalar(s, slot, depth);
  }
  LM_TRY(lm_tree_check_depth(depth, &value->where, s->error));
  if (value->kind == LM_VALUE_MAP) {
    return substitute_map(s, value, depth);
  }
  for (size_t i = 0; i < value->count; i++) {
    LM_TRY(substitute_value(s, &value->items[i], depth + 1));
  }
  return LAMINA_OK;
}

static enum lamina_status check_variable(const struct substitution *s, const struct lm_pair *pair)
{
  if (is_name(pair->key) && strlen(pair->key) < LM_EXCERPT) {
    return LAMINA_OK;
  }
  char shown[LM_EXCERPT];
  return lm_fail_at(s->error, LAMINA_E_INVALID, &pair->key_where,
                    "the variable '%s' has a name other than up to %d letters, digits and _",
                    lm_excerpt(pair->key, shown, sizeof shown), LM_EXCERPT - 1);
}

static enum lamina_status finish_variables(struct substitution *s)
{
  struct lm_value *vars = lm_value_get(s->config->root, "vars");
  if (lm_value_is_null(vars)) {
    return LAMINA_OK;
  }
  if (vars->kind != LM_VALUE_MAP) {
    char found[LM_EXCERPT + 16];
    return lm_fail_at(s->error, LAMINA_E_INVALID, &vars->where,
                      "vars: expected a map of variables, found %s",
                      lm_value_describe(vars, found, sizeof found));
  }
  s->vars = vars;
  s->states = lm_alloc(vars->count, 1);
  if (s->states == NULL || !lm_index_make(vars, &s->index)) {
    return lm_fail_memory(s->error, 0);
  }
  for (size_t i = 0; i < vars->count; i++) {
    LM_TRY(check_variable(s, &vars->pairs[i]));
  }
  for (size_t i = 0; i < vars->count; i++) {
    LM_TRY(finish_variable(s, i, &vars->pairs[i].key_where));
  }
  return LAMINA_OK;
}

enum lamina_status lm_substitute(struct lm_config *config, struct lm_error *error)
{
  struct substitution s = {.config = config, .error = error};
  enum lamina_status status = finish_variables(&s);
  if (status == LAMINA_OK) {
    status = substitute_value(&s, &config->root, 0);
  }
  lm_index_release(&s.index);
  lm_free(s.states);
  return status;
}
