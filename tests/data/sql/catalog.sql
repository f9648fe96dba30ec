# The catalog as PostgreSQL shows it, as far as it is there.
CREATE TABLE kv (k bigint, part varchar(20), v text DEFAULT 'none', n numeric(10,2) CHECK (n > 0), at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (k, part))
----
CREATE TABLE

CREATE TABLE "Other" (a int)
----
CREATE TABLE

SELECT relname, relkind, relnatts, relchecks, relhasindex FROM pg_class WHERE relname IN ('kv', 'Other') ORDER BY relname
----
relname name, relkind char, relnatts int2, relchecks int2, relhasindex bool
| Other | r | 1 | 0 | f |
| kv | r | 5 | 1 | t |
SELECT 2

SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = 2200
----
nspname name
| public |
SELECT 1

SELECT attname, format_type(atttypid, atttypmod), attnotnull, atthasdef, attnum FROM pg_attribute WHERE attrelid = 'kv'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
----
attname name, format_type text, attnotnull bool, atthasdef bool, attnum int2
| k | bigint | t | f | 1 |
| part | character varying(20) | t | f | 2 |
| v | text | f | t | 3 |
| n | numeric(10,2) | f | f | 4 |
| at | timestamp with time zone | t | t | 5 |
SELECT 5

# differs: a default is shown as it was written.
SELECT adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'kv'::regclass ORDER BY adnum
----
adnum int2, pg_get_expr text
| 3 | 'none' |
| 5 | now() |
SELECT 2

SELECT table_name, table_type FROM information_schema.tables WHERE table_name IN ('kv', 'Other') ORDER BY table_name
----
table_name name, table_type varchar
| Other | BASE TABLE |
| kv | BASE TABLE |
SELECT 2

# differs: a default is shown as it was written.
SELECT column_name, ordinal_position, column_default, is_nullable, data_type, character_maximum_length, numeric_precision, numeric_scale, datetime_precision, udt_name FROM information_schema.columns WHERE table_name = 'kv' ORDER BY ordinal_position
----
column_name name, ordinal_position int4, column_default varchar, is_nullable varchar, data_type varchar, character_maximum_length int4, numeric_precision int4, numeric_scale int4, datetime_precision int4, udt_name name
| k | 1 | <null> | NO | bigint | <null> | 64 | 0 | <null> | int8 |
| part | 2 | <null> | NO | character varying | 20 | <null> | <null> | <null> | varchar |
| v | 3 | 'none' | YES | text | <null> | <null> | <null> | <null> | text |
| n | 4 | <null> | YES | numeric | <null> | 10 | 2 | <null> | numeric |
| at | 5 | now() | NO | timestamp with time zone | <null> | <null> | <null> | 6 | timestamptz |
SELECT 5

SELECT constraint_name, constraint_type FROM information_schema.table_constraints WHERE table_name = 'kv' AND constraint_type <> 'CHECK' ORDER BY constraint_name
----
constraint_name name, constraint_type varchar
| kv_pkey | PRIMARY KEY |
SELECT 1

SELECT column_name, ordinal_position FROM information_schema.key_column_usage WHERE constraint_name = 'kv_pkey' ORDER BY ordinal_position
----
column_name name, ordinal_position int4
| k | 1 |
| part | 2 |
SELECT 2

SELECT schema_name FROM information_schema.schemata WHERE schema_name IN ('public', 'information_schema', 'pg_catalog') ORDER BY schema_name
----
schema_name name
| information_schema |
| pg_catalog |
| public |
SELECT 3

SELECT typname, typlen, typtype, typcategory FROM pg_type WHERE oid IN (16, 23, 25, 1043, 1184) ORDER BY oid
----
typname name, typlen int2, typtype char, typcategory char
| bool | 1 | b | B |
| int4 | 4 | b | N |
| text | -1 | b | S |
| varchar | -1 | b | S |
| timestamptz | 8 | b | D |
SELECT 5

SELECT rolname, rolsuper, rolcanlogin FROM pg_roles WHERE rolname = 'postgres'
----
rolname name, rolsuper bool, rolcanlogin bool
| postgres | t | t |
SELECT 1

SELECT datname, pg_get_userbyid(datdba), encoding FROM pg_database WHERE datname = 'postgres'
----
datname name, pg_get_userbyid name, encoding int4
| postgres | postgres | 6 |
SELECT 1

SELECT 'kv'::regclass, '"Other"'::regclass, 'pg_class'::regclass, 'public'::regnamespace, 'postgres'::regrole
----
regclass regclass, regclass regclass, regclass regclass, regnamespace regnamespace, regrole regrole
| kv | "Other" | pg_class | public | postgres |
SELECT 1

SELECT 'information_schema.tables'::regclass
----
regclass regclass
| information_schema.tables |
SELECT 1

SELECT oid::regclass FROM pg_class WHERE relname IN ('kv', 'pg_type') ORDER BY relname
----
oid regclass
| kv |
| pg_type |
SELECT 2

SELECT 'nothing'::regclass
----
ERROR 42P01 at 8: relation "nothing" does not exist

# They are part of the transaction: what it has made is there, and is gone with it.
BEGIN
----
BEGIN
[T]

CREATE TABLE made (a int)
----
CREATE TABLE
[T]

SELECT count(*) FROM pg_class WHERE relname = 'made'
----
count int8
| 1 |
SELECT 1
[T]

ROLLBACK
----
ROLLBACK

SELECT count(*) FROM pg_class WHERE relname = 'made'
----
count int8
| 0 |
SELECT 1

# differs: all of these are system catalogs here, not views.
DELETE FROM information_schema.tables
----
ERROR 42501: permission denied: "tables" is a system catalog

# differs: no tables can be made there.
CREATE TABLE information_schema.mine (a int)
----
ERROR 42501: permission denied to create "information_schema.mine"
  detail: System catalog modifications are currently disallowed.

# differs: refused whatever is written.
INSERT INTO pg_class (relname) VALUES ('x')
----
ERROR 42501: permission denied: "pg_class" is a system catalog
