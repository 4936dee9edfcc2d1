/** Tells when files of a project change. */
import { type FSWatcher, watch } from 'node:fs';

/** Editors write a file in several steps. */
const SETTLE_MS = 100;
const FILES = /\.(ya?ml|ts)$/i;

/**
 * Calls `onChange` some time after files in the directories have changed, one call at a time: what changes meanwhile calls it
 * once more.
 * @returns what ends it
 */
export function watchFiles(dirs: readonly string[], onChange: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isBusy = false;
  let isAskedAgain = false;
  const act = async () => {
    if (isBusy) {
      isAskedAgain = true;
      return;
    }
    isBusy = true;
    try {
      do {
        isAskedAgain = false;
        await onChange();
      } while (isAskedAgain);
    } finally {
      isBusy = false;
    }
  };
  const watchers: FSWatcher[] = [...new Set(dirs)].map((dir) =>
    watch(dir, (_, name) => {
      if (name !== null && !FILES.test(name)) return;
      clearTimeout(timer);
      timer = setTimeout(() => void act(), SETTLE_MS);
    }).on('error', () => {
      // A directory that is gone tells of nothing more.
    }),
  );
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
