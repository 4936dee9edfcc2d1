import type { ForwardingCommand } from '../command.ts';

export const demo: ForwardingCommand = {
  kind: 'forwarding',
  name: 'demo',
  summary: 'run a live demo on a real PostgreSQL',
  arguments: '[options]',
  details: 'Its options: tailrace demo --help',
  options: {},
  maxWords: 0,
  run: async (words, app) => (await app()).demo(words),
};
