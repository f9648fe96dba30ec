/* `completion bash`: a script that asks this program for its commands and flags, so it knows those
 * of every version. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct {
    const char *command, *words;
} verbs[] = {
    {"range", "ls split transfer move"},
    {"node", "ls drain decommission activate add"},
    {"bench", "append"},
    {"txn", "status resolve ls"},
    {"debug", "wal lsm"},
    {"completion", "bash"},
};

static void print_bash(void)
{
    const char *name;
    printf("_ostraka() {\n"
           "  local word=${COMP_WORDS[COMP_CWORD]} words\n"
           "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "    words='");
    for (size_t i = 0; (name = cli_command_name(i)) != NULL; i++)
        printf("%s ", name);
    printf("help version'\n"
           "  elif [ \"${COMP_WORDS[1]}\" = help ]; then\n"
           "    words='");
    for (size_t i = 0; (name = cli_command_name(i)) != NULL; i++)
        printf("%s ", name);
    printf("'\n"
           "  elif [ \"$COMP_CWORD\" -eq 2 ] && [[ $word != -* ]]; then\n"
           "    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        printf("    %s) words='%s' ;;\n", verbs[i].command, verbs[i].words);
    printf("    esac\n"
           "  else\n"
           "    words=$(\"${COMP_WORDS[0]}\" help \"${COMP_WORDS[1]}\" 2>/dev/null | grep -o -e "
           "'--[a-z][a-z-]*' | sort -u)\n"
           "  fi\n"
           "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
           "}\n"
           "complete -o default -F _ostraka ostraka\n");
}

int cli_completion(int argc, char **argv)
{
    const char *words[1] = {""};
    size_t count = 0;
    const struct cli_command command = {
        "completion",
        "Prints a script that completes words: source <(ostraka completion bash)",
        "completion bash",
        NULL,
        0,
        NULL};
    int status = cli_parse(&command, argc, argv, words, 1, &count);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    if (count != 1 || strcmp(words[0], "bash") != 0) {
        fprintf(stderr, "ostraka completion: only bash is offered: ostraka completion bash\n");
        return CLI_USAGE;
    }
    print_bash();
    return CLI_OK;
}
