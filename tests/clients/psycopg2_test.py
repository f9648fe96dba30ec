"""psycopg2, which binds on the client's side and speaks the simple protocol: with_cluster.sh BINARY psycopg2_test.py"""
import datetime
import decimal
import io
import os
import threading
import uuid

from checks import Checks, missing

try:
    import psycopg2
    import psycopg2.errors
    import psycopg2.extras
    from psycopg2.extensions import (ISOLATION_LEVEL_SERIALIZABLE, STATUS_READY, TRANSACTION_STATUS_IDLE,
                                     TRANSACTION_STATUS_INERROR, TRANSACTION_STATUS_INTRANS)
except ImportError:
    missing("python3-psycopg2")

check = Checks()
db = psycopg2.connect("")
cur = db.cursor()

with check.part("connection"):
    check.same("server_version", 150000, db.server_version)
    check.same("encoding", "UTF8", db.encoding)
    check.same("integer_datetimes", "on", db.get_parameter_status("integer_datetimes"))
    check.same("standard_conforming_strings", "on", db.get_parameter_status("standard_conforming_strings"))

with check.part("transactions and their states"):
    cur.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    check.same("in a transaction", TRANSACTION_STATUS_INTRANS, db.get_transaction_status())
    db.commit()
    check.same("idle", TRANSACTION_STATUS_IDLE, db.get_transaction_status())
    cur.execute("INSERT INTO t VALUES (%s, %s)", (1, "one"))
    db.rollback()
    cur.execute("SELECT count(*) FROM t")
    check.same("rolled back", (0,), cur.fetchone())
    with db, db.cursor() as c:
        c.execute("INSERT INTO t VALUES (%s, %s)", (1, "o'ne \\ \"quoted\" é☃"))
        check.same("rowcount", 1, c.rowcount)
        check.same("statusmessage", "INSERT 0 1", c.statusmessage)
    cur.execute("SELECT * FROM t")
    check.same("committed by with", [(1, "o'ne \\ \"quoted\" é☃")], cur.fetchall())
    check.same("description", [("id", 23), ("v", 25)], [(d.name, d.type_code) for d in cur.description])
    db.rollback()

with check.part("errors"):
    with check.raises("duplicate key", "23505", psycopg2.errors.UniqueViolation):
        cur.execute("INSERT INTO t VALUES (1)")
    check.same("in a failed transaction", TRANSACTION_STATUS_INERROR, db.get_transaction_status())
    with check.raises("and then", "25P02", psycopg2.errors.InFailedSqlTransaction):
        cur.execute("SELECT 1")
    db.rollback()
    for sqlstate, kind, text in [
        ("42601", psycopg2.ProgrammingError, "SELEC 1"), ("42P01", psycopg2.errors.UndefinedTable, "SELECT * FROM nope"),
        ("42703", psycopg2.errors.UndefinedColumn, "SELECT nope FROM t"), ("22012", psycopg2.DataError, "SELECT 1/0"),
        ("22P02", psycopg2.DataError, "SELECT 'x'::int"), ("22003", psycopg2.DataError, "SELECT 2147483647 + 1"),
        ("23502", psycopg2.IntegrityError, "INSERT INTO t VALUES (NULL)"), ("42883", psycopg2.ProgrammingError, "SELECT nope(1)"),
    ]:
        with check.raises(text, sqlstate, kind):
            cur.execute(text)
        db.rollback()
    try:
        cur.execute("SELECT nope FROM t")
    except psycopg2.Error as e:
        check.same("position", "8", e.diag.statement_position)
        check.same("severity", "ERROR", e.diag.severity)
        check.same("message", 'column "nope" does not exist', e.diag.message_primary)
    db.rollback()
    try:
        cur.execute("INSERT INTO t VALUES (1)")
    except psycopg2.Error as e:
        check.same("constraint", "t_pkey", e.diag.constraint_name)
        check.same("table", "t", e.diag.table_name)
        check.same("detail", "Key (id)=(1) already exists.", e.diag.message_detail)
    db.rollback()

with check.part("values there and back"):
    values = (7, -2**62, 1.5, decimal.Decimal("123456789012345678901234.5678"), "text", True, None, b"\x00\xff\x01",
              datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 30, 15, 123456),
              datetime.time(23, 59, 59, 1), datetime.timedelta(days=1, seconds=5))
    types = ("int", "bigint", "float8", "numeric", "text", "bool", "text", "bytea", "date", "timestamp", "time", "interval")
    for value, name in zip(values, types):
        cur.execute(f"SELECT %s::{name}", (value,))
        got = cur.fetchone()[0]
        check.same(f"{name} {value!r}", value, bytes(got) if isinstance(got, memoryview) else got)
    moment = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)
    cur.execute("SELECT %s::timestamptz", (moment,))
    check.true("timestamptz", cur.fetchone()[0] == moment)
    psycopg2.extras.register_uuid()
    key = uuid.uuid4()
    cur.execute("SELECT %s::uuid", (key,))
    check.same("uuid", key, cur.fetchone()[0])
    db.rollback()

with check.part("executemany and execute_values"):
    with db:
        cur.executemany("INSERT INTO t VALUES (%s, %s)", [(i, f"row {i}") for i in range(10, 30)])
        psycopg2.extras.execute_values(cur, "INSERT INTO t (id, v) VALUES %s", [(i, None) for i in range(100, 400)])
        psycopg2.extras.execute_batch(cur, "UPDATE t SET v = %s WHERE id = %s", [(str(i), i) for i in range(100, 150)])
    cur.execute("SELECT count(*), count(v) FROM t")
    check.same("rows", (321, 71), cur.fetchone())
    cur.execute("SELECT id FROM t ORDER BY id LIMIT 5")
    check.same("fetchmany", [(1,), (10,)], cur.fetchmany(2))
    check.same("the rest", [(11,), (12,), (13,)], list(cur))
    db.rollback()

with check.part("COPY FROM"):
    with db:
        cur.copy_from(io.StringIO("1000\ta\n1001\t\\N\n"), "t", columns=("id", "v"))
        check.same("rowcount of COPY", 2, cur.rowcount)
        cur.copy_expert("COPY t FROM STDIN WITH (FORMAT csv, HEADER)", io.StringIO('id,v\n1002,"a,b"\n'))
    cur.execute("SELECT * FROM t WHERE id >= 1000 ORDER BY id")
    check.same("rows of COPY", [(1000, "a"), (1001, None), (1002, "a,b")], cur.fetchall())
    with check.raises("a bad row", "22P02"):
        cur.copy_from(io.StringIO("x\ta\n"), "t", columns=("id", "v"))
    db.rollback()

with check.part("COPY TO"):
    out = io.StringIO()
    cur.copy_to(out, "t", columns=("id", "v"))
    check.same("lines", 324, len(out.getvalue().splitlines()))
    out = io.StringIO()
    cur.copy_expert("COPY (SELECT id, v FROM t WHERE id IN (1001, 1002) ORDER BY id) TO STDOUT CSV", out)
    check.same("csv", '1001,\n1002,"a,b"\n', out.getvalue())
db.rollback()

with check.part("named cursors"):
    with db.cursor("c") as named:
        named.itersize = 50
        named.execute("SELECT id FROM t WHERE id BETWEEN 100 AND 399 ORDER BY id")
        check.same("all rows, in portions", list(range(100, 400)), [row[0] for row in named])
    with db.cursor("d", withhold=False) as named:
        named.execute("SELECT id FROM t ORDER BY id")
        check.same("fetchone", (1,), named.fetchone())
        check.same("fetchmany", [(10,), (11,)], named.fetchmany(2))
db.rollback()

with check.part("savepoints"):
    cur.execute("INSERT INTO t VALUES (5000)")
    cur.execute("SAVEPOINT s")
    with check.raises("in a savepoint", "23505"):
        cur.execute("INSERT INTO t VALUES (5000)")
    cur.execute("ROLLBACK TO SAVEPOINT s")
    cur.execute("SELECT count(*) FROM t WHERE id = 5000")
    check.same("after it", (1,), cur.fetchone())
db.rollback()

with check.part("RETURNING and ON CONFLICT"):
    cur.execute("INSERT INTO t VALUES (6000, 'a') RETURNING id, v")
    check.same("RETURNING", (6000, "a"), cur.fetchone())
    cur.execute("INSERT INTO t VALUES (6000, 'b') ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING v")
    check.same("ON CONFLICT", ("b",), cur.fetchone())
db.rollback()

with check.part("autocommit and isolation levels"):
    db.autocommit = True
    cur.execute("INSERT INTO t VALUES (7000)")
    check.same("idle after autocommit", TRANSACTION_STATUS_IDLE, db.get_transaction_status())
    db.autocommit = False
    db.set_session(isolation_level=ISOLATION_LEVEL_SERIALIZABLE)
    cur.execute("SHOW transaction_isolation")
    check.same("serializable", ("serializable",), cur.fetchone())
    db.rollback()
    db.set_session(readonly=True)
    with check.raises("read only", "25006"):
        cur.execute("INSERT INTO t VALUES (7001)")
    db.rollback()
    db.set_session(readonly=False)
    check.same("status", STATUS_READY, db.status)


def add_one(failures):
    """What every client of a serializable database has to do: again from the start on 40001."""
    conn = psycopg2.connect("")
    for _ in range(20):
        while True:
            try:
                with conn, conn.cursor() as c:
                    c.execute("SELECT v FROM t WHERE id = 1")
                    c.execute("UPDATE t SET v = %s WHERE id = 1", (str(int(c.fetchone()[0]) + 1),))
                break
            except (psycopg2.errors.SerializationFailure, psycopg2.errors.DeadlockDetected):
                continue
            except Exception as e:  # noqa: BLE001
                failures.append(repr(e))
                return
    conn.close()


with check.part("retries"):
    with db:
        cur.execute("UPDATE t SET v = '0' WHERE id = 1")
    failures = []
    threads = [threading.Thread(target=add_one, args=(failures,)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check.same("failures", [], failures)
    cur.execute("SELECT v FROM t WHERE id = 1")
    check.same("no update is lost", ("80",), cur.fetchone())
    db.rollback()

with check.part("a conflict is 40001"):
    other = psycopg2.connect("")
    with other, other.cursor() as c:
        cur.execute("SELECT v FROM t WHERE id = 1")
        c.execute("UPDATE t SET v = 'other' WHERE id = 1")
    with check.raises("write after a read that is old", "40001", psycopg2.errors.SerializationFailure):
        cur.execute("UPDATE t SET v = 'mine' WHERE id = 1")
        db.commit()
    db.rollback()
    other.close()

with check.part("cancel"):
    other = psycopg2.connect("")
    with other, other.cursor() as c:
        c.execute("SELECT * FROM t WHERE id = 1 FOR UPDATE")
        cur.execute("SET statement_timeout = '300ms'")
        with check.raises("statement_timeout", "57014", psycopg2.errors.QueryCanceled):
            cur.execute("UPDATE t SET v = 'mine' WHERE id = 1")
        db.rollback()
        timer = threading.Timer(0.3, db.cancel)
        timer.start()
        with check.raises("cancel", "57014", psycopg2.extensions.QueryCanceledError):
            cur.execute("UPDATE t SET v = 'mine' WHERE id = 1")
        timer.join()
        db.rollback()
        with check.raises("NOWAIT", "55P03", psycopg2.errors.LockNotAvailable):
            cur.execute("SELECT * FROM t WHERE id = 1 FOR UPDATE NOWAIT")
        db.rollback()
    other.close()

with check.part("notices"):
    del db.notices[:]
    cur.execute("DROP TABLE IF EXISTS nonesuch")
    check.same("notice", ['NOTICE:  table "nonesuch" does not exist, skipping\n'], db.notices)
    db.rollback()

with check.part("several hosts"):
    nodes = os.environ["OSTRAKA_NODES"].split(",")
    hosts = ",".join(["127.0.0.1"] + [n.rsplit(":", 1)[0] for n in nodes])
    ports = ",".join(["1"] + [n.rsplit(":", 1)[1] for n in nodes])
    other = psycopg2.connect(host=hosts, port=ports, target_session_attrs="read-write")
    check.same("the first that answers", nodes[0].rsplit(":", 1)[1], other.get_dsn_parameters()["port"] and
               str(other.info.port))
    other.close()

db.close()
check.end()
