# differs: PostgreSQL has no idempotency keys; this script is for Ostraka alone. It begins soon after 2026-01-01 00:00 UTC.
CREATE TABLE accounts (id int PRIMARY KEY, balance int)
----
CREATE TABLE

CREATE TABLE orders (region text, number bigint, state text, PRIMARY KEY (region, number))
----
CREATE TABLE

CREATE TABLE loose (a int)
----
CREATE TABLE

INSERT INTO accounts VALUES (1, 100), (2, 200)
----
INSERT 0 2

# A statement alone under a key with an anchor, and the same again: done once.
SET ostraka.idempotency_key = '1767225600000/pay-1', 'accounts(1)'
----
SET

SHOW ostraka.idempotency_anchor
----
ostraka.idempotency_anchor text
| accounts(1) |
SHOW

UPDATE accounts SET balance = balance - 10 WHERE id = 1 RETURNING balance
----
balance int4
| 90 |
UPDATE 1

UPDATE accounts SET balance = balance - 10 WHERE id = 1 RETURNING balance
----
balance int4
| 90 |
UPDATE 1

@b
SET ostraka.idempotency_key = '1767225600000/pay-1'
----
SET

@b
SET ostraka.idempotency_anchor = 'accounts(1)'
----
SET

@b
UPDATE accounts SET balance = balance - 10 WHERE id = 1 RETURNING balance
----
balance int4
| 90 |
UPDATE 1

# Another statement under it.
@b
UPDATE accounts SET balance = balance - 11 WHERE id = 1
----
ERROR 22K01: idempotency key "1767225600000/pay-1" belongs to other statements
  detail: This statement, or the value of a parameter, is not that of the first time.
  hint: Nothing was done. Another transaction needs another key.

@b
RESET ostraka.idempotency_key
----
RESET

# The row alone is found, whichever way it is read.
RESET ostraka.idempotency_key
----
RESET

SHOW ostraka.idempotency_anchor
----
ostraka.idempotency_anchor text
|  |
SHOW

@reads
SELECT * FROM accounts ORDER BY id
----
id int4, balance int4
| 1 | 90 |
| 2 | 200 |
SELECT 2
(rows read: 2)

@reads
SELECT * FROM accounts ORDER BY id DESC
----
id int4, balance int4
| 2 | 200 |
| 1 | 90 |
SELECT 2
(rows read: 2)

@reads
SELECT count(*), sum(balance) FROM accounts WHERE id >= 1 AND id < 2
----
count int8, sum int8
| 1 | 90 |
SELECT 1
(rows read: 1)

COPY accounts TO STDOUT
----
copy of 2 columns
> 1	90
> 2	200
COPY 2

ALTER TABLE accounts ADD COLUMN note text DEFAULT 'none'
----
ALTER TABLE

SELECT * FROM accounts ORDER BY id LIMIT 1
----
id int4, balance int4, note text
| 1 | 90 | none |
SELECT 1

# A block; SET LOCAL in either form. Nothing is left of it in the session.
BEGIN; SET LOCAL ostraka.idempotency_key = '1767225600000/pay-2', 'accounts(2)'; UPDATE accounts SET balance = balance - 1; SELECT sum(balance) FROM accounts; COMMIT
----
BEGIN
SET
UPDATE 2
sum int8
| 288 |
SELECT 1
COMMIT

@b
BEGIN; SET LOCAL ostraka.idempotency_key = '1767225600000/pay-2'; SET LOCAL ostraka.idempotency_anchor = 'public.accounts ( 1 + 1 )'; UPDATE accounts SET balance = balance - 1; SELECT sum(balance) FROM accounts; COMMIT
----
BEGIN
SET
SET
UPDATE 2
sum int8
| 288 |
SELECT 1
COMMIT

SHOW ostraka.idempotency_anchor
----
ostraka.idempotency_anchor text
|  |
SHOW

# Whoever holds the key for now.
BEGIN; SET LOCAL ostraka.idempotency_key = '1767225600000/held', 'accounts(2)'; SELECT 1
----
BEGIN
SET
?column? int4
| 1 |
SELECT 1
[T]

@b
SELECT table_name, key FROM ostraka.locks
----
table_name text, key text
| accounts | idempotency key of (2) |
SELECT 1

ROLLBACK
----
ROLLBACK

# The anchor needs not exist, nor be written; what is deleted leaves its records.
BEGIN; SET LOCAL ostraka.idempotency_key = '01941f29-7c00-7000-8000-000000000001', 'orders(''north'', 7)'; INSERT INTO accounts VALUES (3, 0, 'new'); COMMIT
----
BEGIN
SET
ERROR 22K02: idempotency key "01941f29-7c00-7000-8000-000000000001" is too old
  detail: Its transaction may have been committed; what it answered is not kept any more.
  hint: Nothing was done now. Read what is there before you use a new key.
[E]

ROLLBACK
----
ROLLBACK

BEGIN; SET LOCAL ostraka.idempotency_key = '019b76da-a800-7000-8000-000000000001', 'orders(''north'', 7)'; INSERT INTO accounts VALUES (3, 0, 'new'); COMMIT
----
BEGIN
SET
INSERT 0 1
COMMIT

BEGIN; SET LOCAL ostraka.idempotency_key = '019b76da-a800-7000-8000-000000000001', 'orders(''north'', 7)'; INSERT INTO accounts VALUES (3, 0, 'new'); COMMIT
----
BEGIN
SET
INSERT 0 1
COMMIT

SELECT * FROM orders
----
region text, number int8, state text
SELECT 0

SET ostraka.idempotency_key = '1767225600000/close', 'accounts(3)'
----
SET

DELETE FROM accounts WHERE id = 3 RETURNING id
----
id int4
| 3 |
DELETE 1

DELETE FROM accounts WHERE id = 3 RETURNING id
----
id int4
| 3 |
DELETE 1

# A key and its anchor are one: with another anchor, or without, it is another key.
SET ostraka.idempotency_key = '1767225600000/twice', 'accounts(1)'
----
SET

INSERT INTO orders VALUES ('south', 1, 'new')
----
INSERT 0 1

SET ostraka.idempotency_key = '1767225600000/twice', 'accounts(2)'
----
SET

INSERT INTO orders VALUES ('south', 2, 'new')
----
INSERT 0 1

SET ostraka.idempotency_key = '1767225600000/twice'
----
SET

INSERT INTO orders VALUES ('south', 3, 'new')
----
INSERT 0 1

SET ostraka.idempotency_key = '1767225600000/twice', 'accounts(1)'
----
SET

INSERT INTO orders VALUES ('south', 1, 'new')
----
INSERT 0 1

RESET ostraka.idempotency_key
----
RESET

SELECT * FROM orders ORDER BY number
----
region text, number int8, state text
| south | 1 | new |
| south | 2 | new |
| south | 3 | new |
SELECT 3

# Mistakes are told before anything is done.
SET ostraka.idempotency_key = 'no time', 'accounts(1)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 22023: idempotency key "no time" has an anchor and does not say when it was made
  hint: Use a UUID of version 7, or MILLISECONDS/ANYTHING with 13 digits.

SET ostraka.idempotency_key = '1767225600000/x', 'nowhere(1)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 42P01: relation "nowhere" does not exist
  context: idempotency anchor "nowhere(1)"

SET ostraka.idempotency_key = '1767225600000/x', 'accounts(1, 2)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 22023: an idempotency anchor has a value for each column of the primary key: "accounts" has 1, not 2
  context: idempotency anchor "accounts(1, 2)"

SET ostraka.idempotency_key = '1767225600000/x', 'orders(''west'')'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 22023: an idempotency anchor has a value for each column of the primary key: "orders" has 2, not 1
  context: idempotency anchor "orders('west')"

SET ostraka.idempotency_key = '1767225600000/x', 'accounts(''one'')'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 22P02: invalid input syntax for type integer: "one"
  context: idempotency anchor "accounts('one')"

SET ostraka.idempotency_key = '1767225600000/x', 'accounts(NULL)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 23502: null value in column "id" of relation "accounts" violates not-null constraint
  context: idempotency anchor "accounts(NULL)"

SET ostraka.idempotency_key = '1767225600000/x', 'accounts(id)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 42703: column "id" does not exist
  context: idempotency anchor "accounts(id)"

SET ostraka.idempotency_key = '1767225600000/x', 'accounts($1)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 42P02: there is no parameter $1
  context: idempotency anchor "accounts($1)"

SET ostraka.idempotency_key = '1767225600000/x', 'accounts(random()::int)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 0A000: an idempotency anchor that is not constant is not supported yet
  context: idempotency anchor "accounts(random()::int)"

SET ostraka.idempotency_key = '1767225600000/x', 'loose(1)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 42809: table "loose" has no primary key: none of its rows can be an idempotency anchor
  context: idempotency anchor "loose(1)"

SET ostraka.idempotency_key = '1767225600000/x', 'pg_stat_activity(1)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 42809: table "pg_stat_activity" has no primary key: none of its rows can be an idempotency anchor
  context: idempotency anchor "pg_stat_activity(1)"

SET ostraka.idempotency_key = '1767225600000/x', 'accounts(1'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 42601: syntax error at end of input
  context: idempotency anchor "accounts(1"

SET ostraka.idempotency_key = '1767225600000/x', 'accounts'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 22023: an idempotency anchor is TABLE(value, ...)
  context: idempotency anchor "accounts"

SET ostraka.idempotency_key = '1767225600000/x', 'count(DISTINCT 1)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 22023: an idempotency anchor is TABLE(value, ...)
  context: idempotency anchor "count(DISTINCT 1)"

SET ostraka.idempotency_key = '1767225600000/x', 'orders(repeat(''k'', 4090), 1)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 54000: the key of a row that is an idempotency anchor is limited to 4079 bytes; this one has 4115
  context: idempotency anchor "orders(repeat('k', 4090), 1)"

SET ostraka.idempotency_key = '1767225600000/x', 'accounts(1)', 'accounts(2)'
----
ERROR 22023: SET ostraka.idempotency_key takes a key, or a key and its anchor

SET ostraka.idempotency_key = '1767229200000/x', 'accounts(1)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 22023: idempotency key "1767229200000/x" says that it is made more than 5 seconds from now
  hint: Is the clock of this client right?

SET ostraka.idempotency_key = '1767135600000/x', 'accounts(1)'
----
SET

INSERT INTO orders VALUES ('west', 1, 'new')
----
ERROR 22K02: idempotency key "1767135600000/x" is too old
  detail: Its transaction may have been committed; what it answered is not kept any more.
  hint: Nothing was done now. Read what is there before you use a new key.

BEGIN; SET LOCAL ostraka.idempotency_key = '1767225600000/y'; SELECT 1; SET LOCAL ostraka.idempotency_anchor = 'accounts(1)'; COMMIT
----
BEGIN
SET
?column? int4
| 1 |
SELECT 1
ERROR 25001: SET ostraka.idempotency_anchor must be the first statement of a transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN; SET LOCAL ostraka.idempotency_key = '1767225600000/y', 'nowhere(1)'; COMMIT
----
BEGIN
SET
ERROR 42P01: relation "nowhere" does not exist
  context: idempotency anchor "nowhere(1)"

RESET ostraka.idempotency_key
----
RESET

SELECT count(*) FROM orders WHERE region = 'west'
----
count int8
| 0 |
SELECT 1

# An anchor without a key does nothing.
SET ostraka.idempotency_anchor = 'nowhere(1)'
----
SET

SELECT count(*) FROM orders WHERE region = 'west'
----
count int8
| 0 |
SELECT 1

RESET ostraka.idempotency_anchor
----
RESET

# A transaction without statements; and one whose statement is the second of its text.
BEGIN; SET LOCAL ostraka.idempotency_key = '1767225600000/nothing', 'accounts(1)'; COMMIT
----
BEGIN
SET
COMMIT

BEGIN; SET LOCAL ostraka.idempotency_key = '1767225600000/nothing', 'accounts(1)'; SELECT 1; COMMIT
----
BEGIN
SET
ERROR 22K01: idempotency key "1767225600000/nothing" belongs to other statements
  detail: The first time it consisted of fewer statements.
  hint: Nothing was done. Another transaction needs another key.
[E]

ROLLBACK
----
ROLLBACK

# The name stands for other rows: what was done under old keys is not known, and is not done again.
SET ostraka.idempotency_key = '1767225600000/gone', 'accounts(1)'
----
SET

INSERT INTO orders VALUES ('east', 1, 'new')
----
INSERT 0 1

@b
DROP TABLE accounts
----
DROP TABLE

INSERT INTO orders VALUES ('east', 1, 'new')
----
ERROR 42P01: relation "accounts" does not exist
  context: idempotency anchor "accounts(1)"

@b
CREATE TABLE accounts (id int PRIMARY KEY, balance int)
----
CREATE TABLE

INSERT INTO orders VALUES ('east', 1, 'new')
----
ERROR 22K02: idempotency key "1767225600000/gone" is too old for the table of its anchor
  detail: A table was dropped, truncated or renamed since: what was done under the key before is not known.
  hint: Nothing was done now. Read what is there before you use a new key.

BEGIN; INSERT INTO orders VALUES ('east', 1, 'new'); COMMIT
----
BEGIN
ERROR 22K02: idempotency key "1767225600000/gone" is too old for the table of its anchor
  detail: A table was dropped, truncated or renamed since: what was done under the key before is not known.
  hint: Nothing was done now. Read what is there before you use a new key.
[E]

ROLLBACK
----
ROLLBACK

RESET ostraka.idempotency_key
----
RESET

SELECT pg_sleep(20)
----
pg_sleep void
|  |
SELECT 1

# Keys that are made later are as good as any.
SET ostraka.idempotency_key = '1767225616000/new', 'accounts(1)'
----
SET

INSERT INTO accounts VALUES (1, 1)
----
INSERT 0 1

INSERT INTO accounts VALUES (1, 1)
----
INSERT 0 1

@b
ALTER TABLE accounts ADD COLUMN c int
----
ALTER TABLE

SET ostraka.idempotency_key = '1767225600000/gone', 'accounts(1)'
----
SET

INSERT INTO orders VALUES ('east', 1, 'new')
----
ERROR 22K02: idempotency key "1767225600000/gone" is too old for the table of its anchor
  detail: A table was dropped, truncated or renamed since: what was done under the key before is not known.
  hint: Nothing was done now. Read what is there before you use a new key.

SET ostraka.idempotency_key = '1767225616000/new', 'accounts(1)'
----
SET

INSERT INTO accounts VALUES (1, 1)
----
INSERT 0 1

SET ostraka.idempotency_key = '1767225616000/new-2', 'accounts(1)'
----
SET

INSERT INTO accounts VALUES (2, 2)
----
INSERT 0 1

@b
TRUNCATE accounts
----
TRUNCATE TABLE

SET ostraka.idempotency_key = '1767225616000/new', 'accounts(1)'
----
SET

INSERT INTO accounts VALUES (1, 1)
----
ERROR 22K02: idempotency key "1767225616000/new" is too old for the table of its anchor
  detail: A table was dropped, truncated or renamed since: what was done under the key before is not known.
  hint: Nothing was done now. Read what is there before you use a new key.

# A table that is called otherwise answers what it answered, and takes no key from before.
RESET ostraka.idempotency_key
----
RESET

SET ostraka.idempotency_key = '1767225600000/renamed', 'orders(''a'', 1)'
----
SET

INSERT INTO orders VALUES ('a', 1, 'new')
----
INSERT 0 1

@b
ALTER TABLE orders RENAME TO purchases
----
ALTER TABLE

SET ostraka.idempotency_key = '1767225600000/renamed', 'purchases(''a'', 1)'
----
SET

INSERT INTO orders VALUES ('a', 1, 'new')
----
INSERT 0 1

INSERT INTO purchases VALUES ('a', 1, 'new')
----
ERROR 22K01: idempotency key "1767225600000/renamed" belongs to other statements
  detail: This statement, or the value of a parameter, is not that of the first time.
  hint: Nothing was done. Another transaction needs another key.

SET ostraka.idempotency_key = '1767225600000/renamed-2', 'purchases(''a'', 1)'
----
SET

INSERT INTO purchases VALUES ('a', 2, 'new')
----
ERROR 22K02: idempotency key "1767225600000/renamed-2" is too old for the table of its anchor
  detail: A table was dropped, truncated or renamed since: what was done under the key before is not known.
  hint: Nothing was done now. Read what is there before you use a new key.

RESET ostraka.idempotency_key
----
RESET

SELECT * FROM purchases ORDER BY region, number
----
region text, number int8, state text
| a | 1 | new |
| east | 1 | new |
| south | 1 | new |
| south | 2 | new |
| south | 3 | new |
SELECT 5
