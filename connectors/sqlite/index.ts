/** Manifest of the `sqlite` connector. */
import { defineSink } from '../../src/sdk/index.ts';
import { tableParts } from '../../src/sdk/target/place.ts';
import { config } from './config.ts';

export const sink = defineSink({
  type: 'sqlite',
  summary: 'Tables of a SQLite database file, one row per key.',
  config,
  accepts: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
  keeps: 'last-value',
  triesOut: true,
  targets: ({ path }, tables) => tables.map((table) => `${path} ${tableParts(table).table.toLowerCase()}`),
  check: async (options) => (await import('./check.ts')).checkSqlite(options),
  open: async (options) => (await import('./sink.ts')).openSqlite(options),
  inspect: async (options) => (await import('./inspect.ts')).inspectSqlite(options),
  held: async (options) => (await import('./held-state.ts')).heldBySqlite(options),
});
