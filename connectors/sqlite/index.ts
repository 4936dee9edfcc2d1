/** Manifest of the `sqlite` connector. */
import { defineSink } from '../../src/sdk/index.ts';
import { fillTemplate } from '../../src/sdk/table-template.ts';
import { tableParts } from '../../src/sdk/target/place.ts';
import { keptIn } from '../../src/sdk/target/table-mode.ts';
import { config, shadowSuffix } from './config.ts';

export const sink = defineSink({
  type: 'sqlite',
  summary: 'Tables of a SQLite database file, one row per key, or one per change.',
  config,
  accepts: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
  keeps: 'last-value',
  keepsFor: ({ mode }) => keptIn(mode),
  isAtomic: true,
  triesOut: true,
  targets: ({ path, table }, tables) =>
    tables.map((name) => `${path} ${fillTemplate(table, tableParts(name)).toLowerCase()}`),
  check: async (options) => (await import('./check.ts')).checkSqlite(options),
  open: async (options) => (await import('./sink.ts')).openSqlite(options),
  inspect: async (options) => (await import('./inspect.ts')).inspectSqlite(options),
  held: async (options) => (await import('./held-state.ts')).heldBySqlite(options),
  rebuild: {
    shadow: (live, tag) => ({ ...live, table: live.table + shadowSuffix(tag) }),
    swap: async (options, swap) => (await import('./rebuild.ts')).swapSqlite(options, swap),
    drop: async (options, swap) => (await import('./rebuild.ts')).dropSqlite(options, swap),
  },
});
