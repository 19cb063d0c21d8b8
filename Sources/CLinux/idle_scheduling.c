#define _GNU_SOURCE
#include "CLinux.h"

#include <sched.h>

void discographer_run_when_idle(void) {
    struct sched_param parameters = {.sched_priority = 0};
    sched_setscheduler(0, SCHED_IDLE, &parameters);
}
