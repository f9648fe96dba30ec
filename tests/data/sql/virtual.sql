# What nodes know of themselves, as tables. All of it differs from PostgreSQL, which has no such tables or other rows.
CREATE TABLE t (a int, b text, c int, PRIMARY KEY (a, b))
----
CREATE TABLE

INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2)
----
INSERT 0 2

# The session that asks is one of them.
SELECT datname, pid, usename, application_name, client_addr, state, backend_type, query FROM pg_stat_activity
----
datname name, pid int4, usename name, application_name text, client_addr text, state text, backend_type text, query text
| postgres | 1 | postgres |  | <null> | active | client backend | SELECT datname, pid, usename, application_name, client_addr, state, backend_type, query FROM pg_stat_activity |
SELECT 1

SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_start <= now() AND state_change <= now()
----
count int8
| 1 |
SELECT 1

@a
BEGIN
----
BEGIN
[T]

@a
SELECT c FROM t WHERE a = 2 AND b = 'y' FOR UPDATE
----
c int4
| 2 |
SELECT 1
[T]

@b
SELECT pid, state, wait_event_type, wait_event, xact_start IS NOT NULL, query FROM pg_stat_activity ORDER BY pid
----
pid int4, state text, wait_event_type text, wait_event text, ?column? bool, query text
| 1 | idle in transaction | Client | ClientRead | t | SELECT c FROM t WHERE a = 2 AND b = 'y' FOR UPDATE |
| 2 | active | <null> | <null> | t | SELECT pid, state, wait_event_type, wait_event, xact_start IS NOT NULL, query FROM pg_stat_activity ORDER BY pid |
SELECT 2

@b
SELECT s.pid, s.state, count(*) FROM pg_stat_activity s GROUP BY s.pid, s.state HAVING s.pid > 1
----
pid int4, state text, count int8
| 2 | active | 1 |
SELECT 1

@b
SELECT node, pid, user_name, state, waits_for, query FROM ostraka.sessions ORDER BY pid DESC LIMIT 1
----
node int8, pid int4, user_name text, state text, waits_for text, query text
| 1 | 2 | postgres | active | <null> | SELECT node, pid, user_name, state, waits_for, query FROM ostraka.sessions ORDER BY pid DESC LIMIT 1 |
SELECT 1

@b
SELECT node, pid, state, spans_read, rows_written, bytes_written, waits_for FROM ostraka.transactions WHERE pid = 2
----
node int8, pid int4, state text, spans_read int8, rows_written int8, bytes_written int8, waits_for text
| 1 | 2 | implicit | 0 | 0 | 0 | <null> |
SELECT 1

@b
SELECT node, range, table_name, key, mode, granted, waiting_ms, session_node, pid, lock_name IS NULL FROM ostraka.locks
----
node int8, range int8, table_name text, key text, mode text, granted bool, waiting_ms int8, session_node int8, pid int4, ?column? bool
| 1 | 2 | t | (2, y) | exclusive | t | <null> | 1 | 1 | f |
SELECT 1

@b
SHOW LOCKS
----
range int8, table_name text, key text, mode text, granted bool, waiting_ms int8, session_node int8, pid int4, lock_name text
| 2 | t | (2, y) | exclusive | t | <null> | 1 | 1 | 1/10000000001 |
SHOW

@a
ROLLBACK
----
ROLLBACK

@b
SHOW PREPARED
----
id text, node int8, range int8, anchor_range int8, session_node int8, lock_name text, state text, keys int8, staged_keys int8, table_name text, first_key text, age_ms int8
SHOW

@b
SELECT state, table_name, first_key, keys, staged_keys FROM ostraka.prepared WHERE state = 'staged' OR age_ms > 1000
----
state text, table_name text, first_key text, keys int8, staged_keys int8
SELECT 0

@b
SHOW NODES
----
node int8, state text, alive bool, ranges int8, leaders int8, bytes int8, requests int8, incoming int8, outgoing int8, locality text, sql_address text
| 1 | active | t | 2 | <null> | 0 | 0 | 0 | 0 |  | 10.0.0.1:7432 |
SHOW

@b
SHOW RANGES
----
range int8, start_key text, end_key text, epoch int8, leader int8, term int8, voters text, learners text, voters_alive int4, can_lose int4, bytes int8, keys int8, requests int8, kept bool
| 1 | <null> | \x02 | 1 | 1 | 2 | 1 |  | 1 | 0 | 4096 | 4 | 0 | f |
| 2 | \x02 | <null> | 1 | 1 | 2 | 1 |  | 1 | 0 | 4096 | 4 | 0 | f |
SHOW

@b
SELECT node, range, role, leader, serving FROM ostraka.replicas ORDER BY range
----
node int8, range int8, role text, leader int8, serving bool
| 1 | 1 | leader | 1 | t |
| 1 | 2 | leader | 1 | t |
SELECT 2

@b
SELECT name, setting, context, source, boot_val, reset_val FROM pg_settings WHERE name IN ('TimeZone', 'statement_timeout', 'server_version_num') ORDER BY name
----
name text, setting text, context text, source text, boot_val text, reset_val text
| TimeZone | UTC | user | default | UTC | UTC |
| server_version_num | 150000 | internal | default | 150000 | 150000 |
| statement_timeout | 0 | user | default | 0 | 0 |
SELECT 3

@b
SET statement_timeout = '3s'; SELECT setting, source, reset_val FROM pg_settings WHERE name = 'statement_timeout'; RESET statement_timeout
----
SET
setting text, source text, reset_val text
| 3s | session | 0 |
SELECT 1
RESET

# Nobody writes to them.
@b
INSERT INTO pg_settings VALUES (1)
----
ERROR 42501: permission denied: "pg_settings" is a system catalog

@b
UPDATE pg_catalog.pg_stat_activity SET pid = 1
----
ERROR 42501: permission denied: "pg_stat_activity" is a system catalog

@b
DELETE FROM ostraka.sessions WHERE pid = 1
----
ERROR 42501: permission denied: "sessions" is a system catalog

@b
TRUNCATE ostraka.sessions
----
ERROR 42501: permission denied: "sessions" is a system catalog

@b
DROP TABLE ostraka.sessions
----
ERROR 42501: permission denied: "sessions" is a system catalog

@b
DROP TABLE IF EXISTS pg_settings
----
ERROR 42501: permission denied: "pg_settings" is a system catalog

@b
CREATE TABLE pg_catalog.mine (a int)
----
ERROR 42501: permission denied to create "pg_catalog.mine"
  detail: System catalog modifications are currently disallowed.

@b
COPY ostraka.nodes FROM STDIN
----
ERROR 42501: permission denied: "nodes" is a system catalog

@b
SELECT * FROM ostraka.nodes FOR UPDATE
----
ERROR 0A000: locking the rows of a system table is not supported yet

# In "ostraka" they have to be named with it; elsewhere there is nothing of the name.
@b
SELECT * FROM sessions
----
ERROR 42P01 at 15: relation "sessions" does not exist

@b
SELECT * FROM public.pg_settings
----
ERROR 42P01 at 15: relation "public.pg_settings" does not exist

@b
SELECT * FROM ostraka.nothing
----
ERROR 42P01 at 15: relation "ostraka.nothing" does not exist

@b
SELECT pg_stat_activity.nothing FROM pg_stat_activity
----
ERROR 42703 at 8: column pg_stat_activity.nothing does not exist

# They are no part of a transaction.
@b
BEGIN
----
BEGIN
[T]

@b
SELECT count(*) FROM ostraka.nodes
----
count int8
| 1 |
SELECT 1
[T]

@b
SELECT node FROM ostraka.nodes WHERE false
----
node int8
SELECT 0
[T]

@b
COMMIT
----
COMMIT

@b
PREPARE p AS SELECT count(*) FROM pg_settings WHERE name = $1
----
PREPARE

@b
EXECUTE p('TimeZone')
----
count int8
| 1 |
SELECT 1

@b
EXECUTE p('nothing')
----
count int8
| 0 |
SELECT 1

@b
COPY (SELECT range, voters FROM ostraka.ranges ORDER BY range) TO STDOUT
----
copy of 2 columns
> 1	1
> 2	1
COPY 2

@b
COPY ostraka.transactions (pid, state) TO STDOUT WITH (FORMAT csv, HEADER)
----
copy of 2 columns
> pid,state
> 2,implicit
COPY 1

@b
SELECT pg_backend_pid(), pg_cancel_backend(99), pg_terminate_backend(99, 1000)
----
WARNING 01000: PID 99 is not a PostgreSQL server process
WARNING 01000: PID 99 is not a PostgreSQL server process
pg_backend_pid int4, pg_cancel_backend bool, pg_terminate_backend bool
| 2 | f | f |
SELECT 1

@b
CREATE TABLE copied AS SELECT node, pid, state FROM ostraka.sessions
----
SELECT 2

@b
SELECT pid FROM copied ORDER BY pid
----
pid int4
| 1 |
| 2 |
SELECT 2

@b
INSERT INTO copied SELECT node, pid, 'again' FROM ostraka.sessions
----
INSERT 0 2

@b
SHOW RANGES FROM TABLE t
----
range int8, start_key text, end_key text, epoch int8, leader int8, term int8, voters text, learners text, voters_alive int4, can_lose int4, bytes int8, keys int8, requests int8, kept bool
| 2 | \x02 | <null> | 1 | 1 | 2 | 1 |  | 1 | 0 | 4096 | 10 | 0 | f |
SHOW

@b
DECLARE c CURSOR FOR SELECT node FROM ostraka.nodes
----
ERROR 25P01: DECLARE CURSOR can only be used in transaction blocks
