/*
 * Loading: the only user of libltdl.
 *
 * libltdl says "file not found" whatever went wrong and binds lazily, so each file is opened
 * first with dlopen(RTLD_NOW), for the linker's own reason and for undefined functions, then
 * by libltdl, which holds it, and then the first handle is given back. libltdl has no locking:
 * one mutex is around all of it. Modules are known by the linker's handle, so that a file that
 * is reached by two paths or from two registries is one module, and a refused one stays so:
 * its constructors would not run again, and it would look innocent.
 *
 * A module stays loaded until the process ends, because code that was loaded may have left
 * threads or handlers behind; LAMINA_UNLOAD=1 closes modules, for leak checks.
 */
#include <dlfcn.h>
#include <ltdl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "registry/registry_internal.h"

struct lm_module {
  struct lm_module *next;
  void *key; /* what dlopen() returned: the same as long as it stays loaded */
  lt_dlhandle handle;
  const char *fault; /* what it did while it was loaded, or NULL */
  uint32_t users;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct lm_module *modules;
static uint32_t registries;
static bool started;

static bool must_unload(void)
{
  const char *value = getenv("LAMINA_UNLOAD");
  return value != NULL && strcmp(value, "1") == 0;
}

/* The linker's words without the path, which the sentence already has. */
static const char *linker_words(const char *path)
{
  const char *words = dlerror();
  if (words == NULL) {
    return "no reason given";
  }
  size_t length = strlen(path);
  if (strncmp(words, path, length) == 0 && strncmp(words + length, ": ", 2) == 0) {
    words += length + 2;
  }
  return words;
}

void lm_module_add_reason(const char *path, struct lm_error *error)
{
  (void)pthread_mutex_lock(&lock);
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) {
    lm_error_suffix(error, "; the dynamic linker says: %s", linker_words(path));
  } else {
    (void)dlclose(handle);
  }
  (void)pthread_mutex_unlock(&lock);
}

enum lamina_status lm_modules_begin(struct lm_error *error)
{
  enum lamina_status status = LAMINA_OK;
  (void)pthread_mutex_lock(&lock);
  if (!started && lt_dlinit() != 0) {
    const char *words = lt_dlerror();
    status = lm_fail(error, LAMINA_E_INTERNAL, "libltdl cannot start: %s",
                     words == NULL ? "no reason given" : words);
  } else {
    started = true;
    registries++;
  }
  (void)pthread_mutex_unlock(&lock);
  return status;
}

void lm_modules_end(void)
{
  (void)pthread_mutex_lock(&lock);
  registries--;
  if (registries == 0 && modules == NULL && must_unload()) {
    (void)lt_dlexit();
    started = false;
  }
  (void)pthread_mutex_unlock(&lock);
}

static enum lamina_status hold(const char *path, lt_dlhandle *out, struct lm_error *error)
{
  lt_dladvise advise;
  if (lt_dladvise_init(&advise) != 0) {
    return lm_fail_memory(error, 0);
  }
  *out = lt_dladvise_local(&advise) == 0 ? lt_dlopenadvise(path, advise) : NULL;
  (void)lt_dladvise_destroy(&advise);
  if (*out == NULL) {
    const char *words = lt_dlerror();
    return lm_fail(error, LAMINA_E_INTERNAL, "libltdl cannot hold it: %s",
                   words == NULL ? "no reason given" : words);
  }
  return LAMINA_OK;
}

static struct lm_module *known(const void *key)
{
  struct lm_module *module = modules;
  while (module != NULL && module->key != key) {
    module = module->next;
  }
  return module;
}

/* Has libltdl hold what dlopen() opened, as a module without users. */
static enum lamina_status adopt(const char *path, void *key, const char *fault,
                                struct lm_module **out, struct lm_error *error)
{
  struct lm_module *module = lm_alloc(1, sizeof *module);
  if (module == NULL) {
    return lm_fail_memory(error, sizeof *module);
  }
  enum lamina_status status = hold(path, &module->handle, error);
  if (status != LAMINA_OK) {
    lm_free(module);
    return status;
  }
  module->key = key;
  module->fault = fault;
  module->next = modules;
  modules = module;
  *out = module;
  return LAMINA_OK;
}

static void close_unused(struct lm_module *module)
{
  if (module->users > 0 || !must_unload()) {
    return;
  }
  struct lm_module **link = &modules;
  while (*link != module) {
    link = &(*link)->next;
  }
  *link = module->next;
  (void)lt_dlclose(module->handle);
  lm_free(module);
}

/* dlopen, with a look at what the constructors did. *fault is of static storage. */
static enum lamina_status open_watched(const char *path, const char *guard, void **key,
                                       const char **fault, struct lm_error *error)
{
  struct lm_environment environment;
  LM_TRY(lm_environment_save(&environment, error));
  const char *previous = lm_guard_enter(guard);
  *key = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  lm_guard_leave(previous);
  const char *words = *key == NULL ? linker_words(path) : NULL;
  *fault = lm_environment_restore(&environment);
  if (words != NULL) {
    return lm_fail(error, LAMINA_E_INVALID, "the dynamic linker cannot load it: %s", words);
  }
  return LAMINA_OK;
}

static enum lamina_status open_locked(const char *path, const char *symbol, const char *guard,
                                      struct lm_module **out,
                                      const struct lamina_plugin **descriptor,
                                      struct lm_error *error)
{
  void *key;
  const char *fault;
  LM_TRY(open_watched(path, guard, &key, &fault, error));
  enum lamina_status status = LAMINA_OK;
  struct lm_module *module = known(key);
  if (module == NULL) {
    LM_TRY_OR(out, status, adopt(path, key, fault, &module, error));
  }
  if (module->fault != NULL) {
    status = lm_fail(error, LAMINA_E_PLUGIN, "while it was loaded %s", module->fault);
  } else {
    *descriptor = lt_dlsym(module->handle, symbol);
    if (*descriptor == NULL) {
      status = lm_fail(error, LAMINA_E_PLUGIN, "it does not export %s", symbol);
    }
  }
  if (status == LAMINA_OK) {
    module->users++;
    *out = module;
  } else {
    close_unused(module);
  }
out:
  (void)dlclose(key);
  return status;
}

enum lamina_status lm_module_open(const char *path, const char *symbol, const char *guard,
                                  struct lm_module **out, const struct lamina_plugin **descriptor,
                                  struct lm_error *error)
{
  (void)pthread_mutex_lock(&lock);
  enum lamina_status status = open_locked(path, symbol, guard, out, descriptor, error);
  (void)pthread_mutex_unlock(&lock);
  return status;
}

void lm_module_close(struct lm_module *module)
{
  if (module == NULL) {
    return;
  }
  (void)pthread_mutex_lock(&lock);
  module->users--;
  close_unused(module);
  (void)pthread_mutex_unlock(&lock);
}
