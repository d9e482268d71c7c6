/*
 * Paths as text: joined, made absolute, and cleaned of ".", ".." and doubled slashes without
 * asking the file system. So "link/.." is the folder that holds the link, as people read it,
 * and paths of files that do not exist yet can be compared.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/files.h"

/* Adds the working directory, however long; false when it has none or memory is short. */
static bool add_working_directory(struct lm_text *text)
{
  char *folder = getcwd(NULL, 0);                  /* glibc and musl allocate what is needed */
  bool known = folder != NULL && folder[0] == '/'; /* Linux says "(unreachable)/..." else */
  if (known) {
    lm_text_add(text, folder);
  }
  free(folder);
  return known;
}

static bool is_part(const char *part, size_t length, const char *word)
{
  return length == strlen(word) && memcmp(part, word, length) == 0;
}

/* Cleans an absolute path in place: what is kept never overtakes what is still to be read. */
static void clean(char *path)
{
  size_t end = 0;
  const char *next = path;
  while (*next != '\0') {
    const char *part = next + strspn(next, "/");
    size_t length = strcspn(part, "/");
    next = part + length;
    if (is_part(part, length, "..")) {
      while (end > 0 && path[--end] != '/') {
      }
    } else if (length > 0 && !is_part(part, length, ".")) {
      path[end++] = '/';
      memmove(path + end, part, length);
      end += length;
    }
  }
  if (end == 0) {
    path[end++] = '/';
  }
  path[end] = '\0';
}

char *lm_path_absolute(const char *path, const char *folder)
{
  struct lm_text text = {0};
  bool from_folder = path[0] != '/' && folder != NULL;
  bool from_here = path[0] != '/' && (folder == NULL || folder[0] != '/');
  if (from_here && !add_working_directory(&text)) {
    lm_text_release(&text);
    return NULL;
  }
  if (from_folder) {
    lm_text_add(&text, "/");
    lm_text_add(&text, folder);
  }
  lm_text_add(&text, "/");
  lm_text_add(&text, path);
  char *whole = lm_text_take(&text);
  if (whole != NULL) {
    clean(whole);
  }
  return whole;
}
