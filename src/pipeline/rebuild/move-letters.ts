/** When a rebuilt target takes the place of another one, so do the dead letters of its filling. */
import type { Clock } from '../../contracts/plugin.ts';
import { type Entry, ended, withAct } from '../dead-letters/entry.ts';
import type { LetterStore } from '../dead-letters/store.ts';

/**
 * Those that wait at the sink are of a target that is gone: superseded, unless the new target has refused the same record. Broken
 * off anywhere it can be done again.
 */
export async function moveLetters(sink: LetterStore, shadow: LetterStore, clock: Clock): Promise<void> {
  await Promise.all([sink.load(), shadow.load()]);
  await sink.turn(async () => {
    const entries = new Map([...sink.waiting].map(([id, { entry }]) => [id, gone(entry, clock)]));
    for (const id of shadow.waiting.keys()) {
      const entry = await shadow.whole(id);
      if (entry !== undefined) entries.set(sink.name + id.slice(shadow.name.length), entry);
    }
    await sink.write([...entries]);
  });
  await endLetters(shadow, clock);
}

/** Nobody waits for the letters of a target that is gone. */
export async function endLetters(store: LetterStore, clock: Clock): Promise<void> {
  await store.load();
  await store.turn(() => store.write([...store.waiting].map(([id, { entry }]) => [id, gone(entry, clock)] as const)));
}

function gone(entry: Entry, clock: Clock): Entry {
  return ended(withAct(entry, 'superseded', clock.now(), null, 'rebuild'), 'superseded');
}
