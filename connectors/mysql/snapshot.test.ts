/** Tables read in ranges of their key, beside the stream: each row once, whatever is written and whenever it is stopped. */
import type { Connection } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { foldChanges } from '../../test/support/fold-changes.ts';
import { sampledFlavors } from '../../test/support/mysql-flavors.ts';
import { MysqlFollower } from '../../test/support/mysql-follower.ts';
import { type MysqlReading, type MysqlScene, mysqlScenes, readMysql } from '../../test/support/mysql-source.ts';
import type { RecordedRow } from '../../test/support/recording-output.ts';
import { testSeed } from '../../test/support/seed.ts';
import { readPosition } from './position.ts';

const full = process.env.TAILRACE_FULL !== undefined;

function seeded(name: string): Random {
  console.log(`${name}: seed ${testSeed} (TAILRACE_SEED)`);
  return new Random(testSeed);
}

type KeyOf = (i: string) => string;

/** Keys made of a number `i`, whose order is known here (i, u, b, d) or to the server alone (t, n, e, f). */
const KEYS: Readonly<Record<string, readonly [columns: string, key: string, values: KeyOf]>> = {
  i: ['id bigint', 'id', (i) => `${i} - 500`],
  u: ['b tinyint, a bigint unsigned', 'b, a', (i) => `${i} % 5 - 2, 18446744073709551615 - ${i}`],
  b: ['id varbinary(20)', 'id', (i) => `LEFT(UNHEX(SHA2(${i}, 256)), 9)`],
  d: [
    'day date, at datetime(3)',
    'day, at',
    (i) => `'2024-02-01' + INTERVAL ${i} % 7 DAY, '2024-02-01 00:00:00.5' + INTERVAL ${i} HOUR`,
  ],
  t: ['code varchar(40) CHARACTER SET latin1', 'code', (i) => `CONCAT(CHAR(65 + ${i} % 2 * 32), '\\\\\\'é', ${i} * 7)`],
  n: ['tenant int, id decimal(12,3)', 'tenant, id', (i) => `${i} % 3, ${i} * 1.5`],
  e: [`kind enum('z','a','m'), s set('x','y'), n int`, 'kind, s, n', (i) => `1 + ${i} % 3, ${i} % 4, ${i}`],
  f: [
    'x float, y double, z time(2), w bit(12)',
    'x, y, z, w',
    (i) => `(${i} % 5) / 7, ${i} / 3, SEC_TO_TIME(${i} * 4000 - 900000), ${i} % 9`,
  ],
};

const SERIES = (rows: number) =>
  `(WITH RECURSIVE s AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM s WHERE i < ${rows}) SELECT i FROM s) s`;

const ddl = (rows: number) =>
  Object.entries(KEYS)
    .map(
      ([t, [columns, key, values]]) =>
        `CREATE TABLE ${t} (v int, ${columns}, i int, PRIMARY KEY (${key}), KEY (i));
         INSERT INTO ${t} SELECT 0, ${values('i')}, i FROM ${SERIES(rows)};`,
    )
    .join('');

/** Transactions over all tables until it is told to stop; conflicts are rolled back. */
async function write(client: Connection, random: Random, rows: number, stop: { now: boolean }): Promise<void> {
  let truncates = 3;
  const statement = () => {
    const t = random.pick(Object.keys(KEYS));
    const [, key, values] = KEYS[t]!;
    const i = random.between(1, Math.floor(rows * 1.2));
    const [moved, names] = [i + 5000, key.split(', ')];
    return random.pick([
      `INSERT INTO ${t} SELECT 0, ${values(String(i))}, ${i} ON DUPLICATE KEY UPDATE v = v + 1`,
      `UPDATE ${t} SET v = v + 1 WHERE i BETWEEN ${i} AND ${i + 5}`,
      `INSERT INTO ${t} SELECT v, ${values(String(moved))}, ${moved} FROM ${t} WHERE i = ${i}; DELETE FROM ${t} WHERE i = ${i}`,
      `UPDATE ${t} SET ${names.at(-1)} = ${names.at(-1)} + 1 WHERE i = ${i}`,
      `DELETE FROM ${t} WHERE i = ${i}`,
      `SAVEPOINT s; UPDATE ${t} SET v = -1 WHERE i = ${i}; ${random.pick(['ROLLBACK TO s', 'RELEASE SAVEPOINT s'])}`,
    ]);
  };
  while (!stop.now) {
    if (truncates > 0 && random.chance(0.01)) {
      truncates--;
      await client.query(`TRUNCATE ${random.pick(Object.keys(KEYS))}`);
    }
    const statements = Array.from({ length: random.between(1, 4) }, statement).join('; ');
    const end = random.pick(['COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK']);
    await client.query(`BEGIN; ${statements}; ${end}`).catch(() => client.query('ROLLBACK'));
  }
}

const isRead = ({ position }: MysqlFollower, label: string) =>
  position !== null && readPosition(position).tables[label]?.read === 'past';
const steps = ({ transactions }: MysqlFollower) => transactions.filter(({ kind }) => kind === 'snapshot').length;

describe.each(sampledFlavors(2))('snapshots of %s', async (flavor) => {
  const { missing, scene } = await mysqlScenes(flavor);

  /** Read by a reader of its own, in one piece, with nobody writing. */
  async function fresh(made: MysqlScene, table: string): Promise<RecordedRow[]> {
    const config = { url: made.server.url, snapshot_connections: 1 };
    const label = `${made.database}.${table}`;
    const options = { ...made.options, name: 'fresh', tables: [label], config: { ...made.options.config, ...config } };
    const { snapshot_chunk_rows: _, ...whole } = options.config;
    const reading = readMysql({ ...options, config: whole as typeof options.config });
    await reading.until(() => ends(reading, label) === 1);
    await reading.stop();
    return reading.output.rows();
  }

  const texts = (all: Iterable<object>) => [...all].map((row) => JSON.stringify(row)).sort();

  test.skipIf(missing)(
    'invariant 4: stopped after any step, beside a workload, each row comes once',
    { timeout: full ? 600_000 : 60_000 },
    async () => {
      const random = seeded('chunks');
      const rows = full ? 3_000 : 150;
      const config = { snapshot_chunk_rows: random.between(10, 40), snapshot_connections: random.between(1, 3) };
      const made = await scene(Object.keys(KEYS), ddl(rows), { config });
      const stop = { now: false };
      const clients = [await made.connect(), await made.connect()];
      const writers = clients.map((client) => write(client, new Random(random.uint32()), rows, stop));
      const follower = new MysqlFollower(made.options);
      const isOver = () => made.options.tables.every((label) => isRead(follower, label));
      let stops = 0;
      for (; !isOver(); stops++) {
        const next = steps(follower) + random.between(1, full ? 4 : 9);
        await follower.run(() => steps(follower) >= next || isOver());
      }
      stop.now = true;
      await Promise.all(writers);
      await made.client.query('INSERT INTO i VALUES (0, 1000000, 0)');
      await follower.run(() => follower.transactions.at(-1)?.rows.at(-1)?.after?.id === '1000000');
      expect(stops).toBeGreaterThan(2);
      const keys = Object.fromEntries(
        Object.entries(KEYS).map(([t, [, key]]) => [`${made.database}.${t}`, key.split(', ')]),
      );
      const folded = foldChanges(follower.transactions, keys);
      for (const t of Object.keys(KEYS)) {
        const now = (await fresh(made, t)).map(({ after }) => after!);
        expect(texts(folded.get(`${made.database}.${t}`)?.values() ?? []), t).toEqual(texts(now));
      }
    },
  );

  const ends = ({ output }: MysqlReading, label: string) =>
    output.transactions.filter(({ markers }) => markers.includes(`snapshot-end ${label}`)).length;
  const rowTexts = ({ output }: MysqlReading) =>
    output.rows().map(({ op, before, after }) => `${op} ${JSON.stringify(before)} ${JSON.stringify(after)}`);
  const numbers = (rows: number) =>
    `CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, 0 FROM ${SERIES(rows)};`;

  test.skipIf(missing || flavor !== 'mysql')(
    'invariant 4: a commit that is streamed before sessions see it',
    async () => {
      const config = { snapshot_chunk_rows: 1, snapshot_connections: 1 };
      const made = await scene(['t'], numbers(40), { config });
      const label = `${made.database}.t`;
      const reading = readMysql(made.options);
      await reading.until(() => reading.output.rows().length > 5);
      await reading.reader.snapshots({ do: 'pause' });
      await made.client.query('SET GLOBAL binlog_group_commit_sync_delay = 500000');
      const committed = made.client.query('UPDATE t SET v = 1');
      await reading.until(() => reading.output.rows().some(({ op }) => op === 'u'));
      const other = await made.connect();
      expect((await other.query('SELECT v FROM t WHERE id = 1'))[0]).toEqual([{ v: 0 }]);
      await reading.reader.snapshots({ do: 'resume' });
      await committed;
      await made.client.query('SET GLOBAL binlog_group_commit_sync_delay = 0');
      await reading.until(() => ends(reading, label) === 1);
      const rows = [...foldChanges(reading.output.transactions).get(label)!.values()];
      expect(rows.map(({ v }) => v)).toEqual(Array.from({ length: 40 }, () => '1'));
    },
  );

  test.skipIf(missing)('a key that becomes another one while the table is read: it is read afresh', async () => {
    const config = { snapshot_chunk_rows: 1, snapshot_connections: 1 };
    const ddl = `CREATE TABLE t (id int PRIMARY KEY, v varchar(9) NOT NULL); INSERT INTO t SELECT i, CONCAT('v', 1000 - i) FROM ${SERIES(80)};`;
    const made = await scene(['t'], ddl, { config });
    const label = `${made.database}.t`;
    const reading = readMysql(made.options);
    await reading.until(() => reading.output.transactions.length > 20);
    await made.client.query('ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (v)');
    await made.client.query("UPDATE t SET v = CONCAT(v, 'x') WHERE id = 3");
    await reading.until(() => ends(reading, label) === 1);
    const { transactions } = reading.output;
    const last = transactions.findLastIndex(({ markers }) => markers.includes(`snapshot-begin ${label}`));
    expect(last).toBeGreaterThan(10);
    expect(foldChanges(transactions.slice(last), { [label]: ['v'] }).get(label)?.size).toBe(80);
  });

  test.skipIf(missing)(
    'a table is read once more beside its stream: paused over a restart, and cancelled',
    async () => {
      const config = { snapshot_chunk_rows: 5, snapshot_connections: 1 };
      const made = await scene(['t'], `${numbers(60)} ANALYZE TABLE t`, { config });
      const label = `${made.database}.t`;
      const first = readMysql(made.options);
      const snapshots = ({ reader }: MysqlReading) => reader.upstream()?.snapshots;
      await first.until(() => ends(first, label) === 1);
      expect(snapshots(first)).toEqual([]);
      await expect(first.reader.snapshots({ do: 'cancel', tables: [label] })).rejects.toThrow('is not being read');
      await expect(first.reader.snapshots({ do: 'start', tables: ['x.y'] })).rejects.toThrow('is not captured');
      await first.reader.snapshots({ do: 'start', tables: null });
      const rows = () => first.output.rows().filter(({ op }) => op === 'r').length;
      await first.until(() => rows() >= 75);
      await first.reader.snapshots({ do: 'pause' });
      expect(snapshots(first)).toMatchObject([{ table: label, kind: 'refresh', state: 'paused', estimatedRows: 60 }]);
      await made.client.query('UPDATE t SET v = 1');
      await first.until(() => rowTexts(first).filter((row) => row.startsWith('u ')).length === 60);
      await first.stop();
      const [readRows] = snapshots(first)!.map((one) => one.rows);
      const second = readMysql(made.options, structuredClone(first.output.lastPosition));
      await made.client.query('UPDATE t SET v = 2');
      await second.until(() => second.output.rows().length === 60);
      expect(snapshots(second)).toMatchObject([{ state: 'paused', rows: readRows }]);
      await second.reader.snapshots({ do: 'resume' });
      await second.until(() => ends(second, label) === 1);
      // Each row as it is now; none that was read is read again.
      const again = second.output.rows().filter(({ op }) => op === 'r');
      expect(again.map(({ after }) => after?.v)).toEqual(Array.from({ length: 60 - readRows! }, () => '2'));
      await second.reader.snapshots({ do: 'start', tables: [label] });
      await second.reader.snapshots({ do: 'cancel', tables: null });
      expect(snapshots(second)).toEqual([]);
      await made.client.query('INSERT INTO t VALUES (100, 0)');
      await second.until(() => second.output.rows().at(-1)?.after?.id === '100');
      expect(ends(second, label)).toBe(1);
    },
  );

  test.skipIf(missing)('rows of a condition and of a list of keys are read once more, with nothing swept', async () => {
    const config = { snapshot_chunk_rows: 4, snapshot_connections: 2 };
    const ddl = `CREATE TABLE t (name varchar(9), id int, v int, PRIMARY KEY (name, id));
      INSERT INTO t SELECT CONCAT('n''', i % 2), i, 0 FROM ${SERIES(40)}`;
    const made = await scene(['t'], ddl, { config });
    const reading = readMysql(made.options);
    const { reader, output } = reading;
    await reading.until(() => ends(reading, `${made.database}.t`) === 1);
    const first = output.rows().length;
    await reader.snapshots({ do: 'start', tables: null, rows: { where: "id % 2 = 0 AND name <> ')' OR (id = 1)" } });
    for (let i = 0; i < 40; i++) await made.client.query('UPDATE t SET v = v + 1 WHERE id = ?', [i + 1]);
    const since = () => output.rows().slice(first);
    const changed = () => new Set(since().flatMap(({ after }) => (after?.v === '1' ? [after.id] : []))).size;
    await reading.until(() => reader.upstream()?.snapshots.length === 0 && changed() === 40);
    for (let id = 1; id <= 40; id++) {
      const ops = since()
        .filter(({ after }) => after?.id === String(id))
        .map(({ op, after }) => `${op}${after?.v}`);
      const wanted = id === 1 || id % 2 === 0;
      // Read before its change, after it, or not at all; never followed by a change that it has already.
      expect(wanted ? ['r0 u1', 'u1 r1', 'u1'] : ['u1']).toContain(ops.join(' '));
    }
    const second = output.rows().length;
    const keys = [
      ["n'1", '3'],
      ['nobody', '3'],
    ];
    await reader.snapshots({ do: 'start', tables: null, rows: { keys, absent: 'delete' } });
    await reading.until(() => output.rows().length === second + 2);
    expect(rowTexts(reading).slice(second)).toEqual([
      `r null {"name":"n'1","id":"3","v":"1"}`,
      'd {"name":"nobody","id":"3"} null',
    ]);
    expect(output.transactions.filter(({ markers }) => markers.length > 0)).toHaveLength(2);
    for (const where of ['TRUE) OR (TRUE', 'TRUE; DROP TABLE t', 'TRUE -- ', "v = 1 OR name = 'x", 'nowhere = 1', '']) {
      const refused = reader.snapshots({ do: 'start', tables: null, rows: { where } });
      await expect(refused, where).rejects.toMatchObject({
        code: 'source.not_ready',
        remedy: expect.stringContaining('WHERE'),
      });
    }
  });

  test.skipIf(missing)('rows that are large: as many at a time as there is room for', async () => {
    const ddl = `CREATE TABLE t (id int PRIMARY KEY, v longblob);
      INSERT INTO t SELECT i, '' FROM ${SERIES(100)}; UPDATE t SET v = REPEAT('x', 3000000) WHERE id > 95`;
    const made = await scene(['t'], ddl, { config: { snapshot_connections: 1 } });
    const reading = readMysql(made.options);
    await reading.until(() => ends(reading, `${made.database}.t`) === 1);
    expect(reading.output.rows().map(({ after }) => Number(after?.id))).toEqual(
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
    for (const { rows } of reading.output.transactions) {
      expect(rows.reduce((sum, { after }) => sum + after!.v!.length, 0)).toBeLessThan(2 * (8 << 20));
    }
  });

  test.skipIf(missing)('nothing is locked: a user who may not, and writers who do not wait', async () => {
    const made = await scene(['t'], numbers(900), { config: { snapshot_chunk_rows: 200 } });
    const user = `reader_${made.database}`;
    const monitor = flavor === 'mysql' ? 'REPLICATION CLIENT' : 'BINLOG MONITOR';
    await made.client.query(`CREATE USER ${user}@'%' IDENTIFIED BY 'x y'`);
    await made.client.query(
      `GRANT REPLICATION SLAVE, ${monitor} ON *.* TO ${user}@'%'; GRANT SELECT ON ${made.database}.* TO ${user}@'%'`,
    );
    const url = made.server.url.replace('root@', `${user}:x%20y@`);
    // A transaction that wrote to the table and stays open.
    const other = await made.connect();
    await other.query('BEGIN; UPDATE t SET v = 1 WHERE id = 1');
    const reading = readMysql({ ...made.options, config: { ...made.options.config, url } });
    await reading.until(() => ends(reading, `${made.database}.t`) === 1);
    await other.query('COMMIT');
    await reading.until(() => reading.output.rows().at(-1)?.op === 'u');
    expect(foldChanges(reading.output.transactions).get(`${made.database}.t`)?.get('["1"]')?.v).toBe('1');
  });
});
