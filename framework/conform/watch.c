/*
 * What a plugin calls that it must leave to its host.
 *
 * Every place in the loaded file that holds the address of such a function gets the address of
 * a few bytes of code that count the call and jump to the function: no symbol is interposed, no
 * other file is watched, and the arguments pass untouched. What cannot be seen by names is
 * compared before and after each call: floating-point mode, locale, signals, threads.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "conform/conform_internal.h"
#include "registry/environment.h"

/** A function, and the rule that a call of it breaks. */
struct forbidden {
  const char *id, *name;
};

static const struct forbidden forbidden[] = {
    {"P06", "malloc"},
    {"P06", "calloc"},
    {"P06", "realloc"},
    {"P06", "reallocarray"},
    {"P06", "free"},
    {"P06", "posix_memalign"},
    {"P06", "aligned_alloc"},
    {"P06", "memalign"},
    {"P06", "valloc"},
    {"P06", "strdup"},
    {"P06", "strndup"},
    {"P06", "asprintf"},
    {"P06", "vasprintf"},
    {"P06", "__asprintf_chk"},
    {"P06", "__strdup"},
    {"P06", "mmap"},
    {"P06", "mmap64"},
    {"P06", "munmap"},
    {"P06", "sbrk"},
    {"P06", "_Znwm"},
    {"P06", "_Znam"},
    {"P06", "_ZnwmSt11align_val_t"},
    {"P06", "_ZnamSt11align_val_t"},
    {"P06", "_ZdlPv"},
    {"P06", "_ZdaPv"},
    {"P06", "_ZdlPvm"},
    {"P06", "_ZdaPvm"},
    {"P06", "_ZdlPvSt11align_val_t"},
    {"P06", "_ZdlPvmSt11align_val_t"},
    {"P07", "pthread_create"},
    {"P07", "thrd_create"},
    {"P07", "fork"},
    {"P07", "vfork"},
    {"P07", "clone"},
    {"P07", "posix_spawn"},
    {"P07", "system"},
    {"P07", "popen"},
    {"P07", "GOMP_parallel"},
    {"P07", "GOMP_parallel_start"},
    {"P07", "__kmpc_fork_call"},
    {"P08", "printf"},
    {"P08", "vprintf"},
    {"P08", "puts"},
    {"P08", "putchar"},
    {"P08", "putc"},
    {"P08", "fputc"},
    {"P08", "fputs"},
    {"P08", "fprintf"},
    {"P08", "vfprintf"},
    {"P08", "fwrite"},
    {"P08", "__printf_chk"},
    {"P08", "__fprintf_chk"},
    {"P08", "perror"},
    {"P08", "fopen"},
    {"P08", "fopen64"},
    {"P08", "fdopen"},
    {"P08", "fclose"},
    {"P08", "fread"},
    {"P08", "fgets"},
    {"P08", "getline"},
    {"P08", "fscanf"},
    {"P08", "fflush"},
    {"P08", "open"},
    {"P08", "open64"},
    {"P08", "openat"},
    {"P08", "read"},
    {"P08", "write"},
    {"P08", "pread"},
    {"P08", "pwrite"},
    {"P08", "socket"},
    {"P08", "getenv"},
    {"P08", "secure_getenv"},
    {"P08", "setenv"},
    {"P08", "putenv"},
    {"P08", "exit"},
    {"P08", "_exit"},
    {"P08", "quick_exit"},
    {"P08", "dlopen"},
    {"P08", "syslog"},
    {"P09", "rand"},
    {"P09", "srand"},
    {"P09", "rand_r"},
    {"P09", "random"},
    {"P09", "srandom"},
    {"P09", "random_r"},
    {"P09", "drand48"},
    {"P09", "erand48"},
    {"P09", "lrand48"},
    {"P09", "nrand48"},
    {"P09", "mrand48"},
    {"P09", "srand48"},
    {"P09", "getrandom"},
    {"P09", "getentropy"},
    {"P09", "arc4random"},
    {"P09", "arc4random_uniform"},
    {"P09", "_ZNSt13random_device9_M_getvalEv"},
    {"P10", "setlocale"},
    {"P10", "uselocale"},
    {"P10", "signal"},
    {"P10", "sigaction"},
    {"P10", "sigprocmask"},
    {"P10", "pthread_sigmask"},
    {"P10", "fesetround"},
    {"P10", "fesetenv"},
    {"P10", "feenableexcept"},
    {"P10", "fedisableexcept"},
};

enum { NAMES = sizeof forbidden / sizeof forbidden[0], STUB = 32, PAGE = 4096, PLACES = 256 };

/** A place that was changed, and what it held. */
struct place {
  void **at;
  void *before;
};

/** The code, and behind it what it uses: one mapping, so that distances are short. */
struct stubs {
  unsigned char code[NAMES][STUB];
  unsigned char rest_of_page[(PAGE - NAMES * STUB % PAGE) % PAGE];
  uint64_t counters[NAMES];
  void *targets[NAMES];
};

struct lm_watch {
  struct stubs *stubs;
  struct place places[PLACES];
  size_t n_places;
  uint64_t seen[NAMES];
  struct lm_environment environment;
  bool saved;
  uint32_t threads;
};

#if defined(__x86_64__)

static void write_distance(unsigned char *at, const void *to)
{
  int32_t distance = (int32_t)((const unsigned char *)to - (at + 4));
  memcpy(at, &distance, sizeof distance);
}

/* endbr64; lock incq counter(%rip); jmp *target(%rip) */
static bool write_stub(struct stubs *stubs, size_t i)
{
  static const unsigned char code[] = {0xf3, 0x0f, 0x1e, 0xfa, 0xf0, 0x48, 0xff,
                                       0x05, 0,    0,    0,    0,    0xff, 0x25};
  unsigned char *stub = stubs->code[i];
  memcpy(stub, code, sizeof code);
  write_distance(stub + 8, &stubs->counters[i]);
  write_distance(stub + sizeof code, &stubs->targets[i]);
  return true;
}

#else

static bool write_stub(struct stubs *stubs, size_t i)
{
  (void)stubs, (void)i;
  return false;
}

#endif

static struct stubs *make_stubs(void)
{
  struct stubs *stubs =
      mmap(NULL, sizeof *stubs, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  bool written = stubs != MAP_FAILED;
  for (size_t i = 0; i < NAMES && written; i++) {
    written = write_stub(stubs, i);
  }
  if (stubs != MAP_FAILED &&
      (!written || mprotect(stubs, offsetof(struct stubs, counters), PROT_READ | PROT_EXEC) != 0)) {
    (void)munmap(stubs, sizeof *stubs);
    return NULL;
  }
  return stubs == MAP_FAILED ? NULL : stubs;
}

/* The table that the linker made read-only after loading is opened for us. */
static bool set_place(void **place, void *value)
{
  uintptr_t page = (uintptr_t)place & ~(uintptr_t)(PAGE - 1);
  if (mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE) != 0) {
    return false;
  }
  *place = value;
  return true;
}

static void divert(void *arg, const char *name, void **place)
{
  struct lm_watch *watch = arg;
  size_t i = 0;
  while (i < NAMES && strcmp(forbidden[i].name, name) != 0) {
    i++;
  }
  if (i == NAMES || *place == NULL || watch->n_places == PLACES) {
    return;
  }
  void *before = *place;
  watch->stubs->targets[i] = before;
  if (set_place(place, watch->stubs->code[i])) {
    watch->places[watch->n_places++] = (struct place){place, before};
  }
}

struct lm_watch *lm_watch_create(const struct lm_plugin *plugin, const char **reason)
{
  struct lm_image image;
  struct lm_watch *watch = lm_alloc(1, sizeof *watch);
  *reason = "there is not enough memory";
  if (watch == NULL) {
    return NULL;
  }
  watch->stubs = make_stubs();
  if (watch->stubs == NULL) {
    *reason = "calls cannot be counted on this machine";
  } else if (!lm_image_find(plugin->info.name, &image)) {
    *reason = "the loaded file is not found";
  } else {
    lm_image_imports(&image, divert, watch);
    return watch;
  }
  lm_watch_free(watch);
  return NULL;
}

void lm_watch_free(struct lm_watch *watch)
{
  if (watch == NULL) {
    return;
  }
  for (size_t i = 0; i < watch->n_places; i++) {
    (void)set_place(watch->places[i].at, watch->places[i].before);
  }
  if (watch->stubs != NULL) {
    (void)munmap(watch->stubs, sizeof *watch->stubs);
  }
  lm_free(watch);
}

static uint32_t count_threads(void)
{
  uint32_t count = 0;
  DIR *tasks = opendir("/proc/self/task");
  while (tasks != NULL && readdir(tasks) != NULL) {
    count++;
  }
  if (tasks != NULL) {
    (void)closedir(tasks);
  }
  return count;
}

void lm_watch_begin(struct lm_watch *watch)
{
  watch->threads = count_threads();
  watch->saved = lm_environment_save(&watch->environment, NULL) == LAMINA_OK;
  memcpy(watch->seen, watch->stubs->counters, sizeof watch->seen);
}

void lm_watch_end(struct lm_watch *watch, struct lm_trial *trial, bool computes)
{
  uint64_t now[NAMES];
  memcpy(now, watch->stubs->counters, sizeof now);
  const char *stage = trial->ledger->stage;
  const char *fault = watch->saved ? lm_environment_restore(&watch->environment) : NULL;
  for (size_t i = 0; i < NAMES; i++) {
    uint64_t calls = now[i] - watch->seen[i];
    if (calls > 0 && (computes || strcmp(forbidden[i].id, "P06") != 0)) {
      lm_find(trial, forbidden[i].id, "%s: calls %s(), %llu time%s", stage, forbidden[i].name,
              (unsigned long long)calls, calls == 1 ? "" : "s");
    }
  }
  if (fault != NULL) {
    lm_find(trial, "P10", "%s: %s", stage, fault);
  }
  if (computes && count_threads() > watch->threads) {
    lm_find(trial, "P07", "%s: there are more threads than before", stage);
  }
}
