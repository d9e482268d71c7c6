/*
 * Files made here byte by byte, and what is read of them: all forms of numbers, folders and
 * lists, what is cut, filled up, mixed and resampled, and what is broken where.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HAVE_SNDFILE
#include <sndfile.h>
#endif

#include <lamina/testing.h>

#include "base/memory.h"
#include "tests/support/part_probe.h"

LAMINA_CONFORM(dataset, wav)

/* ---- files ---- */

/* How a file is made; bytes: the numbers as they lie in it. */
struct wave {
  int tag, channels, rate, bits;
  const void *bytes;
  uint32_t size;
  bool extensible, with_list; /* a chunk of odd size stands before the numbers */
};

struct file {
  unsigned char bytes[8192];
  size_t size;
};

static void put(struct file *file, const void *bytes, size_t size)
{
  cr_assert(file->size + size <= sizeof file->bytes);
  memcpy(file->bytes + file->size, bytes, size);
  file->size += size;
}

static void put_number(struct file *file, uint32_t value, int size)
{
  for (int i = 0; i < size; i++) {
    unsigned char byte = (unsigned char)(value >> (8 * i));
    put(file, &byte, 1);
  }
}

static struct file make(const struct wave *wave)
{
  static const unsigned char guid[] = {0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71};
  struct file file = {.size = 0};
  uint32_t frame = (uint32_t)(wave->channels * wave->bits / 8);
  put(&file, "RIFF", 4);
  put_number(&file, 0, 4); /* set below */
  put(&file, "WAVEfmt ", 8);
  put_number(&file, wave->extensible ? 40 : 16, 4);
  put_number(&file, wave->extensible ? 0xfffe : (uint32_t)wave->tag, 2);
  put_number(&file, (uint32_t)wave->channels, 2);
  put_number(&file, (uint32_t)wave->rate, 4);
  put_number(&file, (uint32_t)wave->rate * frame, 4);
  put_number(&file, frame, 2);
  put_number(&file, (uint32_t)wave->bits, 2);
  if (wave->extensible) {
    put_number(&file, 22, 2);
    put_number(&file, (uint32_t)wave->bits, 2);
    put_number(&file, 0, 4);
    put_number(&file, (uint32_t)wave->tag, 2);
    put(&file, guid, sizeof guid);
  }
  if (wave->with_list) {
    put(&file, "LIST\5\0\0\0INFOx", 14); /* and a byte of padding */
  }
  put(&file, "data", 4);
  put_number(&file, wave->size, 4);
  put(&file, wave->bytes, wave->size);
  for (int i = 0; i < 4; i++) {
    file.bytes[4 + i] = (unsigned char)((file.size - 8) >> (8 * i));
  }
  return file;
}

/* A probe whose folder has the classes a, b and c. */
static void open_classes(struct probe *probe)
{
  static const char *const classes[] = {"a", "b", "c"};
  probe_open(probe, 1);
  probe_threads(probe, 4);
  probe_write(probe, "notes.txt", "x", 1);
  for (int i = 0; i < 3; i++) {
    char *path = lm_format("%s/%s", probe->folder, classes[i]);
    cr_assert(mkdir(path, 0700) == 0);
    lm_free(path);
  }
}

static void write_wave(struct probe *probe, const char *name, const struct wave *wave)
{
  struct file file = make(wave);
  probe_write(probe, name, file.bytes, file.size);
}

/* 16 bits, one channel, 8 kHz. */
static void write_plain(struct probe *probe, const char *name, const int16_t *numbers, uint32_t n)
{
  write_wave(probe, name, &(struct wave){1, 1, 8000, 16, numbers, 2 * n, false, false});
}

static void expect(struct probe *probe, const char *yaml, enum lamina_status status,
                   const char *fragment)
{
  struct probe_data data;
  enum lamina_status found = probe_data_open(probe, yaml, "train", &data);
  probe_expect(probe, found, status, fragment);
  probe_data_close(&data);
}

/* All records of a data set, which must open and have so many numbers. */
static void expect_numbers(struct probe *probe, const char *yaml, const float *wanted, int64_t n,
                           float tolerance)
{
  struct probe_data data;
  probe_expect(probe, probe_data_open(probe, yaml, "train", &data), LAMINA_OK, "");
  const struct lamina_type *type = &data.dataset->fields[0].shape.type;
  cr_assert_eq(data.dataset->count * lamina_type_count(type), n, "%s: %lld records", yaml,
               (long long)data.dataset->count);
  probe_data_load(&data, data.dataset->count);
  const float *found = probe_data_batch(&data, 0, data.dataset->count, 0);
  for (int64_t i = 0; i < n; i++) {
    cr_assert(fabsf(found[i] - wanted[i]) <= tolerance, "%s: number %lld is %.9g, not %.9g", yaml,
              (long long)i, (double)found[i], (double)wanted[i]);
  }
  probe_data_close(&data);
}

/* ---- numbers ---- */

Test(wav, reads_all_forms_of_numbers)
{
  static const unsigned char bytes8[] = {0, 64, 128, 255};
  static const int16_t bytes16[] = {-32768, -16384, 0, 32767};
  static const unsigned char bytes24[] = {0, 0, 0x80, 0, 0, 0xc0, 0, 0, 0, 0xff, 0xff, 0x7f};
  static const int32_t bytes32[] = {INT32_MIN, -(1 << 30), 0, INT32_MAX};
  static const float floats[] = {-1.0f, -0.5f, 0.0f, 7.25f};
  static const double doubles[] = {-1.0, -0.5, 0.0, 1e-3};
  static const struct {
    int tag, bits;
    const void *bytes;
    uint32_t size;
    float wanted[4];
  } rows[] = {
      {1, 8, bytes8, 4, {-1.0f, -0.5f, 0.0f, 127.0f / 128}},
      {1, 16, bytes16, 8, {-1.0f, -0.5f, 0.0f, 32767.0f / 32768}},
      {1, 24, bytes24, 12, {-1.0f, -0.5f, 0.0f, 8388607.0f / 8388608}},
      {1, 32, bytes32, 16, {-1.0f, -0.5f, 0.0f, 1.0f}},
      {3, 32, floats, 16, {-1.0f, -0.5f, 0.0f, 7.25f}},
      {3, 64, doubles, 32, {-1.0f, -0.5f, 0.0f, 1e-3f}},
  };
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
    for (int variant = 0; variant < 4; variant++) {
      for (int channels = 1; channels <= 2; channels++) {
        struct probe probe;
        open_classes(&probe);
        write_wave(&probe, "b/x.wav",
                   &(struct wave){rows[r].tag, channels, 44100, rows[r].bits, rows[r].bytes,
                                  rows[r].size, variant % 2 != 0, variant / 2 != 0});
        expect_numbers(&probe, "{wav: {folder: .}}", rows[r].wanted, 4, 0.0f);
        probe_close(&probe);
      }
    }
  }
}

/* ---- records ---- */

Test(wav, folders_are_classes_and_files_are_sorted)
{
  static const int16_t numbers[3][2] = {{100, 200}, {300, 400}, {500, 600}};
  struct probe probe;
  struct probe_data data;
  char name[8] = "";
  open_classes(&probe);
  write_plain(&probe, "c/2.wav", numbers[2], 2);
  write_plain(&probe, "c/10.WAV", numbers[1], 2);
  write_plain(&probe, "a/z.wav", numbers[0], 2);
  probe_write(&probe, "a/readme.txt", "x", 1);
  probe_expect(&probe, probe_data_open(&probe, "{wav: {folder: .}}", "train", &data), LAMINA_OK,
               "");
  const struct lm_dataset *set = data.dataset;
  cr_assert(set->count == 3 && set->fields[1].classes == 3 && set->fields[1].exact);
  cr_assert(set->fields[0].shape.dims[0] == 2 && set->fields[0].shape.dims[1] == 1);
  probe_data_load(&data, 3);
  const float *out = probe_data_batch(&data, 0, 3, 0);
  const int32_t *labels = lm_loader_data(data.loader, 1);
  cr_assert(labels[0] == 0 && labels[1] == 2 && labels[2] == 2);
  for (int i = 0; i < 6; i++) {
    cr_assert_eq(out[i], (float)numbers[i / 2][i % 2] / 32768.0f);
  }
  const struct lamina_class_names *names =
      set->instance->plugin->table.dataset.extension(LAMINA_CLASS_NAMES_ID);
  cr_assert_eq(names->name(set->instance->self, 1, 2, name, sizeof name), 1);
  cr_assert_str_eq(name, "c");
  probe_data_close(&data);
  probe_close(&probe);
}

Test(wav, lists_give_files_their_numbers)
{
  static const int16_t numbers[2][2] = {{100, 200}, {300, 400}};
  static const float wanted[] = {300.0f / 32768, 400.0f / 32768, 100.0f / 32768, 200.0f / 32768};
  static const char *const lists[] = {
      "top.wav,440,-1\nb/in.wav, 880.5 ,2e1\n",
      "file,frequency,other\r\n\"top.wav\",440,-1\r\n\r\nb/in.wav,880.5,20",
  };
  static const struct {
    const char *list, *fragment;
  } refused[] = {
      {"", "the list is empty"},
      {"file,hertz\n", "the list is empty"},
      {"top.wav\n", "list.csv:1: expected a file and at least one number"},
      {"top.wav,1\nnone.wav,2\n", "list.csv:2: there is no file 'none.wav' in the folder"},
      {"top.wav,1\n../b/in.wav,2\n", "list.csv:2: there is no file '../b/in.wav'"},
      {"b/top.wav,1\n", "there is no file 'b/top.wav'"},
      {"b,1\n", "there is no file 'b'"},
      {"top.wav,1\nb/in.wav,two\n", "list.csv:2: expected a number, found 'two'"},
      {"top.wav,1\nb/in.wav,\n", "expected a number, found ''"},
      {"top.wav,1\nb/in.wav,1e99\n", "expected a number, found '1e99'"},
      {"top.wav,1,2\nb/in.wav,3\n", "list.csv:2: found 1 numbers, expected 2"},
  };
  struct probe probe;
  struct probe_data data;
  open_classes(&probe);
  write_plain(&probe, "top.wav", numbers[1], 2);
  write_plain(&probe, "b/in.wav", numbers[0], 2);
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    static const float targets[] = {440.0f, -1.0f, 880.5f, 20.0f};
    probe_write(&probe, "list.csv", lists[i], strlen(lists[i]));
    expect_numbers(&probe, "{wav: {folder: ., list: list.csv}}", wanted, 4, 0.0f);
    probe_expect(&probe,
                 probe_data_open(&probe, "{wav: {folder: ., list: list.csv}}", "train", &data),
                 LAMINA_OK, "");
    probe_data_load(&data, 2);
    cr_assert_arr_eq(probe_data_batch(&data, 0, 2, 1), targets, sizeof targets);
    probe_data_close(&data);
  }
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    probe_write(&probe, "list.csv", refused[i].list, strlen(refused[i].list));
    expect(&probe, "{wav: {folder: ., list: list.csv}}", LAMINA_E_INVALID, refused[i].fragment);
  }
  expect(&probe, "{wav: {folder: ., list: no.csv}}", LAMINA_E_MISSING, "no.csv");
  probe_close(&probe);
}

Test(wav, sounds_are_cut_or_filled_up_to_the_length)
{
  static const int16_t numbers[] = {16384, -16384, 8192, -8192};
  static const float wanted[] = {0.5f, -0.5f, 0.25f, 0.5f, 0.0f, 0.0f};
  struct probe probe;
  open_classes(&probe);
  write_plain(&probe, "a/1.wav", numbers, 4);
  write_plain(&probe, "b/2.wav", numbers, 1);
  expect_numbers(&probe, "{wav: {folder: ., length: 3}}", wanted, 6, 0.0f);
  expect(&probe, "{wav: {folder: .}}", LAMINA_E_INVALID,
         "b/2.wav has 1 frames, the first file 4: length: 4 makes them alike");
  write_plain(&probe, "a/1.wav", numbers, 0);
  expect(&probe, "{wav: {folder: .}}", LAMINA_E_INVALID, "a/1.wav has no frames");
  expect_numbers(&probe, "{wav: {folder: ., length: 3}}",
                 (const float[]){0.0f, 0.0f, 0.0f, 0.5f, 0.0f, 0.0f}, 6, 0.0f);
  probe_close(&probe);
}

Test(wav, channels_are_kept_or_mixed)
{
  static const int16_t numbers[] = {16384, -16384, 8192, 16384};
  static const float kept[] = {0.5f, -0.5f, 0.25f, 0.5f};
  static const float mixed[] = {0.0f, 0.375f, 0.5f, -0.5f};
  struct probe probe;
  open_classes(&probe);
  write_wave(&probe, "a/1.wav", &(struct wave){1, 2, 8000, 16, numbers, 8, false, false});
  expect_numbers(&probe, "{wav: {folder: .}}", kept, 4, 0.0f);
  write_plain(&probe, "b/2.wav", numbers, 2);
  expect(&probe, "{wav: {folder: .}}", LAMINA_E_INVALID,
         "b/2.wav has 1 channels, the first file 2: channels: mix makes them alike");
  expect_numbers(&probe, "{wav: {folder: ., channels: mix}}", mixed, 4, 0.0f);
  probe_close(&probe);
}

/* 16 zero crossings from its ends a sine is what it is at the other rate. */
Test(wav, other_rates_are_resampled)
{
  enum { FRAMES = 600 };
  static float sine[FRAMES];
  struct probe probe;
  struct probe_data data;
  for (int t = 0; t < FRAMES; t++) {
    sine[t] = (float)sin(0.3 * t);
  }
  open_classes(&probe);
  write_wave(&probe, "a/1.wav", &(struct wave){3, 1, 44100, 32, sine, sizeof sine, false, false});
  write_wave(&probe, "b/2.wav", &(struct wave){3, 1, 22050, 32, sine, sizeof sine, false, false});
  expect(&probe, "{wav: {folder: .}}", LAMINA_E_INVALID,
         "b/2.wav has a rate of 22050, the first file 44100: rate: 44100 makes them alike");
  expect(&probe, "{wav: {folder: ., rate: 22050}}", LAMINA_E_INVALID,
         "b/2.wav has 600 frames, the first file 300");
  expect(&probe, "{wav: {folder: ., rate: 100, length: 9}}", LAMINA_E_INVALID, "64 times");
  static const struct {
    const char *yaml;
    int length;
  } rows[] = {{"{wav: {folder: ., rate: 22050, length: 300}}", 300},
              {"{wav: {folder: ., rate: 22050, length: 120}}", 120}};
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
    probe_expect(&probe, probe_data_open(&probe, rows[r].yaml, "train", &data), LAMINA_OK, "");
    probe_data_load(&data, 2);
    const float *out = probe_data_batch(&data, 0, 2, 0);
    for (int t = 20; t < rows[r].length - (rows[r].length == 300 ? 20 : 0); t++) {
      cr_assert(fabs((double)out[t] - sin(0.6 * t)) < 2e-3, "%d: %g", t, (double)out[t]);
      cr_assert_eq(out[rows[r].length + t], sine[t]);
    }
    probe_data_close(&data);
  }
  probe_close(&probe);
}

/* ---- what is broken ---- */

Test(wav, broken_files_are_refused_with_the_byte)
{
  static const int16_t numbers[] = {1, 2, 3, 4};
  static const struct wave wave = {1, 2, 8000, 16, numbers, 8, false, false};
  static const float bad[] = {1.0f, (float)NAN};
  static const struct {
    size_t at;
    unsigned char byte;
    const char *fragment;
  } rows[] = {
      {16, 15, "is broken at byte"},
      {16, 12, "is broken at byte 20: chunk 'fmt ' of 12 bytes, expected 16"},
      {17, 1, "is broken at byte 16: a chunk of 272 bytes, of which 32 are there"},
      {22, 0, "is broken at byte 32: frames of 4 bytes, expected 0 for 0 channels of 16 bits"},
      {32, 3, "is broken at byte 32: frames of 3 bytes, expected 4 for 2 channels of 16 bits"},
      {40, 9, "is broken at byte 40: a chunk of 9 bytes, of which 8 are there"},
      {40, 7, "is broken at byte 40: 7 bytes are no whole number of frames of 4"},
      {12, 'x', "is broken at byte 36: chunk 'data' without 'fmt ' before it"},
      {36, 'x', "is broken at byte 52: the file ends before its chunk 'data'"},
      {24, 0, "rate"},
  };
  struct probe probe;
  open_classes(&probe);
  write_wave(&probe, "a/1.wav", &wave);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct file file = make(&wave);
    file.bytes[rows[i].at] = rows[i].byte;
    file.bytes[25] = rows[i].at == 24 ? 0 : file.bytes[25];
    probe_write(&probe, "c/2.wav", file.bytes, file.size);
    expect(&probe, "{wav: {folder: .}}", LAMINA_E_INVALID, "c/2.wav ");
    expect(&probe, "{wav: {folder: .}}", LAMINA_E_INVALID, rows[i].fragment);
  }
  write_wave(&probe, "c/2.wav", &(struct wave){3, 2, 8000, 32, bad, 8, false, false});
  expect(&probe, "{wav: {folder: ., length: 2}}", LAMINA_E_INVALID,
         "c/2.wav is broken at byte 48: a number that is not finite");
  probe_close(&probe);
}

/* Cut anywhere, a file is refused by its name; with a byte changed it is refused or read. */
Test(wav, damaged_files_never_crash)
{
  static const int16_t numbers[] = {1, 2, 3, 4, 5, 6, 7, 8};
  struct file file = make(&(struct wave){1, 1, 8000, 16, numbers, sizeof numbers, true, true});
  struct probe_data data;
  for (size_t cut = 0; cut < file.size; cut++) {
    struct probe probe;
    struct file changed = file;
    open_classes(&probe);
    probe_write(&probe, "a/1.wav", file.bytes, file.size);
    probe_write(&probe, "b/2.wav", file.bytes, cut);
    expect(&probe, "{wav: {folder: .}}", LAMINA_E_INVALID, "b/2.wav ");
    for (int value = 0; value < 256; value += 51) {
      changed.bytes[cut] = (unsigned char)(file.bytes[cut] ^ (value + 1));
      probe_write(&probe, "b/2.wav", changed.bytes, changed.size);
      (void)!probe_data_open(&probe, "{wav: {folder: ., length: 5, channels: mix}}", "train",
                             &data);
      probe_data_close(&data);
    }
    probe_close(&probe);
  }
}

Test(wav, folders_without_sounds_are_refused)
{
  struct probe probe;
  open_classes(&probe);
  expect(&probe, "{wav: {folder: .}}", LAMINA_E_INVALID, "there is no sound");
  expect(&probe, "{wav: {folder: nowhere}}", LAMINA_E_MISSING, "there is no such folder");
  expect(&probe, "{wav: {folder: ., length: -1}}", LAMINA_E_INVALID, "length");
  expect(&probe, "{wav: {folder: ., channels: 1}}", LAMINA_E_INVALID, "keep, mix");
  probe_write(&probe, "a/1.flac", "fLaC, or not", 12);
#ifdef HAVE_SNDFILE
  expect(&probe, "{wav: {folder: .}}", LAMINA_E_INVALID, "a/1.flac is broken, or no sound");
#else
  expect(&probe, "{wav: {folder: .}}", LAMINA_E_INVALID, "libsndfile, was not there");
#endif
  probe_close(&probe);
}

#ifdef HAVE_SNDFILE
/* FLAC loses nothing; a WAVE of another form is libsndfile's too. */
Test(wav, other_kinds_of_files_are_read_by_libsndfile)
{
  static const struct {
    const char *name;
    int format;
    float tolerance;
    bool cut_is_broken; /* libsndfile takes what is left of an AIFF */
  } rows[] = {{"a/x.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 0.0f, true},
              {"a/x.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_24, 0.0f, false},
              {"a/x.wav", SF_FORMAT_WAV | SF_FORMAT_ULAW, 0.02f, true}};
  float numbers[200];
  for (int i = 0; i < 200; i++) {
    numbers[i] = (float)(i * 37 % 101 - 50) / 128.0f;
  }
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
    struct probe probe;
    open_classes(&probe);
    char *path = lm_format("%s/%s", probe.folder, rows[r].name);
    SF_INFO info = {.samplerate = 16000, .channels = 2, .format = rows[r].format};
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(sf_writef_float(file, numbers, 100), 100);
    cr_assert_eq(sf_close(file), 0);
    expect_numbers(&probe, "{wav: {folder: .}}", numbers, 200, rows[r].tolerance);
    expect_numbers(&probe, "{wav: {folder: ., length: 40}}", numbers, 80, rows[r].tolerance);
    cr_assert_eq(truncate(path, 60), 0);
    if (rows[r].cut_is_broken) {
      expect(&probe, "{wav: {folder: ., length: 40}}", LAMINA_E_INVALID, rows[r].name);
    }
    lm_free(path);
    probe_close(&probe);
  }
}
#endif
