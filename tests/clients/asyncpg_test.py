"""asyncpg: everything prepared, everything binary, types introspected by their OIDs: with_cluster.sh BINARY asyncpg_test.py"""
import asyncio
import datetime
import decimal
import os
import uuid

from checks import Checks, missing

try:
    import asyncpg
except ImportError:
    missing("python3-asyncpg")

check = Checks()


async def values(db):
    for value, name in [
        (7, "int2"), (-40000, "int"), (2**40, "bigint"), (1.5, "float8"), (1.25, "float4"), (True, "bool"),
        ("text é☃", "text"), ("", "varchar"), (b"\x00\xff\x01", "bytea"), (decimal.Decimal("-0.00123"), "numeric"),
        (decimal.Decimal("123456789012345678901234.5678"), "numeric"), (datetime.date(2024, 2, 29), "date"),
        (datetime.datetime(2024, 2, 29, 12, 30, 15, 123456), "timestamp"), (datetime.time(23, 59, 59, 1), "time"),
        (datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc), "timestamptz"),
        (datetime.timedelta(days=3, microseconds=5), "interval"),
    ]:
        check.same(f"{name} {value!r}", value, await db.fetchval(f"SELECT $1::{name}", value))
    check.true("uuid", await db.fetchval("SELECT $1::uuid", uuid.UUID(int=2**100 + 7)) == uuid.UUID(int=2**100 + 7))
    check.same("NULL", None, await db.fetchval("SELECT $1::int", None))


async def statements(db):
    await db.execute("CREATE TABLE t (id int PRIMARY KEY, v text, n bigint)")
    check.same("tag", "INSERT 0 1", await db.execute("INSERT INTO t VALUES ($1, $2, $3)", 1, "one", 5))
    row = await db.fetchrow("SELECT * FROM t WHERE id = $1", 1)
    check.same("row", {"id": 1, "v": "one", "n": 5}, dict(row))
    await db.executemany("INSERT INTO t (id, v) VALUES ($1, $2)", [(i, f"row {i}") for i in range(10, 310)])
    check.same("executemany", 300, await db.fetchval("SELECT count(*) FROM t WHERE id >= 10"))
    statement = await db.prepare("SELECT id, v FROM t WHERE id BETWEEN $1 AND $2 ORDER BY id")
    check.same("parameters", ["int4", "int4"], [p.name for p in statement.get_parameters()])
    check.same("attributes", [("id", "int4"), ("v", "text")], [(a.name, a.type.name) for a in statement.get_attributes()])
    check.same("prepared", [10, 11, 12], [r["id"] for r in await statement.fetch(10, 12)])
    check.same("a script", "SELECT 1", await db.execute("SELECT 1; SELECT 2;"))
    check.same("no parameters, in a script", "UPDATE 1", await db.execute("UPDATE t SET n = n + 1 WHERE id = 1"))


async def transactions(db):
    async with db.transaction(isolation="serializable"):
        await db.execute("INSERT INTO t (id) VALUES ($1)", 1000)
    try:
        async with db.transaction():
            await db.execute("INSERT INTO t (id) VALUES ($1)", 1001)
            raise KeyError
    except KeyError:
        pass
    check.same("one kept", 1, await db.fetchval("SELECT count(*) FROM t WHERE id >= 1000"))
    async with db.transaction(readonly=True):
        with check.raises("read only", "25006", asyncpg.ReadOnlySQLTransactionError):
            await db.execute("INSERT INTO t (id) VALUES (1002)")
    async with db.transaction():
        got = [r["id"] async for r in db.cursor("SELECT id FROM t WHERE id BETWEEN 10 AND 309 ORDER BY id", prefetch=40)]
        check.same("a cursor, in portions", list(range(10, 310)), got)
        cursor = await db.cursor("SELECT id FROM t WHERE id >= 10 ORDER BY id")
        check.same("fetch", [10, 11], [r["id"] for r in await cursor.fetch(2)])
        check.same("fetchrow", 12, (await cursor.fetchrow())["id"])


async def move(db):
    """asyncpg moves a portal of the protocol by MOVE, as if it were declared."""
    async with db.transaction():
        cursor = await db.cursor("SELECT id FROM t WHERE id >= 10 ORDER BY id")
        check.same("forward", 3, await cursor.forward(3))
        check.same("fetchrow", 13, (await cursor.fetchrow())["id"])


async def nested(db):
    async with db.transaction():
        await db.execute("SAVEPOINT offered")
    async with db.transaction():
        await db.execute("INSERT INTO t (id) VALUES (1100)")
        with check.raises("inside", "23505"):
            async with db.transaction():
                await db.execute("INSERT INTO t (id) VALUES (1100)")
        await db.execute("INSERT INTO t (id) VALUES (1101)")
    check.same("kept", 2, await db.fetchval("SELECT count(*) FROM t WHERE id >= 1100"))


async def errors(db):
    for sqlstate, kind, text, parameters in [
        ("42P01", asyncpg.UndefinedTableError, "SELECT * FROM nope", ()),
        ("42703", asyncpg.UndefinedColumnError, "SELECT nope FROM t", ()),
        ("42601", asyncpg.PostgresSyntaxError, "SELECT FROM WHERE", ()),
        ("22012", asyncpg.DivisionByZeroError, "SELECT 1 / $1::int", (0,)),
        ("23505", asyncpg.UniqueViolationError, "INSERT INTO t (id) VALUES ($1)", (1,)),
        ("23502", asyncpg.NotNullViolationError, "INSERT INTO t (v) VALUES ($1)", ("x",)),
    ]:
        with check.raises(text, sqlstate, kind):
            await db.fetch(text, *parameters)
    try:
        await db.execute("INSERT INTO t (id) VALUES (1)")
    except asyncpg.UniqueViolationError as e:
        check.same("constraint", "t_pkey", e.constraint_name)
        check.same("detail", "Key (id)=(1) already exists.", e.detail)


async def timeouts(db):
    other = await asyncpg.connect()
    async with other.transaction():
        await other.execute("SELECT * FROM t WHERE id = 1 FOR UPDATE")
        try:
            await db.execute("UPDATE t SET v = 'x' WHERE id = 1", timeout=0.3)
            check.fail("time-out", "none")
        except asyncio.TimeoutError:
            check.count += 1
        check.same("usable afterwards", 1, await db.fetchval("SELECT 1"))
    await other.close()


async def add_one(failures):
    db = await asyncpg.connect()
    for _ in range(20):
        while True:
            try:
                async with db.transaction():
                    n = await db.fetchval("SELECT n FROM t WHERE id = 1")
                    await db.execute("UPDATE t SET n = $1 WHERE id = 1", n + 1)
                break
            except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
                continue
            except Exception as e:  # noqa: BLE001
                failures.append(repr(e))
                return
    await db.close()


async def retries(db):
    await db.execute("UPDATE t SET n = 0 WHERE id = 1")
    failures = []
    await asyncio.gather(*[add_one(failures) for _ in range(4)])
    check.same("failures", [], failures)
    check.same("no update is lost", 80, await db.fetchval("SELECT n FROM t WHERE id = 1"))


async def copy_in(db):
    tag = await db.copy_records_to_table("t", records=[(i, "copied", 0) for i in range(2000, 2500)], columns=["id", "v", "n"])
    check.same("tag", "COPY 500", tag)
    check.same("rows", 500, await db.fetchval("SELECT count(*) FROM t WHERE v = 'copied'"))


async def copy_out(db):
    got = []

    async def take(data):
        got.append(data)

    await db.copy_from_query("SELECT id, v FROM t WHERE id = 10", output=take, format="csv")
    check.same("csv", b"10,row 10\n", b"".join(got))


async def pool(_):
    async with asyncpg.create_pool(min_size=2, max_size=3) as p:
        check.same("many tasks", [1] * 12, await asyncio.gather(*[p.fetchval("SELECT 1") for _ in range(12)]))
        async with p.acquire() as db:
            check.same("one of them", 2, await db.fetchval("SELECT 2"))


async def hosts(_):
    nodes = [n.rsplit(":", 1) for n in os.environ["OSTRAKA_NODES"].split(",")]
    db = await asyncpg.connect(host=["127.0.0.1"] + [n[0] for n in nodes], port=[1] + [int(n[1]) for n in nodes])
    check.same("the first that answers", 1, await db.fetchval("SELECT 1"))
    await db.close()


async def main():
    db = await asyncpg.connect()
    check.same("version", 15, db.get_server_version().major)
    for name, run in [("values", values), ("statements", statements), ("transactions", transactions), ("MOVE", move),
                      ("nested", nested),
                      ("errors", errors), ("time-outs", timeouts), ("retries", retries),
                      ("COPY FROM", copy_in), ("COPY TO", copy_out), ("several hosts", hosts), ("a pool", pool)]:
        with check.part(name):
            await run(db)
    await db.close()


asyncio.run(main())
check.end()
