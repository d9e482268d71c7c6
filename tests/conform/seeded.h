/*
 * The bugs of seeded.c, none of them unless the build asks for one by -DBUG=1; see Makefile.am.
 */
#ifndef LM_TESTS_CONFORM_SEEDED_H
#define LM_TESTS_CONFORM_SEEDED_H

#ifndef FIXTURE
#define FIXTURE sound
#endif

#ifndef WRONG_GRADIENT
#define WRONG_GRADIENT 0
#endif
#ifndef UNDECLARED_READ
#define UNDECLARED_READ 0
#endif
#ifndef FALSE_SHARING
#define FALSE_SHARING 0
#endif
#ifndef KEPT_POINTER
#define KEPT_POINTER 0
#endif
#ifndef READS_BEHIND
#define READS_BEHIND 0
#endif
#ifndef READS_BEFORE
#define READS_BEFORE 0
#endif
#ifndef WRITES_BEHIND
#define WRITES_BEHIND 0
#endif
#ifndef WRITES_INPUT
#define WRITES_INPUT 0
#endif
#ifndef OWN_RANDOM
#define OWN_RANDOM 0
#endif
#ifndef ALLOCATES
#define ALLOCATES 0
#endif
#ifndef THREAD_SUM
#define THREAD_SUM 0
#endif
#ifndef WRONG_SHAPE
#define WRONG_SHAPE 0
#endif
#ifndef SETTING_IGNORED
#define SETTING_IGNORED 0
#endif
#ifndef SETTING_KEPT
#define SETTING_KEPT 0
#endif
#ifndef STATE_NOT_SAVED
#define STATE_NOT_SAVED 0
#endif
#ifndef NAN_SWALLOWED
#define NAN_SWALLOWED 0
#endif
#ifndef STARTS_THREAD
#define STARTS_THREAD 0
#endif
#ifndef PRINTS
#define PRINTS 0
#endif
#ifndef ROUNDS
#define ROUNDS 0
#endif
#ifndef SETS_LOCALE
#define SETS_LOCALE 0
#endif
#ifndef DIVIDES
#define DIVIDES 0
#endif
#ifndef HANGS
#define HANGS 0
#endif
#ifndef EXITS
#define EXITS 0
#endif
#ifndef LIES
#define LIES 0
#endif
#ifndef SILENT
#define SILENT 0
#endif
#ifndef REFUSES_ONE
#define REFUSES_ONE 0
#endif
#ifndef IMPURE
#define IMPURE 0
#endif
#ifndef ADD_IGNORED
#define ADD_IGNORED 0
#endif
#ifndef DEAD_READ
#define DEAD_READ 0
#endif
#ifndef SCRATCH_KEPT
#define SCRATCH_KEPT 0
#endif
#ifndef SHARED_STATIC
#define SHARED_STATIC 0
#endif
#ifndef RANDOM_IN_EVALUATION
#define RANDOM_IN_EVALUATION 0
#endif
#ifndef KEEP_MATTERS
#define KEEP_MATTERS 0
#endif
#ifndef BAD_INIT
#define BAD_INIT 0
#endif
#ifndef HANDS_EARLY
#define HANDS_EARLY 0
#endif

#endif
