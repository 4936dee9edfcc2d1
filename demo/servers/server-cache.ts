/**
 * Servers installed once per clone, under `.cache/servers` (TAILRACE_CACHE overrides), without root and without touching
 * the system. An installation is made in a directory of its own and renamed into place, so a half-made one is never used.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const BEAT_MS = 2_000;
/** A lock whose owner has not touched it for this long belongs to a process that died. */
const STALE_MS = 20_000;
const POLL_MS = 100;

export function serverCache(): string {
  const given = process.env.TAILRACE_CACHE;
  return given === undefined || given === '' ? join(repository(), '.cache', 'servers') : resolve(given);
}

function repository(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json')) && dirname(directory) !== directory)
    directory = dirname(directory);
  return directory;
}

/** Directory of the installation `name`, or null when there is none. */
export function cached(name: string): string | null {
  const directory = join(serverCache(), name);
  return existsSync(directory) ? directory : null;
}

/**
 * The installation `name`, made by `install` into an empty directory if there is none. Of several processes that ask at
 * once one installs and the others wait. What `install` throws is thrown, and nothing of it stays.
 */
export async function installOnce(name: string, install: (into: string) => Promise<void>): Promise<string> {
  const directory = join(serverCache(), name);
  await mkdir(serverCache(), { recursive: true });
  const release = await takeLock(`${directory}.lock`, () => existsSync(directory));
  if (release === null) return directory;
  const into = `${directory}.${randomUUID()}`;
  try {
    await mkdir(into);
    await install(into);
    await rename(into, directory);
    return directory;
  } finally {
    await rm(into, { recursive: true, force: true });
    await release();
  }
}

/** Resolves to the release of the lock, or to null once `done` says that it is not needed. */
export async function takeLock(lock: string, done: () => boolean): Promise<(() => Promise<void>) | null> {
  for (;;) {
    if (done()) return null;
    if (await made(lock)) break;
    await removeIfStale(lock);
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
  const beat = setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => {}), BEAT_MS);
  beat.unref();
  const release = async () => {
    clearInterval(beat);
    await rm(lock, { recursive: true, force: true });
  };
  if (!done()) return release;
  await release();
  return null;
}

function made(lock: string): Promise<boolean> {
  return mkdir(lock).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
}

/** Renamed first: of several that find it stale only one gets it, and none removes a successor's lock by path. */
async function removeIfStale(lock: string): Promise<void> {
  const found = await stat(lock).catch(() => null);
  if (found === null || Date.now() - found.mtimeMs < STALE_MS) return;
  const aside = `${lock}.${randomUUID()}`;
  await rename(lock, aside).catch(() => {});
  await rm(aside, { recursive: true, force: true });
}
