/** The plugin: what `plugins:` of a tailrace.yaml loads. Everything behind `open` is loaded when it is used. */
import { definePlugin, defineSink, serverPlace, tableParts } from 'tailrace/sdk';
import { sinkConfig } from './config.ts';
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

export default definePlugin({ api: 1, sink });
