/** Manifests of the `postgres` connector. */
import { defineSink, defineSource } from '../../src/sdk/index.ts';
import { keptIn } from '../../src/sdk/target/table-mode.ts';
import { sourceConfig } from './config.ts';
import { shadowSuffix, sinkConfig, targetsOf } from './sink-config.ts';

export const source = defineSource({
  type: 'postgres',
  summary: 'Changes of PostgreSQL tables (14 to 18) from the write-ahead log, after a consistent snapshot.',
  config: sourceConfig,
  emits: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
  rehydrates: ({ toast }) => toast === 'store',
  check: async (options) => (await import('./source-check.ts')).checkSource(options),
  describe: async (options) => (await import('./source-check.ts')).describeSource(options),
  tables: async (options) => (await import('./found-tables.ts')).tablesOfSource(options),
  mended: async (options, position) => (await import('./mended.ts')).isSourceMended(options, position),
  filterPlaces: async (options) => (await import('./filter-places.ts')).filterPlacesOf(options),
  open: async (options) => new (await import('./reader.ts')).PostgresReader(options),
  teardown: async (options) => (await import('./teardown.ts')).teardownSource(options),
  inspect: async (options) => new (await import('./inspect-source.ts')).PostgresInspector(options),
});

export const sink = defineSink({
  type: 'postgres',
  summary: 'Tables of a PostgreSQL database, one row per key, or one per change.',
  config: sinkConfig,
  accepts: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
  keeps: 'last-value',
  keepsFor: ({ mode }) => keptIn(mode),
  isAtomic: true,
  triesOut: true,
  targets: targetsOf,
  check: async (options) => (await import('./sink.ts')).checkSink(options),
  open: async (options) => (await import('./sink.ts')).openSink(options),
  inspect: async (options) => (await import('./inspect-sink.ts')).inspectSink(options),
  held: async (options) => (await import('./sink-held.ts')).heldByPostgres(options),
  rebuild: {
    shadow: (live, tag) => ({ ...live, table: live.table + shadowSuffix(tag) }),
    swap: async (options, swap) => (await import('./sink-rebuild.ts')).swapPostgres(options, swap),
    drop: async (options, swap) => (await import('./sink-rebuild.ts')).dropPostgres(options, swap),
  },
});
