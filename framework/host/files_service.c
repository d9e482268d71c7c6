/*
 * "lamina.files/1": the host's reading of files, offered to data sets.
 *
 * Content belongs to the instance that asked for it. The limit keeps a compressed file from
 * filling the memory.
 */
#include <lamina/files.h>

#include "base/memory.h"
#include "host/host.h"
#include "io/files.h"

static const size_t LARGEST_FILE = (size_t)8 << 30;

static int32_t tell(struct lamina_call *call, enum lamina_status status,
                    const struct lm_error *error)
{
  return lamina_fail(call, status, error->text);
}

static int32_t load(void *self, struct lamina_call *base, const char *path,
                    struct lamina_file *file)
{
  (void)self;
  struct lm_call *call = (struct lm_call *)base;
  struct lm_bytes content = {0};
  struct lm_error error = {0};
  enum lamina_status status = lm_file_read(path, LM_READ_GUNZIP, LARGEST_FILE, &content, &error);
  if (status != LAMINA_OK) {
    return tell(base, status, &error);
  }
  if (!call->may_keep_memory) {
    lm_bytes_release(&content);
    return lamina_fail(base, LAMINA_E_PLUGIN, "loaded a file outside setup() and open()");
  }
  if (!lm_instance_keep(call->instance, content.bytes)) {
    return lamina_fail(base, LAMINA_E_NOMEM, "not enough memory to keep a file");
  }
  file->bytes = (const char *)content.bytes;
  file->size = content.size;
  return LAMINA_OK;
}

static int32_t peek(void *self, struct lamina_call *call, const char *path, void *buffer,
                    uint64_t limit, uint64_t *got)
{
  (void)self;
  struct lm_error error = {0};
  size_t size = 0;
  enum lamina_status status =
      lm_file_peek(path, LM_READ_GUNZIP, buffer, (size_t)limit, &size, &error);
  if (status != LAMINA_OK) {
    return tell(call, status, &error);
  }
  *got = size;
  return LAMINA_OK;
}

static int32_t list(void *self, struct lamina_call *base, const char *path,
                    struct lamina_folder *folder)
{
  (void)self;
  struct lm_call *call = (struct lm_call *)base;
  struct lm_error error = {0};
  if (!call->may_keep_memory) {
    return lamina_fail(base, LAMINA_E_PLUGIN, "listed a folder outside setup() and open()");
  }
  enum lamina_status status = lm_folder_list(path, folder, &error);
  if (status != LAMINA_OK) {
    return tell(base, status, &error);
  }
  void *block = (void *)(uintptr_t)folder->entries; /* the host's own, only plugins may not write */
  if (block != NULL && !lm_instance_keep(call->instance, block)) {
    *folder = (struct lamina_folder){0};
    return lamina_fail(base, LAMINA_E_NOMEM, "not enough memory to keep the names in a folder");
  }
  return LAMINA_OK;
}

const struct lamina_files *lm_files_service(void)
{
  static const struct lamina_files service = {
      .size = sizeof(struct lamina_files), .load = load, .peek = peek, .list = list};
  return &service;
}
