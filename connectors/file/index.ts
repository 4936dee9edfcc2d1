/** Manifest of the `file` connector. */
import { defineSink } from '../../src/sdk/index.ts';
import { fillTemplate } from '../../src/sdk/table-template.ts';
import { tableParts } from '../../src/sdk/target/place.ts';
import { config } from './config.ts';

export const sink = defineSink({
  type: 'file',
  summary: 'JSON Lines files, one line per change, each change exactly once.',
  config,
  accepts: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
  keeps: 'append',
  targets: ({ path }, tables) => tables.map((table) => fillTemplate(path, tableParts(table))),
  check: async (options) => (await import('./check.ts')).checkFile(options),
  open: async (options) => (await import('./sink.ts')).openFile(options),
  inspect: async (options) => (await import('./inspect.ts')).inspectFile(options),
});
