import { expect, test } from 'vitest';
import { TableCoverage } from './coverage.ts';
import { parseLsn } from './lsn.ts';
import type { SnapshotState } from './snapshot-state.ts';

const key = (text: string) => [Buffer.from(text).toString('base64')];
const ORDER = JSON.stringify([{ name: 'id', native: 'integer', collation: null, compares: 'integer' }]);
/** Up to 9 in a snapshot that saw 10, up to 20 in one that saw 11 too; the rest was not read. */
const STATE: SnapshotState = {
  id: 's',
  kind: 'initial',
  key: ORDER,
  ranges: [
    { to: key('9'), read: { snapshot: '11:11:', until: '0/100' }, keys: null },
    { to: key('20'), read: { snapshot: '12:12:', until: '0/200' }, keys: null },
  ],
  over: false,
  where: null,
  absent: [],
  cancelled: false,
  rows: 0,
  estimate: null,
};
const never = () => Promise.reject(new Error('the server was asked'));

function leftOut(state: SnapshotState, xid: number, lsn: string): string[] {
  const coverage = new TableCoverage(state, never);
  const judgement = coverage.judge(xid, parseLsn(lsn));
  return ['-5', '9', '10', '20', '100'].filter((id) => coverage.leavesOut(judgement, key(id)) === true);
}

test('invariant 4: what a range has of a transaction is left out for its keys, and what comes with later ranges', () => {
  expect(leftOut(STATE, 10, '0/50')).toEqual(['-5', '9', '10', '20', '100']);
  expect(leftOut(STATE, 11, '0/50')).toEqual(['10', '20', '100']);
  expect(leftOut(STATE, 12, '0/50')).toEqual(['100']);
  // Committed after the first snapshot was taken, whatever its id.
  expect(leftOut(STATE, 10, '0/100')).toEqual(['10', '20', '100']);
  const over = { ...STATE, ranges: [STATE.ranges[0]!, { ...STATE.ranges[1]!, to: null }], over: true };
  expect(leftOut(over, 11, '0/50')).toEqual(['10', '20', '100']);
});

test('invariant 7: of a table that is streamed and read once more, no delete is left out', () => {
  // Inserted behind the begin marker and delivered, deleted before its range was read: nothing else would say so.
  for (const xid of [10, 11, 12]) expect(leftOut({ ...STATE, kind: 'refresh' }, xid, '0/50')).toEqual([]);
});

test('of a part of a table only the rows that were read are left out', () => {
  const [first, second] = STATE.ranges;
  const ranges = [
    { ...first!, keys: [key('9')] },
    { ...second!, keys: [] },
  ];
  expect(leftOut({ ...STATE, kind: 'refresh', ranges }, 10, '0/50')).toEqual(['9']);
});

test('a truncate that only some of the rows are from before of', () => {
  const judge = (state: SnapshotState | undefined, xid: number) =>
    new TableCoverage(state, never).judge(xid, parseLsn('0/50'));
  expect(judge(STATE, 10)).toMatchObject({ leftOut: 'all', isMixed: false });
  expect(judge(STATE, 11)).toMatchObject({ leftOut: 'by key', isMixed: true });
  expect(judge(STATE, 12)).toMatchObject({ leftOut: 'by key', isMixed: false });
  expect(judge({ ...STATE, kind: 'refresh' }, 10)).toMatchObject({ leftOut: 'nothing', isMixed: false });
  expect(judge(undefined, 10)).toMatchObject({ leftOut: 'all', isMixed: false });
});
