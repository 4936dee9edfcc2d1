import type { Envelope } from '../contracts/envelope.ts';

/** Topic of the table `schema.table` of a source. */
export function tableTopic(envelope: Envelope, source: string, table: string): string {
  const dot = table.indexOf('.');
  return envelope.topicOf(source, table.slice(0, dot), table.slice(dot + 1));
}
