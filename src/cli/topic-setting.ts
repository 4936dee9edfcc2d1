/** Settings of topics on the command line. */
import { TailraceError } from '../contracts/errors.ts';
import { quoted } from '../lib/printable.ts';

/** `setting=value`. Throws `cli.usage`. */
export function settingOf(word: string): readonly [name: string, value: string] {
  const equals = word.indexOf('=');
  if (equals > 0) return [word.slice(0, equals), word.slice(equals + 1)];
  throw new TailraceError('cli.usage', `${quoted(word)} is not a setting`, {
    remedy: 'write setting=value, e.g. cleanup.policy=compact',
  });
}
