# Settings of the whole cluster and orders about nodes. All of it differs from PostgreSQL but for the form of ALTER SYSTEM.
SELECT name, table_name, value, default_value, is_set FROM ostraka.cluster_settings ORDER BY name
----
name text, table_name text, value text, default_value text, is_set bool
| auto_merge | <null> | off | off | f |
| auto_split | <null> | on | on | f |
| dead_after | <null> | 5m | 5m | f |
| parallel_commit | <null> | on | on | f |
| range_merge_bytes | <null> | 64MiB | 64MiB | f |
| range_split_bytes | <null> | 512MiB | 512MiB | f |
| range_split_load | <null> | 50000 | 50000 | f |
| ranges_max | <null> | 262144 | 262144 | f |
| rebalance | <null> | on | on | f |
| replication_factor | <null> | 3 | 3 | f |
| snapshot_rate | <null> | 64MiB | 64MiB | f |
| snapshots_per_node | <null> | 2 | 2 | f |
SELECT 12

ALTER SYSTEM SET auto_split = on
----
ALTER SYSTEM

ALTER SYSTEM SET range_split_bytes TO '256MiB'
----
ALTER SYSTEM

ALTER SYSTEM SET dead_after = '90s'
----
ALTER SYSTEM

ALTER SYSTEM SET range_split_load = 1000
----
ALTER SYSTEM

SELECT name, value, default_value FROM ostraka.cluster_settings WHERE is_set ORDER BY name
----
name text, value text, default_value text
| auto_split | on | on |
| dead_after | 90s | 5m |
| range_split_bytes | 256MiB | 512MiB |
| range_split_load | 1000 | 50000 |
SELECT 4

ALTER SYSTEM RESET dead_after
----
ALTER SYSTEM

ALTER SYSTEM SET range_split_load = DEFAULT
----
ALTER SYSTEM

SELECT name, value FROM ostraka.cluster_settings WHERE is_set ORDER BY name
----
name text, value text
| auto_split | on |
| range_split_bytes | 256MiB |
SELECT 2

# Switches are spelt as those of a session are.
ALTER SYSTEM SET auto_merge = 'ON'
----
ALTER SYSTEM

ALTER SYSTEM SET auto_merge TO False
----
ALTER SYSTEM

ALTER SYSTEM SET auto_merge = 'Yes'
----
ALTER SYSTEM

ALTER SYSTEM RESET auto_merge
----
ALTER SYSTEM

# What is wrong is said with what would be right.
ALTER SYSTEM SET auto_split = maybe
----
ERROR 22023: invalid value for parameter "auto_split": "maybe"
  hint: It is on or off.

ALTER SYSTEM SET range_split_bytes = '1B'
----
ERROR 22023: invalid value for parameter "range_split_bytes": "1B"
  hint: It is a size, as 64MiB, from 64KiB to 1TiB.

ALTER SYSTEM SET dead_after = 10
----
ERROR 22023: invalid value for parameter "dead_after": "10"
  hint: It is a time, as 30s or 5m, from 1s to 30d.

ALTER SYSTEM SET replication_factor = 8
----
ERROR 22023: invalid value for parameter "replication_factor": "8"
  hint: It is a whole number, from 1 to 7.

ALTER SYSTEM SET work_mem = '64MB'
----
ERROR 42704: unrecognized configuration parameter "work_mem"
  hint: SHOW CLUSTER SETTINGS lists what there is; SET changes what belongs to a session.

ALTER SYSTEM SET auto_split FROM CURRENT
----
ERROR 42601 at 41: syntax error at end of input

ALTER SYSTEM RESET nothing
----
ERROR 42704: unrecognized configuration parameter "nothing"
  hint: SHOW CLUSTER SETTINGS lists what there is; SET changes what belongs to a session.

BEGIN
----
BEGIN
[T]

ALTER SYSTEM SET auto_split = off
----
ERROR 25001: ALTER SYSTEM cannot run inside a transaction block
[E]

ROLLBACK
----
ROLLBACK

# Another number of voters: told, with what it would do.
ALTER SYSTEM SET replication_factor = 2 DRY RUN
----
WARNING 01000: 2 replicas tolerate the loss of none, as 1 does: both are needed for every write
WARNING 01000: there are not enough nodes for so many voters: ranges get the missing ones when nodes are added
NOTICE 00000: 0 ranges have to move (0 bytes), 0 of them cannot; 2 end with fewer voters than wanted; quorum 1, then 1; nodes that may be lost: 0, then 0; now: cannot lose any more nodes
ALTER SYSTEM

ALTER SYSTEM SET replication_factor = 1
----
WARNING 01000: one replica: whatever its node loses is lost
NOTICE 00000: 0 ranges have to move (0 bytes), 0 of them cannot; 0 end with fewer voters than wanted; quorum 1, then 1; nodes that may be lost: 0, then 0; now: cannot lose any more nodes
ALTER SYSTEM

ALTER SYSTEM SET replication_factor = 5
----
WARNING 01000: there are not enough nodes for so many voters: ranges get the missing ones when nodes are added
NOTICE 00000: 0 ranges have to move (0 bytes), 0 of them cannot; 2 end with fewer voters than wanted; quorum 1, then 1; nodes that may be lost: 0, then 0; now: cannot lose any more nodes
ALTER SYSTEM

SELECT value FROM ostraka.cluster_settings WHERE name = 'replication_factor'
----
value text
| 5 |
SELECT 1

ALTER SYSTEM RESET replication_factor DRY RUN
----
WARNING 01000: there are not enough nodes for so many voters: ranges get the missing ones when nodes are added
NOTICE 00000: 0 ranges have to move (0 bytes), 0 of them cannot; 2 end with fewer voters than wanted; quorum 1, then 1; nodes that may be lost: 0, then 0; now: cannot lose any more nodes
ALTER SYSTEM

# Of one table: it follows the table, and ends with it.
CREATE TABLE important (a int PRIMARY KEY)
----
CREATE TABLE

ALTER TABLE important SET (replication_factor = 7) DRY RUN
----
WARNING 01000: there are not enough nodes for so many voters: ranges get the missing ones when nodes are added
NOTICE 00000: 0 ranges have to move (0 bytes), 0 of them cannot; 2 end with fewer voters than wanted; quorum 1, then 1; nodes that may be lost: 0, then 0; now: cannot lose any more nodes
ALTER TABLE

ALTER TABLE important SET (replication_factor = 7)
----
WARNING 01000: there are not enough nodes for so many voters: ranges get the missing ones when nodes are added
NOTICE 00000: 0 ranges have to move (0 bytes), 0 of them cannot; 2 end with fewer voters than wanted; quorum 1, then 1; nodes that may be lost: 0, then 0; now: cannot lose any more nodes
ALTER TABLE

SELECT table_name, value, default_value, is_set FROM ostraka.cluster_settings WHERE table_name IS NOT NULL
----
table_name text, value text, default_value text, is_set bool
| important | 7 | 5 | t |
SELECT 1

ALTER TABLE important SET (replication_factor = 0)
----
ERROR 22023: invalid value for parameter "replication_factor": "0"
  hint: It is a whole number, from 1 to 7.

ALTER TABLE important SET (fillfactor = 70)
----
ERROR 0A000 at 23: a storage parameter is not supported yet

ALTER TABLE important SET (replication_factor = 3, fillfactor = 70)
----
ERROR 0A000 at 23: a storage parameter is not supported yet

ALTER TABLE important RESET (replication_factor = 7)
----
ERROR 42601: RESET must not include values for parameters

CREATE TABLE other (a int PRIMARY KEY) WITH (replication_factor = 5)
----
ERROR 0A000: replication_factor of a table that is being made is not supported yet
  hint: Make the table, then ALTER TABLE ... SET (replication_factor = ...).

CREATE TABLE other WITH (replication_factor = 5) AS SELECT 1
----
ERROR 0A000: replication_factor of a table that is being made is not supported yet
  hint: Make the table, then ALTER TABLE ... SET (replication_factor = ...).

ALTER TABLE pg_class SET (replication_factor = 5)
----
ERROR 42501: permission denied: "pg_class" is a system catalog

ALTER TABLE ostraka.ranges SPLIT AT VALUES (1)
----
ERROR 42501: permission denied: "ranges" is a system catalog

TRUNCATE important
----
TRUNCATE TABLE

SELECT count(*) FROM ostraka.cluster_settings WHERE table_name = 'important' AND value = '7'
----
count int8
| 1 |
SELECT 1

ALTER TABLE important RENAME TO vital
----
ALTER TABLE

SELECT table_name, value FROM ostraka.cluster_settings WHERE table_name = 'vital'
----
table_name text, value text
| vital | 7 |
SELECT 1

ALTER TABLE vital RESET (replication_factor)
----
WARNING 01000: there are not enough nodes for so many voters: ranges get the missing ones when nodes are added
NOTICE 00000: 0 ranges have to move (0 bytes), 0 of them cannot; 2 end with fewer voters than wanted; quorum 1, then 1; nodes that may be lost: 0, then 0; now: cannot lose any more nodes
ALTER TABLE

SELECT count(*) FROM ostraka.cluster_settings WHERE table_name = 'vital'
----
count int8
| 0 |
SELECT 1

ALTER SYSTEM RESET ALL
----
WARNING 01000: there are not enough nodes for so many voters: ranges get the missing ones when nodes are added
NOTICE 00000: 0 ranges have to move (0 bytes), 0 of them cannot; 2 end with fewer voters than wanted; quorum 1, then 1; nodes that may be lost: 0, then 0; now: cannot lose any more nodes
ALTER SYSTEM

SELECT count(*) FROM ostraka.cluster_settings WHERE is_set AND table_name IS NULL
----
count int8
| 0 |
SELECT 1

# 16384: rows from before TRUNCATE that are not deleted yet.
SHOW CLUSTER SETTINGS
----
name text, table_name text, value text, default_value text, is_set bool, description text
| auto_merge | <null> | off | off | f | Small neighbouring ranges that are little used become one by themselves. |
| auto_split | <null> | on | on | f | Ranges that grow large or hot are divided by themselves. |
| dead_after | <null> | 5m | 5m | f | A node that is silent for so long is replaced. |
| parallel_commit | <null> | on | on | f | A transaction that writes to several ranges is acknowledged one round sooner, where what it has read allows that. |
| range_merge_bytes | <null> | 64MiB | 64MiB | f | Neighbouring ranges that are smaller together may become one. |
| range_split_bytes | <null> | 512MiB | 512MiB | f | A range that is larger is divided. |
| range_split_load | <null> | 50000 | 50000 | f | A range with more requests per second is divided. |
| ranges_max | <null> | 262144 | 262144 | f | No range is divided when there are so many; each costs the metadata's replicas half a kilobyte of memory. |
| rebalance | <null> | on | on | f | Replicas and leaders move to even out the nodes. |
| replication_factor | <null> | 3 | 3 | f | Nodes that hold each range; an even number tolerates no more losses than the odd one below. |
| replication_factor | 16384 | 7 | 3 | t | Nodes that hold each range; an even number tolerates no more losses than the odd one below. |
| snapshot_rate | <null> | 64MiB | 64MiB | f | Bytes per second that a node sends in snapshots. |
| snapshots_per_node | <null> | 2 | 2 | f | Snapshots that a node sends or takes at a time. |
SHOW

SHOW CLUSTER NODES
----
ERROR 42601 at 14: syntax error at or near "NODES"

# A node that is added: only told.
ALTER CLUSTER ADD NODE LOCALITY 'region=a,rack=b' DRY RUN
----
NOTICE 00000: 2 ranges have to move (0 bytes), 0 of them cannot; 2 end with fewer voters than wanted; quorum 1, then 2; nodes that may be lost: 0, then 0; now: cannot lose any more nodes
ALTER CLUSTER

ALTER CLUSTER ADD NODE
----
ERROR 0A000: a node is added by starting it
  hint: ostraka start --join HOST:PORT; with DRY RUN this statement tells what would come of it.

UPDATE ostraka.cluster_settings SET value = 'on'
----
ERROR 42501: permission denied: "cluster_settings" is a system catalog

SHOW JOBS
----
range int8, reason text, since timestamptz, nodes text
SHOW
