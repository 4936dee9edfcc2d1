/** Verification of what MySQL and MariaDB are the source of, while its rows change. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Connection } from 'mysql2/promise';
import { describe, expect, onTestFinished, test } from 'vitest';
import { source } from '../../connectors/mysql/index.ts';
import { sink as sqlite } from '../../connectors/sqlite/index.ts';
import type { SourceManifest } from '../../src/contracts/plugin.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { mysqlScenes } from '../support/mysql-source.ts';
import { testSeed } from '../support/seed.ts';
import { seeded, verificationScene } from '../support/verification-scene.ts';

const isFull = process.env.TAILRACE_FULL === '1';
const NO_NUMBERS = ['--gtid-mode=OFF_PERMISSIVE', '--enforce-gtid-consistency=OFF'];
/** In full all of them; else one. */
const SERVERS = [
  { name: 'MySQL', flavor: 'mysql', settings: [] },
  { name: 'MariaDB', flavor: 'mariadb', settings: [] },
  { name: 'MySQL without GTIDs', flavor: 'mysql', settings: NO_NUMBERS },
] as const;
const chosen = isFull ? SERVERS : [SERVERS[testSeed % 2]!];

const ROWS = 300;
const DDL = `
  CREATE TABLE items (id int PRIMARY KEY, name varchar(40), price decimal(12, 2), at datetime(6));
  CREATE TABLE pairs (big bigint unsigned, word varchar(20) COLLATE utf8mb4_general_ci, raw varbinary(8), at datetime(6), day date,
    n int, PRIMARY KEY (big, word, raw, at, day));
  INSERT INTO pairs VALUES (18446744073709551615, 'Ä"x', X'00ff', '2026-01-02 03:04:05.000006', '2024-02-29', 1),
    (0, '', X'', '1000-01-01 00:00:00', '9999-12-31', 2), (7, 'b', X'6162', '2026-01-02 03:04:05', '2024-01-01', 3);
  INSERT INTO items SELECT 100 * a.n + 10 * b.n + c.n, 'x', 1.5, '2026-01-01' FROM digits a, digits b, digits c
    WHERE 100 * a.n + 10 * b.n + c.n < ${ROWS}`;
const DIGITS = `CREATE TABLE digits (n int); INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9);`;

/** Rows 0 to 199, several in a transaction, until it is stopped. */
function load(connect: () => Promise<Connection>): { readonly count: () => number; stop(): Promise<void> } {
  const random = seeded(testSeed);
  let stopped = false;
  let count = 0;
  const statement = () => {
    const id = Math.floor(random() * 200);
    const what = random();
    if (what < 0.1) return `DELETE FROM items WHERE id = ${id}`;
    if (what < 0.2) return `INSERT IGNORE INTO items VALUES (${id}, 'new', ${id}, '2026-02-02')`;
    return `UPDATE items SET name = 'n${Math.floor(random() * 1e9)}', price = price + 1 WHERE id = ${id}`;
  };
  const write = async () => {
    const client = await connect();
    for (; !stopped; await systemClock.sleep(5)) {
      const all = Array.from({ length: 1 + Math.floor(random() * 3) }, statement);
      await client.query(['BEGIN', ...all, 'COMMIT'].join('; ')).catch(() => client.query('ROLLBACK'));
      count++;
    }
  };
  const done = Promise.all([write(), write()]);
  const stop = async () => {
    stopped = true;
    await done;
  };
  onTestFinished(stop);
  return { count: () => count, stop };
}

for (const { name, flavor, settings } of chosen) {
  const { missing, scene } = await mysqlScenes(flavor, settings);
  describe.skipIf(missing)(name, () => {
    test('planted differences are found, and nothing else, while rows change', async () => {
      const { server, database, connect } = await scene([], DIGITS + DDL);
      const dir = await mkdtemp(join(tmpdir(), 'tailrace-verify-mysql-'));
      onTestFinished(() => rm(dir, { recursive: true, force: true }));
      const path = join(dir, 'copy.db');
      const tables = [`${database}.items`, `${database}.pairs`];
      const manifest = source as unknown as SourceManifest;
      const target = { name: 'copy', manifest: sqlite, config: { path } };
      const url = `${server.url}${database}`;
      const verified = await verificationScene(url, tables, [target], {
        manifest,
        config: source.config.parse({ url: server.url }),
      });
      await verified.caughtUp();
      const writers = load(connect);
      const counts = async (request: object) => {
        const [status] = await verified.verify(request);
        const { state, counts: found, repaired, problem, notes } = status!;
        return { state, found, repaired, problem, notes };
      };
      const ended = (missing_: number, different: number, extra: number, repaired = 0) => {
        const found = { missing: missing_, different, extra };
        return { state: 'done', found, repaired, problem: null, notes: [] };
      };
      for (let i = 0; i < (isFull ? 20 : 0); i++) expect(await counts({})).toEqual(ended(0, 0, 0));
      plant(path);
      expect(await counts({ repair: true })).toEqual(ended(2, 2, 2, 6));
      const kinds = verified.differences('copy').map(({ kind, table }) => `${kind} ${table.split('.')[1]}`);
      expect(kinds.sort()).toEqual(
        ['different', 'extra', 'missing'].flatMap((kind) => [`${kind} items`, `${kind} pairs`]),
      );
      expect(await counts({})).toEqual(ended(0, 0, 0));
      const before = writers.count();
      await writers.stop();
      expect(before).toBeGreaterThan(20);
    }, 120_000);
  });
}

/** Of rows that nothing else changes. */
function plant(path: string): void {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  database.exec(`DELETE FROM items WHERE id = 250; UPDATE items SET name = 'planted' WHERE id = 251;
    INSERT INTO items (id, name, _tr_version) VALUES (900, 'planted', 1);
    DELETE FROM pairs WHERE n = 1; UPDATE pairs SET n = 20 WHERE n = 2;
    INSERT INTO pairs (big, word, raw, at, day, _tr_version) SELECT '8', word, raw, at, day, 1 FROM pairs WHERE n = 3`);
  database.close();
}
