/* What `dbhound --version` says and every run in a store notes. */
#ifndef DBHOUND_BASE_VERSION_H
#define DBHOUND_BASE_VERSION_H

#define DBHOUND_VERSION "0.1.0"

#endif
