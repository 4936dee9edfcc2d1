/** The plugin: what `plugins:` of a tailrace.yaml loads. Everything behind `open` is loaded when it is used. */
import { definePlugin, defineSink, defineSource, serverPlace, tableParts } from 'tailrace/sdk';
import { sinkConfig, sourceConfig } from './config.ts';
import { rowPrefix } from './names.ts';

const sink = defineSink({
  type: 'etcd',
  summary: 'One key of etcd per row, holding the row as a JSON object.',
  config: sinkConfig,
  accepts: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
  keeps: 'last-value',
  targets: ({ url, prefix }, tables) =>
    tables.map((name) => JSON.stringify([serverPlace(url, 2_379), rowPrefix(prefix, tableParts(name))])),
  check: async (options) => (await import('./check.ts')).checkSink(options),
  open: async (options) => (await import('./sink.ts')).openSink(options),
});

const source = defineSource({
  type: 'etcd',
  summary: 'Keys of etcd below a prefix as rows of one table.',
  config: sourceConfig,
  emits: ['insert', 'update', 'delete', 'snapshot', 'snapshot-begin', 'snapshot-end'],
  check: async (options) => (await import('./source.ts')).checkSource(options),
  describe: async (options) => [(await import('./source.ts')).describeSource(options)],
  open: async (options) => new (await import('./source.ts')).EtcdReader(options),
  // It makes nothing in etcd.
  teardown: async () => {},
});

export default definePlugin({ api: 1, source, sink });
