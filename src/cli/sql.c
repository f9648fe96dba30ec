/* The SQL client: libpq for the protocol, libedit for the line. */
#include <histedit.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/sql_scan.h"

#define STATEMENT_BYTES_MAX (64u << 20)

enum format { FORMAT_TABLE, FORMAT_CSV, FORMAT_JSON };

/* Where statements come from: a person, a file, or standard input. */
struct source {
    FILE *file;       /* NULL: the line editor */
    EditLine *editor;
    History *history;
    char *line;       /* of getline */
    size_t line_capacity;
};

struct shell {
    PGconn *connection;
    enum format format;
    bool timing, interactive, stop_on_error;
    bool copying, interrupted; /* interrupted: ^C while rows of a COPY are typed */
    struct source source;
    struct buf statement; /* lines read, not yet ended by a semicolon */
    struct sql_scan scan; /* of statement */
};

/* ---- ^C ---- */

/* What the handler of SIGINT may touch: the statement under way, or where the line editor is left. */
static struct {
    PGcancel *volatile cancel;
    volatile sig_atomic_t reading;
    sigjmp_buf line;
} interrupt;

/* Cancels the statement, or drops the line; libpq says that PQcancel may be called here. */
static void on_interrupt(int number)
{
    (void)number;
    char error[256];
    PGcancel *cancel = interrupt.cancel;
    if (interrupt.reading) siglongjmp(interrupt.line, 1);
    if (cancel != NULL && PQcancel(cancel, error, sizeof error) == 1)
        (void)!write(STDERR_FILENO, "cancel request sent\n", 20);
}

/* ---- results ---- */

static int display_width(const char *text)
{
    int width = 0; /* code points: close enough for a table */
    for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_padded(const char *text, int width, bool right)
{
    int pad = width - display_width(text);
    if (right) printf("%*s%s", pad > 0 ? pad : 0, "", text);
    else printf("%s%*s", text, pad > 0 ? pad : 0, "");
}

static bool is_numeric(Oid type)
{
    return type == 20 || type == 21 || type == 23 || type == 700 || type == 701 || type == 1700;
}

static const char *cell(const PGresult *r, int row, int column)
{
    return PQgetisnull(r, row, column) ? "" : PQgetvalue(r, row, column);
}

static void print_table(const PGresult *r)
{
    int columns = PQnfields(r), rows = PQntuples(r);
    int *width = calloc((size_t)columns + 1, sizeof *width);
    if (width == NULL) return;
    for (int c = 0; c < columns; c++) {
        width[c] = display_width(PQfname(r, c));
        for (int i = 0; i < rows; i++)
            if (display_width(cell(r, i, c)) > width[c]) width[c] = display_width(cell(r, i, c));
    }
    for (int c = 0; c < columns; c++) {
        printf("%s ", c > 0 ? "|" : "");
        print_padded(PQfname(r, c), width[c], false);
        printf(" ");
    }
    printf("\n");
    for (int c = 0; c < columns; c++) {
        if (c > 0) putchar('+');
        for (int i = 0; i < width[c] + 2; i++) putchar('-');
    }
    printf("\n");
    for (int i = 0; i < rows; i++) {
        for (int c = 0; c < columns; c++) {
            printf("%s ", c > 0 ? "|" : "");
            print_padded(cell(r, i, c), width[c], is_numeric(PQftype(r, c)));
            printf(" ");
        }
        printf("\n");
    }
    printf("(%d row%s)\n", rows, rows == 1 ? "" : "s");
    free(width);
}

static void print_csv_field(const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text; text++) {
        if (*text == '"') putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void print_csv(const PGresult *r)
{
    for (int c = 0; c < PQnfields(r); c++) {
        if (c > 0) putchar(',');
        print_csv_field(PQfname(r, c));
    }
    putchar('\n');
    for (int i = 0; i < PQntuples(r); i++) {
        for (int c = 0; c < PQnfields(r); c++) {
            if (c > 0) putchar(',');
            if (!PQgetisnull(r, i, c) && PQgetlength(r, i, c) == 0) fputs("\"\"", stdout);
            else print_csv_field(cell(r, i, c));
        }
        putchar('\n');
    }
}

/* One object per row; numbers stay texts where JSON would lose digits. */
static void print_json(const PGresult *r)
{
    for (int i = 0; i < PQntuples(r); i++) {
        json_t *row = json_object();
        for (int c = 0; c < PQnfields(r); c++) {
            const char *text = PQgetvalue(r, i, c);
            json_t *value;
            if (PQgetisnull(r, i, c)) value = json_null();
            else if (PQftype(r, c) == 16) value = json_boolean(text[0] == 't');
            else if (PQftype(r, c) == 23 || PQftype(r, c) == 21 || PQftype(r, c) == 20)
                value = json_integer(strtoll(text, NULL, 10));
            else value = json_string(text);
            json_object_set_new(row, PQfname(r, c), value);
        }
        char *line = json_dumps(row, JSON_PRESERVE_ORDER);
        if (line != NULL) puts(line);
        free(line);
        json_decref(row);
    }
}

static void print_result(struct shell *s, const PGresult *r)
{
    if (PQresultStatus(r) == PGRES_TUPLES_OK) {
        if (s->format == FORMAT_CSV) print_csv(r);
        else if (s->format == FORMAT_JSON) print_json(r);
        else print_table(r);
    } else if (PQresultStatus(r) == PGRES_COMMAND_OK && s->format == FORMAT_TABLE) {
        puts(PQcmdStatus((PGresult *)(uintptr_t)r));
    }
}

/* ---- lines ---- */

static char *prompt_of(EditLine *editor)
{
    struct shell *s;
    el_get(editor, EL_CLIENTDATA, &s);
    static char first[] = "ostraka=> ", more[] = "ostraka-> ", in[] = "ostraka*> ", bad[] = "ostraka!> ", row[] = ">> ";
    if (s->copying) return row;
    if (s->statement.size > 0) return more;
    switch (PQtransactionStatus(s->connection)) {
    case PQTRANS_INTRANS: return in;
    case PQTRANS_INERROR: return bad;
    default: return first;
    }
}

/* The next line without its newline, or NULL at the end. Valid until the next call. */
static const char *next_line(struct shell *s)
{
    struct source *from = &s->source;
    if (from->editor != NULL) {
        int count = 0;
        if (sigsetjmp(interrupt.line, 1) != 0) { /* ^C: what was typed so far is dropped */
            interrupt.reading = 0;
            el_reset(from->editor);
            puts("");
            buf_reset(&s->statement);
            s->scan = (struct sql_scan){0};
            s->interrupted = s->copying;
            if (s->copying) return NULL;
        }
        interrupt.reading = 1;
        const char *line = el_gets(from->editor, &count);
        interrupt.reading = 0;
        if (line == NULL || count <= 0) {
            puts("");
            return NULL;
        }
        free(from->line);
        from->line = strdup(line);
        if (from->line != NULL) from->line[strcspn(from->line, "\n")] = '\0';
        return from->line;
    }
    ssize_t size = getline(&from->line, &from->line_capacity, from->file);
    if (size < 0) return NULL;
    if (size > 0 && from->line[size - 1] == '\n') from->line[size - 1] = '\0';
    return from->line;
}

/* ---- COPY ---- */

static bool copy_in(struct shell *s)
{
    const char *line;
    if (s->interactive) puts("Enter rows, one a line; end with \\. on a line of its own, or cancel with ^C.");
    s->copying = true;
    s->interrupted = false;
    bool sent = true;
    while (sent && (line = next_line(s)) != NULL && strcmp(line, "\\.") != 0) {
        sent = PQputCopyData(s->connection, line, (int)strlen(line)) == 1 &&
               PQputCopyData(s->connection, "\n", 1) == 1;
    }
    s->copying = false;
    return sent && PQputCopyEnd(s->connection, s->interrupted ? "canceled by user" : NULL) == 1;
}

static void copy_out(struct shell *s)
{
    char *row;
    int size;
    while ((size = PQgetCopyData(s->connection, &row, 0)) > 0) {
        fwrite(row, 1, (size_t)size, stdout);
        PQfreemem(row);
    }
}

/* ---- statements ---- */

static double milliseconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) * 1e3 + (double)(now.tv_nsec - start->tv_nsec) / 1e6;
}

static bool execute(struct shell *s, const char *text)
{
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (s->interactive) interrupt.cancel = PQgetCancel(s->connection);
    bool ok = PQsendQuery(s->connection, text) == 1;
    if (!ok) fprintf(stderr, "%s", PQerrorMessage(s->connection));
    PGresult *r;
    while (ok && (r = PQgetResult(s->connection)) != NULL) {
        ExecStatusType status = PQresultStatus(r);
        if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
            fflush(stdout);
            fprintf(stderr, "%s", PQresultErrorMessage(r));
            ok = false;
        } else if (status == PGRES_COPY_IN) {
            ok = copy_in(s);
        } else if (status == PGRES_COPY_OUT) {
            copy_out(s);
        } else {
            print_result(s, r);
        }
        PQclear(r);
    }
    while ((r = PQgetResult(s->connection)) != NULL) PQclear(r);
    PGcancel *cancel = interrupt.cancel;
    interrupt.cancel = NULL;
    PQfreeCancel(cancel);
    if (s->timing) printf("Time: %.3f ms\n", milliseconds_since(&start));
    fflush(stdout);
    if (PQstatus(s->connection) == CONNECTION_OK) return ok;
    if (!s->interactive) return false;
    fprintf(stderr, "the connection was lost; trying again\n");
    PQreset(s->connection);
    if (PQstatus(s->connection) != CONNECTION_OK) fprintf(stderr, "%s", PQerrorMessage(s->connection));
    return false;
}

/* ---- backslash commands ---- */

static bool command(struct shell *s, const char *line)
{
    if (strcmp(line, "\\q") == 0) return false;
    if (strcmp(line, "\\timing") == 0) {
        s->timing = !s->timing;
        printf("Timing is %s.\n", s->timing ? "on" : "off");
    } else if (strcmp(line, "\\conninfo") == 0) {
        printf("connected to %s:%s as %s\n", PQhost(s->connection), PQport(s->connection),
               PQuser(s->connection));
    } else if (strncmp(line, "\\o ", 3) == 0) {
        const char *name = line + 3;
        if (strcmp(name, "table") == 0) s->format = FORMAT_TABLE;
        else if (strcmp(name, "csv") == 0) s->format = FORMAT_CSV;
        else if (strcmp(name, "json") == 0) s->format = FORMAT_JSON;
        else fprintf(stderr, "\\o takes table, csv or json\n");
    } else {
        puts("\\q quit   \\timing times   \\conninfo where to   \\o table|csv|json how results look   ^C cancels");
    }
    return true;
}

/* Reads and executes until the end. False: a statement failed and errors stop. */
static bool run_source(struct shell *s)
{
    const char *line;
    bool all_ok = true;
    while ((line = next_line(s)) != NULL) {
        if (s->statement.size == 0 && line[0] == '\\') {
            if (!command(s, line)) break;
            continue;
        }
        if (s->interactive && line[0] != '\0') {
            HistEvent event;
            history(s->source.history, &event, H_ENTER, line);
        }
        buf_append_string(&s->statement, line);
        buf_append_byte(&s->statement, '\n');
        if (s->statement.failed) {
            fprintf(stderr, "the statement is larger than %u MiB\n", STATEMENT_BYTES_MAX >> 20);
            buf_reset(&s->statement);
            s->scan = (struct sql_scan){0};
            all_ok = false;
            if (s->stop_on_error) return false;
            continue;
        }
        size_t end;
        while ((end = sql_scan_end(&s->scan, (char *)s->statement.data, s->statement.size)) != 0) {
            char *text = strndup((char *)s->statement.data, end);
            buf_consume(&s->statement, end);
            s->scan = (struct sql_scan){0};
            bool ok = text != NULL && (sql_scan_is_blank(text, end) || execute(s, text));
            free(text);
            all_ok &= ok;
            if (!ok && s->stop_on_error) return false;
        }
        if (sql_scan_is_blank((char *)s->statement.data, s->statement.size)) {
            buf_reset(&s->statement);
            s->scan = (struct sql_scan){0};
        }
    }
    if (!s->interactive && s->statement.size > 0) { /* the last one needs no semicolon */
        buf_append_byte(&s->statement, 0);
        all_ok &= execute(s, (char *)s->statement.data);
    }
    return all_ok;
}

/* ---- sessions ---- */

static bool shell_open(struct shell *s, const char *conninfo)
{
    s->connection = PQconnectdb(conninfo);
    buf_init(&s->statement, STATEMENT_BYTES_MAX);
    if (PQstatus(s->connection) == CONNECTION_OK) return true;
    fprintf(stderr, "ostraka sql: %s", PQerrorMessage(s->connection));
    return false;
}

static void shell_close(struct shell *s)
{
    PQfinish(s->connection);
    buf_deinit(&s->statement);
    free(s->source.line);
}

static bool run_interactive(struct shell *s)
{
    char path[4096];
    const char *home = getenv("HOME");
    snprintf(path, sizeof path, "%s/.ostraka_history", home != NULL ? home : ".");
    HistEvent event;
    s->interactive = true;
    s->source.editor = el_init("ostraka", stdin, stdout, stderr);
    s->source.history = history_init();
    if (s->source.editor == NULL || s->source.history == NULL) return false;
    history(s->source.history, &event, H_SETSIZE, 1000);
    history(s->source.history, &event, H_LOAD, path);
    el_set(s->source.editor, EL_CLIENTDATA, s);
    el_set(s->source.editor, EL_PROMPT, prompt_of);
    el_set(s->source.editor, EL_EDITOR, "emacs");
    el_set(s->source.editor, EL_BIND, "^I", "ed-insert", NULL); /* rows of COPY have tabs */
    el_set(s->source.editor, EL_HIST, history, s->source.history);
    puts("ostraka " OSTRAKA_VERSION ": SQL ends with a semicolon; \\? lists commands, \\q quits.");
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &before);
    run_source(s);
    sigaction(SIGINT, &before, NULL);
    history(s->source.history, &event, H_SAVE, path);
    history_end(s->source.history);
    el_end(s->source.editor);
    return true;
}

int cli_shell(const char *conninfo)
{
    struct shell s = {0};
    if (!shell_open(&s, conninfo)) {
        shell_close(&s);
        return CLI_ERROR;
    }
    bool ok;
    if (isatty(STDIN_FILENO)) {
        ok = run_interactive(&s);
    } else {
        s.source.file = stdin;
        ok = run_source(&s);
    }
    shell_close(&s);
    return ok ? CLI_OK : CLI_ERROR;
}

void cli_conninfo(const char *url, char *out, size_t size)
{
    if (strstr(url, "://") != NULL || strchr(url, '=') != NULL) snprintf(out, size, "%s", url);
    else snprintf(out, size, "postgresql://postgres@%s/postgres", url);
}

int cli_sql(int argc, char **argv)
{
    const char *url = "127.0.0.1:7432", *statement = NULL, *statement_c = NULL, *file = NULL,
               *output = "table";
    const struct cli_flag flags[] = {
        {"url", 'u', CLI_TEXT, &url, "URL|H:P,...", "postgresql:// URL or host:port (127.0.0.1:7432)"},
        {"execute", 'e', CLI_TEXT, &statement, "SQL", "execute and exit"},
        {"command", 'c', CLI_TEXT, &statement_c, "SQL", "the same, as psql spells it"},
        {"file", 'f', CLI_TEXT, &file, "FILE", "execute a file (-: standard input) and exit"},
        {"output", 'o', CLI_TEXT, &output, "table|csv|json", "how results are printed"},
    };
    const struct cli_command cmd = {"sql", "The SQL client.", "sql [--url URL] [-e SQL | -f FILE]", flags, 5,
                                    NULL};
    int status = cli_parse(&cmd, argc, argv, NULL, 0, NULL);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    struct shell s = {.stop_on_error = true};
    if (strcmp(output, "csv") == 0) s.format = FORMAT_CSV;
    else if (strcmp(output, "json") == 0) s.format = FORMAT_JSON;
    else if (strcmp(output, "table") != 0) {
        fprintf(stderr, "ostraka sql: -o is table, csv or json\n");
        return CLI_USAGE;
    }
    if (statement == NULL) statement = statement_c;
    if (statement != NULL && file != NULL) {
        fprintf(stderr, "ostraka sql: give -e or -f, not both\n");
        return CLI_USAGE;
    }
    char conninfo[4096];
    cli_conninfo(url, conninfo, sizeof conninfo);
    bool ok = shell_open(&s, conninfo);
    if (ok && statement != NULL) {
        s.source.file = stdin; /* of COPY */
        ok = execute(&s, statement);
    } else if (ok && file != NULL) {
        s.source.file = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
        if (s.source.file == NULL) perror(file);
        ok = s.source.file != NULL && run_source(&s);
        if (s.source.file != NULL && s.source.file != stdin) fclose(s.source.file);
    } else if (ok && !isatty(STDIN_FILENO)) {
        s.source.file = stdin;
        ok = run_source(&s);
    } else if (ok) {
        s.stop_on_error = false;
        ok = run_interactive(&s);
    }
    shell_close(&s);
    return ok ? CLI_OK : CLI_ERROR;
}
