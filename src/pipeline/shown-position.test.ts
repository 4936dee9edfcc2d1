import { expect, test } from 'vitest';
import { offlineStatus } from './offline-status.ts';
import { shownPosition } from './shown-position.ts';

const POSITION = { v: 1, lsn: '0/10', private: { snapshots: { 'public.t': { to: ['a key of a row'] } } } };

test('invariant 12: keys of rows in a position are not in the status of a running or of a stopped source', () => {
  expect(shownPosition(POSITION)).toEqual({ v: 1, lsn: '0/10' });
  const stored = new Map([['source/s', JSON.stringify({ v: 1, position: POSITION, version: '1', snapshots: {} })]]);
  const status = offlineStatus('main', {
    topics: { get: () => undefined, list: () => [] },
    checkpoints: {
      get: (name) => stored.get(name),
      list: (prefix) => [...stored].filter(([name]) => name.startsWith(prefix)),
    },
  });
  expect(status.pipelines[0]?.sources[0]?.position).toEqual({ v: 1, lsn: '0/10' });
  expect(JSON.stringify(status)).not.toContain('a key of a row');
});
