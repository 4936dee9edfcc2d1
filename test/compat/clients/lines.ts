/**
 * How the client programs beside this file are spoken to.
 *
 *     <program> write <host:port> <topic>:<codec>…    reads messages on standard input and sends all of them to each topic
 *     <program> read <host:port> <count> <topic>…     prints the topics' messages, as a group, from their start
 *
 * A message is a line: key, value and value of the header `h`, each `.` and hexadecimal digits, or `-` for null (for the
 * header: that there is none). Read ones have the topic before.
 */
import type { Random } from '../../support/random-message.ts';

export type Field = Buffer | null;
export type Message = readonly [key: Field, value: Field, header: Field];

/** Any bytes, empty ones and nulls included; much of it repeats itself, so that every codec makes it smaller. */
export function anyMessages(count: number, random: Random): Message[] {
  const field = (most: number): Field => {
    const roll = random.below(10);
    if (roll === 0) return null;
    const bytes = Buffer.from(Array.from({ length: roll === 1 ? 0 : random.below(most) }, () => random.below(256)));
    return roll < 5 ? Buffer.concat([bytes, bytes, bytes]) : bytes;
  };
  // Not all clients send a message with neither key nor value.
  const message = (key: Field, value: Field, header: Field): Message =>
    key === null && value === null ? [key, Buffer.alloc(0), header] : [key, value, header];
  return Array.from({ length: count }, () => message(field(20), field(200), field(30)));
}

export const shown = (field: Field): string => (field === null ? '-' : `.${field.toString('hex')}`);

export const parsed = (text: string): Field => (text === '-' ? null : Buffer.from(text.slice(1), 'hex'));

export function toLines(messages: readonly Message[]): string {
  return messages.map((message) => `${message.map(shown).join(' ')}\n`).join('');
}
