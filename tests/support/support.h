/*
 * What all tests may use: where things are, as the test run says by environment variables.
 */
#ifndef LM_TESTS_SUPPORT_H
#define LM_TESTS_SUPPORT_H

#include "base/error.h"

/** Value of a LAMINA_TEST_* variable; ends the test with a message when it is not set. */
const char *ls_environment(const char *name);

/** A new empty folder for this test, removed with everything in it by ls_folder_remove(). */
char *ls_folder_make(void);
void ls_folder_remove(char *folder);

/** Folder of real data (LAMINA_DATA); skips the test with a message when it is not set. */
const char *ls_data(void);

#endif
