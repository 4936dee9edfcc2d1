/** The manifest: what `type: __name__` takes in a pipeline file, and what the runtime may ask of it. */
import { definePlugin, defineSource } from 'tailrace/sdk';
import { config } from './config.ts';

const source = defineSource({
  type: '__name__',
  summary: 'Rows out of a journal of changes.',
  config,
  emits: ['insert', 'update', 'delete', 'snapshot', 'snapshot-begin', 'snapshot-end'],
  check: async (options) => (await import('./source.ts')).check(options),
  describe: async (options) => [(await import('./source.ts')).describe(options)],
  open: async (options) => (await import('./source.ts')).open(options),
  // It makes nothing in the system that would have to be removed.
  teardown: async () => {},
});

export default definePlugin({ api: 1, source });
