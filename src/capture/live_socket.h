/*
 * What Linux's packet sockets can do and libpcap has no word for (packet(7), socket(7)): stop what comes in without losing
 * what is already in the ring, share an interface with other sockets, tell whether the interface is up. Private to the room.
 */
#ifndef DBHOUND_SRC_CAPTURE_LIVE_SOCKET_H
#define DBHOUND_SRC_CAPTURE_LIVE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on the kernel puts nothing into the ring, and counts nothing either. */
bool live_socket_shut(int descriptor);
/* What live_socket_shut did, if anything, is undone. */
bool live_socket_open(int descriptor);
/* Every packet of their interface goes to one of these sockets from now on: a TCP segment that lies right behind a link header to
 * one by its addresses and ports, both directions alike; all else (tunnels, fragments, a second VLAN tag) to the first. */
bool live_socket_share(const int *descriptors, size_t count);
/* True when that cannot be told. */
bool live_socket_link_is_up(int descriptor, const char *interface);

/* Every packet passes a socket on a loopback twice, out and in; libpcap hands on one of them. Also true when that cannot be
 * told, as for "any". */
bool live_socket_is_loopback(int descriptor, const char *interface);

#endif
