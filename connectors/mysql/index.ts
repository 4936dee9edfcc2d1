/** Manifests of the `mysql` connector. */
import { defineSink, defineSource } from '../../src/sdk/index.ts';
import { keptIn } from '../../src/sdk/target/table-mode.ts';
import { sourceConfig } from './config.ts';
import { shadowSuffix, sinkConfig, targetsOf } from './sink-config.ts';

export const source = defineSource({
  type: 'mysql',
  summary:
    'Changes of MySQL (8.0 to 9.7) and MariaDB (10.6 to 11.8) tables from the binary log, after a consistent snapshot.',
  config: sourceConfig,
  emits: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
  check: async (options) => (await import('./source-check.ts')).checkSource(options),
  describe: async (options) => (await import('./source-check.ts')).describeSource(options),
  filterPlaces: async (options) => (await import('./filter-places.ts')).filterPlacesOf(options),
  inspect: async (options) => new (await import('./inspect-source.ts')).MysqlInspector(options),
  open: async (options) => new (await import('./reader.ts')).MysqlReader(options),
  // Nothing was made on the server.
  teardown: async () => {},
});

export const sink = defineSink({
  type: 'mysql',
  summary: 'Tables of a MySQL or MariaDB database, one row per key, or one per change.',
  config: sinkConfig,
  accepts: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
  keeps: 'last-value',
  keepsFor: ({ mode }) => keptIn(mode),
  isAtomic: true,
  targets: targetsOf,
  check: async (options) => (await import('./sink-check.ts')).checkSink(options),
  open: async (options) => (await import('./sink.ts')).openSink(options),
  inspect: async (options) => (await import('./inspect-sink.ts')).inspectSink(options),
  rebuild: {
    shadow: (live, tag) => ({ ...live, table: live.table + shadowSuffix(tag) }),
    swap: async (options, swap) => (await import('./sink-rebuild.ts')).swapMysql(options, swap),
    drop: async (options, swap) => (await import('./sink-rebuild.ts')).dropMysql(options, swap),
  },
});
