import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe } from 'vitest';
import { type SqlTarget, sqlSinkSuite } from '../../test/support/sql-sink-suite.ts';
import { byJson } from '../../test/support/table-model.ts';
import { sink } from './index.ts';

let dir: string;
let targets = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tailrace-sqlite-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function newTarget(): Promise<SqlTarget> {
  const path = join(dir, `${++targets}.db`);
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
  return {
    quoted,
    job: { type: 'sqlite', config: { path, table: '{table}' } },
    open: (options) => sink.open({ ...options, config: { path, table: '{table}' } }),
    async exec(sql) {
      using database = new DatabaseSync(path);
      database.exec(sql);
    },
    async rows(name, columns) {
      using database = new DatabaseSync(path, { readOnly: true });
      const list = columns.map((column) => `CAST(${quoted(column)} AS TEXT) AS ${quoted(column)}`);
      const found = database.prepare(`SELECT ${list.join(', ')} FROM ${quoted(name)}`).all();
      return found.map((row) => columns.map((column) => row[column] as string | null)).sort(byJson);
    },
  };
}

describe('sqlite sink', () => sqlSinkSuite(newTarget));
