import { expect, test } from 'vitest';
import { sourceOptions } from '../../test/support/postgres-source.ts';
import { streamDecoder } from '../../test/support/recorded-stream.ts';
import { RecordingOutput } from '../../test/support/recording-output.ts';
import { SqlSession } from './connections.ts';

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
