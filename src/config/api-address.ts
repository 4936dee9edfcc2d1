/**
 * Where the HTTP API of the instance that uses a data directory listens: `api.json` in that directory, readable by its
 * owner only, there while the API listens. After a SIGKILL it stays behind; whoever reads it must expect nobody there.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'api.json';

export interface ApiAddress {
  readonly url: string;
  readonly pid: number;
  /** Sent with every answer in `ID_HEADER`: another program may listen on the same port later. */
  readonly id: string;
  /** Lets its holder change things and read records: known to who may read the data directory. */
  readonly token: string;
}

export const ID_HEADER = 'tailrace-api-id';

/** Of a server that starts in this process. */
export function newApiAddress(url: string): ApiAddress {
  return { url, pid: process.pid, id: randomBytes(8).toString('hex'), token: randomBytes(24).toString('base64url') };
}

/** Atomic: a reader sees the old address or the new one. */
export function writeApiAddress(dataDir: string, address: ApiAddress): void {
  const path = join(dataDir, FILE);
  const temporary = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(temporary, `${JSON.stringify(address)}\n`, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Null when there is none, or none that can be used: only addresses of this machine are. */
export function readApiAddress(dataDir: string): ApiAddress | null {
  try {
    const { url, pid, id, token } = JSON.parse(readFileSync(join(dataDir, FILE), 'utf8'));
    const { protocol, hostname } = new URL(url);
    const isLocal =
      protocol === 'http:' && (hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname));
    const isWhole = Number.isSafeInteger(pid) && typeof id === 'string' && typeof token === 'string';
    return isLocal && isWhole ? { url, pid, id, token } : null;
  } catch {
    return null;
  }
}

/** Leaves an address that another process has written since. */
export function removeApiAddress(dataDir: string, own: ApiAddress): void {
  const found = readApiAddress(dataDir);
  if (found?.id === own.id) rmSync(join(dataDir, FILE), { force: true });
}
