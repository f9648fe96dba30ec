"""psycopg 3: extended protocol, binary parameters, statements prepared on the fifth use, pipelines:
with_cluster.sh BINARY psycopg_test.py"""
import datetime
import decimal
import threading
import uuid

from checks import Checks, missing

try:
    import psycopg
    from psycopg import errors, pq, rows
except ImportError:
    missing("python3-psycopg")

check = Checks()
db = psycopg.connect("", autocommit=True)

with check.part("values there and back, as text and binary"):
    values = [
        (7, "int2"), (-40000, "int"), (2**40, "bigint"), (1.5, "float8"), (1.25, "float4"), (True, "bool"),
        ("text é☃", "text"), ("", "varchar"), (b"\x00\xff\x01", "bytea"), (decimal.Decimal("-0.00123"), "numeric"),
        (decimal.Decimal("123456789012345678901234.5678"), "numeric"), (datetime.date(2024, 2, 29), "date"),
        (datetime.datetime(2024, 2, 29, 12, 30, 15, 123456), "timestamp"), (datetime.time(23, 59, 59, 1), "time"),
        (datetime.timedelta(days=3, microseconds=5), "interval"), (uuid.UUID(int=2**100 + 7), "uuid"),
    ]
    for binary in (False, True):
        with db.cursor(binary=binary) as cur:
            for value, name in values:
                for placeholder in ("%s", "%b", "%t"):
                    cur.execute(f"SELECT {placeholder}::{name}", (value,))
                    check.same(f"{name} {value!r} {placeholder} binary={binary}", value, cur.fetchone()[0])
            cur.execute("SELECT %s::int", (None,))
            check.same("NULL", (None,), cur.fetchone())
            cur.execute("SELECT %s::timestamptz", (datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),))
            check.true("timestamptz", cur.fetchone()[0] == datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc))

with check.part("tables"):
    db.execute("CREATE TABLE t (id int PRIMARY KEY, v text, n numeric, f float8)")
    cur = db.execute("INSERT INTO t VALUES (%s, %s, %s, %s)", (1, "one", decimal.Decimal("1.10"), 0.5))
    check.same("statusmessage", "INSERT 0 1", cur.statusmessage)
    check.same("rowcount", 1, cur.rowcount)
    cur = db.execute("SELECT * FROM t WHERE id = %s", (1,))
    check.same("row", (1, "one", decimal.Decimal("1.10"), 0.5), cur.fetchone())
    check.same("types", [23, 25, 1700, 701], [c.type_code for c in cur.description])
    with db.cursor(row_factory=rows.dict_row) as cur:
        cur.execute("SELECT id, v FROM t")
        check.same("dict", {"id": 1, "v": "one"}, cur.fetchone())
    for i in range(12):  # from the fifth on it is prepared
        check.same("prepared on the way", (i + 1,), db.execute("SELECT %s::int + 1", (i,)).fetchone())
    check.same("prepared at once", (1,), db.execute("SELECT id FROM t WHERE v = %s", ("one",), prepare=True).fetchone())
    with db.cursor() as cur:
        cur.executemany("INSERT INTO t (id, v) VALUES (%s, %s)", [(i, f"row {i}") for i in range(10, 60)])
        check.same("executemany", 50, cur.rowcount)

with check.part("transactions"):
    with db.transaction():
        db.execute("INSERT INTO t (id) VALUES (100)")
        check.same("in a transaction", pq.TransactionStatus.INTRANS, db.info.transaction_status)
    try:
        with db.transaction():
            db.execute("INSERT INTO t (id) VALUES (101)")
            raise KeyError
    except KeyError:
        pass
    check.same("rolled back", [(100,)], db.execute("SELECT id FROM t WHERE id >= 100 ORDER BY id").fetchall())
    with check.raises("error in a block", "23505", errors.UniqueViolation), db.transaction():
        db.execute("INSERT INTO t (id) VALUES (100)")
    check.same("idle again", pq.TransactionStatus.IDLE, db.info.transaction_status)

with check.part("nested transactions"), psycopg.connect("") as conn:
    conn.execute("SAVEPOINT offered")
    conn.rollback()
    with conn.transaction():
        conn.execute("INSERT INTO t (id) VALUES (110)")
        with check.raises("inside", "23505"), conn.transaction():
            conn.execute("INSERT INTO t (id) VALUES (110)")
        conn.execute("INSERT INTO t (id) VALUES (111)")
    check.same("kept", [(110,), (111,)], conn.execute("SELECT id FROM t WHERE id >= 110 ORDER BY id").fetchall())

with check.part("errors"):
    for sqlstate, kind, text, parameters in [
        ("42P01", errors.UndefinedTable, "SELECT * FROM nope", ()), ("22012", errors.DivisionByZero, "SELECT 1 / %s", (0,)),
        ("22P02", errors.InvalidTextRepresentation, "SELECT %s::int", ("x",)),
        ("42601", errors.SyntaxError, "SELECT FROM WHERE", ()),
        ("23502", errors.NotNullViolation, "INSERT INTO t (v) VALUES (%s)", ("x",)),
        ("22003", errors.NumericValueOutOfRange, "SELECT %s::int2", (70000,)),
    ]:
        with check.raises(text, sqlstate, kind):
            db.execute(text, parameters)
    try:
        db.execute("SELECT id, nope FROM t")
    except psycopg.Error as e:
        check.same("position", "12", e.diag.statement_position)
        check.same("severity", "ERROR", e.diag.severity_nonlocalized)

with check.part("pipelines"):
    with db.pipeline() as pipeline:
        cursors = [db.execute("SELECT %s::int", (i,)) for i in range(20)]
        pipeline.sync()
        check.same("results in order", list(range(20)), [c.fetchone()[0] for c in cursors])
    with db.pipeline() as pipeline:
        first, wrong, after = db.execute("SELECT 1"), db.execute("SELECT 1 / 0"), db.execute("SELECT 2")
        with check.raises("an error in it", "22012", errors.DivisionByZero):
            pipeline.sync()
            wrong.fetchone()
    check.same("good afterwards", (3,), db.execute("SELECT 3").fetchone())

with check.part("COPY FROM, text and binary"):
    with db.cursor() as cur:
        with cur.copy("COPY t (id, v) FROM STDIN") as copy:
            for i in range(200, 230):
                copy.write_row((i, f"copied\t{i}"))
        check.same("rowcount", 30, cur.rowcount)
    check.same("rows", ("copied\t229",), db.execute("SELECT v FROM t WHERE id = 229").fetchone())
    with check.raises("broken off", "57014", errors.QueryCanceled):
        with db.cursor() as cur, cur.copy("COPY t (id, v) FROM STDIN") as copy:
            copy.write_row((300, "x"))
            raise errors.QueryCanceled("by the client")
    check.same("nothing of it", (0,), db.execute("SELECT count(*) FROM t WHERE id = 300").fetchone())

with check.part("COPY FROM, binary"):
    with db.cursor() as cur, cur.copy("COPY t (id, v) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        copy.write_row((400, "binary"))
    check.same("row", ("binary",), db.execute("SELECT v FROM t WHERE id = 400").fetchone())

with check.part("COPY TO"):
    with db.cursor() as cur, cur.copy("COPY (SELECT id, v FROM t WHERE id BETWEEN 200 AND 202 ORDER BY id) TO STDOUT") as copy:
        copy.set_types(["int4", "text"])
        check.same("rows", [(i, f"copied\t{i}") for i in (200, 201, 202)], list(copy.rows()))

with check.part("server-side cursors"):
    with db.transaction(), db.cursor("named") as cur:
        cur.execute("SELECT id FROM t WHERE id BETWEEN 200 AND 229 ORDER BY id")
        cur.itersize = 7
        check.same("all rows", list(range(200, 230)), [row[0] for row in cur])

with check.part("rows one by one"):
    with db.cursor() as cur:
        got = [row[0] for row in cur.stream("SELECT id FROM t WHERE id BETWEEN %s AND %s ORDER BY id", (200, 229))]
    check.same("all rows", list(range(200, 230)), got)


def add_one(failures):
    with psycopg.connect("") as conn:
        for _ in range(20):
            while True:
                try:
                    with conn.transaction():
                        n = conn.execute("SELECT n FROM t WHERE id = 1").fetchone()[0]
                        conn.execute("UPDATE t SET n = %s WHERE id = 1", (n + 1,))
                    break
                except (errors.SerializationFailure, errors.DeadlockDetected):
                    continue
                except Exception as e:  # noqa: BLE001
                    failures.append(repr(e))
                    return


with check.part("retries"):
    db.execute("UPDATE t SET n = 0 WHERE id = 1")
    failures = []
    threads = [threading.Thread(target=add_one, args=(failures,)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check.same("failures", [], failures)
    check.same("no update is lost", (decimal.Decimal(80),), db.execute("SELECT n FROM t WHERE id = 1").fetchone())

with check.part("isolation levels"):
    with psycopg.connect("") as conn:
        conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        check.same("serializable", ("serializable",), conn.execute("SHOW transaction_isolation").fetchone())
        conn.rollback()
        conn.read_only = True
        with check.raises("read only", "25006", errors.ReadOnlySqlTransaction):
            conn.execute("DELETE FROM t")

db.close()
check.end()
