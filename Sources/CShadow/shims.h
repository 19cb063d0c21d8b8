// glibc's reading and writing of passwd(5), group(5), shadow(5) and gshadow(5); Swift's Glibc module does not have the latter two.
#pragma once
#include <grp.h>
#include <gshadow.h>
#include <shadow.h>
#include <stdio.h>

/// putgrent(3); grp.h declares it only for GNU sources.
int putgrent(const struct group *entry, FILE *stream);
