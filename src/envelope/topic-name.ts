/** Names of topics (DESIGN § 6, Names). Kafka allows `[A-Za-z0-9._-]` and 249 characters. */
import { createHash } from 'node:crypto';

const MAX_LENGTH = 249;
const HASH_DIGITS = 16;

/** `<source>.<schema>.<table>`; each byte that Kafka does not allow becomes `_xHH`, over 249 cut plus hash. */
export function topicOf(source: string, schema: string, table: string): string {
  return cut([source, schema, table].map(escaped).join('.'));
}

/**
 * `<source>.<name>`, as for tables; an `_` that looks as if it began such an escape becomes one, so that two names of messages
 * are never one topic.
 */
export function messageTopicOf(source: string, name: string): string {
  return cut(`${escaped(source)}.${name.replaceAll(/_(?=x[0-9A-F]{2})|[^A-Za-z0-9._-]/gu, hexOf)}`);
}

function cut(name: string): string {
  if (name.length <= MAX_LENGTH) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_DIGITS);
  return `${name.slice(0, MAX_LENGTH - HASH_DIGITS - 1)}-${hash}`;
}

/** Where a source's schemas are kept. */
export function schemasTopicOf(source: string): string {
  return `${escaped(source)}.__schemas`;
}

function escaped(part: string): string {
  return part.replaceAll(/[^A-Za-z0-9._-]/gu, hexOf);
}

function hexOf(character: string): string {
  return [...Buffer.from(character)].map((byte) => `_x${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('');
}
