/** Manifest of the `elasticsearch` connector. */
import { defineSink } from '../../src/sdk/index.ts';
import { config, type ElasticsearchConfig, shadowSuffix, targetsOf } from './config.ts';

export const sink = defineSink({
  type: 'elasticsearch',
  summary: 'Documents in Elasticsearch or OpenSearch, one per row; or changes in a data stream.',
  config,
  accepts: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
  keeps: 'last-value',
  keepsFor: ({ as }) => (as === 'data-stream' ? 'append' : 'last-value'),
  targets: targetsOf,
  check: async (options) => (await import('./check.ts')).checkElasticsearch(options),
  open: async (options) => (await import('./sink.ts')).openElasticsearch(options),
  inspect: async (options) => (await import('./inspect.ts')).inspectElasticsearch(options),
  rebuild: {
    refusal: ({ as }) => (as === 'data-stream' ? 'a data stream cannot be built beside itself' : null),
    shadow: (live, tag): ElasticsearchConfig => ({ ...live, index: live.index + shadowSuffix(tag), behindAlias: true }),
    swap: async (options, swap) => (await import('./rebuild.ts')).swapElasticsearch(options, swap),
    drop: async (options, swap) => (await import('./rebuild.ts')).dropElasticsearch(options, swap),
  },
});
