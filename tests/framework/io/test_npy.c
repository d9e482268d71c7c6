/*
 * Arrays in NumPy's format: byte for byte as numpy.save() of NumPy 1.24 writes them, and read by
 * the NumPy that is here.
 */
#include <sys/wait.h>

#include "io/npy.h"
#include "scratch.h"

struct array {
  struct lm_npy_shape shape;
  const char *header; /* of numpy.save(), without its blanks */
};

static const struct array arrays[] = {
    {{LM_NPY_F32, 2, {2, 3}}, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"},
    {{LM_NPY_I32, 1, {6}}, "{'descr': '<i4', 'fortran_order': False, 'shape': (6,), }"},
    {{LM_NPY_F32, 4, {1, 2, 1, 3}},
     "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 1, 3), }"},
    {{LM_NPY_I32, 2, {0, 5}}, "{'descr': '<i4', 'fortran_order': False, 'shape': (0, 5), }"},
    {{LM_NPY_F32, 0, {0}}, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }"},
};

static int64_t elements_of(const struct lm_npy_shape *shape)
{
  int64_t elements = 1;
  for (uint32_t i = 0; i < shape->rank; i++) {
    elements *= shape->dims[i];
  }
  return elements;
}

/* Writes 0, 1, 2 ... in two pieces. */
static void write_array(const char *path, const struct lm_npy_shape *shape)
{
  const float singles[6] = {0, 1, 2, 3, 4, 5};
  const int32_t wholes[6] = {0, 1, 2, 3, 4, 5};
  struct lm_error error = {0};
  struct lm_npy npy;
  int64_t all = elements_of(shape), some = all / 2;
  bool is_f32 = shape->type == LM_NPY_F32;
  cr_assert(lm_npy_open(path, shape, &npy, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(lm_npy_add(&npy, is_f32 ? (const void *)singles : wholes, some, &error) == LAMINA_OK);
  cr_assert(lm_npy_add(&npy, is_f32 ? (const void *)(singles + some) : wholes + some, all - some,
                       &error) == LAMINA_OK);
  cr_assert(lm_npy_commit(&npy, &error) == LAMINA_OK, "%s", error.text);
}

Test(npy, files_begin_as_numpy_begins_them)
{
  struct scratch scratch;
  scratch_make(&scratch);
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
    const char *path = scratch_path(&scratch, "a.npy");
    unsigned char expected[128], found[256];
    memset(expected, ' ', sizeof expected);
    memcpy(expected, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(expected + 10, arrays[i].header, strlen(arrays[i].header));
    expected[127] = '\n';
    write_array(path, &arrays[i].shape);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    size_t size = fread(found, 1, sizeof found, file);
    (void)fclose(file);
    cr_assert_eq(size, 128 + 4 * (size_t)elements_of(&arrays[i].shape));
    cr_assert(memcmp(found, expected, sizeof expected) == 0, "%s", arrays[i].header);
  }
  scratch_remove(&scratch);
}

/* Any Python with NumPy: the file's folder is its argument. */
static const char reader[] =
    "P=python3; $P -c 'import numpy' 2>/dev/null || P=/usr/bin/python3\n"
    "$P -c 'import numpy' 2>/dev/null || exit 77\n"
    "$P -c '\n"
    "import sys, numpy\n"
    "shapes = [(2, 3), (6,), (1, 2, 1, 3), (0, 5), ()]\n"
    "for i, shape in enumerate(shapes):\n"
    "    a = numpy.load(sys.argv[1] + \"/%d.npy\" % i)\n"
    "    assert a.shape == shape and a.dtype.str == [\"<f4\", \"<i4\"][i % 2], i\n"
    "    assert (a.ravel() == numpy.arange(a.size)).all(), i\n"
    "' \"$0\"";

Test(npy, numpy_reads_what_was_written)
{
  struct scratch scratch;
  scratch_make(&scratch);
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
    const char name[] = {(char)('0' + i), '.', 'n', 'p', 'y', '\0'};
    write_array(scratch_path(&scratch, name), &arrays[i].shape);
  }
  pid_t child = fork();
  if (child == 0) {
    (void)execl("/bin/sh", "sh", "-c", reader, scratch.folder, (char *)NULL);
    _exit(99);
  }
  int status = -1;
  cr_assert(child > 0 && waitpid(child, &status, 0) == child);
  scratch_remove(&scratch);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    cr_skip_test("no Python with NumPy");
  }
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "NumPy reads other arrays");
}

Test(npy, a_file_with_more_or_fewer_elements_than_its_shape_never_appears)
{
  struct scratch scratch;
  const float numbers[8] = {0};
  const struct lm_npy_shape shape = {LM_NPY_F32, 2, {2, 3}};
  struct lm_error error = {0};
  struct lm_npy npy;
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "a.npy");
  cr_assert(lm_npy_open(path, &shape, &npy, &error) == LAMINA_OK);
  cr_assert(lm_npy_add(&npy, numbers, 5, &error) == LAMINA_OK);
  cr_assert(lm_npy_add(&npy, numbers, 2, &error) == LAMINA_E_INTERNAL);
  cr_assert(lm_npy_commit(&npy, &error) == LAMINA_E_INTERNAL);
  cr_assert(strstr(error.text, "4 bytes fewer") != NULL, "%s", error.text);
  lm_npy_discard(&npy);
  cr_assert(lm_npy_open(path, &shape, &npy, &error) == LAMINA_OK);
  lm_npy_discard(&npy);
  cr_assert_eq(scratch_count(&scratch, ""), 0, "a temporary file is left");
  const struct lm_npy_shape huge = {LM_NPY_F32, 3, {INT64_C(1) << 31, INT64_C(1) << 31, 1}};
  cr_assert(lm_npy_open(path, &huge, &npy, &error) == LAMINA_E_INVALID);
  lm_npy_discard(&npy);
  cr_assert(lm_npy_open("/nowhere/a.npy", &shape, &npy, &error) == LAMINA_E_IO);
  cr_assert(strstr(error.text, "/nowhere/a.npy: cannot be written: No such") != NULL, "%s",
            error.text);
  scratch_remove(&scratch);
}
