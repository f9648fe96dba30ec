#include "tests/base/dies.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The sanitizers and cmocka catch these; here they must end the process. */
static void restore_signals(void)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
}

static void read_all(int fd, char *text_out, size_t size)
{
    char dropped[256];
    size_t used = 0;
    for (;;) {
        int keep = text_out != NULL && used + 1 < size;
        ssize_t got =
            keep ? read(fd, text_out + used, size - 1 - used) : read(fd, dropped, sizeof dropped);
        if (got <= 0) break;
        if (keep) used += (size_t)got;
    }
    if (text_out != NULL) text_out[used] = 0;
}

int dies_of(void (*function)(void *ctx), void *ctx, char *text_out, size_t size)
{
    int fds[2];
    if (pipe(fds) != 0) abort();
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        restore_signals();
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        function(ctx);
        _exit(0);
    }
    close(fds[1]);
    read_all(fds[0], text_out, size);
    close(fds[0]);
    int status = 0;
    if (waitpid(child, &status, 0) != child) abort();
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
