/** Files for the acceptance kit: in a directory of their own. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Op } from '../../../src/contracts/row.ts';
import type { SinkDriver, TargetRow } from '../../../src/testkit/index.ts';
import { textsOf } from './json-texts.ts';

const OPS: Readonly<Record<string, Op>> = { c: 'insert', u: 'update', d: 'delete', r: 'snapshot' };

export const driver: SinkDriver = {
  module: null,
  async target() {
    const dir = await mkdtemp(join(tmpdir(), 'tailrace-kit-'));
    return {
      settings: { path: join(dir, '{table}.jsonl') },
      rows: async ({ table }) => entriesOf(await readFile(join(dir, `${table}.jsonl`), 'utf8').catch(() => '')),
      remove: () => rm(dir, { recursive: true, force: true }),
    };
  },
};

function entriesOf(text: string): readonly TargetRow[] {
  return text.split('\n').flatMap((line): readonly TargetRow[] => {
    if (line === '') return [];
    const { op, before, after } = textsOf(line) as Record<string, unknown>;
    const known = OPS[String(op)];
    return known === undefined ? [] : [{ op: known, values: (after ?? before ?? {}) as TargetRow['values'] }];
  });
}
