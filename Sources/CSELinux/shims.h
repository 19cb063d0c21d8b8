// libselinux for Swift: only the lookup of file contexts, selabel_open(3).
#pragma once
#include <selinux/selinux.h>
#include <selinux/label.h>
