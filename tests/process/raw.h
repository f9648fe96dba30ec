/* A client of PostgreSQL's protocol without a library, for what no library does: to stop in the middle, to send
 * what is not allowed, to be two thousand. Blocking, with a bound of CLUSTER_BOUND_MS on every call. */
#ifndef OSTRAKA_TESTS_PROCESS_RAW_H
#define OSTRAKA_TESTS_PROCESS_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raw {
    int fd;
    uint32_t pid, key;       /* of BackendKeyData */
    char sqlstate[6];        /* of the last ErrorResponse; "" */
    char message[300], detail[300];
};

/* A connection to "host:port", before any packet. */
struct raw raw_dial(const char *address);
void raw_close(struct raw *r);
void raw_send(struct raw *r, const void *bytes, size_t size);
/* A message: type (0: none, as in start-up packets), length, body. */
void raw_message(struct raw *r, char type, const void *body, size_t size);
void raw_query(struct raw *r, const char *text);
/* Sends the start-up packet and reads to the first ReadyForQuery. False: refused, see sqlstate. */
bool raw_start(struct raw *r);
/* Reads messages to one of these types; that type, or 0: the other side hung up. Errors are noted. */
char raw_read_to(struct raw *r, const char *types);
/* As raw_read_to(r, "Z"); text gets the first value of the first row, if any. */
char raw_read_row(struct raw *r, char *text, size_t size);
/* Asks the node at the address to cancel what (pid, key) does, and waits until it hangs up. */
void raw_cancel(const char *address, uint32_t pid, uint32_t key);

#endif
