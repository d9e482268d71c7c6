/*
 * A crash of the plugin as a finding: which rule, in which call, what was touched.
 *
 * The handler writes the sentence into the ledger and ends the process; it uses no stdio and no
 * allocation, since it may run in the middle of either.
 */
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "conform/conform_internal.h"

static struct lm_trial *current;

/* What an access was, where the processor says so. */
static const char *access_name(const void *context)
{
#if defined(__x86_64__)
  const ucontext_t *at = context;
  return (at->uc_mcontext.gregs[REG_ERR] & 2) != 0 ? "writes " : "reads ";
#else
  (void)context;
  return "touches ";
#endif
}

static const char *signal_text(int number)
{
  switch (number) {
    case SIGSEGV:
      return "crashed: it used memory that is not its own (SIGSEGV)";
    case SIGBUS:
      return "crashed: memory behind a file is gone (SIGBUS)";
    case SIGFPE:
      return "crashed: an integer was divided by zero (SIGFPE)";
    case SIGILL:
      return "crashed: an instruction this processor does not know (SIGILL)";
    default:
      return "gave up: abort(), a failed assert() or an exception (SIGABRT)";
  }
}

static void add(struct lm_finding *finding, const char *text)
{
  size_t length = strlen(finding->text);
  size_t room = sizeof finding->text - 1 - length, wanted = strlen(text);
  memcpy(finding->text + length, text, wanted < room ? wanted : room);
}

static const char *rule_of(enum lm_place place)
{
  switch (place) {
    case LM_PLACE_FORBIDDEN:
      return "L07";
    case LM_PLACE_RETIRED:
      return "P15";
    case LM_PLACE_OUTSIDE:
      return "P13";
    default:
      return "P11";
  }
}

static void on_fault(int number, siginfo_t *info, void *context)
{
  struct lm_ledger *ledger = current->ledger;
  char what[128];
  bool is_access = number == SIGSEGV || number == SIGBUS;
  enum lm_place place =
      is_access ? lm_zone_locate(info->si_addr, what, sizeof what) : LM_PLACE_ELSEWHERE;
  if (ledger->n_findings < LM_LEDGER_FINDINGS) {
    struct lm_finding *finding = &ledger->findings[ledger->n_findings];
    memset(finding, 0, sizeof *finding);
    memcpy(finding->id, rule_of(place), 4);
    add(finding, ledger->stage);
    add(finding, ": ");
    if (place == LM_PLACE_ELSEWHERE) {
      add(finding, ledger->in_call ? signal_text(number) : "the check itself crashed");
    } else {
      add(finding, access_name(context));
      add(finding, what);
      add(finding, place == LM_PLACE_FORBIDDEN ? ", which infer() did not declare for it" : "");
    }
    ledger->n_findings++;
  }
  _exit(LM_FAULT_EXIT);
}

void lm_fault_install(struct lm_trial *trial)
{
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
  static char stack[64 * 1024]; /* a crash may be an overflow of the ordinary one */
  const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_sigaction = on_fault,
                             .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};
  current = trial;
  (void)sigaltstack(&alternate, NULL);
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
    (void)sigaction(faults[i], &action, NULL);
  }
}
