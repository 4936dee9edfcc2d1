/** Files for the acceptance kit: in a directory of their own. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Op } from '../../../src/contracts/row.ts';
import type { SinkDriver, TargetRow } from '../../../src/testkit/index.ts';
import { columnTexts, exactJson } from './json-texts.ts';

const OPS: Readonly<Record<string, Op>> = { c: 'insert', u: 'update', d: 'delete', r: 'snapshot' };

export const driver: SinkDriver = {
  module: null,
  wrongHost: async ({ settings }) => ({ ...settings, path: '/dev/null/below/x.jsonl' }),
  notApplicable: {
    'check/credential': 'a file has none',
    'check/permission': 'a path that may not be written is told as one that cannot be there',
    'failure/unreachable': 'a disk does not go away; full and read-only ones are tried elsewhere',
    'failure/poison': 'a line takes any record',
  },
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
    const { op, before, after } = exactJson(line) as { op: string; before?: object | null; after?: object | null };
    const known = OPS[op];
    return known === undefined ? [] : [{ op: known, values: columnTexts(after ?? before ?? {}) }];
  });
}
