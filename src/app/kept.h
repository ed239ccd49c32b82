/* A message as the store kept it with an alert, made into a message again: its first 1,024 bytes, its fields, its login. */
#ifndef DBHOUND_SRC_APP_KEPT_H
#define DBHOUND_SRC_APP_KEPT_H

#include "app/show.h"
#include "proto/conversation.h"

/* A message that belongs to nobody. Large: not for the stack. */
struct kept_message {
    struct flow flow;
    struct decoder decoder;
    struct session session;
    struct findings findings;
    struct segment segment;
    struct message message;
};

void kept_rebuild(struct kept_message *k, const struct shown *a);
/* Its parts: the address without its port, and the fields of a decoded tree. */
void kept_address(const char *text, struct endpoint *out);
void kept_fields(struct findings *f, const json_t *tree);

#endif
