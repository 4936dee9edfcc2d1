/** Manifest of the `redis` connector. */
import { defineSink } from '../../src/sdk/index.ts';
import { config, targetsOf } from './config.ts';

export const sink = defineSink({
  type: 'redis',
  summary: 'Hashes, strings, sets, streams in Redis or Valkey, one server or a cluster; or keys of a cache, removed.',
  config,
  accepts: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
  keeps: 'last-value',
  keepsFor: ({ as }) => (as === 'stream' ? 'append' : 'last-value'),
  targets: targetsOf,
  check: async (options) => (await import('./check.ts')).checkRedis(options),
  open: async (options) => (await import('./sink.ts')).openRedis(options),
  inspect: async (options) => (await import('./inspect.ts')).inspectRedis(options),
});
