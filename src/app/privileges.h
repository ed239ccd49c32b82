/*
 * What a process that reads hostile bytes may still do. In two steps: privileges_drop before threads are started, because
 * capabilities belong to a thread and are inherited; privileges_confine after that, because then no thread is started again.
 *
 * Live, all capabilities go but CAP_NET_RAW, in the bounding set too: an interface that is removed and made again needs a
 * new socket, and CAP_NET_RAW is all that opening one takes (promiscuous mode included). Who takes over the process can thus
 * read and write frames on the machine's interfaces, and nothing else that the user may not. A replay keeps capabilities,
 * since it opens its files one by one, as late as it reads them.
 *
 * Always: no new privileges by exec, no core dumps (they hold captured secrets), and only the system calls that decoding,
 * storing and capturing need (seccomp: others are refused with EPERM). A replay has no sockets.
 * Where the kernel has no such filter (valgrind is one), that is said and the run goes on.
 */
#ifndef DBHOUND_SRC_APP_PRIVILEGES_H
#define DBHOUND_SRC_APP_PRIVILEGES_H

#include <stdbool.h>

#include "base/error.h"

/* Live and `user` not NULL: becomes that user. */
bool privileges_drop(bool live, const char *user, struct error *why) MUST_CHECK;
/* Reaches all threads. */
bool privileges_confine(bool live, struct error *why) MUST_CHECK;

#endif
