/* A cluster of real processes under a test: started by `ostraka demo`, then killed and started
 * again one by one.
 *
 * One cluster lives at a time. Whatever ends the test program ends the cluster: a failed test
 * leaves its directory (data and logs) behind and says where, a passed one removes it. */
#ifndef OSTRAKA_TESTS_PROCESS_CLUSTER_H
#define OSTRAKA_TESTS_PROCESS_CLUSTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CLUSTER_NODES_MAX     3
#define CLUSTER_ARGUMENTS_MAX 32
#define CLUSTER_BOUND_MS      30000 /* anything that takes longer has failed */

struct cluster_node {
    pid_t pid; /* 0: not running */
    bool ours; /* started by the test and so its child; the others are children of the demo */
    char sql[64], http[64], peer[64], data[512];
    char *arguments[CLUSTER_ARGUMENTS_MAX + 1];
};

struct cluster {
    char directory[256];
    pid_t demo;
    int node_count;
    struct cluster_node nodes[CLUSTER_NODES_MAX];
};

uint64_t now_ns(void);
void pause_ms(int ms);
bool test_is_full(void); /* OSTRAKA_TEST_SIZE=full */
const char *cluster_binary(void);

/* Starts three nodes on the I/O backend io and waits until they are ready. c is static: it is still
 * needed when a failed test has left its function. */
void cluster_start(struct cluster *c, const char *io);
/* Stops everything and removes the directory. A node that ended by itself fails the test, unless
 * cluster_node_runs was asked about it and said so. */
void cluster_stop(struct cluster *c);

/* Sends number (SIGKILL, SIGTERM) and waits for the end of the process. */
void cluster_node_end(struct cluster *c, int node, int number);
void cluster_node_begin(struct cluster *c, int node);
/* Waits until a node that the test started ends by itself; its exit status. */
int cluster_node_wait_end(struct cluster *c, int node);
bool cluster_node_runs(struct cluster *c, int node);
/* Runs a shell command on the node's data directory, which is $D in it. */
void cluster_node_shell(const struct cluster *c, int node, const char *command);

/* What `ostraka status` says of the node; NULL: it does not answer. The caller's to release. */
json_t *cluster_status(const struct cluster *c, int node);
/* What the node's /metrics says of ostraka_NAME. */
double cluster_metric(const struct cluster *c, int node, const char *name);
/* Waits until it is that. */
void cluster_wait_metric(const struct cluster *c, int node, const char *name, double value);
void cluster_wait_metric_above(const struct cluster *c, int node, const char *name, double value);
/* Resident memory of the node's process. */
uint64_t cluster_node_bytes(const struct cluster *c, int node);
/* The node that leads the last range, waiting for one to do so. */
int cluster_leader(const struct cluster *c);
/* Waits until the node has applied all that the others had committed, and is a voter of every
 * range. */
void cluster_wait_caught_up(const struct cluster *c, int node);
/* Waits until some node says that as many voters as could ever be lost can be lost. */
void cluster_wait_whole(const struct cluster *c);

#endif
