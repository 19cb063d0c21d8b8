// libselinux for Swift: the part that knows policies' files of contexts, selabel_open(3).
#pragma once
#include <selinux/selinux.h>
#include <selinux/label.h>
