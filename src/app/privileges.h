/*
 * What a process that reads hostile bytes may still do. Called once everything is open: the capture, the store, the threads.
 *
 * Kept: CAP_NET_RAW alone, and only live, because an interface that comes back needs a new socket. Everything else is given
 * up: other capabilities, new privileges by exec, core dumps (they hold captured secrets), and every system call that
 * decoding, storing and capturing do not need (seccomp: refused with EPERM).
 */
#ifndef DBHOUND_SRC_APP_PRIVILEGES_H
#define DBHOUND_SRC_APP_PRIVILEGES_H

#include <stdbool.h>

#include "base/error.h"

bool privileges_drop(bool live, struct error *why) MUST_CHECK;

#endif
