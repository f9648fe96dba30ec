// node-postgres, the JavaScript client most people have: with_cluster.sh BINARY node node_pg_test.js
// Debian: node-pg; else `npm install pg` anywhere and NODE_PATH=.../node_modules.
'use strict'
const nodes = process.env.OSTRAKA_NODES.split(',')
let pg
try {
  pg = require('pg')
} catch (e) {
  console.log('the module pg is missing (Debian: node-pg); skipped')
  process.exit(77)
}

let checks = 0
let failed = 0
function same (name, expected, got) {
  checks++
  if (JSON.stringify(expected) === JSON.stringify(got)) return
  failed++
  console.log(`FAILED ${name}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`)
}
async function raises (name, code, promise) {
  try {
    await promise
    same(name, code, 'nothing')
  } catch (e) {
    same(name, code, e.code)
    return e
  }
}
async function part (name, run) {
  try {
    await run()
  } catch (e) {
    if (e.code === '0A000') console.log(`not offered by the server, so not tried: ${name} (${e.message})`)
    else same(name, 'no error', e.stack)
  }
}

async function main () {
  const db = new pg.Client()
  await db.connect()

  await part('simple and extended queries', async () => {
    await db.query('CREATE TABLE t (id int PRIMARY KEY, v text, n bigint)')
    const inserted = await db.query('INSERT INTO t VALUES ($1, $2, $3)', [1, 'one é☃', 5])
    same('command and count', ['INSERT', 1], [inserted.command, inserted.rowCount])
    const read = await db.query('SELECT * FROM t WHERE id = $1', [1])
    same('row', [{ id: 1, v: 'one é☃', n: '5' }], read.rows)
    same('fields', [['id', 23], ['v', 25], ['n', 20]], read.fields.map(f => [f.name, f.dataTypeID]))
    const several = await db.query('SELECT 1 AS a; SELECT 2 AS b')
    same('several statements', [[{ a: 1 }], [{ b: 2 }]], several.map(r => r.rows))
    const array = await db.query({ text: 'SELECT id, v FROM t', rowMode: 'array' })
    same('rows as arrays', [[1, 'one é☃']], array.rows)
    for (let i = 0; i < 3; i++) {
      const named = await db.query({ name: 'by-id', text: 'SELECT v FROM t WHERE id = $1', values: [1] })
      same('a named statement', 'one é☃', named.rows[0].v)
    }
    same('nothing', [], (await db.query('SELECT * FROM t WHERE id = $1', [-1])).rows)
    await db.query('')
  })

  await part('values', async () => {
    const r = await db.query(`SELECT $1::int AS i, $2::text AS t, $3::bool AS b, $4::float8 AS f, $5::numeric AS n,
                              $6::bytea AS y, $7::timestamptz AS m, $8::date::text AS d, $9::text AS nothing`,
    [7, "o'ne \\", true, 1.5, '123456789012345678901234.5', Buffer.from([0, 255, 1]),
      new Date('2024-02-29T12:30:15.123Z'), '2024-02-29', null])
    const row = r.rows[0]
    same('values', [7, "o'ne \\", true, 1.5, '123456789012345678901234.5', '00ff01', '2024-02-29T12:30:15.123Z',
      '2024-02-29', null], [row.i, row.t, row.b, row.f, row.n, row.y.toString('hex'), row.m.toISOString(), row.d,
      row.nothing])
    const binary = await db.query({ text: 'SELECT $1::int AS i, $2::bool AS b', values: [9, false], binary: true })
    same('binary results', { i: 9, b: false }, binary.rows[0])
  })

  await part('errors', async () => {
    const e = await raises('duplicate key', '23505', db.query('INSERT INTO t (id) VALUES ($1)', [1]))
    same('its fields', ['ERROR', 't', 't_pkey', 'Key (id)=(1) already exists.'],
      [e.severity, e.table, e.constraint, e.detail])
    same('position', '8', (await raises('column', '42703', db.query('SELECT nope FROM t'))).position)
    await raises('syntax', '42601', db.query('SELEC 1'))
    await raises('division', '22012', db.query('SELECT 1 / $1::int', [0]))
    await raises('no number', '22P02', db.query('SELECT $1::int', ['x']))
    same('good afterwards', 1, (await db.query('SELECT 1 AS one')).rows[0].one)
  })

  await part('transactions', async () => {
    await db.query('BEGIN')
    await db.query('INSERT INTO t (id) VALUES ($1)', [100])
    await db.query('ROLLBACK')
    await db.query('BEGIN ISOLATION LEVEL SERIALIZABLE')
    await db.query('INSERT INTO t (id) VALUES ($1)', [101])
    await db.query('COMMIT')
    same('one kept', [{ id: 101 }], (await db.query('SELECT id FROM t WHERE id >= 100 ORDER BY id')).rows)
    await db.query('BEGIN')
    await raises('an error in it', '22012', db.query('SELECT 1/0'))
    await raises('and then', '25P02', db.query('SELECT 1'))
    same('COMMIT of it', 'ROLLBACK', (await db.query('COMMIT')).command)
  })

  await part('queries queued on one connection', async () => {
    const all = []
    for (let i = 0; i < 50; i++) all.push(db.query('SELECT $1::int AS i', [i]))
    same('in order', [...Array(50).keys()], (await Promise.all(all)).map(r => r.rows[0].i))
  })

  await part('a pool over all nodes, and retries', async () => {
    await db.query('UPDATE t SET n = 0 WHERE id = 1')
    const pools = nodes.map(n => new pg.Pool({ host: n.split(':')[0], port: +n.split(':')[1], max: 3 }))
    async function addOne (pool) {
      for (;;) {
        const client = await pool.connect()
        try {
          await client.query('BEGIN')
          const { rows } = await client.query('SELECT n FROM t WHERE id = 1')
          await client.query('UPDATE t SET n = $1 WHERE id = 1', [Number(rows[0].n) + 1])
          await client.query('COMMIT')
          return
        } catch (e) {
          await client.query('ROLLBACK')
          if (e.code !== '40001' && e.code !== '40P01') throw e
        } finally {
          client.release()
        }
      }
    }
    const all = []
    for (let i = 0; i < 30; i++) all.push(addOne(pools[i % pools.length]))
    await Promise.all(all)
    same('no update is lost', '30', (await db.query('SELECT n FROM t WHERE id = 1')).rows[0].n)
    await Promise.all(pools.map(p => p.end()))
  })

  await part('a cancelled statement', async () => {
    const other = new pg.Client()
    await other.connect()
    await other.query('BEGIN')
    await other.query('SELECT * FROM t WHERE id = 1 FOR UPDATE')
    const impatient = new pg.Client({ statement_timeout: 300 })
    await impatient.connect()
    await raises('statement_timeout', '57014', impatient.query("UPDATE t SET v = 'x' WHERE id = 1"))
    await other.query('ROLLBACK')
    await other.end()
    await impatient.end()
  })

  await part('RETURNING', async () => {
    const r = await db.query("INSERT INTO t VALUES (200, 'a', 1) RETURNING *")
    same('its row', [{ id: 200, v: 'a', n: '1' }], r.rows)
  })

  await part('a cursor', async () => {
    let Cursor
    try {
      Cursor = require('pg-cursor')
    } catch (e) {
      return // it is a package of its own
    }
    for (let i = 300; i < 320; i++) await db.query('INSERT INTO t (id) VALUES ($1)', [i])
    const cursor = db.query(new Cursor('SELECT id FROM t WHERE id >= $1 ORDER BY id', [300]))
    const first = await cursor.read(5)
    const second = await cursor.read(100)
    same('in portions', [5, 15, 319], [first.length, second.length, second[14].id])
    await cursor.close()
  })

  await db.end()
  console.log(`${checks} checks, ${failed} failed`)
  process.exit(failed ? 1 : 0)
}
main()
