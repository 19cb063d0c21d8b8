// libcap for Swift.
#pragma once
#include <sys/capability.h>
