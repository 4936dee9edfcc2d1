/** The manifest: what `type: __name__` takes in a pipeline file, and what the runtime may ask of it. */
import { definePlugin, defineSink } from 'tailrace/sdk';
import { config } from './config.ts';

const sink = defineSink({
  type: '__name__',
  summary: 'One document per row.',
  config,
  accepts: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
  keeps: 'last-value',
  // Two sinks with an equal name for a table would overwrite each other's rows: lint refuses them.
  targets: ({ path }, tables) => tables.map((table) => `${path} ${table}`),
  check: async (options) => (await import('./sink.ts')).check(options),
  open: async (options) => (await import('./sink.ts')).open(options),
});

export default definePlugin({ api: 1, sink });
