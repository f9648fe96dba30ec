#include "bench/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"

static bool parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *text = argv[i + 1];
        enum status status = STATUS_OK;
        if (strcmp(name, "--directory") == 0) o->directory = text;
        else if (strcmp(name, "--io") == 0) o->io = text;
        else if (strcmp(name, "--seconds") == 0)
            status = parse_u64(bytes_of_string(text), &o->seconds);
        else if (strcmp(name, "--entry-bytes") == 0)
            status = parse_u64(bytes_of_string(text), &o->entry_bytes);
        else return false;
        if (status != STATUS_OK) return false;
    }
    return argc % 2 == 1 && o->seconds >= 1 && o->seconds <= 86400 && o->entry_bytes >= 8 &&
           o->entry_bytes <= (1u << 20);
}

int local_main(const char *name, int argc, char **argv, bool (*run)(const struct options *o, const char *root))
{
    struct options o = {.directory = "/var/tmp", .io = "auto", .seconds = 3, .entry_bytes = 256};
    char root[400], command[512];
    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "usage: %s [--directory DIR] [--seconds N] [--entry-bytes 8..1048576] "
                        "[--io auto|uring|epoll]\n", name);
        return 2;
    }
    snprintf(root, sizeof root, "%s/%s_XXXXXX", o.directory, name);
    if (mkdtemp(root) == NULL) {
        perror(root);
        return 1;
    }
    bool ok = run(&o, root);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command) == 0 && ok ? 0 : 1;
}
