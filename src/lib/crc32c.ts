/** CRC-32C, native where the platform package is installed. */
import { tableCrc32c } from './crc32c-table.ts';

export type Crc32c = (bytes: Uint8Array, previous?: number) => number;

/** The native implementation, or the one in JavaScript where it cannot be loaded. */
export async function chooseCrc32c(load: () => Promise<{ readonly crc32c: Crc32c }>): Promise<Crc32c> {
  try {
    return (await load()).crc32c;
  } catch {
    return tableCrc32c;
  }
}

/**
 * Unsigned CRC-32C of `bytes`; with `previous`, of everything that `previous` covers followed by `bytes`.
 * (`zlib.crc32` is another polynomial.)
 */
export const crc32c: Crc32c = await chooseCrc32c(() => import('@node-rs/crc32'));
