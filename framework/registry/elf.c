/*
 * The part of an ELF file that the dynamic linker trusts: header, program segments, section
 * table. A segment that ends behind the end of the file is mapped all the same, and touching
 * it is a SIGBUS, so extents are checked here against the size of the file. Files are read,
 * not mapped, for the same reason.
 *
 * What a shared object for this machine looks like is read from this program's own header,
 * which the link editor provides as __ehdr_start.
 */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "registry/registry_internal.h"

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

enum { MAX_SEGMENTS = 512 };

int64_t lm_read_at(int fd, uint64_t offset, void *out, size_t n)
{
  size_t got = 0;
  while (got < n) {
    ssize_t part = pread(fd, (char *)out + got, n - got, (off_t)(offset + got));
    if (part < 0 && errno == EINTR) {
      continue;
    }
    if (part < 0) {
      return -1;
    }
    if (part == 0) {
      break;
    }
    got += (size_t)part;
  }
  return (int64_t)got;
}

static const char *machine_name(unsigned machine)
{
  static const struct {
    unsigned machine;
    const char *name;
  } names[] = {{EM_386, "32-bit x86"},  {EM_X86_64, "x86-64"}, {EM_ARM, "32-bit ARM"},
               {EM_AARCH64, "AArch64"}, {EM_RISCV, "RISC-V"},  {EM_PPC64, "PowerPC 64"},
               {EM_S390, "IBM S/390"},  {EM_MIPS, "MIPS"},     {EM_LOONGARCH, "LoongArch"}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (names[i].machine == machine) {
      return names[i].name;
    }
  }
  return "another machine";
}

static enum lamina_status check_identity(const unsigned char *bytes, int64_t got, uint64_t size,
                                         struct lm_error *error)
{
  if (size == 0) {
    return lm_fail(error, LAMINA_E_INVALID, "the file is empty");
  }
  if (got < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0) {
    return lm_fail(error, LAMINA_E_INVALID, "the file is no shared object (not ELF)");
  }
  if (got < (int64_t)sizeof(ElfW(Ehdr))) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "the file is truncated: its %llu bytes do not hold a header",
                   (unsigned long long)size);
  }
  return LAMINA_OK;
}

static enum lamina_status check_machine(const ElfW(Ehdr) * header, struct lm_error *error)
{
  const ElfW(Ehdr) *own = &__ehdr_start;
  bool same_class = header->e_ident[EI_CLASS] == own->e_ident[EI_CLASS];
  bool same_order = header->e_ident[EI_DATA] == own->e_ident[EI_DATA];
  if (same_class && same_order && header->e_machine == own->e_machine) {
    return LAMINA_OK;
  }
  const char *what = same_order ? machine_name(header->e_machine) : "another byte order";
  return lm_fail(error, LAMINA_E_INVALID, "the file is built for %s%s, this is %s; rebuild it",
                 what, same_class || header->e_machine != own->e_machine ? "" : " (other ABI)",
                 machine_name(own->e_machine));
}

/* Whether count items of size bytes at offset end inside the file; *end is where. */
static bool fits(uint64_t offset, uint64_t count, uint64_t size, uint64_t file, uint64_t *end)
{
  uint64_t bytes;
  *end = UINT64_MAX;
  return !__builtin_mul_overflow(count, size, &bytes) &&
         !__builtin_add_overflow(offset, bytes, end) && *end <= file;
}

static enum lamina_status truncated(const char *what, uint64_t end, uint64_t size,
                                    struct lm_error *error)
{
  return lm_fail(error, LAMINA_E_INVALID,
                 "the file is truncated or damaged: it has %llu bytes and its %s ends at byte "
                 "%llu; build or copy it again",
                 (unsigned long long)size, what, (unsigned long long)end);
}

static enum lamina_status check_tables(const ElfW(Ehdr) * header, uint64_t size,
                                       struct lm_error *error)
{
  uint64_t end;
  if (header->e_phnum == 0 || header->e_phnum > MAX_SEGMENTS ||
      header->e_phentsize != sizeof(ElfW(Phdr))) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "the file is damaged: it has %u program segments of %u bytes",
                   (unsigned)header->e_phnum, (unsigned)header->e_phentsize);
  }
  if (!fits(header->e_phoff, header->e_phnum, sizeof(ElfW(Phdr)), size, &end)) {
    return truncated("segment table", end, size, error);
  }
  if (header->e_shoff != 0 &&
      !fits(header->e_shoff, header->e_shnum, header->e_shentsize, size, &end)) {
    return truncated("section table", end, size, error);
  }
  return LAMINA_OK;
}

static enum lamina_status check_segments(int fd, const ElfW(Ehdr) * header, uint64_t size,
                                         struct lm_elf *out, struct lm_error *error)
{
  out->count = 0;
  for (uint64_t i = 0; i < header->e_phnum; i++) {
    ElfW(Phdr) segment;
    uint64_t end;
    if (lm_read_at(fd, header->e_phoff + i * sizeof segment, &segment, sizeof segment) !=
        (int64_t)sizeof segment) {
      return lm_fail(error, LAMINA_E_IO, "the file cannot be read: %s", strerror(errno));
    }
    if (!fits(segment.p_offset, 1, segment.p_filesz, size, &end)) {
      return truncated("program segment", end, size, error);
    }
    if (segment.p_type != PT_LOAD || segment.p_filesz == 0) {
      continue;
    }
    if (out->count == sizeof out->loads / sizeof out->loads[0]) {
      return lm_fail(error, LAMINA_E_INVALID, "the file has more than %zu loadable segments",
                     out->count);
    }
    out->loads[out->count++] = (struct lm_span){.begin = segment.p_offset, .end = end};
  }
  return LAMINA_OK;
}

enum lamina_status lm_elf_check(int fd, uint64_t size, struct lm_elf *out, bool *ask_linker,
                                struct lm_error *error)
{
  ElfW(Ehdr) header = {0};
  *ask_linker = false;
  int64_t got = lm_read_at(fd, 0, &header, sizeof header);
  if (got < 0) {
    return lm_fail(error, LAMINA_E_IO, "the file cannot be read: %s", strerror(errno));
  }
  /* What is wrong with the first 64 bytes the linker sees before it maps anything. */
  *ask_linker = true;
  LM_TRY(check_identity(header.e_ident, got, size, error));
  LM_TRY(check_machine(&header, error));
  if (header.e_type != ET_DYN) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "the file is an object file or a program, not a shared object");
  }
  *ask_linker = false;
  LM_TRY(check_tables(&header, size, error));
  return check_segments(fd, &header, size, out, error);
}
