// libsolv and libsolvext for Swift: the headers, and shims for what Swift cannot import (variadic functions, function-like macros).
#pragma once
#include <solv/evr.h>
#include <solv/pool.h>
#include <solv/pool_parserpmrichdep.h>
#include <solv/poolarch.h>
#include <solv/problems.h>
#include <solv/repo.h>
#include <solv/repo_comps.h>
#include <solv/repo_repomdxml.h>
#include <solv/repo_rpmdb.h>
#include <solv/repo_rpmmd.h>
#include <solv/repo_solv.h>
#include <solv/repo_write.h>
#include <solv/selection.h>
#include <solv/solv_xfopen.h>
#include <solv/solver.h>
#include <solv/transaction.h>
#include <stdio.h>
#include <stdio_ext.h>

/// Makes reading a stream byte by byte, as libsolv does, cheaper: no lock for each byte, and fewer system calls. Only for one thread.
static inline void discographer_read_alone(FILE *stream) {
    __fsetlocking(stream, FSETLOCKING_BYCALLER);
    setvbuf(stream, NULL, _IOFBF, 1 << 16);
}

/// Whether the solvable with this id belongs to the repository, as in the macro FOR_REPO_SOLVABLES.
static inline int discographer_solvable_is_in(Pool *pool, Id solvable, Repo *repo) {
    return pool->solvables[solvable].repo == repo;
}

/// The parts of a relation, such as `name` and `evr` of `name >= evr`; 0 for a plain name, else the relation's REL_ flags.
static inline int discographer_relation(Pool *pool, Id dependency, Id *name, Id *evr) {
    if (!ISRELDEP(dependency)) return 0;
    Reldep *relation = GETRELDEP(pool, dependency);
    *name = relation->name;
    *evr = relation->evr;
    return relation->flags;
}
