/*
 * Other processes on the CPUs that a pool computes on.
 *
 * A thread that is taken off its CPU in the middle of a chunk comes back after some milliseconds,
 * and all others wait for it, often with a CPU idle: the system moves threads to idle CPUs only
 * when these were idle for long before. So a thread that is about to wait looks whether one of
 * the pool is ready to run and does not, and brings it to its own CPU, which becomes free. Who
 * was brought leaves for the other CPUs when it is done, so that the two do not share one; after
 * a while without such events it may run where it could before. Results do not depend on where
 * threads run. Floor 0.
 */
#ifndef LM_BASE_COMPANY_H
#define LM_BASE_COMPANY_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** A thread as the others see it, in memory of zeros. */
struct lm_company {
  atomic_int thread;   /* its number; 0: none yet */
  atomic_bool busy;    /* others wait for what it does */
  atomic_bool brought; /* it was brought to another's CPU and has not left it yet */
  atomic_bool apart;   /* it keeps off the CPU where it was, since then */
  int64_t since;       /* lm_clock_ns() */
  cpu_set_t usual;     /* where it could run before, if it was brought or is apart */
};

/** The calling thread is this one. Costs a comparison when it was before. */
void lm_company_enter(struct lm_company *own);

/**
 * Brings a thread to the CPU of the calling one if it is ready to run and does not.
 * @param stays  it is bound to this CPU until it calls lm_company_leave()
 * @return whether it was brought; the caller should wait now
 */
bool lm_company_bring(struct lm_company *other, bool stays);

/** The calling thread leaves its CPU to another: it may run on all others that it could use. */
void lm_company_leave(struct lm_company *own);

/** Between two pieces of work: leaves if the thread was brought, and ends what is long ago. */
void lm_company_settle(struct lm_company *own);

#endif
