/*
 * Damage: files cut at every length, with every bit flipped, memory that runs out, and content
 * that the writer must not accept.
 */
#include <jansson.h>

#include "tensors.h"

/* A file of the shared content, in memory. */
static struct lm_bytes good_file(struct scratch *scratch)
{
  struct lm_error error = {0};
  struct lm_bytes bytes;
  const char *path = scratch_path(scratch, "good");
  cr_assert(lm_safetensors_write(path, NULL, &content_all, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(lm_file_read(path, LM_READ_PLAIN, SIZE_MAX, &bytes, &error) == LAMINA_OK);
  return bytes;
}

static enum lamina_status read_bytes(struct scratch *scratch, const void *bytes, size_t size,
                                     struct lm_safetensors_file **file)
{
  struct lm_error error = {0};
  const char *path = scratch_write(scratch, "file", bytes, size);
  enum lamina_status status = lm_safetensors_read(path, file, &error);
  cr_assert(status == LAMINA_OK || status == LAMINA_E_INVALID, "%s", error.text);
  return status;
}

Test(safetensors_faults, file_cut_anywhere_or_with_a_byte_more_is_refused)
{
  struct scratch scratch;
  struct lm_safetensors_file *file;
  scratch_make(&scratch);
  struct lm_bytes good = good_file(&scratch);
  for (size_t size = 0; size < good.size; size++) {
    cr_assert(read_bytes(&scratch, good.bytes, size, &file) == LAMINA_E_INVALID, "%zu", size);
  }
  cr_assert(read_bytes(&scratch, good.bytes, good.size + 1, &file) == LAMINA_E_INVALID);
  cr_assert(read_bytes(&scratch, good.bytes, good.size, &file) == LAMINA_OK);
  lm_safetensors_free(file);
  lm_bytes_release(&good);
  scratch_remove(&scratch);
}

/* Where the name of the header's checksum begins and ends: flipped, it is another key's name. */
static bool is_in_checksum_key(const struct lm_bytes *good, size_t at)
{
  static const char key[] = "lamina.xxh3.header";
  const char *found = strstr((const char *)good->bytes + 8, key);
  size_t begin = (size_t)(found - (const char *)good->bytes);
  return at >= begin && at < begin + sizeof key - 1;
}

Test(safetensors_faults, any_flipped_bit_is_found, .timeout = 120)
{
  struct scratch scratch;
  struct lm_safetensors_file *file;
  scratch_make(&scratch);
  struct lm_bytes good = good_file(&scratch);
  cr_assert(good.size > 1200 && good.size < 2500, "%zu", good.size);
  for (size_t bit = 0; bit < 8 * good.size; bit++) {
    good.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    enum lamina_status status = read_bytes(&scratch, good.bytes, good.size, &file);
    good.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    cr_assert(status == LAMINA_E_INVALID || is_in_checksum_key(&good, bit / 8), "bit %zu", bit);
    cr_assert(status == LAMINA_E_INVALID || content_is_in(file), "bit %zu", bit);
    lm_safetensors_free(file);
  }
  lm_bytes_release(&good);
  scratch_remove(&scratch);
}

Test(safetensors_faults, content_that_the_format_does_not_allow_is_not_written)
{
  struct scratch scratch;
  static const int64_t dims[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  static const int64_t negative = -1;
  static const int64_t huge[] = {INT64_MAX / 4, 2};
  static const int64_t empty_huge[] = {0, INT64_MAX};
  const struct lm_named_tensor good = {"a", lamina_type_f32(1, dims), content_floats};
  const struct {
    struct lm_named_tensor tensor;
    struct lm_metadata metadata;
    const char *fault;
  } rows[] = {
      {{"a", lamina_type_i32(0, NULL), dims}, {"k", "v"}, "\"a\": the name is given twice"},
      {{"__metadata__", lamina_type_i32(0, NULL), dims}, {"k", "v"}, "not a name"},
      {{"\xff", lamina_type_i32(0, NULL), dims}, {"k", "v"}, "not a name"},
      {{"b", lamina_type_f32(9, dims), dims}, {"k", "v"}, "not a type"},
      {{"b", lamina_type_make(LAMINA_DT_FLOAT, 8, 0, NULL), dims}, {"k", "v"}, "not a type"},
      {{"b", lamina_type_f32(1, &negative), dims}, {"k", "v"}, "too large or negative"},
      {{"b", lamina_type_f32(2, huge), dims}, {"k", "v"}, "too large or negative"},
      {{"b", lamina_type_f32(2, empty_huge), dims}, {"k", "v"}, "too large or negative"},
      {{"b", lamina_type_i32(0, NULL), dims}, {"lamina.xxh3", "v"}, "given twice"},
      {{"b", lamina_type_i32(0, NULL), dims}, {"lamina.xxh3.header", "v"}, "given twice"},
      {{"b", lamina_type_i32(0, NULL), dims}, {"x", "v"}, "\"x\": given twice"},
      {{"b", lamina_type_i32(0, NULL), dims}, {"\xc3(", "v"}, "not UTF-8"},
  };
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "file");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_error error = {0};
    const struct lm_named_tensor tensors[] = {good, rows[i].tensor};
    const struct lm_metadata metadata[] = {{"x", "1"}, rows[i].metadata};
    const struct lm_safetensors content = {tensors, 2, metadata, 2};
    cr_assert(lm_safetensors_write(path, NULL, &content, &error) == LAMINA_E_INVALID, "%zu", i);
    cr_assert(strstr(error.text, rows[i].fault) != NULL, "%s", error.text);
    cr_assert(strncmp(error.text, path, strlen(path)) == 0, "%s", error.text);
  }
  cr_assert(scratch_count(&scratch, "") == 0);
  scratch_remove(&scratch);
}

Test(safetensors_faults, metadata_that_is_not_utf8_is_written_with_replacements)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_safetensors_file *file;
  const struct lm_metadata metadata = {"path", "caf\xe9/x"};
  const struct lm_safetensors content = {NULL, 0, &metadata, 1};
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "file");
  cr_assert(lm_safetensors_write(path, NULL, &content, &error) == LAMINA_OK);
  cr_assert(lm_safetensors_read(path, &file, &error) == LAMINA_OK, "%s", error.text);
  cr_assert_str_eq(lm_safetensors_metadata(file, "path"), "caf\xef\xbf\xbd/x");
  lm_safetensors_free(file);
  scratch_remove(&scratch);
}

Test(safetensors_faults, writing_without_memory_leaves_the_old_file)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_safetensors_file *file;
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "file");
  for (int forever = 0; forever < 2; forever++) {
    (void)scratch_write(&scratch, "file", "old", 3);
    enum lamina_status status = LAMINA_E_NOMEM;
    for (int nth = 0; status != LAMINA_OK; nth++) {
      lm_alloc_fail_after(nth, forever == 1);
      status = lm_safetensors_write(path, NULL, &content_all, &error);
      lm_alloc_fail_after(-1, false);
      cr_assert(status == LAMINA_OK || status == LAMINA_E_NOMEM, "%d: %s", nth, error.text);
      /* The last one of all is for syncing the folder, when the new file is in place. */
      bool is_new = lm_safetensors_read(path, &file, NULL) == LAMINA_OK;
      cr_assert(is_new ? content_is_in(file) : scratch_holds(path, "old", 3), "%d", nth);
      lm_safetensors_free(file);
      cr_assert(scratch_count(&scratch, "") == 1);
    }
  }
  scratch_remove(&scratch);
}

/* Reads with the n-th allocation failing, for all n; returns how many there are. */
static int64_t read_with_failures(const char *path, bool forever, bool strict)
{
  struct lm_error error = {0};
  struct lm_safetensors_file *file;
  int64_t nth = -1;
  enum lamina_status status = LAMINA_E_NOMEM;
  while (status != LAMINA_OK) {
    lm_alloc_fail_after(++nth, forever);
    status = lm_safetensors_read(path, &file, &error);
    lm_alloc_fail_after(-1, false);
    bool fits =
        status == LAMINA_OK || status == LAMINA_E_NOMEM || (status == LAMINA_E_INVALID && !strict);
    cr_assert(fits, "%lld: %s", (long long)nth, error.text);
    cr_assert(status == LAMINA_OK ? content_is_in(file) : file == NULL);
    lm_safetensors_free(file);
  }
  return nth;
}

static void *allocate_for_json(size_t size)
{
  return lm_alloc(size, 1);
}

Test(safetensors_faults, reading_without_memory_is_an_error)
{
  struct scratch scratch;
  scratch_make(&scratch);
  struct lm_bytes good = good_file(&scratch);
  const char *path = scratch_path(&scratch, "good");
  int64_t own = read_with_failures(path, false, true);
  cr_assert(own >= 6 && own == read_with_failures(path, true, true));
  /* jansson takes some failures of its own for faults of the text. */
  json_set_alloc_funcs(allocate_for_json, lm_free);
  int64_t all = read_with_failures(path, false, false);
  cr_assert(all > 100 && all == read_with_failures(path, true, false));
  lm_bytes_release(&good);
  scratch_remove(&scratch);
}
