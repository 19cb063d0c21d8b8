// Between confinement.c, which loads the filter, and constant_uname.c, which answers.
#pragma once
#include <stdbool.h>

/// Whether `discographer_prepare_constant_uname` has started the thread that answers.
bool discographer_uname_is_prepared(void);

/// Hands the filter's listener to the thread; -1 when there is none, and uname(2) is the host's.
void discographer_start_constant_uname(int descriptor);
