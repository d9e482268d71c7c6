/*
 * include: other files under a file.
 *
 * The included file's map is the base and the including file's keys go over it: maps merge
 * key by key, everything else is replaced. Values are moved, not copied, and keep the place
 * where they were written, so a message about an inherited value points into its own file.
 */
#include <string.h>

#include "base/memory.h"
#include "config/config_internal.h"
#include "io/files.h"

/* The files that are being read, innermost first. */
struct chain {
  const struct lm_source *source;
  char *absolute; /* the same file has one absolute name, however it was reached */
  const struct chain *outer;
  int depth;
};

static enum lamina_status read_tree(struct lm_config *config, const struct lm_source *source,
                                    const struct chain *outer, struct lm_value **out,
                                    struct lm_error *error);

char *lm_config_join(const char *name, const char *path)
{
  const char *slash = strrchr(name, '/');
  if (path[0] == '/' || slash == NULL || strncmp(name, "--set ", 6) == 0) {
    return lm_copy_text(path);
  }
  return lm_format("%.*s/%s", (int)(slash - name), name, path);
}

char *lm_config_path(const char *path, const struct lm_where *where)
{
  char *joined = lm_config_join(where->file == NULL ? "" : where->file, path);
  char *absolute = joined == NULL ? NULL : lm_path_absolute(joined, NULL);
  lm_free(joined);
  return absolute;
}

static bool merge_maps(struct lm_value *base, const struct lm_value *over);

static bool merge_pair(struct lm_value *base, const struct lm_index *index,
                       const struct lm_pair *pair)
{
  size_t at;
  if (!lm_index_find(index, pair->key, &at)) {
    return lm_tree_add_pair(base, pair->key, &pair->key_where, pair->value);
  }
  struct lm_pair *old = &base->pairs[at];
  old->key_where = pair->key_where;
  if (old->value->kind == LM_VALUE_MAP && pair->value->kind == LM_VALUE_MAP) {
    return merge_maps(old->value, pair->value);
  }
  old->value = pair->value;
  return true;
}

static bool merge_maps(struct lm_value *base, const struct lm_value *over)
{
  struct lm_index index;
  bool done = lm_index_make(base, &index);
  for (size_t i = 0; done && i < over->count; i++) {
    done = merge_pair(base, &index, &over->pairs[i]);
  }
  base->where = over->where;
  lm_index_release(&index);
  return done;
}

static enum lamina_status check_chain(const struct chain *chain, const char *absolute,
                                      const struct lm_where *where, struct lm_error *error)
{
  if (chain->depth >= LM_LIMIT_INCLUDES) {
    return lm_fail_at(error, LAMINA_E_INVALID, where,
                      "include: more than %d files that include each other", LM_LIMIT_INCLUDES);
  }
  for (const struct chain *link = chain; link != NULL; link = link->outer) {
    if (strcmp(link->absolute, absolute) == 0) {
      return lm_fail_at(error, LAMINA_E_INVALID, where, "include: '%s' includes itself%s",
                        link->source->name, link == chain ? "" : " through this file");
    }
  }
  return LAMINA_OK;
}

/* Reads a file and what it includes. name and absolute are two spellings of its path. */
static enum lamina_status read_included(struct lm_config *config, const struct chain *chain,
                                        const char *name, const struct lm_where *where,
                                        struct lm_value **out, struct lm_error *error)
{
  struct lm_bytes bytes = {0};
  struct lm_source source = {0};
  enum lamina_status status = lm_file_read(name, LM_READ_PLAIN, LM_LIMIT_FILE, &bytes, error);
  if (status != LAMINA_OK) {
    lm_error_prefix(error, "include");
    lm_error_prefix_at(error, where);
    return status;
  }
  source.text = (const char *)bytes.bytes;
  source.length = bytes.size;
  source.name = lm_tree_name(config, name);
  status = source.name == NULL ? lm_fail_memory(error, 0)
                               : read_tree(config, &source, chain, out, error);
  lm_bytes_release(&bytes);
  return status;
}

static enum lamina_status include_one(struct lm_config *config, const struct chain *chain,
                                      const struct lm_value *value, struct lm_value **out,
                                      struct lm_error *error)
{
  const char *path = NULL;
  LM_TRY(lm_value_text(value, "include", &path, error));
  if (strstr(path, "${") != NULL) {
    return lm_fail_at(error, LAMINA_E_INVALID, &value->where,
                      "include: files are read before ${...} is replaced, expected a plain path");
  }
  char *name = lm_config_join(chain->source->name, path);
  char *absolute = name == NULL ? NULL : lm_path_absolute(name, NULL);
  enum lamina_status status = absolute == NULL ? lm_fail_memory(error, 0)
                                               : check_chain(chain, absolute, &value->where, error);
  if (status == LAMINA_OK) {
    status = read_included(config, chain, name, &value->where, out, error);
  }
  lm_free(absolute);
  lm_free(name);
  return status;
}

/* Puts the files of a list under each other, the first at the bottom. */
static enum lamina_status include_list(struct lm_config *config, const struct chain *chain,
                                       const struct lm_value *value, struct lm_value *base,
                                       struct lm_error *error)
{
  if (value->kind != LM_VALUE_LIST) {
    struct lm_value *tree = NULL;
    LM_TRY(include_one(config, chain, value, &tree, error));
    return merge_maps(base, tree) ? LAMINA_OK : lm_fail_memory(error, 0);
  }
  for (size_t i = 0; i < value->count; i++) {
    struct lm_value *tree = NULL;
    LM_TRY(include_one(config, chain, value->items[i], &tree, error));
    if (!merge_maps(base, tree)) {
      return lm_fail_memory(error, 0);
    }
  }
  return LAMINA_OK;
}

static enum lamina_status add_includes(struct lm_config *config, const struct lm_source *source,
                                       const struct chain *outer, struct lm_value **tree,
                                       struct lm_error *error)
{
  const struct lm_value *value = lm_value_get(*tree, "include");
  if (value == NULL) {
    return LAMINA_OK;
  }
  struct lm_value *base = NULL;
  struct chain chain = {source, lm_path_absolute(source->name, NULL), outer,
                        outer == NULL ? 1 : outer->depth + 1};
  enum lamina_status status = LAMINA_OK;
  if (chain.absolute == NULL) {
    return lm_fail_memory(error, 0);
  }
  LM_TRY_OR(out, status, lm_tree_value(config, LM_VALUE_MAP, &(*tree)->where, &base, error));
  LM_TRY_OR(out, status, include_list(config, &chain, value, base, error));
  lm_tree_remove(*tree, "include");
  if (!merge_maps(base, *tree)) {
    status = lm_fail_memory(error, 0);
  }
  *tree = base;
out:
  lm_free(chain.absolute);
  return status;
}

static enum lamina_status read_tree(struct lm_config *config, const struct lm_source *source,
                                    const struct chain *outer, struct lm_value **out,
                                    struct lm_error *error)
{
  const struct lm_where begin = {source->name, 1, 1};
  config->spent_files += source->length;
  if (config->spent_files > LM_LIMIT_ALL_FILES) {
    return lm_fail_at(error, LAMINA_E_INVALID, &begin,
                      "with this file more than %d bytes in all files", LM_LIMIT_ALL_FILES);
  }
  LM_TRY(lm_compose(config, source, out, error));
  if (*out == NULL) {
    return lm_fail_at(error, LAMINA_E_INVALID, &begin,
                      "the file is empty, expected a map with keys such as 'model:'");
  }
  if ((*out)->kind != LM_VALUE_MAP) {
    char found[LM_EXCERPT + 16];
    return lm_fail_at(error, LAMINA_E_INVALID, &(*out)->where,
                      "expected a map with keys such as 'model:', found %s",
                      lm_value_describe(*out, found, sizeof found));
  }
  return add_includes(config, source, outer, out, error);
}

enum lamina_status lm_include_all(struct lm_config *config, const struct lm_source *source,
                                  struct lm_error *error)
{
  return read_tree(config, source, NULL, &config->root, error);
}
