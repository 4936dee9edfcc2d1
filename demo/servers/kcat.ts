/** Finds or installs kcat, the command line client of librdkafka. */
import { join } from 'node:path';
import { TailraceError } from '../../src/contracts/errors.ts';
import { debianObstacle, unpackDebian } from './debian-package.ts';
import { onPath } from './programs.ts';
import { cached, installOnce } from './server-cache.ts';

const DEBIAN = { packageName: 'kcat', suite: 'bookworm', program: 'kcat' };
const NAME = 'kcat-debian-bookworm';
const REMEDY = 'Install kcat (on Debian: apt-get install kcat).';

/** Path of the program. Throws `demo.missing`. */
export async function findKcat(): Promise<string> {
  const local = await onPath('kcat');
  if (local !== null) return local;
  const present = cached(NAME);
  if (present !== null) return join(present, DEBIAN.program);
  const obstacle = await debianObstacle();
  if (obstacle !== null) throw new TailraceError('demo.missing', `There is no kcat: ${obstacle}`, { remedy: REMEDY });
  try {
    return join(await installOnce(NAME, (into) => unpackDebian(DEBIAN, into)), DEBIAN.program);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message.trim().slice(-200) : '';
    throw new TailraceError('demo.missing', `kcat could not be installed: ${said}`, { remedy: REMEDY, cause });
  }
}
