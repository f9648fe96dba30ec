/* Key words as PostgreSQL 15 has them (src/include/parser/kwlist.h), with the two properties that
 * decide where a word may still be a name. */
#ifndef OSTRAKA_SQL_KEYWORDS_H
#define OSTRAKA_SQL_KEYWORDS_H

#include <stddef.h>
#include <stdint.h>

/* UNRESERVED  a name everywhere.
 * COL_NAME    a column or table name, not a function or type name.
 * TYPE_FUNC   a function or type name, not a column or table name.
 * RESERVED    a name only behind AS, or quoted. */
enum sql_keyword_class {
    SQL_KEYWORD_UNRESERVED = 1,
    SQL_KEYWORD_COL_NAME = 2,
    SQL_KEYWORD_TYPE_FUNC = 3,
    SQL_KEYWORD_RESERVED = 4,
};

/* X(NAME, "word", class, label), sorted by length and then by bytes. label is BARE when the word
 * may be a column label without AS, else AS. */
#define SQL_KEYWORDS(X) \
    X(AS, "as", RESERVED, AS) \
    X(AT, "at", UNRESERVED, BARE) \
    X(BY, "by", UNRESERVED, BARE) \
    X(DO, "do", RESERVED, BARE) \
    X(IF, "if", UNRESERVED, BARE) \
    X(IN, "in", RESERVED, BARE) \
    X(IS, "is", TYPE_FUNC, BARE) \
    X(NO, "no", UNRESERVED, BARE) \
    X(OF, "of", UNRESERVED, BARE) \
    X(ON, "on", RESERVED, AS) \
    X(OR, "or", RESERVED, BARE) \
    X(TO, "to", RESERVED, AS) \
    X(ADD, "add", UNRESERVED, BARE) \
    X(ALL, "all", RESERVED, BARE) \
    X(AND, "and", RESERVED, BARE) \
    X(ANY, "any", RESERVED, BARE) \
    X(ASC, "asc", RESERVED, BARE) \
    X(BIT, "bit", COL_NAME, BARE) \
    X(CSV, "csv", UNRESERVED, BARE) \
    X(DAY, "day", UNRESERVED, AS) \
    X(DEC, "dec", COL_NAME, BARE) \
    X(END, "end", RESERVED, BARE) \
    X(FOR, "for", RESERVED, AS) \
    X(INT, "int", COL_NAME, BARE) \
    X(KEY, "key", UNRESERVED, BARE) \
    X(NEW, "new", UNRESERVED, BARE) \
    X(NFC, "nfc", UNRESERVED, BARE) \
    X(NFD, "nfd", UNRESERVED, BARE) \
    X(NOT, "not", RESERVED, BARE) \
    X(OFF, "off", UNRESERVED, BARE) \
    X(OLD, "old", UNRESERVED, BARE) \
    X(OUT, "out", COL_NAME, BARE) \
    X(REF, "ref", UNRESERVED, BARE) \
    X(ROW, "row", COL_NAME, BARE) \
    X(SET, "set", UNRESERVED, BARE) \
    X(SQL, "sql", UNRESERVED, BARE) \
    X(XML, "xml", UNRESERVED, BARE) \
    X(YES, "yes", UNRESERVED, BARE) \
    X(ALSO, "also", UNRESERVED, BARE) \
    X(BOTH, "both", RESERVED, BARE) \
    X(CALL, "call", UNRESERVED, BARE) \
    X(CASE, "case", RESERVED, BARE) \
    X(CAST, "cast", RESERVED, BARE) \
    X(CHAR, "char", COL_NAME, AS) \
    X(COPY, "copy", UNRESERVED, BARE) \
    X(COST, "cost", UNRESERVED, BARE) \
    X(CUBE, "cube", UNRESERVED, BARE) \
    X(DATA, "data", UNRESERVED, BARE) \
    X(DESC, "desc", RESERVED, BARE) \
    X(DROP, "drop", UNRESERVED, BARE) \
    X(EACH, "each", UNRESERVED, BARE) \
    X(ELSE, "else", RESERVED, BARE) \
    X(ENUM, "enum", UNRESERVED, BARE) \
    X(FROM, "from", RESERVED, AS) \
    X(FULL, "full", TYPE_FUNC, BARE) \
    X(HOLD, "hold", UNRESERVED, BARE) \
    X(HOUR, "hour", UNRESERVED, AS) \
    X(INTO, "into", RESERVED, AS) \
    X(JOIN, "join", TYPE_FUNC, BARE) \
    X(LAST, "last", UNRESERVED, BARE) \
    X(LEFT, "left", TYPE_FUNC, BARE) \
    X(LIKE, "like", TYPE_FUNC, BARE) \
    X(LOAD, "load", UNRESERVED, BARE) \
    X(LOCK, "lock", UNRESERVED, BARE) \
    X(MODE, "mode", UNRESERVED, BARE) \
    X(MOVE, "move", UNRESERVED, BARE) \
    X(NAME, "name", UNRESERVED, BARE) \
    X(NEXT, "next", UNRESERVED, BARE) \
    X(NFKC, "nfkc", UNRESERVED, BARE) \
    X(NFKD, "nfkd", UNRESERVED, BARE) \
    X(NONE, "none", COL_NAME, BARE) \
    X(NULL, "null", RESERVED, BARE) \
    X(OIDS, "oids", UNRESERVED, BARE) \
    X(ONLY, "only", RESERVED, BARE) \
    X(OVER, "over", UNRESERVED, AS) \
    X(READ, "read", UNRESERVED, BARE) \
    X(REAL, "real", COL_NAME, BARE) \
    X(ROLE, "role", UNRESERVED, BARE) \
    X(ROWS, "rows", UNRESERVED, BARE) \
    X(RULE, "rule", UNRESERVED, BARE) \
    X(SETS, "sets", UNRESERVED, BARE) \
    X(SHOW, "show", UNRESERVED, BARE) \
    X(SKIP, "skip", UNRESERVED, BARE) \
    X(SOME, "some", RESERVED, BARE) \
    X(TEMP, "temp", UNRESERVED, BARE) \
    X(TEXT, "text", UNRESERVED, BARE) \
    X(THEN, "then", RESERVED, BARE) \
    X(TIES, "ties", UNRESERVED, BARE) \
    X(TIME, "time", COL_NAME, BARE) \
    X(TRIM, "trim", COL_NAME, BARE) \
    X(TRUE, "true", RESERVED, BARE) \
    X(TYPE, "type", UNRESERVED, BARE) \
    X(USER, "user", RESERVED, BARE) \
    X(VIEW, "view", UNRESERVED, BARE) \
    X(WHEN, "when", RESERVED, BARE) \
    X(WITH, "with", RESERVED, AS) \
    X(WORK, "work", UNRESERVED, BARE) \
    X(YEAR, "year", UNRESERVED, AS) \
    X(ZONE, "zone", UNRESERVED, BARE) \
    X(ABORT, "abort", UNRESERVED, BARE) \
    X(ADMIN, "admin", UNRESERVED, BARE) \
    X(AFTER, "after", UNRESERVED, BARE) \
    X(ALTER, "alter", UNRESERVED, BARE) \
    X(ARRAY, "array", RESERVED, AS) \
    X(BEGIN, "begin", UNRESERVED, BARE) \
    X(CACHE, "cache", UNRESERVED, BARE) \
    X(CHAIN, "chain", UNRESERVED, BARE) \
    X(CHECK, "check", RESERVED, BARE) \
    X(CLASS, "class", UNRESERVED, BARE) \
    X(CLOSE, "close", UNRESERVED, BARE) \
    X(CROSS, "cross", TYPE_FUNC, BARE) \
    X(CYCLE, "cycle", UNRESERVED, BARE) \
    X(DEPTH, "depth", UNRESERVED, BARE) \
    X(EVENT, "event", UNRESERVED, BARE) \
    X(FALSE, "false", RESERVED, BARE) \
    X(FETCH, "fetch", RESERVED, AS) \
    X(FIRST, "first", UNRESERVED, BARE) \
    X(FLOAT, "float", COL_NAME, BARE) \
    X(FORCE, "force", UNRESERVED, BARE) \
    X(GRANT, "grant", RESERVED, AS) \
    X(GROUP, "group", RESERVED, AS) \
    X(ILIKE, "ilike", TYPE_FUNC, BARE) \
    X(INDEX, "index", UNRESERVED, BARE) \
    X(INNER, "inner", TYPE_FUNC, BARE) \
    X(INOUT, "inout", COL_NAME, BARE) \
    X(INPUT, "input", UNRESERVED, BARE) \
    X(LABEL, "label", UNRESERVED, BARE) \
    X(LARGE, "large", UNRESERVED, BARE) \
    X(LEAST, "least", COL_NAME, BARE) \
    X(LEVEL, "level", UNRESERVED, BARE) \
    X(LIMIT, "limit", RESERVED, AS) \
    X(LOCAL, "local", UNRESERVED, BARE) \
    X(MATCH, "match", UNRESERVED, BARE) \
    X(MERGE, "merge", UNRESERVED, BARE) \
    X(MONTH, "month", UNRESERVED, AS) \
    X(NAMES, "names", UNRESERVED, BARE) \
    X(NCHAR, "nchar", COL_NAME, BARE) \
    X(NULLS, "nulls", UNRESERVED, BARE) \
    X(ORDER, "order", RESERVED, AS) \
    X(OUTER, "outer", TYPE_FUNC, BARE) \
    X(OWNED, "owned", UNRESERVED, BARE) \
    X(OWNER, "owner", UNRESERVED, BARE) \
    X(PLANS, "plans", UNRESERVED, BARE) \
    X(PRIOR, "prior", UNRESERVED, BARE) \
    X(QUOTE, "quote", UNRESERVED, BARE) \
    X(RANGE, "range", UNRESERVED, BARE) \
    X(RESET, "reset", UNRESERVED, BARE) \
    X(RIGHT, "right", TYPE_FUNC, BARE) \
    X(SETOF, "setof", COL_NAME, BARE) \
    X(SHARE, "share", UNRESERVED, BARE) \
    X(START, "start", UNRESERVED, BARE) \
    X(STDIN, "stdin", UNRESERVED, BARE) \
    X(STRIP, "strip", UNRESERVED, BARE) \
    X(SYSID, "sysid", UNRESERVED, BARE) \
    X(TABLE, "table", RESERVED, BARE) \
    X(TREAT, "treat", COL_NAME, BARE) \
    X(TYPES, "types", UNRESERVED, BARE) \
    X(UNION, "union", RESERVED, AS) \
    X(UNTIL, "until", UNRESERVED, BARE) \
    X(USING, "using", RESERVED, BARE) \
    X(VALID, "valid", UNRESERVED, BARE) \
    X(VALUE, "value", UNRESERVED, BARE) \
    X(VIEWS, "views", UNRESERVED, BARE) \
    X(WHERE, "where", RESERVED, AS) \
    X(WRITE, "write", UNRESERVED, BARE) \
    X(XMLPI, "xmlpi", COL_NAME, BARE) \
    X(ACCESS, "access", UNRESERVED, BARE) \
    X(ACTION, "action", UNRESERVED, BARE) \
    X(ALWAYS, "always", UNRESERVED, BARE) \
    X(ATOMIC, "atomic", UNRESERVED, BARE) \
    X(ATTACH, "attach", UNRESERVED, BARE) \
    X(BEFORE, "before", UNRESERVED, BARE) \
    X(BIGINT, "bigint", COL_NAME, BARE) \
    X(BINARY, "binary", TYPE_FUNC, BARE) \
    X(CALLED, "called", UNRESERVED, BARE) \
    X(COLUMN, "column", RESERVED, BARE) \
    X(COMMIT, "commit", UNRESERVED, BARE) \
    X(CREATE, "create", RESERVED, AS) \
    X(CURSOR, "cursor", UNRESERVED, BARE) \
    X(DELETE, "delete", UNRESERVED, BARE) \
    X(DETACH, "detach", UNRESERVED, BARE) \
    X(DOMAIN, "domain", UNRESERVED, BARE) \
    X(DOUBLE, "double", UNRESERVED, BARE) \
    X(ENABLE, "enable", UNRESERVED, BARE) \
    X(ESCAPE, "escape", UNRESERVED, BARE) \
    X(EXCEPT, "except", RESERVED, AS) \
    X(EXISTS, "exists", COL_NAME, BARE) \
    X(FAMILY, "family", UNRESERVED, BARE) \
    X(FILTER, "filter", UNRESERVED, AS) \
    X(FREEZE, "freeze", TYPE_FUNC, BARE) \
    X(GLOBAL, "global", UNRESERVED, BARE) \
    X(GROUPS, "groups", UNRESERVED, BARE) \
    X(HAVING, "having", RESERVED, AS) \
    X(HEADER, "header", UNRESERVED, BARE) \
    X(IMPORT, "import", UNRESERVED, BARE) \
    X(INLINE, "inline", UNRESERVED, BARE) \
    X(INSERT, "insert", UNRESERVED, BARE) \
    X(ISNULL, "isnull", TYPE_FUNC, AS) \
    X(LISTEN, "listen", UNRESERVED, BARE) \
    X(LOCKED, "locked", UNRESERVED, BARE) \
    X(LOGGED, "logged", UNRESERVED, BARE) \
    X(METHOD, "method", UNRESERVED, BARE) \
    X(MINUTE, "minute", UNRESERVED, AS) \
    X(NOTIFY, "notify", UNRESERVED, BARE) \
    X(NOWAIT, "nowait", UNRESERVED, BARE) \
    X(NULLIF, "nullif", COL_NAME, BARE) \
    X(OBJECT, "object", UNRESERVED, BARE) \
    X(OFFSET, "offset", RESERVED, AS) \
    X(OPTION, "option", UNRESERVED, BARE) \
    X(OTHERS, "others", UNRESERVED, BARE) \
    X(PARSER, "parser", UNRESERVED, BARE) \
    X(POLICY, "policy", UNRESERVED, BARE) \
    X(RENAME, "rename", UNRESERVED, BARE) \
    X(RETURN, "return", UNRESERVED, BARE) \
    X(REVOKE, "revoke", UNRESERVED, BARE) \
    X(ROLLUP, "rollup", UNRESERVED, BARE) \
    X(SCHEMA, "schema", UNRESERVED, BARE) \
    X(SCROLL, "scroll", UNRESERVED, BARE) \
    X(SEARCH, "search", UNRESERVED, BARE) \
    X(SECOND, "second", UNRESERVED, AS) \
    X(SELECT, "select", RESERVED, BARE) \
    X(SERVER, "server", UNRESERVED, BARE) \
    X(SIMPLE, "simple", UNRESERVED, BARE) \
    X(STABLE, "stable", UNRESERVED, BARE) \
    X(STDOUT, "stdout", UNRESERVED, BARE) \
    X(STORED, "stored", UNRESERVED, BARE) \
    X(STRICT, "strict", UNRESERVED, BARE) \
    X(SYSTEM, "system", UNRESERVED, BARE) \
    X(TABLES, "tables", UNRESERVED, BARE) \
    X(UNIQUE, "unique", RESERVED, BARE) \
    X(UPDATE, "update", UNRESERVED, BARE) \
    X(VACUUM, "vacuum", UNRESERVED, BARE) \
    X(VALUES, "values", COL_NAME, BARE) \
    X(WINDOW, "window", RESERVED, AS) \
    X(WITHIN, "within", UNRESERVED, AS) \
    X(ANALYSE, "analyse", RESERVED, BARE) \
    X(ANALYZE, "analyze", RESERVED, BARE) \
    X(BETWEEN, "between", COL_NAME, BARE) \
    X(BOOLEAN, "boolean", COL_NAME, BARE) \
    X(BREADTH, "breadth", UNRESERVED, BARE) \
    X(CASCADE, "cascade", UNRESERVED, BARE) \
    X(CATALOG, "catalog", UNRESERVED, BARE) \
    X(CLUSTER, "cluster", UNRESERVED, BARE) \
    X(COLLATE, "collate", RESERVED, BARE) \
    X(COLUMNS, "columns", UNRESERVED, BARE) \
    X(COMMENT, "comment", UNRESERVED, BARE) \
    X(CONTENT, "content", UNRESERVED, BARE) \
    X(CURRENT, "current", UNRESERVED, BARE) \
    X(DECIMAL, "decimal", COL_NAME, BARE) \
    X(DECLARE, "declare", UNRESERVED, BARE) \
    X(DEFAULT, "default", RESERVED, BARE) \
    X(DEFINER, "definer", UNRESERVED, BARE) \
    X(DEPENDS, "depends", UNRESERVED, BARE) \
    X(DISABLE, "disable", UNRESERVED, BARE) \
    X(DISCARD, "discard", UNRESERVED, BARE) \
    X(EXCLUDE, "exclude", UNRESERVED, BARE) \
    X(EXECUTE, "execute", UNRESERVED, BARE) \
    X(EXPLAIN, "explain", UNRESERVED, BARE) \
    X(EXTRACT, "extract", COL_NAME, BARE) \
    X(FOREIGN, "foreign", RESERVED, BARE) \
    X(FORWARD, "forward", UNRESERVED, BARE) \
    X(GRANTED, "granted", UNRESERVED, BARE) \
    X(HANDLER, "handler", UNRESERVED, BARE) \
    X(INCLUDE, "include", UNRESERVED, BARE) \
    X(INDEXES, "indexes", UNRESERVED, BARE) \
    X(INHERIT, "inherit", UNRESERVED, BARE) \
    X(INSTEAD, "instead", UNRESERVED, BARE) \
    X(INTEGER, "integer", COL_NAME, BARE) \
    X(INVOKER, "invoker", UNRESERVED, BARE) \
    X(LATERAL, "lateral", RESERVED, BARE) \
    X(LEADING, "leading", RESERVED, BARE) \
    X(MAPPING, "mapping", UNRESERVED, BARE) \
    X(MATCHED, "matched", UNRESERVED, BARE) \
    X(NATURAL, "natural", TYPE_FUNC, BARE) \
    X(NOTHING, "nothing", UNRESERVED, BARE) \
    X(NOTNULL, "notnull", TYPE_FUNC, AS) \
    X(NUMERIC, "numeric", COL_NAME, BARE) \
    X(OPTIONS, "options", UNRESERVED, BARE) \
    X(OVERLAY, "overlay", COL_NAME, BARE) \
    X(PARTIAL, "partial", UNRESERVED, BARE) \
    X(PASSING, "passing", UNRESERVED, BARE) \
    X(PLACING, "placing", RESERVED, BARE) \
    X(PREPARE, "prepare", UNRESERVED, BARE) \
    X(PRIMARY, "primary", RESERVED, BARE) \
    X(PROGRAM, "program", UNRESERVED, BARE) \
    X(RECHECK, "recheck", UNRESERVED, BARE) \
    X(REFRESH, "refresh", UNRESERVED, BARE) \
    X(REINDEX, "reindex", UNRESERVED, BARE) \
    X(RELEASE, "release", UNRESERVED, BARE) \
    X(REPLACE, "replace", UNRESERVED, BARE) \
    X(REPLICA, "replica", UNRESERVED, BARE) \
    X(RESTART, "restart", UNRESERVED, BARE) \
    X(RETURNS, "returns", UNRESERVED, BARE) \
    X(ROUTINE, "routine", UNRESERVED, BARE) \
    X(SCHEMAS, "schemas", UNRESERVED, BARE) \
    X(SESSION, "session", UNRESERVED, BARE) \
    X(SIMILAR, "similar", TYPE_FUNC, BARE) \
    X(STORAGE, "storage", UNRESERVED, BARE) \
    X(SUPPORT, "support", UNRESERVED, BARE) \
    X(TRIGGER, "trigger", UNRESERVED, BARE) \
    X(TRUSTED, "trusted", UNRESERVED, BARE) \
    X(UESCAPE, "uescape", UNRESERVED, BARE) \
    X(UNKNOWN, "unknown", UNRESERVED, BARE) \
    X(VARCHAR, "varchar", COL_NAME, BARE) \
    X(VARYING, "varying", UNRESERVED, AS) \
    X(VERBOSE, "verbose", TYPE_FUNC, BARE) \
    X(VERSION, "version", UNRESERVED, BARE) \
    X(WITHOUT, "without", UNRESERVED, AS) \
    X(WRAPPER, "wrapper", UNRESERVED, BARE) \
    X(XMLROOT, "xmlroot", COL_NAME, BARE) \
    X(ABSOLUTE, "absolute", UNRESERVED, BARE) \
    X(BACKWARD, "backward", UNRESERVED, BARE) \
    X(CASCADED, "cascaded", UNRESERVED, BARE) \
    X(COALESCE, "coalesce", COL_NAME, BARE) \
    X(COMMENTS, "comments", UNRESERVED, BARE) \
    X(CONFLICT, "conflict", UNRESERVED, BARE) \
    X(CONTINUE, "continue", UNRESERVED, BARE) \
    X(DATABASE, "database", UNRESERVED, BARE) \
    X(DEFAULTS, "defaults", UNRESERVED, BARE) \
    X(DEFERRED, "deferred", UNRESERVED, BARE) \
    X(DISTINCT, "distinct", RESERVED, BARE) \
    X(DOCUMENT, "document", UNRESERVED, BARE) \
    X(ENCODING, "encoding", UNRESERVED, BARE) \
    X(EXTERNAL, "external", UNRESERVED, BARE) \
    X(FINALIZE, "finalize", UNRESERVED, BARE) \
    X(FUNCTION, "function", UNRESERVED, BARE) \
    X(GREATEST, "greatest", COL_NAME, BARE) \
    X(GROUPING, "grouping", COL_NAME, BARE) \
    X(IDENTITY, "identity", UNRESERVED, BARE) \
    X(IMPLICIT, "implicit", UNRESERVED, BARE) \
    X(INHERITS, "inherits", UNRESERVED, BARE) \
    X(INTERVAL, "interval", COL_NAME, BARE) \
    X(LANGUAGE, "language", UNRESERVED, BARE) \
    X(LOCATION, "location", UNRESERVED, BARE) \
    X(MAXVALUE, "maxvalue", UNRESERVED, BARE) \
    X(MINVALUE, "minvalue", UNRESERVED, BARE) \
    X(NATIONAL, "national", COL_NAME, BARE) \
    X(OPERATOR, "operator", UNRESERVED, BARE) \
    X(OVERLAPS, "overlaps", TYPE_FUNC, AS) \
    X(PARALLEL, "parallel", UNRESERVED, BARE) \
    X(PASSWORD, "password", UNRESERVED, BARE) \
    X(POSITION, "position", COL_NAME, BARE) \
    X(PREPARED, "prepared", UNRESERVED, BARE) \
    X(PRESERVE, "preserve", UNRESERVED, BARE) \
    X(REASSIGN, "reassign", UNRESERVED, BARE) \
    X(RELATIVE, "relative", UNRESERVED, BARE) \
    X(RESTRICT, "restrict", UNRESERVED, BARE) \
    X(ROLLBACK, "rollback", UNRESERVED, BARE) \
    X(ROUTINES, "routines", UNRESERVED, BARE) \
    X(SECURITY, "security", UNRESERVED, BARE) \
    X(SEQUENCE, "sequence", UNRESERVED, BARE) \
    X(SMALLINT, "smallint", COL_NAME, BARE) \
    X(SNAPSHOT, "snapshot", UNRESERVED, BARE) \
    X(TEMPLATE, "template", UNRESERVED, BARE) \
    X(TRAILING, "trailing", RESERVED, BARE) \
    X(TRUNCATE, "truncate", UNRESERVED, BARE) \
    X(UNLISTEN, "unlisten", UNRESERVED, BARE) \
    X(UNLOGGED, "unlogged", UNRESERVED, BARE) \
    X(VALIDATE, "validate", UNRESERVED, BARE) \
    X(VARIADIC, "variadic", RESERVED, BARE) \
    X(VOLATILE, "volatile", UNRESERVED, BARE) \
    X(XMLPARSE, "xmlparse", COL_NAME, BARE) \
    X(XMLTABLE, "xmltable", COL_NAME, BARE) \
    X(AGGREGATE, "aggregate", UNRESERVED, BARE) \
    X(ASSERTION, "assertion", UNRESERVED, BARE) \
    X(ATTRIBUTE, "attribute", UNRESERVED, BARE) \
    X(CHARACTER, "character", COL_NAME, AS) \
    X(COLLATION, "collation", TYPE_FUNC, BARE) \
    X(COMMITTED, "committed", UNRESERVED, BARE) \
    X(DELIMITER, "delimiter", UNRESERVED, BARE) \
    X(ENCRYPTED, "encrypted", UNRESERVED, BARE) \
    X(EXCLUDING, "excluding", UNRESERVED, BARE) \
    X(EXCLUSIVE, "exclusive", UNRESERVED, BARE) \
    X(EXTENSION, "extension", UNRESERVED, BARE) \
    X(FOLLOWING, "following", UNRESERVED, BARE) \
    X(FUNCTIONS, "functions", UNRESERVED, BARE) \
    X(GENERATED, "generated", UNRESERVED, BARE) \
    X(IMMEDIATE, "immediate", UNRESERVED, BARE) \
    X(IMMUTABLE, "immutable", UNRESERVED, BARE) \
    X(INCLUDING, "including", UNRESERVED, BARE) \
    X(INCREMENT, "increment", UNRESERVED, BARE) \
    X(INITIALLY, "initially", RESERVED, BARE) \
    X(INTERSECT, "intersect", RESERVED, AS) \
    X(ISOLATION, "isolation", UNRESERVED, BARE) \
    X(LEAKPROOF, "leakproof", UNRESERVED, BARE) \
    X(LOCALTIME, "localtime", RESERVED, BARE) \
    X(NORMALIZE, "normalize", COL_NAME, BARE) \
    X(PARAMETER, "parameter", UNRESERVED, BARE) \
    X(PARTITION, "partition", UNRESERVED, BARE) \
    X(PRECEDING, "preceding", UNRESERVED, BARE) \
    X(PRECISION, "precision", COL_NAME, AS) \
    X(PROCEDURE, "procedure", UNRESERVED, BARE) \
    X(RECURSIVE, "recursive", UNRESERVED, BARE) \
    X(RETURNING, "returning", RESERVED, AS) \
    X(SAVEPOINT, "savepoint", UNRESERVED, BARE) \
    X(SEQUENCES, "sequences", UNRESERVED, BARE) \
    X(STATEMENT, "statement", UNRESERVED, BARE) \
    X(SUBSTRING, "substring", COL_NAME, BARE) \
    X(SYMMETRIC, "symmetric", RESERVED, BARE) \
    X(TEMPORARY, "temporary", UNRESERVED, BARE) \
    X(TIMESTAMP, "timestamp", COL_NAME, BARE) \
    X(TRANSFORM, "transform", UNRESERVED, BARE) \
    X(UNBOUNDED, "unbounded", UNRESERVED, BARE) \
    X(VALIDATOR, "validator", UNRESERVED, BARE) \
    X(XMLCONCAT, "xmlconcat", COL_NAME, BARE) \
    X(XMLEXISTS, "xmlexists", COL_NAME, BARE) \
    X(XMLFOREST, "xmlforest", COL_NAME, BARE) \
    X(ASENSITIVE, "asensitive", UNRESERVED, BARE) \
    X(ASSIGNMENT, "assignment", UNRESERVED, BARE) \
    X(ASYMMETRIC, "asymmetric", RESERVED, BARE) \
    X(CHECKPOINT, "checkpoint", UNRESERVED, BARE) \
    X(CONNECTION, "connection", UNRESERVED, BARE) \
    X(CONSTRAINT, "constraint", RESERVED, BARE) \
    X(CONVERSION, "conversion", UNRESERVED, BARE) \
    X(DEALLOCATE, "deallocate", UNRESERVED, BARE) \
    X(DEFERRABLE, "deferrable", RESERVED, BARE) \
    X(DELIMITERS, "delimiters", UNRESERVED, BARE) \
    X(DICTIONARY, "dictionary", UNRESERVED, BARE) \
    X(EXPRESSION, "expression", UNRESERVED, BARE) \
    X(NORMALIZED, "normalized", UNRESERVED, BARE) \
    X(ORDINALITY, "ordinality", UNRESERVED, BARE) \
    X(OVERRIDING, "overriding", UNRESERVED, BARE) \
    X(PRIVILEGES, "privileges", UNRESERVED, BARE) \
    X(PROCEDURAL, "procedural", UNRESERVED, BARE) \
    X(PROCEDURES, "procedures", UNRESERVED, BARE) \
    X(REFERENCES, "references", RESERVED, BARE) \
    X(REPEATABLE, "repeatable", UNRESERVED, BARE) \
    X(STANDALONE, "standalone", UNRESERVED, BARE) \
    X(STATISTICS, "statistics", UNRESERVED, BARE) \
    X(TABLESPACE, "tablespace", UNRESERVED, BARE) \
    X(WHITESPACE, "whitespace", UNRESERVED, BARE) \
    X(XMLELEMENT, "xmlelement", COL_NAME, BARE) \
    X(COMPRESSION, "compression", UNRESERVED, BARE) \
    X(CONSTRAINTS, "constraints", UNRESERVED, BARE) \
    X(INSENSITIVE, "insensitive", UNRESERVED, BARE) \
    X(PUBLICATION, "publication", UNRESERVED, BARE) \
    X(REFERENCING, "referencing", UNRESERVED, BARE) \
    X(TABLESAMPLE, "tablesample", TYPE_FUNC, BARE) \
    X(TRANSACTION, "transaction", UNRESERVED, BARE) \
    X(UNCOMMITTED, "uncommitted", UNRESERVED, BARE) \
    X(UNENCRYPTED, "unencrypted", UNRESERVED, BARE) \
    X(CONCURRENTLY, "concurrently", TYPE_FUNC, BARE) \
    X(CURRENT_DATE, "current_date", RESERVED, BARE) \
    X(CURRENT_ROLE, "current_role", RESERVED, BARE) \
    X(CURRENT_TIME, "current_time", RESERVED, BARE) \
    X(CURRENT_USER, "current_user", RESERVED, BARE) \
    X(MATERIALIZED, "materialized", UNRESERVED, BARE) \
    X(SERIALIZABLE, "serializable", UNRESERVED, BARE) \
    X(SESSION_USER, "session_user", RESERVED, BARE) \
    X(SUBSCRIPTION, "subscription", UNRESERVED, BARE) \
    X(XMLSERIALIZE, "xmlserialize", COL_NAME, BARE) \
    X(AUTHORIZATION, "authorization", TYPE_FUNC, BARE) \
    X(CONFIGURATION, "configuration", UNRESERVED, BARE) \
    X(XMLATTRIBUTES, "xmlattributes", COL_NAME, BARE) \
    X(XMLNAMESPACES, "xmlnamespaces", COL_NAME, BARE) \
    X(CURRENT_SCHEMA, "current_schema", TYPE_FUNC, BARE) \
    X(LOCALTIMESTAMP, "localtimestamp", RESERVED, BARE) \
    X(CHARACTERISTICS, "characteristics", UNRESERVED, BARE) \
    X(CURRENT_CATALOG, "current_catalog", RESERVED, BARE) \
    X(CURRENT_TIMESTAMP, "current_timestamp", RESERVED, BARE)

enum sql_keyword {
    SQL_KEYWORD_NONE = 0,
#define SQL_KEYWORD_ENUMERATOR(name, word, class, label) SQL_KW_##name,
    SQL_KEYWORDS(SQL_KEYWORD_ENUMERATOR)
#undef SQL_KEYWORD_ENUMERATOR
    SQL_KEYWORD_COUNT
};

#define SQL_KEYWORD_BYTES_MAX 17
_Static_assert(SQL_KEYWORD_COUNT == 1 + 460, "PostgreSQL 15 has 460");

struct sql_keyword_info {
    const char *word; /* lower case */
    uint8_t size;     /* in bytes */
    uint8_t class;    /* enum sql_keyword_class */
    uint8_t bare_label; /* 1: a column label without AS */
};

/* keyword is neither SQL_KEYWORD_NONE nor SQL_KEYWORD_COUNT. */
const struct sql_keyword_info *sql_keyword_info(enum sql_keyword keyword);
/* The key word spelled by these bytes, which are in lower case already; SQL_KEYWORD_NONE when they
 * are not one. */
enum sql_keyword sql_keyword_find(const char *word, size_t size);

/* Where a word's search starts in a table of SQL_KEYWORD_SLOTS places (for the table's test). */
#define SQL_KEYWORD_SLOTS 1024
uint32_t sql_keyword_hash(const char *word, size_t size);

#endif
