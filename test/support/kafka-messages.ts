/** Messages of any bytes, and a digest that tells whether all of them came back. */
import { createHash } from 'node:crypto';
import { Random } from './random-message.ts';

export interface Message {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly header: Buffer;
}

/** Keys are unique; everything else is any bytes. The same for the same seed. */
export function randomMessages(count: number, seed: number): Message[] {
  const random = new Random(seed);
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => random.below(256)));
  return Array.from({ length: count }, (_, i) => ({
    key: Buffer.concat([Buffer.from(`${i}-`), bytes(random.below(10))]),
    value: bytes(random.below(400)),
    header: bytes(random.below(20)),
  }));
}

/** Of the whole set, whatever its order. */
export function digest(messages: readonly Message[]): string {
  const lines = messages.map(({ key, value, header }) =>
    [key, value, header].map((part) => part.toString('hex')).join(),
  );
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}
