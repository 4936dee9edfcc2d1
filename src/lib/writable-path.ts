/** Can a file be written, or made, at a path? For pre-flight checks: nothing is changed. */
import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** What stands in the way, with the remedy; null when nothing does. Directories that are missing would be made. */
export async function writeObstacle(file: string): Promise<{ message: string; remedy: string } | null> {
  const path = resolve(file);
  const found = await stat(path).catch(() => null);
  if (found !== null && !found.isFile()) return { message: `${path} is not a file`, remedy: 'choose another `path`' };
  const directory = await nearest(dirname(path));
  if (!(await stat(directory)).isDirectory()) {
    return { message: `${directory} is not a directory`, remedy: 'choose another `path`' };
  }
  for (const place of found === null ? [directory] : [directory, path]) {
    if (await writable(place)) continue;
    return {
      message: `${place} is not writable`,
      remedy: `chown or chmod ${place} for the user that runs Tailrace, or choose another \`path\``,
    };
  }
  return null;
}

/** The path or its nearest ancestor that exists. */
async function nearest(path: string): Promise<string> {
  return (await stat(path).catch(() => null)) === null && dirname(path) !== path ? nearest(dirname(path)) : path;
}

function writable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}
