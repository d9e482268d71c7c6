/*
 * Each function counts and goes on to the real one: the heap's by the names that glibc has for
 * this, the others by dlsym(). The counters are off but for the stretch between begin and end,
 * so that the test's own calls do not count.
 */
#include "tests/support/call_counter.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#endif

#define IN_FRONT __attribute__((visibility("default")))

static atomic_bool counting;
static atomic_long taken, freed, mapped, threads;
static _Atomic(const void *) first;

static void count(atomic_long *counter, const void *caller)
{
  const void *none = NULL;
  if (atomic_load_explicit(&counting, memory_order_relaxed)) {
    atomic_fetch_add(counter, 1);
    (void)atomic_compare_exchange_strong(&first, &none, caller);
  }
}

void ls_calls_begin(void)
{
  atomic_store(&taken, 0);
  atomic_store(&freed, 0);
  atomic_store(&mapped, 0);
  atomic_store(&threads, 0);
  atomic_store(&first, NULL);
  atomic_store(&counting, true);
}

struct ls_calls ls_calls_end(void)
{
  atomic_store(&counting, false);
  return (struct ls_calls){.taken = atomic_load(&taken),
                           .freed = atomic_load(&freed),
                           .mapped = atomic_load(&mapped),
                           .threads = atomic_load(&threads),
                           .first = atomic_load(&first)};
}

bool ls_calls_see_heap(void)
{
  const char *valgrind = getenv("LAMINA_TEST_VALGRIND");
  return valgrind == NULL || strcmp(valgrind, "yes") != 0;
}

/* ---- the heap ---- */

#ifdef HAS_ASAN

/* As in sanitizer/allocator_interface.h, which gcc does not bring along. */
int __sanitizer_install_malloc_and_free_hooks(void (*taken)(const volatile void *, size_t),
                                              void (*freed)(const volatile void *));

static void tell_taken(const volatile void *memory, size_t bytes)
{
  (void)memory;
  (void)bytes;
  count(&taken, __builtin_return_address(0));
}

static void tell_freed(const volatile void *memory)
{
  if (memory != NULL) {
    count(&freed, __builtin_return_address(0));
  }
}

__attribute__((constructor)) static void listen(void)
{
  (void)__sanitizer_install_malloc_and_free_hooks(tell_taken, tell_freed);
}

#else

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t items, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

IN_FRONT void *malloc(size_t bytes)
{
  count(&taken, __builtin_return_address(0));
  return __libc_malloc(bytes);
}

IN_FRONT void *calloc(size_t items, size_t bytes)
{
  count(&taken, __builtin_return_address(0));
  return __libc_calloc(items, bytes);
}

IN_FRONT void *realloc(void *memory, size_t bytes)
{
  count(&taken, __builtin_return_address(0));
  return __libc_realloc(memory, bytes);
}

IN_FRONT void *aligned_alloc(size_t alignment, size_t bytes)
{
  count(&taken, __builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}

IN_FRONT void *memalign(size_t alignment, size_t bytes);
IN_FRONT void *memalign(size_t alignment, size_t bytes)
{
  count(&taken, __builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}

IN_FRONT int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
  count(&taken, __builtin_return_address(0));
  void *found = __libc_memalign(alignment, bytes);
  if (found == NULL) {
    return ENOMEM;
  }
  *memory = found;
  return 0;
}

IN_FRONT void free(void *memory)
{
  if (memory != NULL) {
    count(&freed, __builtin_return_address(0));
  }
  __libc_free(memory);
}

#endif

/* ---- mappings and threads ---- */

/* The next function of that name behind this program's; POSIX lets dlsym() give functions. */
static void next(const char *name, void *function, size_t size)
{
  void *found = dlsym(RTLD_NEXT, name);
  memcpy(function, &found, size);
}

typedef void *(*mmap_fn)(void *, size_t, int, int, int, off_t);
typedef int (*create_fn)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
typedef int (*clone_fn)(int (*)(void *), void *, int, void *, ...);

static mmap_fn next_mmap;
static create_fn next_create;

__attribute__((constructor)) static void find_next(void)
{
  next("mmap", &next_mmap, sizeof next_mmap);
  next("pthread_create", &next_create, sizeof next_create);
}

static void *map(void *address, size_t bytes, int access, int flags, int file, off_t offset)
{
  count(&mapped, __builtin_return_address(0));
  if (next_mmap == NULL) { /* before the constructors */
    return (void *)syscall(SYS_mmap, address, bytes, access, flags, file, offset);
  }
  return next_mmap(address, bytes, access, flags, file, offset);
}

IN_FRONT void *mmap(void *address, size_t bytes, int access, int flags, int file, off_t offset)
{
  return map(address, bytes, access, flags, file, offset);
}

IN_FRONT void *mmap64(void *address, size_t bytes, int access, int flags, int file, off_t offset)
{
  return map(address, bytes, access, flags, file, offset);
}

IN_FRONT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                            void *(*start)(void *), void *arg)
{
  count(&threads, __builtin_return_address(0));
  return next_create == NULL ? EAGAIN : next_create(thread, attributes, start, arg);
}

IN_FRONT int clone(int (*start)(void *), void *stack, int flags, void *arg, ...)
{
  clone_fn next_clone;
  va_list more;
  count(&threads, __builtin_return_address(0));
  next("clone", &next_clone, sizeof next_clone);
  va_start(more, arg);
  pid_t *parent = va_arg(more, pid_t *);
  void *local = va_arg(more, void *);
  pid_t *child = va_arg(more, pid_t *);
  va_end(more);
  return next_clone(start, stack, flags, arg, parent, local, child);
}
