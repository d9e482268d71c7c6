/*
 * CIFAR-10 and CIFAR-100 in their binary form. Krizhevsky: "Learning multiple layers of features
 * from tiny images", 2009; www.cs.toronto.edu/~kriz/cifar.html.
 *
 * A record is a label (CIFAR-100: a coarse one and a fine one) and 32 x 32 pixels, first all red,
 * then all green, then all blue. Records become channels last as they are loaded, once, and
 * stay bytes until a batch is made of them.
 *
 * fields: input u8 [32, 32, 3]; target i32, the class.
 */
#include <string.h>

#include <lamina/dataset.h>
#include <lamina/files.h>

enum { INPUT = 0, TARGET = 1 };
enum { TEN = 0, FINE = 1, COARSE = 2 };
enum { PATH_ROOM = 4096 };
enum { SIDE = 32, PIXELS = SIDE * SIDE, CHANNELS = 3, BYTES = PIXELS * CHANNELS };

struct cifar {
  const char *file;
  int32_t labels;
  int64_t batches, limit;
  const struct lamina_files *files;
  int64_t records;       /* [after open] */
  unsigned char *images; /* [records, 32, 32, 3] */
  int32_t *targets;      /* [records] */
};

static const struct lamina_setting settings[] = {
    LAMINA_PATH_REQUIRED(struct cifar, file, "file of records, gzipped or not"),
    LAMINA_I64(struct cifar, batches, "1", "[1, 9]",
               "read so many files: the last 1 in the name of `file` counts up"),
    LAMINA_CHOICE(struct cifar, labels, "cifar10", "cifar10|cifar100|cifar100_coarse",
                  "what the records are, and which of CIFAR-100's two labels counts"),
    LAMINA_I64(struct cifar, limit, "0", "[0, inf)", "use only so many records; 0: all"),
};

static int64_t label_bytes(const struct cifar *cifar)
{
  return cifar->labels == TEN ? 1 : 2;
}

static int32_t classes_of(const struct cifar *cifar)
{
  static const int32_t classes[] = {10, 100, 20};
  return classes[cifar->labels];
}

static int32_t setup(void *self, struct lamina_call *call)
{
  struct cifar *cifar = self;
  cifar->files = lamina_service(call, LAMINA_FILES_ID);
  return cifar->files == NULL ? LAMINA_E_MISSING : LAMINA_OK;
}

/* There is no header: the first byte must be a label, and a whole record must follow. */
static int32_t peek(const struct cifar *cifar, struct lamina_call *call)
{
  unsigned char record[2 + BYTES];
  uint64_t got = 0, size = (uint64_t)label_bytes(cifar) + BYTES;
  LAMINA_TRY(cifar->files->peek(cifar->files->self, call, cifar->file, record, size, &got));
  if (got < size) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s ends after %llu bytes, within the first record of %llu",
                        cifar->file, (unsigned long long)got, (unsigned long long)size);
  }
  return LAMINA_OK;
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  static const int64_t dims[] = {SIDE, SIDE, CHANNELS};
  const struct cifar *cifar = self;
  if (cifar->records == 0) {
    LAMINA_TRY(peek(cifar, plan->call));
  }
  struct lamina_type type = lamina_type_make(LAMINA_DT_UINT, 8, 3, dims);
  LAMINA_TRY(lamina_field(plan, INPUT, "input", &type, 0, 0));
  type = lamina_type_i32(0, dims);
  return lamina_field(plan, TARGET, "target", &type, classes_of(cifar), LAMINA_FIELD_CLASSES_EXACT);
}

/* Planes to channels last. */
static void turn(const unsigned char *planes, unsigned char *pixels)
{
  for (int64_t i = 0; i < PIXELS; i++) {
    for (int64_t c = 0; c < CHANNELS; c++) {
      pixels[i * CHANNELS + c] = planes[c * PIXELS + i];
    }
  }
}

static int32_t take_records(struct cifar *cifar, struct lamina_call *call, const char *path,
                            const struct lamina_file *file)
{
  const unsigned char *bytes = (const unsigned char *)file->bytes;
  int64_t size = label_bytes(cifar) + BYTES, n = (int64_t)file->size / size;
  for (int64_t i = 0; i < n; i++) {
    const unsigned char *record = bytes + i * size;
    int32_t label = record[cifar->labels == FINE ? 1 : 0];
    if (label >= classes_of(cifar)) {
      return lamina_failf(call, LAMINA_E_INVALID,
                          "%.300s: record %lld (from 0) has label %d, expected 0 to %d", path,
                          (long long)i, label, classes_of(cifar) - 1);
    }
    cifar->targets[cifar->records + i] = label;
    turn(record + label_bytes(cifar), cifar->images + (cifar->records + i) * BYTES);
  }
  cifar->records += n;
  return LAMINA_OK;
}

static int32_t load(const struct cifar *cifar, struct lamina_call *call, const char *path,
                    struct lamina_file *file)
{
  uint64_t size = (uint64_t)label_bytes(cifar) + BYTES;
  LAMINA_TRY(cifar->files->load(cifar->files->self, call, path, file));
  if (file->size == 0 || file->size % size != 0) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s has %llu bytes, expected whole records of %llu", path,
                        (unsigned long long)file->size, (unsigned long long)size);
  }
  return LAMINA_OK;
}

/* The name of file number i, from 1. */
static int32_t name_of(const struct cifar *cifar, struct lamina_call *call, int64_t i,
                       char name[PATH_ROOM])
{
  const char *slash = strrchr(cifar->file, '/');
  const char *one = strrchr(slash == NULL ? cifar->file : slash, '1');
  if (cifar->batches > 1 && one == NULL) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s has no 1 in its name that could count up to %lld", cifar->file,
                        (long long)cifar->batches);
  }
  if (strlen(cifar->file) >= PATH_ROOM) {
    return lamina_failf(call, LAMINA_E_INVALID, "the name of the file is longer than %d bytes",
                        PATH_ROOM - 1);
  }
  strcpy(name, cifar->file);
  if (cifar->batches > 1) {
    name[one - cifar->file] = (char)('0' + i);
  }
  return LAMINA_OK;
}

static int32_t open_records(void *self, struct lamina_call *call)
{
  struct cifar *cifar = self;
  struct lamina_file files[9];
  char name[PATH_ROOM];
  uint64_t total = 0;
  for (int64_t i = 0; i < cifar->batches; i++) {
    LAMINA_TRY(name_of(cifar, call, i + 1, name));
    LAMINA_TRY(load(cifar, call, name, &files[i]));
    total += files[i].size / ((uint64_t)label_bytes(cifar) + BYTES);
  }
  cifar->images = lamina_memory(call, total * BYTES);
  cifar->targets = lamina_memory(call, total * sizeof *cifar->targets);
  if (cifar->images == NULL || cifar->targets == NULL) {
    return LAMINA_E_NOMEM;
  }
  for (int64_t i = 0; i < cifar->batches; i++) {
    LAMINA_TRY(name_of(cifar, call, i + 1, name));
    LAMINA_TRY(take_records(cifar, call, name, &files[i]));
  }
  return LAMINA_OK;
}

static int64_t count(const void *self)
{
  const struct cifar *cifar = self;
  return cifar->limit > 0 && cifar->limit < cifar->records ? cifar->limit : cifar->records;
}

static int32_t read_records(void *self, struct lamina_call *call, const int64_t *index, int64_t n)
{
  const struct cifar *cifar = self;
  const struct lamina_view *input = lamina_get(call, LAMINA_OUT, INPUT);
  const struct lamina_view *target = lamina_get(call, LAMINA_OUT, TARGET);
  if (input == NULL || target == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < n; i++) {
    memcpy((unsigned char *)input->data + i * BYTES, cifar->images + index[i] * BYTES, BYTES);
    ((int32_t *)target->data)[i] = cifar->targets[index[i]];
  }
  return LAMINA_OK;
}

LAMINA_DATASET(cifar, "1.0.0", "colour images of CIFAR-10 and CIFAR-100", struct cifar,
               LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .open = open_records,
               .count = count, .read = read_records);
