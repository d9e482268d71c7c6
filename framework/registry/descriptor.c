/*
 * The descriptor of a loaded plugin: checked once, then copied with its table into the host's
 * own structs, and so are the rows of its settings. A plugin of an older minor has smaller
 * structs, what it lacks becomes NULL; one of a newer minor has larger ones, what this host does
 * not know is left out. Afterwards the host asks only whether a slot is NULL.
 *
 * One row a kind says how far a table of ABI 1.0 reaches and which functions it must have.
 */
#include <string.h>

#include "base/memory.h"
#include "registry/registry_internal.h"

struct slot {
  const char *name;
  size_t offset;
};

struct kind_table {
  const char *name;
  size_t host_size, first_size; /* of this host's struct, of the 1.0 struct */
  struct slot required[4];      /* name NULL: no more */
};

/* All tables of 1.0 end with the slot `extension`. */
#define TABLE(T) #T, sizeof(struct T), offsetof(struct T, extension) + sizeof(void (*)(void))
#define SLOT(T, member)                 \
  {                                     \
#member, offsetof(struct T, member) \
  }

static const struct kind_table tables[LM_KINDS] = {
    [LAMINA_KIND_LAYER] = {TABLE(lamina_layer),
                           {SLOT(lamina_layer, infer), SLOT(lamina_layer, forward)}},
    [LAMINA_KIND_LOSS] = {TABLE(lamina_layer),
                          {SLOT(lamina_layer, infer), SLOT(lamina_layer, forward)}},
    [LAMINA_KIND_OPTIMIZER] = {TABLE(lamina_optimizer),
                               {SLOT(lamina_optimizer, rate), SLOT(lamina_optimizer, step)}},
    [LAMINA_KIND_REGULARIZER] = {TABLE(lamina_regularizer), {SLOT(lamina_regularizer, apply)}},
    [LAMINA_KIND_INITIALIZER] = {TABLE(lamina_initializer), {SLOT(lamina_initializer, fill)}},
    [LAMINA_KIND_SCHEDULE] = {TABLE(lamina_schedule), {SLOT(lamina_schedule, factor)}},
    [LAMINA_KIND_METRIC] = {TABLE(lamina_metric),
                            {SLOT(lamina_metric, infer), SLOT(lamina_metric, update),
                             SLOT(lamina_metric, merge), SLOT(lamina_metric, value)}},
    [LAMINA_KIND_DATASET] = {TABLE(lamina_dataset),
                             {SLOT(lamina_dataset, infer), SLOT(lamina_dataset, open),
                              SLOT(lamina_dataset, count), SLOT(lamina_dataset, read)}},
    [LAMINA_KIND_TRANSFORM] = {TABLE(lamina_transform),
                               {SLOT(lamina_transform, infer), SLOT(lamina_transform, apply)}},
    [LAMINA_KIND_SERVICE] = {TABLE(lamina_service), {SLOT(lamina_service, interface)}},
};

enum {
  DESCRIPTOR_1_0 = offsetof(struct lamina_plugin, vtable) + sizeof(const void *),
  SETTING_1_0 = offsetof(struct lamina_setting, reserved) + sizeof(uint32_t),
  MAX_SETTINGS = 1024,
  MAX_INSTANCE = 1 << 30
};

void lm_normalise(void *out, size_t out_size, const void *in, size_t in_size)
{
  memset(out, 0, out_size);
  memcpy(out, in, in_size < out_size ? in_size : out_size);
}

static enum lamina_status check_head(const struct lamina_plugin *head, struct lm_error *error)
{
  if (head->magic != LAMINA_MAGIC) {
    return lm_fail(error, LAMINA_E_PLUGIN,
                   "its descriptor begins with 0x%08x where 0x%08x is expected", head->magic,
                   LAMINA_MAGIC);
  }
  if (head->major != LAMINA_ABI_MAJOR) {
    return lm_fail(error, LAMINA_E_UNSUPPORTED,
                   "its descriptor is of Lamina ABI %u.%u, this runtime has %d.%d", head->major,
                   head->needs_minor, LAMINA_ABI_MAJOR, LAMINA_ABI_MINOR);
  }
  if (head->needs_minor > LAMINA_ABI_MINOR) {
    return lm_fail(error, LAMINA_E_UNSUPPORTED,
                   "its descriptor needs Lamina ABI %u.%u, this runtime has %d.%d; rebuild it "
                   "with LAMINA_TARGET_MINOR=%d or upgrade Lamina",
                   head->major, head->needs_minor, LAMINA_ABI_MAJOR, LAMINA_ABI_MINOR,
                   LAMINA_ABI_MINOR);
  }
  if (head->size < DESCRIPTOR_1_0) {
    return lm_fail(error, LAMINA_E_PLUGIN, "its descriptor has %u bytes, that of ABI 1.0 has %d",
                   head->size, DESCRIPTOR_1_0);
  }
  return LAMINA_OK;
}

static enum lamina_status check_identity(const struct lamina_plugin *info, uint32_t kind,
                                         const char *name, struct lm_error *error)
{
  char shown[LM_SHOWN_MAX];
  if (info->kind != kind) {
    const char *other = lm_kind_name(info->kind);
    return lm_fail(error, LAMINA_E_PLUGIN, "its descriptor is of a %s (kind %u), a %s is wanted",
                   other == NULL ? "kind unknown here" : other, info->kind, lm_kind_name(kind));
  }
  if (info->name == NULL || strcmp(info->name, name) != 0) {
    return lm_fail(error, LAMINA_E_PLUGIN, "its descriptor names it '%s', the file '%s'",
                   info->name == NULL ? "" : lm_show(info->name, shown), name);
  }
  if (info->version == NULL || info->summary == NULL) {
    return lm_fail(error, LAMINA_E_PLUGIN, "its descriptor has no %s",
                   info->version == NULL ? "version" : "summary");
  }
  if (info->vtable == NULL) {
    return lm_fail(error, LAMINA_E_PLUGIN, "its descriptor has no table of functions");
  }
  return LAMINA_OK;
}

static enum lamina_status check_row(const struct lamina_plugin *info, uint32_t i,
                                    struct lm_error *error)
{
  const struct lamina_setting *row = &info->settings[i];
  if (row->name == NULL || row->type == NULL || row->doc == NULL) {
    return lm_fail(error, LAMINA_E_PLUGIN, "setting %u of its table has no %s", i + 1,
                   row->name == NULL   ? "name"
                   : row->type == NULL ? "type"
                                       : "documentation");
  }
  if (row->offset >= info->instance_bytes) {
    return lm_fail(error, LAMINA_E_PLUGIN,
                   "its setting '%s' lies at byte %u of an instance of %llu bytes", row->name,
                   row->offset, (unsigned long long)info->instance_bytes);
  }
  return LAMINA_OK;
}

/* Rows of an older minor are shorter and those of a newer one longer than this host's. */
static enum lamina_status take_rows(struct lm_plugin *out, struct lm_error *error)
{
  struct lamina_plugin *info = &out->info;
  const char *rows = (const char *)info->settings;
  out->rows = lm_alloc(info->n_settings, sizeof *out->rows);
  if (out->rows == NULL) {
    return lm_fail_memory(error, info->n_settings * sizeof *out->rows);
  }
  for (uint32_t i = 0; i < info->n_settings; i++) {
    lm_normalise(&out->rows[i], sizeof *out->rows, rows + (size_t)i * info->setting_stride,
                 info->setting_stride);
  }
  info->settings = out->rows;
  info->setting_stride = (uint32_t)sizeof *out->rows;
  return LAMINA_OK;
}

static enum lamina_status take_settings(struct lm_plugin *out, struct lm_error *error)
{
  const struct lamina_plugin *info = &out->info;
  if (info->instance_bytes > MAX_INSTANCE) {
    return lm_fail(error, LAMINA_E_PLUGIN, "its instance has %llu bytes, the limit is %d",
                   (unsigned long long)info->instance_bytes, MAX_INSTANCE);
  }
  if (info->n_settings == 0) {
    return LAMINA_OK;
  }
  if (info->settings == NULL || info->n_settings > MAX_SETTINGS) {
    return lm_fail(error, LAMINA_E_PLUGIN, "its table of %u settings is %s", info->n_settings,
                   info->settings == NULL ? "missing" : "too long");
  }
  if (info->setting_stride < SETTING_1_0 || info->setting_stride > 64 * SETTING_1_0 ||
      info->setting_stride % sizeof(void *) != 0) {
    return lm_fail(error, LAMINA_E_PLUGIN,
                   "the rows of its settings table are %u bytes apart, those of ABI 1.0 are %d",
                   info->setting_stride, SETTING_1_0);
  }
  LM_TRY(take_rows(out, error));
  for (uint32_t i = 0; i < info->n_settings; i++) {
    LM_TRY(check_row(info, i, error));
  }
  return LAMINA_OK;
}

static enum lamina_status take_table(const struct lamina_plugin *info, uint32_t kind,
                                     struct lm_plugin *out, struct lm_error *error)
{
  const struct kind_table *table = &tables[kind];
  uint32_t size;
  memcpy(&size, info->vtable, sizeof size);
  if (size < table->first_size) {
    return lm_fail(error, LAMINA_E_PLUGIN,
                   "its table, struct %s, has %u bytes, that of ABI 1.0 has %zu", table->name, size,
                   table->first_size);
  }
  lm_normalise(&out->table, table->host_size, info->vtable, size);
  uint32_t host_size = (uint32_t)table->host_size;
  memcpy(&out->table, &host_size, sizeof host_size);
  for (size_t i = 0; i < 4 && table->required[i].name != NULL; i++) {
    static void (*const none)(void) = NULL;
    if (memcmp((const char *)&out->table + table->required[i].offset, &none, sizeof none) == 0) {
      return lm_fail(error, LAMINA_E_PLUGIN, "its table, struct %s, has no function '%s'",
                     table->name, table->required[i].name);
    }
  }
  return LAMINA_OK;
}

enum lamina_status lm_descriptor_take(const struct lamina_plugin *descriptor, uint32_t kind,
                                      const char *name, struct lm_plugin *out,
                                      struct lm_error *error)
{
  LM_TRY(check_head(descriptor, error));
  struct lamina_plugin *info = &out->info;
  lm_normalise(info, sizeof *info, descriptor, descriptor->size);
  info->size = (uint32_t)sizeof *info;
  info->license = info->license == NULL ? "" : info->license;
  info->origin = info->origin == NULL ? "" : info->origin;
  LM_TRY(check_identity(info, kind, name, error));
  LM_TRY(take_settings(out, error));
  LM_TRY(take_table(info, kind, out, error));
  info->vtable = &out->table;
  return LAMINA_OK;
}
