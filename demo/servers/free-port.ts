import { createServer } from 'node:net';

/** A TCP port of 127.0.0.1 that was free a moment ago; another process may still take it first, so retry on a bind error. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}
