/*
 * IDX files, in which MNIST and its relatives come: two zero bytes, an element type, the number
 * of dimensions, the dimensions as big-endian u32, and then the elements, big-endian.
 *
 * Bytes stay where the host loaded them and become float32 only as a batch is made; wider
 * elements are converted once, in open(). infer() reads headers alone. Everything a header
 * claims is compared with the file before it is believed.
 *
 * fields: input u8 or f32 [all dimensions but the first]; target i32, if there is a label file.
 */
#include <math.h>
#include <string.h>

#include <lamina/dataset.h>
#include <lamina/files.h>

enum { INPUT = 0, TARGET = 1 };

/* IDX's codes of element types. */
enum {
  IDX_U8 = 0x08,
  IDX_I8 = 0x09,
  IDX_I16 = 0x0b,
  IDX_I32 = 0x0c,
  IDX_F32 = 0x0d,
  IDX_F64 = 0x0e
};

enum { HEADER_LIMIT = 4 + 4 * LAMINA_MAX_RANK };

struct header {
  int64_t dims[LAMINA_MAX_RANK]; /* of the file: records first */
  int64_t record;                /* elements of one record */
  uint64_t bytes;                /* of the whole file */
  uint32_t rank, type, width, start;
};

struct idx {
  const char *images, *labels;
  int64_t classes, limit;
  const struct lamina_files *files;
  int64_t records; /* [after open] */
  int64_t seen;    /* [after open] classes that the labels show */
  struct header image_header;
  const unsigned char *bytes; /* [records, ...] if the elements are u8 */
  float *numbers;             /* [records, ...] otherwise */
  int32_t *targets;           /* [records], or NULL without labels */
};

static const struct lamina_setting settings[] = {
    LAMINA_PATH_REQUIRED(struct idx, images, "file of the records, gzipped or not"),
    LAMINA_PATH(struct idx, labels, "''", "file of their class numbers; none if empty"),
    LAMINA_I64(struct idx, classes, "0", "[0, 2147483647]",
               "number of classes; 0: one more than the largest label"),
    LAMINA_I64(struct idx, limit, "0", "[0, inf)", "use only so many records; 0: all"),
};

static uint32_t big_u32(const unsigned char *p)
{
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

/* Bytes of an element; 0 if there is no such type. */
static uint32_t element_width(uint32_t type)
{
  switch (type) {
    case IDX_U8:
    case IDX_I8:
      return 1;
    case IDX_I16:
      return 2;
    case IDX_I32:
    case IDX_F32:
      return 4;
    case IDX_F64:
      return 8;
    default:
      return 0;
  }
}

static double element(const unsigned char *p, uint32_t type)
{
  uint32_t high = type == IDX_U8 || type == IDX_I8 || type == IDX_I16 ? 0 : big_u32(p);
  uint64_t bits;
  float single;
  double number;
  switch (type) {
    case IDX_U8:
      return (double)p[0];
    case IDX_I8:
      return (double)(int8_t)p[0];
    case IDX_I16:
      return (double)(int16_t)(uint16_t)(p[0] << 8 | p[1]);
    case IDX_I32:
      return (double)(int32_t)high;
    case IDX_F32:
      memcpy(&single, &high, sizeof single);
      return (double)single;
    default:
      bits = (uint64_t)high << 32 | big_u32(p + 4);
      memcpy(&number, &bits, sizeof number);
      return number;
  }
}

/* The header's first four bytes: what kind of file this is. */
static int32_t read_magic(struct lamina_call *call, const char *path, const unsigned char *bytes,
                          uint64_t got, struct header *header)
{
  if (got < 4 || bytes[0] != 0 || bytes[1] != 0) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s is not an IDX file: an IDX file begins with two bytes of 0, a "
                        "type and a number of dimensions",
                        path);
  }
  header->type = bytes[2];
  header->width = element_width(bytes[2]);
  header->rank = bytes[3];
  header->start = 4 + 4 * header->rank;
  if (header->width == 0) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s: found element type 0x%02x, expected 0x08 (u8), 0x09 (i8), 0x0b "
                        "(i16), 0x0c (i32), 0x0d (f32) or 0x0e (f64)",
                        path, bytes[2]);
  }
  if (header->rank < 1 || header->rank > LAMINA_MAX_RANK) {
    return lamina_failf(call, LAMINA_E_INVALID, "%.300s: found %u dimensions, expected 1 to %d",
                        path, header->rank, LAMINA_MAX_RANK);
  }
  if (got < header->start) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s: the file ends within its header, after %llu bytes of %u", path,
                        (unsigned long long)got, header->start);
  }
  return LAMINA_OK;
}

static int32_t read_header(struct lamina_call *call, const char *path, const unsigned char *bytes,
                           uint64_t got, struct header *header)
{
  uint64_t size;
  LAMINA_TRY(read_magic(call, path, bytes, got, header));
  size = header->width;
  for (uint32_t i = 0; i < header->rank; i++) {
    uint32_t dim = big_u32(bytes + 4 + 4 * i);
    if (dim == 0) {
      return lamina_failf(call, LAMINA_E_INVALID,
                          "%.300s: dimension %u is 0, so there is no record", path, i + 1);
    }
    if (size > (uint64_t)INT64_MAX / 2 / dim) {
      return lamina_failf(call, LAMINA_E_INVALID,
                          "%.300s: the dimensions in the header are too large for any file", path);
    }
    header->dims[i] = dim;
    size *= dim;
  }
  header->record = (int64_t)(size / header->width) / header->dims[0];
  header->bytes = header->start + size;
  return LAMINA_OK;
}

static int32_t check_labels(struct lamina_call *call, const struct idx *idx,
                            const struct header *images, const struct header *labels)
{
  if (labels->rank != 1 || labels->type == IDX_F32 || labels->type == IDX_F64) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s: expected labels, which are whole numbers of one dimension, found "
                        "%u dimensions of type 0x%02x",
                        idx->labels, labels->rank, labels->type);
  }
  if (labels->dims[0] != images->dims[0]) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.200s has %lld labels, but %.200s has %lld records", idx->labels,
                        (long long)labels->dims[0], idx->images, (long long)images->dims[0]);
  }
  return LAMINA_OK;
}

static int32_t peek_header(const struct idx *idx, struct lamina_call *call, const char *path,
                           struct header *header)
{
  unsigned char bytes[HEADER_LIMIT];
  uint64_t got = 0;
  LAMINA_TRY(idx->files->peek(idx->files->self, call, path, bytes, sizeof bytes, &got));
  return read_header(call, path, bytes, got, header);
}

static int32_t load(const struct idx *idx, struct lamina_call *call, const char *path,
                    struct header *header, const unsigned char **elements)
{
  struct lamina_file file;
  LAMINA_TRY(idx->files->load(idx->files->self, call, path, &file));
  LAMINA_TRY(read_header(call, path, (const unsigned char *)file.bytes, file.size, header));
  if (file.size != header->bytes) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s: the dimensions in the header need %llu bytes, but the file has "
                        "%llu",
                        path, (unsigned long long)header->bytes, (unsigned long long)file.size);
  }
  *elements = (const unsigned char *)file.bytes + header->start;
  return LAMINA_OK;
}

static int32_t setup(void *self, struct lamina_call *call)
{
  struct idx *idx = self;
  idx->files = lamina_service(call, LAMINA_FILES_ID);
  return idx->files == NULL ? LAMINA_E_MISSING : LAMINA_OK;
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct idx *idx = self;
  struct header images = idx->image_header;
  struct header labels;
  struct lamina_type type;
  int has_labels = idx->labels[0] != '\0';
  if (idx->records == 0) {
    LAMINA_TRY(peek_header(idx, plan->call, idx->images, &images));
  }
  if (idx->records == 0 && has_labels) {
    LAMINA_TRY(peek_header(idx, plan->call, idx->labels, &labels));
    LAMINA_TRY(check_labels(plan->call, idx, &images, &labels));
  }
  type = images.type == IDX_U8
             ? lamina_type_make(LAMINA_DT_UINT, 8, images.rank - 1, images.dims + 1)
             : lamina_type_f32(images.rank - 1, images.dims + 1);
  LAMINA_TRY(lamina_field(plan, INPUT, "input", &type, 0, 0));
  if (!has_labels) {
    return LAMINA_OK;
  }
  type = lamina_type_i32(0, images.dims);
  return lamina_field(plan, TARGET, "target", &type, idx->classes > 0 ? idx->classes : idx->seen,
                      idx->classes > 0 ? LAMINA_FIELD_CLASSES_EXACT : 0);
}

/* Elements wider than a byte, or signed, become float32. */
static int32_t convert(struct idx *idx, struct lamina_call *call, const unsigned char *elements)
{
  const struct header *header = &idx->image_header;
  int64_t n = idx->records * header->record;
  idx->numbers = lamina_memory(call, (uint64_t)n * sizeof *idx->numbers);
  if (idx->numbers == NULL) {
    return LAMINA_E_NOMEM;
  }
  for (int64_t i = 0; i < n; i++) {
    float number = (float)element(elements + i * header->width, header->type);
    if (!isfinite(number)) {
      return lamina_failf(call, LAMINA_E_INVALID,
                          "%.300s: record %lld (from 0) holds a number that is not finite",
                          idx->images, (long long)(i / header->record));
    }
    idx->numbers[i] = number;
  }
  return LAMINA_OK;
}

static int32_t take_labels(struct idx *idx, struct lamina_call *call, const struct header *header,
                           const unsigned char *elements)
{
  idx->targets = lamina_memory(call, (uint64_t)idx->records * sizeof *idx->targets);
  if (idx->targets == NULL) {
    return LAMINA_E_NOMEM;
  }
  for (int64_t i = 0; i < idx->records; i++) {
    int32_t label = (int32_t)element(elements + i * header->width, header->type);
    if (label < 0 || label == INT32_MAX || (idx->classes > 0 && label >= idx->classes)) {
      return lamina_failf(call, LAMINA_E_INVALID,
                          "%.300s: record %lld (from 0) has label %d, expected 0 to %lld",
                          idx->labels, (long long)i, label,
                          idx->classes > 0 ? (long long)idx->classes - 1 : INT32_MAX - 1LL);
    }
    idx->targets[i] = label;
    idx->seen = label >= idx->seen ? label + 1 : idx->seen;
  }
  return LAMINA_OK;
}

static int32_t open_records(void *self, struct lamina_call *call)
{
  struct idx *idx = self;
  const unsigned char *elements = NULL;
  LAMINA_TRY(load(idx, call, idx->images, &idx->image_header, &elements));
  idx->records = idx->image_header.dims[0];
  if (idx->limit > 0 && idx->limit < idx->records) {
    idx->records = idx->limit;
  }
  if (idx->image_header.type == IDX_U8) {
    idx->bytes = elements;
  } else {
    LAMINA_TRY(convert(idx, call, elements));
  }
  if (idx->labels[0] != '\0') {
    struct header header;
    LAMINA_TRY(load(idx, call, idx->labels, &header, &elements));
    LAMINA_TRY(check_labels(call, idx, &idx->image_header, &header));
    LAMINA_TRY(take_labels(idx, call, &header, elements));
  }
  return LAMINA_OK;
}

static int64_t count(const void *self)
{
  const struct idx *idx = self;
  return idx->records;
}

static int32_t read_records(void *self, struct lamina_call *call, const int64_t *index, int64_t n)
{
  const struct idx *idx = self;
  const struct lamina_view *input = lamina_get(call, LAMINA_OUT, INPUT);
  const struct lamina_view *target = NULL;
  int is_bytes = idx->bytes != NULL;
  const char *from = is_bytes ? (const char *)idx->bytes : (const char *)idx->numbers;
  size_t size = (size_t)idx->image_header.record * (is_bytes ? 1 : sizeof *idx->numbers);
  if (idx->targets != NULL) {
    target = lamina_get(call, LAMINA_OUT, TARGET);
  }
  if (input == NULL || (idx->targets != NULL && target == NULL)) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < n; i++) {
    memcpy((char *)input->data + (size_t)i * size, from + (size_t)index[i] * size, size);
  }
  for (int64_t i = 0; i < n && target != NULL; i++) {
    ((int32_t *)target->data)[i] = idx->targets[index[i]];
  }
  return LAMINA_OK;
}

LAMINA_DATASET(idx, "1.0.0", "records and labels from IDX files, such as MNIST", struct idx,
               LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .open = open_records,
               .count = count, .read = read_records);
