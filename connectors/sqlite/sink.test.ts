import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe } from 'vitest';
import { schemaChangesSuite } from '../../test/support/schema-changes-suite.ts';
import { sqlConstraintsSuite } from '../../test/support/sql-constraints-suite.ts';
import { sqlModesSuite } from '../../test/support/sql-modes-suite.ts';
import { sqlSinkSuite } from '../../test/support/sql-sink-suite.ts';
import { byJson } from '../../test/support/table-model.ts';
import { transactionalSuite, type WatchedTarget } from '../../test/support/transactional-suite.ts';
import { config as sinkConfig } from './config.ts';
import { sink } from './index.ts';

let dir: string;
let targets = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tailrace-sqlite-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function newTarget(settings: object = {}): Promise<WatchedTarget> {
  const path = join(dir, `${++targets}.db`);
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
  return {
    quoted,
    job: { type: 'sqlite', config: { path } },
    open: (options) => sink.open({ ...options, config: sinkConfig.parse({ path, ...settings }) }),
    openAs: (more, options) => sink.open({ ...options, config: sinkConfig.parse({ path, ...settings, ...more }) }),
    inspect: (options) => sink.inspect!({ ...options, config: sinkConfig.parse({ path, ...settings }) }),
    async exec(sql) {
      using database = new DatabaseSync(path);
      database.exec(sql);
    },
    async numbers(sql) {
      if (!existsSync(path)) return null;
      using database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
      try {
        return database
          .prepare(sql)
          .all()
          .flatMap(({ n }) => (n === null ? [] : [Number(n)]));
      } catch (error) {
        if (error instanceof Error && /no such table/.test(error.message)) return null;
        throw error;
      }
    },
    async rows(name, columns) {
      using database = new DatabaseSync(path, { readOnly: true });
      const list = columns.map((column) => `CAST(${quoted(column)} AS TEXT) AS ${quoted(column)}`);
      const found = database.prepare(`SELECT ${list.join(', ')} FROM ${quoted(name)}`).all();
      return found.map((row) => columns.map((column) => row[column] as string | null)).sort(byJson);
    },
  };
}

describe('sqlite sink', () => {
  sqlSinkSuite(newTarget);
  sqlModesSuite(newTarget);
  sqlConstraintsSuite(newTarget, { hasDeferredReferences: true });
  schemaChangesSuite(newTarget);
  describe('consistency: transactional', () => transactionalSuite(newTarget, 0));
});
