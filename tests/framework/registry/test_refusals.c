/*
 * Every file that is no good plugin is refused with a sentence of its own that names the file,
 * and the process lives on.
 */
#include <criterion/criterion.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"

struct bad {
  const char *name; /* of the fixture layer_<name>.so */
  enum lamina_status status;
  const char *words;
};

static const struct bad bad_plugins[] = {
    {"newer", LAMINA_E_UNSUPPORTED, "it needs Lamina ABI 1.3, this runtime has 1.0; rebuild"},
    {"marker_major", LAMINA_E_UNSUPPORTED, "it is for Lamina ABI 2.0, this runtime has 1.0"},
    {"marker_kind", LAMINA_E_INVALID, "of kind 'loss', the file's name says 'layer'"},
    {"marker_name", LAMINA_E_INVALID, "named 'other'"},
    {"marker_isa", LAMINA_E_UNSUPPORTED, "compiled for x86-64-v9 processors"},
    {"marker_damaged", LAMINA_E_INVALID, "no plugin of Lamina: it has no marker"},
    {"undefined_function", LAMINA_E_INVALID, "lamina_test_no_such_function"},
    {"undefined_variable", LAMINA_E_INVALID, "lamina_test_no_such_variable"},
    {"bad_magic", LAMINA_E_PLUGIN, "begins with 0x12345678 where 0x4e4d414c is expected"},
    {"bad_major", LAMINA_E_UNSUPPORTED, "its descriptor is of Lamina ABI 2.0"},
    {"bad_minor", LAMINA_E_UNSUPPORTED, "its descriptor needs Lamina ABI 1.3"},
    {"short_descriptor", LAMINA_E_PLUGIN, "has 40 bytes, that of ABI 1.0 has 96"},
    {"wrong_kind", LAMINA_E_PLUGIN, "is of a loss (kind 2), a layer is wanted"},
    {"wrong_name", LAMINA_E_PLUGIN, "names it 'other', the file 'wrong_name'"},
    {"no_summary", LAMINA_E_PLUGIN, "has no summary"},
    {"no_table", LAMINA_E_PLUGIN, "has no table of functions"},
    {"short_table", LAMINA_E_PLUGIN, "struct lamina_layer, has 16 bytes, that of ABI 1.0 has 48"},
    {"no_infer", LAMINA_E_PLUGIN, "struct lamina_layer, has no function 'infer'"},
    {"no_forward", LAMINA_E_PLUGIN, "struct lamina_layer, has no function 'forward'"},
    {"no_symbol", LAMINA_E_PLUGIN, "does not export layer_no_symbol_LTX_lamina_plugin_v1"},
    {"bad_stride", LAMINA_E_PLUGIN, "are 8 bytes apart"},
    {"no_rows", LAMINA_E_PLUGIN, "table of 1 settings is missing"},
    {"many_rows", LAMINA_E_PLUGIN, "table of 100000 settings is too long"},
    {"no_doc", LAMINA_E_PLUGIN, "setting 1 of its table has no documentation"},
    {"small_instance", LAMINA_E_PLUGIN, "lies at byte 0 of an instance of 0 bytes"},
    {"rounding", LAMINA_E_PLUGIN, "changes the rounding of floating-point numbers"},
    {"locale", LAMINA_E_PLUGIN, "sets the locale of the program"},
    {"handler", LAMINA_E_PLUGIN, "sets a signal handler"},
};

Test(refusals, each_bad_plugin_has_its_own_sentence)
{
  struct lm_registry *registry = registry_on(NULL, NULL);
  for (size_t i = 0; i < sizeof bad_plugins / sizeof bad_plugins[0]; i++) {
    const struct bad *bad = &bad_plugins[i];
    struct lm_error error;
    char name[64];
    char start[512];
    (void)snprintf(name, sizeof name, "layer_%s", bad->name);
    (void)snprintf(start, sizeof start, "refused layer '%s' from %s/%s.so: ", bad->name,
                   getenv("LAMINA_TEST_FIXTURES"), name);
    cr_expect_null(open_fixture(registry, name, &error), "%s was loaded", name);
    cr_expect_eq(error.status, bad->status, "%s: %s", name, error.text);
    cr_expect_eq(strncmp(error.text, start, strlen(start)), 0, "%s", error.text);
    cr_expect_not_null(strstr(error.text, bad->words), "%s lacks: %s", error.text, bad->words);
    cr_expect_null(strchr(error.text, '\n'), "more than one line: %s", error.text);
    for (size_t j = 0; j < i; j++) {
      cr_expect_str_neq(bad->words, bad_plugins[j].words);
    }
  }
  lm_registry_free(registry);
}

Test(refusals, a_plugin_that_needs_a_newer_host_runs_no_code)
{
  struct place place = place_make();
  const char *trap = place_file(&place, "trap");
  struct lm_registry *registry = registry_on(NULL, NULL);
  struct lm_error error;
  setenv("LAMINA_TEST_TRAP", trap, 1);
  cr_expect_null(open_fixture(registry, "layer_newer", &error));
  cr_expect_neq(access(trap, F_OK), 0, "its constructor ran");
  cr_expect_not_null(open_fixture(registry, "layer_trap", &error), "%s", error.text);
  cr_expect_eq(access(trap, F_OK), 0, "the trap does not work");
  lm_registry_free(registry);
  place_remove(&place);
}

/* Refuses <place>/layer_sin.so; every sentence must have these words. */
static void expect_refused(struct lm_registry *registry, const struct place *place,
                           enum lamina_status status, const char *words)
{
  const struct lm_plugin *plugin;
  struct lm_error error = {0};
  enum lamina_status got =
      lm_registry_open_file(registry, place_file(place, "layer_sin.so"), &plugin, &error);
  cr_expect_eq(got, status, "%s: %s", words, error.text);
  cr_expect_not_null(strstr(error.text, words), "'%s' lacks: %s", error.text, words);
  cr_expect_not_null(strstr(error.text, place->path), "no path: %s", error.text);
}

Test(refusals, files_that_are_no_shared_objects_give_the_linkers_reason)
{
  struct place place = place_make();
  const char *path = place_file(&place, "layer_sin.so");
  struct lm_registry *registry = registry_on(NULL, NULL);
  const char text[] = "This is text, and long enough to be taken for a header: it is none, though.";
  expect_refused(registry, &place, LAMINA_E_MISSING, "No such file");
  write_file(path, "", 0);
  expect_refused(registry, &place, LAMINA_E_INVALID, "the file is empty; the dynamic linker");
  expect_refused(registry, &place, LAMINA_E_INVALID, "file too short");
  write_file(path, text, sizeof text);
  expect_refused(registry, &place, LAMINA_E_INVALID, "not ELF");
  expect_refused(registry, &place, LAMINA_E_INVALID, "invalid ELF header");
  (void)unlink(path);
  (void)mkdir(path, 0700);
  expect_refused(registry, &place, LAMINA_E_INVALID, "it is a directory");
  expect_refused(registry, &place, LAMINA_E_INVALID, "Is a directory");
  (void)rmdir(path);
  (void)mkfifo(path, 0600);
  expect_refused(registry, &place, LAMINA_E_INVALID, "not a regular file");
  (void)unlink(path);
  cr_assert_eq(symlink(path, path), 0);
  expect_refused(registry, &place, LAMINA_E_INVALID, "Too many levels of symbolic links");
  lm_registry_free(registry);
  place_remove(&place);
}

Test(refusals, files_for_other_machines_give_the_linkers_reason)
{
  struct place place = place_make();
  const char *path = place_file(&place, "layer_sin.so");
  struct lm_registry *registry = registry_on(NULL, NULL);
  size_t size;
  char *bytes = read_file(fixture("layer_sin.so"), &size);
  char class = bytes[EI_CLASS];
  bytes[EI_CLASS] = class == ELFCLASS64 ? ELFCLASS32 : ELFCLASS64;
  write_file(path, bytes, size);
  expect_refused(registry, &place, LAMINA_E_INVALID, "wrong ELF class");
  bytes[EI_CLASS] = class;
  Elf64_Ehdr header;
  memcpy(&header, bytes, sizeof header);
  header.e_machine = header.e_machine == EM_S390 ? EM_X86_64 : EM_S390;
  memcpy(bytes, &header, sizeof header);
  write_file(path, bytes, size);
  expect_refused(registry, &place, LAMINA_E_INVALID, "built for IBM S/390");
  expect_refused(registry, &place, LAMINA_E_INVALID, "; the dynamic linker says: ");
  free(bytes);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(refusals, a_file_cut_anywhere_is_refused_before_the_linker_sees_it)
{
  struct place place = place_make();
  const char *path = place_file(&place, "layer_sin.so");
  struct lm_registry *registry = registry_on(NULL, NULL);
  size_t size;
  char *bytes = read_file(fixture("layer_sin.so"), &size);
  for (size_t cut = 64; cut < size; cut += 509) {
    write_file(path, bytes, cut);
    expect_refused(registry, &place, LAMINA_E_INVALID, "the file is truncated or damaged: it has");
  }
  write_file(path, bytes, size - 1);
  expect_refused(registry, &place, LAMINA_E_INVALID, "the file is truncated or damaged: it has");
  write_file(path, bytes, 63);
  expect_refused(registry, &place, LAMINA_E_INVALID, "the file is truncated: its 63 bytes");
  free(bytes);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(refusals, damaged_tables_of_an_elf_file_are_refused)
{
  struct place place = place_make();
  const char *path = place_file(&place, "layer_sin.so");
  struct lm_registry *registry = registry_on(NULL, NULL);
  size_t size;
  char *bytes = read_file(fixture("layer_sin.so"), &size);
  Elf64_Ehdr good;
  memcpy(&good, bytes, sizeof good);
  for (int i = 0; i < 5; i++) {
    Elf64_Ehdr header = good;
    header.e_phnum = i == 0 ? 0 : i == 1 ? 60000 : good.e_phnum;
    header.e_phoff = i == 2 ? UINT64_MAX - 8 : good.e_phoff;
    header.e_shoff = i == 3 ? UINT64_MAX - 8 : good.e_shoff;
    header.e_phentsize = i == 4 ? 8 : good.e_phentsize;
    memcpy(bytes, &header, sizeof header);
    write_file(path, bytes, size);
    expect_refused(registry, &place, LAMINA_E_INVALID, "damaged");
  }
  free(bytes);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(refusals, a_missing_dependency_is_named)
{
  struct place place = place_make();
  struct lm_registry *registry = registry_on(NULL, NULL);
  place_patch(&place, "layer_sin.so", "layer_sin.so", "libm.so.6", "libq.so.6", 9);
  expect_refused(registry, &place, LAMINA_E_INVALID,
                 "the dynamic linker cannot load it: libq.so.6: cannot open shared object file");
  lm_registry_free(registry);
  place_remove(&place);
}

Test(refusals, a_renamed_file_is_told_its_right_name)
{
  struct place place = place_make();
  struct lm_registry *registry = registry_on(NULL, NULL);
  place_copy(&place, "layer_square.so", "layer_sin.so");
  expect_refused(registry, &place, LAMINA_E_INVALID, "layer_square.so");
  const struct lm_plugin *plugin;
  struct lm_error error = {0};
  place_copy(&place, "layer_square.so", "layer.square.so");
  cr_expect_eq(
      lm_registry_open_file(registry, place_file(&place, "layer.square.so"), &plugin, &error),
      LAMINA_E_INVALID);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(refusals, a_file_that_others_can_write_is_refused)
{
  struct place place = place_make();
  const char *path = place_file(&place, "layer_sin.so");
  struct lm_registry *registry = registry_on(NULL, NULL);
  place_copy(&place, "layer_sin.so", "layer_sin.so");
  (void)chmod(path, 0666);
  expect_refused(registry, &place, LAMINA_E_INVALID, "everybody can write to the file");
  (void)chmod(path, 0644);
  if (geteuid() == 0) {
    (void)chown(path, 12345, 12345);
    expect_refused(registry, &place, LAMINA_E_INVALID, "belongs to user 12345");
    (void)chown(path, 0, 12345);
    (void)chmod(path, 0664);
    expect_refused(registry, &place, LAMINA_E_INVALID, "group 12345 can write to the file");
    (void)chown(path, 0, 0);
  }
  const struct lm_plugin *plugin;
  struct lm_error error = {0};
  cr_expect_eq(lm_registry_open_file(registry, path, &plugin, &error), LAMINA_OK, "%s", error.text);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(refusals, names_that_are_no_names_never_become_paths)
{
  struct place place = place_make();
  struct lm_registry *registry = registry_on(place.path, NULL);
  char long_name[10001];
  memset(long_name, 'a', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  const char *const names[] = {"",   "../sin",     "/tmp/x",  "a/b", "Sin", "1sin", "a.b",  "a b",
                               "_a", "s\xc3\xafn", long_name, "a\n", "a-b", ".",    "%s%n", "a;b"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const struct lm_plugin *plugin;
    struct lm_error error = {0};
    cr_expect_eq(lm_registry_find(registry, LAMINA_KIND_LAYER, names[i], &plugin, &error),
                 LAMINA_E_INVALID, "%s", names[i]);
    cr_expect_not_null(strstr(error.text, "cannot be the name"), "%s", error.text);
    cr_expect_lt(strlen(error.text), 300);
    for (const char *c = error.text; *c != '\0'; c++) {
      cr_expect(*c >= ' ' && *c <= '~');
    }
  }
  long_name[63] = '\0'; /* the longest that is allowed */
  cr_expect(lm_name_ok(long_name));
  long_name[63] = 'a';
  long_name[64] = '\0';
  cr_expect_not(lm_name_ok(long_name));
  lm_registry_free(registry);
  place_remove(&place);
}

Test(refusals, the_sentence_is_optional)
{
  struct lm_registry *registry = registry_on(NULL, NULL);
  const struct lm_plugin *plugin;
  cr_expect_eq(lm_registry_open_file(registry, fixture("layer_bad_magic.so"), &plugin, NULL),
               LAMINA_E_PLUGIN);
  cr_expect_eq(lm_registry_find(registry, LAMINA_KIND_LAYER, "none", &plugin, NULL),
               LAMINA_E_MISSING);
  lm_registry_free(registry);
}
