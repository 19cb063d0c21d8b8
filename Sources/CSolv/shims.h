// libsolv and libsolvext for Swift: the headers, and shims for what Swift cannot import (variadic functions, function-like macros).
#pragma once
#include <solv/pool.h>
#include <solv/poolarch.h>
#include <solv/repo.h>
#include <solv/solver.h>
#include <solv/selection.h>
#include <solv/transaction.h>
#include <solv/repo_repomdxml.h>
#include <solv/repo_rpmmd.h>
#include <solv/repo_comps.h>
#include <solv/repo_solv.h>
#include <solv/repo_write.h>
#include <solv/repo_rpmdb.h>
#include <solv/solv_xfopen.h>
