/*
 * A loaded shared object from the inside: what it exports, what it needs, and where it keeps
 * the addresses of what it imports. All of it is read from the tables that the dynamic linker
 * itself used, so nothing of the file needs to be parsed again.
 */
#include "conform/image.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#if defined(__x86_64__)
enum { SLOT = R_X86_64_JUMP_SLOT, GLOBAL = R_X86_64_GLOB_DAT, ABSOLUTE = R_X86_64_64 };
#elif defined(__aarch64__)
enum { SLOT = R_AARCH64_JUMP_SLOT, GLOBAL = R_AARCH64_GLOB_DAT, ABSOLUTE = R_AARCH64_ABS64 };
#else
enum { SLOT = -1, GLOBAL = -1, ABSOLUTE = -1 };
#endif

/** A search for the object that holds an address. */
struct wanted {
  uintptr_t address;
  struct lm_image *out;
};

static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
  struct wanted *wanted = arg;
  const ElfW(Dyn) *dynamic = NULL;
  bool inside = false;
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    uintptr_t begin = info->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_DYNAMIC) {
      dynamic = (const ElfW(Dyn) *)begin;
    } else if (header->p_type == PT_LOAD && wanted->address >= begin &&
               wanted->address < begin + header->p_memsz) {
      inside = true;
    }
  }
  if (!inside || dynamic == NULL) {
    return 0;
  }
  wanted->out->base = info->dlpi_addr;
  wanted->out->dynamic = dynamic;
  return 1;
}

bool lm_image_find(const void *address, struct lm_image *out)
{
  struct wanted wanted = {(uintptr_t)address, out};
  return dl_iterate_phdr(look_at, &wanted) != 0;
}

/* An entry of the dynamic section; 0 when there is none. */
static uintptr_t entry(const struct lm_image *image, int64_t tag)
{
  for (const ElfW(Dyn) *at = image->dynamic; at->d_tag != DT_NULL; at++) {
    if (at->d_tag == tag) {
      return (uintptr_t)at->d_un.d_val;
    }
  }
  return 0;
}

/* An entry that is an address: the linker has made it absolute on most machines. */
static const void *table(const struct lm_image *image, int64_t tag)
{
  uintptr_t value = entry(image, tag);
  return value == 0 ? NULL : (const void *)(value < image->base ? value + image->base : value);
}

/* Symbols in the table: one more than the last that the hash table reaches. */
static uint32_t symbol_count(const struct lm_image *image)
{
  const uint32_t *gnu = table(image, DT_GNU_HASH), *old = table(image, DT_HASH);
  if (gnu == NULL) {
    return old == NULL ? 0 : old[1];
  }
  uint32_t buckets = gnu[0], offset = gnu[1], last = 0;
  const uint32_t *bucket =
      (const uint32_t *)(const void *)((const char *)(gnu + 4) + gnu[2] * sizeof(ElfW(Addr)));
  const uint32_t *chain = bucket + buckets;
  for (uint32_t i = 0; i < buckets; i++) {
    last = bucket[i] > last ? bucket[i] : last;
  }
  if (last < offset) {
    return offset;
  }
  while ((chain[last - offset] & 1) == 0) {
    last++;
  }
  return last + 1;
}

void lm_image_exports(const struct lm_image *image, void (*visit)(void *arg, const char *name),
                      void *arg)
{
  const ElfW(Sym) *symbols = table(image, DT_SYMTAB);
  const char *names = table(image, DT_STRTAB);
  uint32_t count = symbols == NULL || names == NULL ? 0 : symbol_count(image);
  for (uint32_t i = 1; i < count; i++) {
    unsigned binding = symbols[i].st_info >> 4, visibility = symbols[i].st_other & 3;
    if (symbols[i].st_shndx != SHN_UNDEF && binding != STB_LOCAL && visibility == STV_DEFAULT) {
      visit(arg, names + symbols[i].st_name);
    }
  }
}

void lm_image_needs(const struct lm_image *image, void (*visit)(void *arg, const char *name),
                    void *arg)
{
  const char *names = table(image, DT_STRTAB);
  for (const ElfW(Dyn) *at = image->dynamic; names != NULL && at->d_tag != DT_NULL; at++) {
    if (at->d_tag == DT_NEEDED) {
      visit(arg, names + at->d_un.d_val);
    }
  }
}

static void visit_relocations(const struct lm_image *image, const ElfW(Rela) * list, size_t bytes,
                              void (*visit)(void *arg, const char *name, void **place), void *arg)
{
  const ElfW(Sym) *symbols = table(image, DT_SYMTAB);
  const char *names = table(image, DT_STRTAB);
  for (size_t i = 0; list != NULL && i < bytes / sizeof *list; i++) {
    int type = (int)ELF64_R_TYPE(list[i].r_info);
    const ElfW(Sym) *symbol = &symbols[ELF64_R_SYM(list[i].r_info)];
    bool known = type == SLOT || type == GLOBAL || type == ABSOLUTE;
    if (known && symbol->st_shndx == SHN_UNDEF && symbol->st_name != 0) {
      visit(arg, names + symbol->st_name, (void **)(image->base + list[i].r_offset));
    }
  }
}

void lm_image_imports(const struct lm_image *image,
                      void (*visit)(void *arg, const char *name, void **place), void *arg)
{
  visit_relocations(image, table(image, DT_JMPREL), entry(image, DT_PLTRELSZ), visit, arg);
  visit_relocations(image, table(image, DT_RELA), entry(image, DT_RELASZ), visit, arg);
}
