/** Which errors pass, and which are for somebody to mend. */
import { expect, test } from 'vitest';
import { classOf } from '../../src/contracts/errors.ts';
import { asSourceError, asStreamError } from './source-errors.ts';

const URL = 'mysql://root@127.0.0.1:3306/';
const serverError = (errno: number, message = '') => Object.assign(new Error(message), { errno, sqlState: 'HY000' });

test.each([
  [6, 'retry'], // a temporary file that is gone
  [28, 'retry'], // no space for one
  [1030, 'retry'],
  [1040, 'retry'],
  [1045, 'environment'],
  [1142, 'environment'],
  [1064, 'environment'],
])('the error %i of a statement is of the class %s', (errno, kind) => {
  expect(classOf(asSourceError(serverError(errno), URL))).toBe(kind);
});

test.each([
  ['Could not find first log file name in binary log index file', 'gap'],
  ['binlog truncated in the middle of event; consider out of disk space on master', 'gap'],
  ['event read from binlog did not pass crc check', 'retry'],
  ['A replica with the same server_uuid/server_id as this replica has connected', 'environment'],
])('error 1236 of the stream, “%s”, is of the class %s', (message, kind) => {
  expect(classOf(asStreamError(serverError(1236, message), URL))).toBe(kind);
});

test('what the code did not expect is a bug of its own, not a broken line', () => {
  const range = Object.assign(new RangeError('out of range'), { code: 'ERR_OUT_OF_RANGE' });
  expect(classOf(asSourceError(range, URL))).toBe('internal');
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', errno: -111, syscall: 'connect' });
  expect(classOf(asSourceError(refused, URL))).toBe('retry');
});
