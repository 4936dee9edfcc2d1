import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cli, fakeSubjects, projectDir } from '../../test/support/cli.ts';
import { startApi } from '../api/server.ts';
import type { InstanceStatus } from '../contracts/control.ts';

/** After a look a thousand rows more were written, and half of what was behind was applied. */
function statusAfter(look: number): InstanceStatus {
  const sink = { name: 'out', type: 'b', state: 'running', problem: null, deadLetters: 2 } as const;
  const source = { name: 'db', type: 'a', state: 'streaming', problem: null, transactions: 1, position: null } as const;
  return {
    instance: 'main',
    running: true,
    pid: 1,
    startedMs: 1,
    pipelines: [
      {
        name: 'shop',
        sources: [{ ...source, rows: 1_000 * look, lastCommitMs: 1 }],
        sinks: [{ ...sink, records: 500 * look, lagRecords: 1_000 >> look, lagMs: 1_500 }],
      },
    ],
  };
}

test('top: rates and the time until nothing is behind, from two looks', async () => {
  const dir = projectDir({ 'tailrace.yaml': '', 'data/x': '' });
  let looks = 0;
  const control = { status: () => statusAfter(looks++), topics: () => [] };
  const subjects = fakeSubjects({ control });
  const api = await startApi(subjects, { host: '127.0.0.1', port: 0, dataDir: join(dir, 'data'), log: () => {} });
  onTestFinished(() => api.close());
  const { code, out } = await cli(['top', '--every', '1', '--once', '--json'], { dir });
  expect(code).toBe(0);
  const [source, sink] = JSON.parse(out);
  expect(source).toMatchObject({ kind: 'source', name: 'db', state: 'streaming', lagRecords: null });
  expect(source.perSecond).toBeGreaterThan(100);
  expect(source.perSecond).toBeLessThanOrEqual(1_000);
  expect(sink).toMatchObject({ kind: 'sink', name: 'shop/out', lagRecords: 500, deadLetters: 2 });
  // As much again is behind: it takes as long again.
  expect(sink.etaSeconds).toBeGreaterThanOrEqual(1);
});
