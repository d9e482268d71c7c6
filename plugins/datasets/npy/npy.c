/*
 * npy: records and targets from two files of NumPy's own format (numpy.lib.format, versions 1 to
 * 3), as numpy.save() writes them, gzipped or not.
 *
 *   "\x93NUMPY", major, minor, length of the header (u16, from version 2 on u32), the header: a
 *   Python dictionary such as {'descr': '<f4', 'fortran_order': False, 'shape': (150, 4), },
 *   and the elements, row by row.
 *
 * Elements stay where the host loaded them and become float32 or int32 as a batch is made.
 * infer() reads headers alone. What a header claims is compared with the file before it is
 * believed.
 *
 * Fields: input u8 or f32 [all dimensions but the first]; target, if there is a file of them, i32
 * class numbers where its elements are whole numbers, else f32.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/dataset.h>
#include <lamina/files.h>

enum { INPUT = 0, TARGET = 1, FIELDS = 2, HEADER_LIMIT = 4096 };

/* Element types: NumPy's letter and width; bytes may also say that they have no order ("|"). */
enum { U8, I32, I64, F32, F64, TYPES };

static const struct {
  const char *descr;
  int64_t width;
} types[TYPES] = {{"|u1", 1}, {"<i4", 4}, {"<i8", 8}, {"<f4", 4}, {"<f8", 8}};

/** A file as its header describes it, and its elements once they are loaded. */
struct array {
  const char *path;
  const char *bytes; /* NULL before open */
  int64_t dims[LAMINA_MAX_RANK];
  int64_t record; /* elements of one record */
  int64_t start;  /* of the elements in the file */
  uint32_t rank, type;
};

struct npy {
  const char *input, *target;
  int64_t classes;
  const struct lamina_files *files;
  struct array arrays[FIELDS]; /* [after open] */
  int64_t seen;                /* [after open] classes that the target shows */
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_PATH_REQUIRED(struct npy, input, "file of the records"),
    LAMINA_PATH(struct npy, target, "''", "file of what is to be predicted; none if empty"),
    LAMINA_I64(struct npy, classes, "0", "[0, 2147483647]",
               "number of classes of whole targets; 0: one more than the largest"),
};

static int32_t refuse(struct lamina_call *call, const struct array *array, const char *what)
{
  return lamina_failf(call, LAMINA_E_INVALID, "%.300s: %s", array->path, what);
}

/* The text behind 'key': in the header's dictionary; NULL if there is none. */
static const char *value_of(const char *header, const char *key)
{
  const char *found = strstr(header, key);
  if (found == NULL) {
    return NULL;
  }
  found += strlen(key);
  found += strspn(found, " :");
  return found;
}

static int32_t read_type(struct lamina_call *call, const char *header, struct array *array)
{
  const char *descr = value_of(header, "'descr'");
  for (uint32_t i = 0; descr != NULL && descr[0] == '\'' && i < TYPES; i++) {
    if (strncmp(descr + 1, types[i].descr, 3) == 0 && descr[4] == '\'') {
      array->type = i;
      return LAMINA_OK;
    }
  }
  return lamina_failf(call, LAMINA_E_UNSUPPORTED,
                      "%.300s: found elements %.8s, expected '|u1', '<i4', '<i8', '<f4' or '<f8'",
                      array->path, descr == NULL ? "of no type" : descr);
}

/* "(150, 4)", "(150,)": every dimension at least 1, and their product a size that can be. */
static int32_t read_shape(struct lamina_call *call, const char *header, struct array *array)
{
  const char *at = value_of(header, "'shape'");
  int64_t bytes = types[array->type].width;
  array->rank = 0;
  if (at == NULL || *at++ != '(') {
    return refuse(call, array, "the header has no shape");
  }
  while (*at != ')') {
    char *end;
    long long dim = strtoll(at, &end, 10);
    if (end == at || array->rank == LAMINA_MAX_RANK || dim < 1 || dim > INT64_MAX / 2 / bytes) {
      return refuse(call, array, "the shape must be 1 to 8 numbers of at least 1, as in (150, 4)");
    }
    bytes *= dim;
    array->dims[array->rank++] = dim;
    at = end + strspn(end, ", ");
  }
  if (array->rank == 0) {
    return refuse(call, array, "found a single number, expected records");
  }
  array->record = bytes / types[array->type].width / array->dims[0];
  return LAMINA_OK;
}

/* Reads the header from the first n bytes of a file. */
static int32_t read_header(struct lamina_call *call, const char *bytes, uint64_t n,
                           struct array *array)
{
  const unsigned char *u = (const unsigned char *)bytes;
  char header[HEADER_LIMIT + 1];
  if (n < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0 || u[6] < 1 || u[6] > 3) {
    return refuse(call, array, "this is no .npy file of version 1 to 3");
  }
  uint64_t begin = u[6] == 1 ? 10 : 12;
  uint64_t length = (uint64_t)u[8] | (uint64_t)u[9] << 8;
  length |= u[6] == 1 ? 0 : (uint64_t)u[10] << 16 | (uint64_t)u[11] << 24;
  if (length > HEADER_LIMIT || begin + length > n) {
    return refuse(call, array,
                  "the file ends within its header, or the header is longer than 4096");
  }
  memcpy(header, bytes + begin, length);
  header[length] = '\0';
  array->start = (int64_t)(begin + length);
  const char *fortran = value_of(header, "'fortran_order'");
  if (fortran == NULL || strncmp(fortran, "False", 5) != 0) {
    return refuse(call, array, "the elements lie column by column: save numpy.ascontiguousarray()");
  }
  LAMINA_TRY(read_type(call, header, array));
  return read_shape(call, header, array);
}

static int is_whole(const struct array *array)
{
  return array->type != F32 && array->type != F64;
}

static int32_t check_target(struct lamina_call *call, const struct array *input,
                            const struct array *target)
{
  if (target->dims[0] != input->dims[0]) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.200s has %lld targets, but %.200s has %lld records", target->path,
                        (long long)target->dims[0], input->path, (long long)input->dims[0]);
  }
  if (is_whole(target) && target->record != 1) {
    return refuse(call, target, "class numbers must be one for each record");
  }
  return LAMINA_OK;
}

static int32_t setup(void *self, struct lamina_call *call)
{
  struct npy *npy = self;
  npy->files = lamina_service(call, LAMINA_FILES_ID);
  return npy->files == NULL ? LAMINA_E_MISSING : LAMINA_OK;
}

/* Headers alone, of both files or of one. */
static int32_t peek_arrays(const struct npy *npy, struct lamina_call *call, struct array *arrays)
{
  const char *const paths[FIELDS] = {npy->input, npy->target};
  char bytes[HEADER_LIMIT];
  for (int f = 0; f < FIELDS && paths[f][0] != '\0'; f++) {
    uint64_t got = 0;
    arrays[f].path = paths[f];
    LAMINA_TRY(npy->files->peek(npy->files->self, call, paths[f], bytes, sizeof bytes, &got));
    LAMINA_TRY(read_header(call, bytes, got, &arrays[f]));
  }
  return npy->target[0] == '\0' ? LAMINA_OK : check_target(call, &arrays[INPUT], &arrays[TARGET]);
}

/* Declares the fields of a record. */
static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct npy *npy = self;
  struct array peeked[FIELDS];
  const struct array *arrays = npy->arrays;
  if (npy->arrays[INPUT].bytes == NULL) {
    LAMINA_TRY(peek_arrays(npy, plan->call, peeked));
    arrays = peeked;
  }
  const struct array *input = &arrays[INPUT], *target = &arrays[TARGET];
  struct lamina_type type = lamina_type_f32(input->rank - 1, input->dims + 1);
  if (input->type == U8) {
    type = lamina_type_make(LAMINA_DT_UINT, 8, input->rank - 1, input->dims + 1);
  }
  LAMINA_TRY(lamina_field(plan, INPUT, "input", &type, 0, 0));
  if (npy->target[0] == '\0') {
    return LAMINA_OK;
  }
  if (!is_whole(target)) {
    type = lamina_type_f32(target->rank - 1, target->dims + 1);
    return lamina_field(plan, TARGET, "target", &type, 0, 0);
  }
  type = lamina_type_i32(0, target->dims);
  return lamina_field(plan, TARGET, "target", &type, npy->classes > 0 ? npy->classes : npy->seen,
                      npy->classes > 0 ? LAMINA_FIELD_CLASSES_EXACT : 0);
}

/* Element i as a number; i64 beyond 2^53 would not fit, and no label is that large. */
static double element(const struct array *array, int64_t i)
{
  const char *at = array->bytes + i * types[array->type].width;
  int32_t small;
  int64_t large;
  float single;
  double number;
  switch (array->type) {
    case U8:
      return (double)*(const unsigned char *)at;
    case I32:
      memcpy(&small, at, sizeof small);
      return (double)small;
    case I64:
      memcpy(&large, at, sizeof large);
      return (double)large;
    case F32:
      memcpy(&single, at, sizeof single);
      return (double)single;
    default:
      memcpy(&number, at, sizeof number);
      return number;
  }
}

static int32_t load(const struct npy *npy, struct lamina_call *call, const char *path,
                    struct array *array)
{
  struct lamina_file file;
  array->path = path;
  LAMINA_TRY(npy->files->load(npy->files->self, call, path, &file));
  LAMINA_TRY(read_header(call, file.bytes, file.size, array));
  int64_t needed = array->start + array->dims[0] * array->record * types[array->type].width;
  if (file.size != (uint64_t)needed) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s: the header needs a file of %lld bytes, but it has %llu", path,
                        (long long)needed, (unsigned long long)file.size);
  }
  array->bytes = file.bytes + array->start;
  return LAMINA_OK;
}

/* Numbers must be finite as float32; whole targets must be class numbers. */
static int32_t check_elements(struct npy *npy, struct lamina_call *call, int f)
{
  const struct array *array = &npy->arrays[f];
  int is_class = f == TARGET && is_whole(array);
  double most = npy->classes > 0 ? (double)npy->classes - 1.0 : 2147483646.0;
  for (int64_t i = 0; i < array->dims[0] * array->record; i++) {
    double number = element(array, i);
    if (is_class ? number < 0.0 || number > most : !isfinite((float)number)) {
      return lamina_failf(
          call, LAMINA_E_INVALID, "%.300s: record %lld (from 0) holds %g, expected %s", array->path,
          (long long)(i / array->record), number, is_class ? "a class number" : "a finite number");
    }
    if (is_class && (int64_t)number >= npy->seen) {
      npy->seen = (int64_t)number + 1;
    }
  }
  return LAMINA_OK;
}

static int32_t open_records(void *self, struct lamina_call *call)
{
  struct npy *npy = self;
  LAMINA_TRY(load(npy, call, npy->input, &npy->arrays[INPUT]));
  LAMINA_TRY(check_elements(npy, call, INPUT));
  if (npy->target[0] == '\0') {
    return LAMINA_OK;
  }
  LAMINA_TRY(load(npy, call, npy->target, &npy->arrays[TARGET]));
  LAMINA_TRY(check_target(call, &npy->arrays[INPUT], &npy->arrays[TARGET]));
  return check_elements(npy, call, TARGET);
}

static int64_t count(const void *self)
{
  const struct npy *npy = self;
  return npy->arrays[INPUT].dims[0];
}

/* Copies records to a batch, as the field was declared: u8, i32 classes, or f32. */
static void copy_records(const struct array *array, int is_class, const int64_t *index, int64_t n,
                         void *out)
{
  for (int64_t i = 0; i < n; i++) {
    int64_t first = index[i] * array->record;
    if (array->type == U8 && !is_class) {
      memcpy((char *)out + i * array->record, array->bytes + first, (size_t)array->record);
      continue;
    }
    for (int64_t j = 0; j < array->record; j++) {
      double number = element(array, first + j);
      if (is_class) {
        ((int32_t *)out)[i] = (int32_t)number;
      } else {
        ((float *)out)[i * array->record + j] = (float)number;
      }
    }
  }
}

static int32_t read_records(void *self, struct lamina_call *call, const int64_t *index, int64_t n)
{
  const struct npy *npy = self;
  for (uint32_t f = 0; f < FIELDS && npy->arrays[f].bytes != NULL; f++) {
    const struct lamina_view *out = lamina_get(call, LAMINA_OUT, f);
    if (out == NULL) {
      return LAMINA_E_PLUGIN;
    }
    copy_records(&npy->arrays[f], f == TARGET && is_whole(&npy->arrays[f]), index, n, out->data);
  }
  return LAMINA_OK;
}

LAMINA_DATASET(npy, "1.0.0", "records and targets from NumPy's .npy files", struct npy,
               LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .open = open_records,
               .count = count, .read = read_records);
