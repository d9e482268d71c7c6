/*
 * Folders of pictures that libpng and libjpeg write here: pixels, labels, sizes, and what is
 * broken.
 */
#include <criterion/criterion.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jpeglib.h>

#include <lamina/testing.h>

#include "base/memory.h"
#include "tests/support/part_probe.h"

LAMINA_CONFORM(dataset, image_folder)

enum { MOST = 4096 };

/* The bytes of a file. */
struct file {
  unsigned char bytes[MOST];
  size_t size;
};

static struct file png_of(const void *pixels, uint32_t height, uint32_t width, uint32_t format)
{
  struct file file = {.size = MOST};
  png_image image = {
      .version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = format};
  cr_assert(png_image_write_to_memory(&image, file.bytes, &file.size, 0, pixels, 0, NULL));
  return file;
}

/* A JPEG of one colour, which survives the compression. */
static struct file jpeg_of(int value, uint32_t side, int channels)
{
  struct file file = {.size = 0};
  struct jpeg_error_mgr errors;
  struct jpeg_compress_struct jpeg = {.err = jpeg_std_error(&errors)};
  unsigned char row[3 * 64], *bytes = NULL;
  unsigned long size = 0;
  JSAMPROW from = row;
  memset(row, value, sizeof row);
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_width = jpeg.image_height = side;
  jpeg.input_components = channels;
  jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 100, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < side) {
    (void)jpeg_write_scanlines(&jpeg, &from, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  cr_assert(size <= MOST);
  memcpy(file.bytes, bytes, size);
  file.size = size;
  free(bytes);
  return file;
}

static void put(struct probe *probe, const char *name, const struct file *file)
{
  probe_write(probe, name, file->bytes, file->size);
}

/* A probe whose folder has the classes a, b and c, of which b stays empty. */
static void open_classes(struct probe *probe)
{
  static const char *const classes[] = {"a", "b", "c"};
  probe_open(probe, 1);
  probe_threads(probe, 4);
  probe_write(probe, "t.txt", "x", 1);
  for (int i = 0; i < 3; i++) {
    char *path = lm_format("%s/%s", probe->folder, classes[i]);
    cr_assert(mkdir(path, 0700) == 0);
    lm_free(path);
  }
}

static void expect(struct probe *probe, const char *yaml, enum lamina_status status,
                   const char *fragment)
{
  struct probe_data data;
  enum lamina_status found = probe_data_open(probe, yaml, "train", &data);
  probe_expect(probe, found, status, fragment);
  probe_data_close(&data);
}

Test(image_folder, folders_are_classes_and_files_are_sorted)
{
  static const unsigned char colour[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30};
  static const unsigned char grey[] = {1, 2, 3, 4};
  static const float wanted[3][12] = {{255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30},
                                      {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4},
                                      {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}};
  static const float dark[] = {76, 150, 29, 18};
  struct file files[] = {png_of(colour, 2, 2, PNG_FORMAT_RGB), png_of(grey, 2, 2, PNG_FORMAT_GRAY),
                         jpeg_of(7, 2, 3)};
  struct probe probe;
  struct probe_data data;
  open_classes(&probe);
  put(&probe, "c/1.PNG", &files[0]);
  put(&probe, "c/10.png", &files[1]);
  put(&probe, "a/9.jpeg", &files[2]);
  put(&probe, "a/notes.txt", &files[2]);
  probe_expect(&probe, probe_data_open(&probe, "{image_folder: {folder: .}}", "train", &data),
               LAMINA_OK, "");
  cr_assert(data.dataset->count == 3 && data.dataset->fields[1].classes == 3);
  probe_data_load(&data, 3);
  const float *out = probe_data_batch(&data, 0, 3, 0);
  const int32_t *labels = lm_loader_data(data.loader, 1);
  cr_assert(labels[0] == 0 && labels[1] == 2 && labels[2] == 2);
  cr_assert_arr_eq(out, wanted[2], sizeof wanted[2]);
  cr_assert_arr_eq(out + 12, wanted[0], sizeof wanted[0]);
  cr_assert_arr_eq(out + 24, wanted[1], sizeof wanted[1]);
  probe_data_close(&data);
  probe_expect(&probe,
               probe_data_open(&probe, "{image_folder: {folder: ., channels: 1}}", "train", &data),
               LAMINA_OK, "");
  probe_data_load(&data, 3);
  cr_assert_arr_eq(probe_data_batch(&data, 1, 1, 0), dark, sizeof dark);
  probe_data_close(&data);
  probe_close(&probe);
}

/* Halving takes means of 2 x 2; doubling lies a quarter and three quarters between. */
Test(image_folder, pictures_are_brought_to_the_size)
{
  static const unsigned char grey[] = {0, 100, 40, 60, 100, 200, 40, 60};
  static const float halved[] = {100, 50}, doubled[] = {0, 25, 75, 100, 100, 100};
  struct file files[] = {png_of(grey, 2, 4, PNG_FORMAT_GRAY), png_of(grey, 1, 2, PNG_FORMAT_GRAY)};
  struct probe probe;
  struct probe_data data;
  open_classes(&probe);
  put(&probe, "a/1.png", &files[0]);
  expect(&probe, "{image_folder: {folder: ., channels: 1}}", LAMINA_OK, "");
  probe_expect(&probe,
               probe_data_open(&probe, "{image_folder: {folder: ., channels: 1, size: [1, 2]}}",
                               "train", &data),
               LAMINA_OK, "");
  probe_data_load(&data, 1);
  cr_assert_arr_eq(probe_data_batch(&data, 0, 1, 0), halved, sizeof halved);
  probe_data_close(&data);
  put(&probe, "a/2.png", &files[1]);
  expect(&probe, "{image_folder: {folder: ., channels: 1}}", LAMINA_E_INVALID,
         "2.png has 1 x 2 pixels, the first picture 2 x 4");
  probe_expect(&probe,
               probe_data_open(&probe, "{image_folder: {folder: ., channels: 1, size: [1, 4]}}",
                               "train", &data),
               LAMINA_OK, "");
  probe_data_load(&data, 2);
  cr_assert_arr_eq(probe_data_batch(&data, 1, 1, 0), doubled, 4 * sizeof *doubled);
  probe_data_close(&data);
  probe_close(&probe);
}

/* Cut anywhere, or with a byte changed, a file is refused by its name or read; never a crash. */
Test(image_folder, broken_files_are_refused_by_name)
{
  static const unsigned char pixels[12 * 12] = {1, 2, 3};
  struct file files[] = {png_of(pixels, 12, 12, PNG_FORMAT_GRAY), jpeg_of(99, 12, 1)};
  struct probe_data data;
  for (int f = 0; f < 2; f++) {
    for (size_t cut = 0; cut < files[f].size - 2; cut += 1 + files[f].size / 40) {
      struct probe probe;
      struct file broken = files[f];
      broken.size = cut;
      open_classes(&probe);
      put(&probe, "a/1.png", &files[f]);
      put(&probe, "c/2.png", &broken);
      expect(&probe, "{image_folder: {folder: .}}", LAMINA_E_INVALID, "c/2.png is broken");
      put(&probe, "a/1.png", &broken);
      expect(&probe, "{image_folder: {folder: .}}", LAMINA_E_INVALID, "a/1.png is broken");
      broken = files[f];
      broken.bytes[cut] ^= 0x55;
      put(&probe, "a/1.png", &broken);
      (void)!probe_data_open(&probe, "{image_folder: {folder: ., size: [3, 3]}}", "train", &data);
      probe_data_close(&data);
      probe_close(&probe);
    }
  }
}

Test(image_folder, folders_without_pictures_are_refused)
{
  struct probe probe;
  open_classes(&probe);
  expect(&probe, "{image_folder: {folder: .}}", LAMINA_E_INVALID, "there is no picture");
  expect(&probe, "{image_folder: {folder: nowhere}}", LAMINA_E_MISSING, "there is no such folder");
  expect(&probe, "{image_folder: {folder: t.txt}}", LAMINA_E_INVALID, "not a folder");
  expect(&probe, "{image_folder: {folder: ., channels: 2}}", LAMINA_E_INVALID, "expected 1 (grey)");
  expect(&probe, "{image_folder: {folder: ., size: [3]}}", LAMINA_E_INVALID, "[height, width]");
  probe_close(&probe);
}
