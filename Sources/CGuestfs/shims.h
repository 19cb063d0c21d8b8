// libguestfs for Swift: the header, and shims for what Swift cannot import (variadic functions).
#pragma once
#include <guestfs.h>
