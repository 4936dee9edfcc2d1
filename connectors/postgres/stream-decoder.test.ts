import { expect, test } from 'vitest';
import { sourceOptions } from '../../test/support/postgres-source.ts';
import { streamDecoder } from '../../test/support/recorded-stream.ts';
import { RecordingOutput } from '../../test/support/recording-output.ts';
import { SqlSession } from './connections.ts';
import { Visibility } from './visibility.ts';

const sql = new SqlSession(sourceOptions('postgres://nobody@127.0.0.1:1/none', 's', []));

test('invariant 4: a keepalive below the position read from, or inside a transaction, is no position', () => {
  const output = new RecordingOutput();
  const decoder = streamDecoder(sql, [], output, '1/0');
  const given = () => output.heartbeats.map(({ lsn }) => lsn);
  decoder.keepalive(0xfffffff0n);
  expect(given()).toEqual([]);
  decoder.keepalive(0x100000000n);
  decoder.keepalive(0x100000010n);
  decoder.keepalive(0x10000000fn);
  expect(given()).toEqual(['1/0', '1/10']);
  const begin = Buffer.alloc(21);
  begin.write('B', 'latin1');
  decoder.take(begin, 0, begin.length);
  decoder.keepalive(0x200000000n);
  expect(given()).toEqual(['1/0', '1/10']);
  const commit = Buffer.alloc(26);
  commit.write('C', 'latin1');
  commit.writeBigUInt64BE(0x200000010n, 10);
  decoder.take(commit, 0, commit.length);
  expect(given()).toEqual(['1/0', '1/10', '2/10']);
});

test('transaction ids of 32 bits against a snapshot of 64, on both sides of a wrap', () => {
  const epoch = 2n ** 32n;
  const sees = (snapshot: string, xid: number) => new Visibility({ snapshot, until: '0/1' }).sees(xid);
  // Running: 4294967290 of epoch 6 and 3 of epoch 7; the next one is 10.
  const wrapped = `${7n * epoch - 6n}:${7n * epoch + 10n}:${7n * epoch - 6n},${7n * epoch + 3n}`;
  expect(
    [0xfffffff0, 0xfffffff9, 0xfffffffa, 0xffffffff, 3, 4, 9, 10, 11, 0x7fffffff].map((xid) => sees(wrapped, xid)),
  ).toEqual([true, true, false, true, false, true, true, false, false, false]);
  // The first one of an epoch comes next; nothing runs.
  const edge = `${7n * epoch}:${7n * epoch}:`;
  expect([0xffffffff, 0x80000001, 3, 0x7fffffff].map((xid) => sees(edge, xid))).toEqual([true, true, false, false]);
  // In the first epoch there is nothing before.
  expect([3, 99, 100, 101, 2 ** 31].map((xid) => sees('100:102:100', xid))).toEqual([true, true, false, true, false]);
});
