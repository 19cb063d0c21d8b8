// librpm for Swift: the headers, and shims for what Swift cannot import (variadic functions, function-like macros).
#pragma once
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <rpm/header.h>
#include <rpm/rpmbase64.h>
#include <rpm/rpmcli.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmds.h>
#include <rpm/rpmfi.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmkeyring.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmpgp.h>
#include <rpm/rpmps.h>
#include <rpm/rpmtag.h>
#include <rpm/rpmte.h>
#include <rpm/rpmts.h>

/// Logs up to information: at a lower level librpm sends the standard output of scriptlets to /dev/null (rpmscript.c, rpmIsVerbose).
static inline void discographer_rpm_log_up_to_information(void) { rpmlogSetMask(RPMLOG_UPTO(RPMLOG_INFO)); }

/// Reads only these macro files: /etc/rpm and ~/.rpmmacros of the build host must not influence a machine.
static inline void discographer_rpm_set_macro_files(const char *files) { macrofiles = files; }

/// memfd_create(2), closed on exec.
static inline int discographer_memory_file(const char *name) { return (int)syscall(SYS_memfd_create, name, 1 /* MFD_CLOEXEC */); }

/// Expands macros (variadic rpmExpand), for what they do. Returns 0, or -1 when the expansion has failed.
static inline int discographer_rpm_expand(const char *text) {
    char *expanded = NULL;
    int result = rpmExpandMacros(NULL, text, &expanded, 0);
    free(expanded);
    return result < 0 ? -1 : 0;
}
