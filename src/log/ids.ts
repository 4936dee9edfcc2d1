/** Random ids of the log. `random` is uniform in [0, 1). */

/** Of an opening (DESIGN § 6, Lineage): 16 hex digits. */
export const newLineageId = (random: () => number) => hexDigits(16, random);

/** 32 hex digits. Kafka's first ones stand for "no topic" and the like: none begins so. */
export const newTopicId = (random: () => number) =>
  `${Math.floor(1 + random() * 15).toString(16)}${hexDigits(31, random)}`;

function hexDigits(count: number, random: () => number): string {
  return Array.from({ length: count }, () => Math.floor(random() * 16).toString(16)).join('');
}
