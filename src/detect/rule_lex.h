/* The text of rules as pieces: where a rule begins and ends, its header words, its options. Never reads past the text,
 * and takes time in proportion to it. */
#ifndef DBHOUND_DETECT_RULE_LEX_H
#define DBHOUND_DETECT_RULE_LEX_H

#include "detect/draft.h"

struct lexer {
    struct source *source;
    size_t at;
    size_t limit;     /* a rule that is not closed ends here: the next line that begins like a rule */
    bool no_end;      /* no #end follows any more */
    const char *wrong;/* after LEX_BROKEN: what, */
    size_t wrong_at;  /* and where */
};

enum lexed { LEX_OK, LEX_END, LEX_BROKEN };

extern const char lex_header_ends[];

/* Moves to the next rule: passes over blank lines and comments (a disabled rule is a comment). LEX_END: no more. */
enum lexed lex_rule(struct lexer *l);
/* The next word of the header; [lists] may hold spaces. LEX_END at the parenthesis, which is consumed. */
enum lexed lex_word(struct lexer *l, struct view *word);
/* The next option; LEX_END after the closing parenthesis. */
enum lexed lex_option(struct lexer *l, struct option *out);
/* Goes on to the end of the rule's last line; false when there is more than a comment. */
bool lex_rest_of_line(struct lexer *l);

#endif
