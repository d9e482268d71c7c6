/*
 * The table and the JSON array of `lamina list`. Listings are copied as they are visited,
 * because the table's columns are as wide as their widest entry.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/plugins_internal.h"

enum { COLUMNS = 4 };

struct row {
  struct lm_listing listing;
  char *path, *refusal; /* what listing's are copied to */
};

struct rows {
  struct row *items;
  size_t count, capacity;
  bool failed;
};

static void collect(void *arg, const struct lm_listing *listing)
{
  struct rows *rows = arg;
  char *path = lm_copy_text(listing->path);
  char *refusal = listing->refusal == NULL ? NULL : lm_copy_text(listing->refusal);
  bool copied = path != NULL && (listing->refusal == NULL || refusal != NULL);
  if (!copied ||
      !lm_grow((void **)&rows->items, &rows->capacity, rows->count + 1, sizeof *rows->items)) {
    lm_free(path);
    lm_free(refusal);
    rows->failed = true;
    return;
  }
  struct row *row = &rows->items[rows->count++];
  *row = (struct row){.listing = *listing, .path = path, .refusal = refusal};
  row->listing.path = path;
  row->listing.refusal = refusal;
}

static void release(struct rows *rows)
{
  for (size_t i = 0; i < rows->count; i++) {
    lm_free(rows->items[i].path);
    lm_free(rows->items[i].refusal);
  }
  lm_free(rows->items);
}

static const char *cell(const struct lm_listing *listing, size_t column)
{
  const char *const cells[COLUMNS] = {listing->kind, listing->name, listing->version, listing->isa};
  return cells[column][0] == '\0' ? "-" : cells[column];
}

static void write_table(const struct rows *rows, struct lm_text *out)
{
  static const char *const heads[COLUMNS] = {"KIND", "NAME", "VERSION", "CPU"};
  int width[COLUMNS];
  for (size_t c = 0; c < COLUMNS; c++) {
    width[c] = (int)strlen(heads[c]);
    for (size_t i = 0; i < rows->count; i++) {
      int length = (int)strlen(cell(&rows->items[i].listing, c));
      width[c] = length > width[c] ? length : width[c];
    }
    lm_text_addf(out, "%-*s  ", width[c], heads[c]);
  }
  lm_text_add(out, "FILE\n");
  for (size_t i = 0; i < rows->count; i++) {
    const struct lm_listing *listing = &rows->items[i].listing;
    for (size_t c = 0; c < COLUMNS; c++) {
      lm_text_addf(out, "%-*s  ", width[c], cell(listing, c));
    }
    lm_cli_add_plain(out, listing->refusal != NULL ? listing->refusal : listing->path);
    lm_text_add(out, listing->refusal == NULL && listing->shadowed
                         ? " (not used: one before it has its name)\n"
                         : "\n");
  }
}

static void add_member(struct lm_text *out, const char *key, const char *value)
{
  lm_text_addf(out, "\"%s\": ", key);
  if (value == NULL || value[0] == '\0') {
    lm_text_add(out, "null, ");
    return;
  }
  lm_text_add_json_string(out, value);
  lm_text_add(out, ", ");
}

static void write_json(const struct rows *rows, struct lm_text *out)
{
  lm_text_add(out, "[");
  for (size_t i = 0; i < rows->count; i++) {
    const struct lm_listing *listing = &rows->items[i].listing;
    char abi[32] = "";
    if (listing->major > 0) {
      (void)snprintf(abi, sizeof abi, "%u.%u", listing->major, listing->needs_minor);
    }
    lm_text_add(out, i == 0 ? "\n  {" : ",\n  {");
    add_member(out, "kind", listing->kind);
    add_member(out, "name", listing->name);
    add_member(out, "version", listing->version);
    add_member(out, "abi", abi);
    add_member(out, "isa", listing->isa);
    add_member(out, "path", listing->path);
    add_member(out, "refusal", listing->refusal);
    lm_text_addf(out, "\"loadable\": %s, \"shadowed\": %s}",
                 listing->refusal == NULL ? "true" : "false", listing->shadowed ? "true" : "false");
  }
  lm_text_add(out, rows->count == 0 ? "]\n" : "\n]\n");
}

enum lamina_status lm_cli_list(struct lm_registry *registry, uint32_t kind, bool json,
                               struct lm_text *out, struct lm_error *error)
{
  struct rows rows = {0};
  enum lamina_status status = lm_registry_list(registry, kind, collect, &rows, error);
  if (status == LAMINA_OK && json) {
    write_json(&rows, out);
  } else if (status == LAMINA_OK) {
    write_table(&rows, out);
  }
  if (status == LAMINA_OK && (rows.failed || !lm_text_ok(out))) {
    status = lm_fail_memory(error, 0);
  }
  release(&rows);
  return status;
}
