/** The hash by which Kafka's clients find the partition of a key (org.apache.kafka.common.utils.Utils.murmur2). */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/** Unsigned, 32 bits. */
export function murmur2(data: Uint8Array): number {
  const { length } = data;
  let h = (SEED ^ length) | 0;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let k = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    k = Math.imul(k, M);
    k ^= k >>> R;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const rest = length - at;
  if (rest >= 3) h ^= data[at + 2]! << 16;
  if (rest >= 2) h ^= data[at + 1]! << 8;
  if (rest >= 1) h = Math.imul(h ^ data[at]!, M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  h ^= h >>> 15;
  return h >>> 0;
}

/** Kafka's default partitioner: the hash without its sign, modulo the number of partitions. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}
