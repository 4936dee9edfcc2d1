import { expect, test } from 'vitest';
import { clientAddress } from './client-address.ts';

test.each([
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['::FFFF:127.0.0.1', '127.0.0.1'],
  ['10.0.0.1', '10.0.0.1'],
  ['::1', '::1'],
  ['::ffff:1', '::ffff:1'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  [undefined, ''],
])('%s is %s', (remote, shown) => {
  expect(clientAddress(remote)).toBe(shown);
});
