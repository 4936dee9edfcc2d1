/** Mutants of the log. */
import type { Mutant } from './mutant.ts';

const LOG = 'src/log/log.test.ts';
const CRASH = 'src/log/crash.test.ts';
const FLIPS = 'test/chaos/log/bit-flips.test.ts';
const CUTS = 'test/chaos/log/truncation.test.ts';
const COMPACTION = 'src/log/compaction/examples.test.ts';
const COMPACTION_CRASH = 'src/log/compaction/crash.test.ts';

const TOPICS = 'src/log/topics.test.ts';

export const logMutants: readonly Mutant[] = [
  {
    // A backup without the commits that its snapshot knows a part of only.
    invariant: 3,
    file: 'src/log/backup.ts',
    find: `first: [...fixed, ...written]`,
    replace: `first: fixed.concat(written.slice(0, 0))`,
    test: ['src/log/backup.test.ts', 'invariant 3'],
  },
  {
    // Positions in a deleted topic are taken for positions in the one that has its name now.
    invariant: 11,
    file: 'src/log/topic-changes.ts',
    find: `const again = this.#deleted.has(name);`,
    replace: `const again = false;`,
    test: [TOPICS, 'invariant 11'],
  },
  {
    // A transaction that wrote to a topic that is gone goes into its successor.
    invariant: 3,
    file: 'src/log/transaction.ts',
    find: `    if (this.#log.requireTopic(topic, partition) === at) return;`,
    replace: `    if (this.#log.requireTopic(topic, partition) !== null || at === null) return;`,
    test: [TOPICS, 'invariant 3: a transaction'],
  },
  {
    // A commit stands behind the deletion of its topic.
    invariant: 3,
    file: 'src/log/embedded-log.ts',
    find: `    if (this.#topicChanges.isDeleting(topic)) throw noSuchTopic(topic);`,
    replace: '',
    test: [TOPICS, 'invariant 3: commits before'],
  },
  {
    // A frame is taken for whole by its head alone.
    invariant: 3,
    file: 'src/log/frame.ts',
    find: `  return placesCrc(data, seed) === dataCrc && data.every(isWhole);`,
    replace: `  return data.length >= 0 && seed !== dataCrc + 0.5;`,
    test: [LOG, 'invariant 3'],
  },
  {
    // A large commit goes behind batches that recovery does not find there yet.
    invariant: 3,
    file: 'src/log/direct-write.ts',
    find: ` && !partition.hasUncounted`,
    replace: '',
    test: [CRASH, 'invariant 3: leaves'],
  },
  {
    // Readers see what is written, not what is durable.
    invariant: 8,
    file: 'src/log/wal.ts',
    find: `      await file.file.sync();`,
    replace: `      void file.file.sync().catch(() => {});`,
    test: [LOG, 'invariant 8'],
  },
  {
    // An offset outside of the partition is reset to the nearest that is there.
    invariant: 5,
    file: 'src/log/partition-read.ts',
    find: `    if (at < partition.start || at > partition.end) throw outOfRange(partition, at);`,
    replace: `    if (at < partition.start) return readBatches(partition, partition.start, maxBytes);
    if (at > partition.end) return [];`,
    test: [LOG, 'invariant 5'],
  },
  {
    // Deletes that compaction has removed are not remembered.
    invariant: 5,
    file: 'src/log/compaction/compactor.ts',
    find: `      if (offset >= this.#deletesRemovedTo) this.#deletesRemovedTo = offset + 1n;`,
    replace: '',
    test: [COMPACTION, 'invariant 5'],
  },
  {
    // A tombstone gets its horizon though older records of its key were not looked for.
    invariant: 7,
    file: 'src/log/compaction/compactor.ts',
    find: `horizon === null && mapped && deletes`,
    replace: `horizon === null && (mapped || deletes) && deletes`,
    test: [COMPACTION, 'invariant 7'],
  },
  {
    // A compacted segment takes the place of the old ones before it is on disk.
    invariant: 7,
    file: 'src/log/compaction/segment-writer.ts',
    find: `    await this.#write();
    await this.#segment.sync();`,
    replace: `    await this.#write();`,
    test: [COMPACTION_CRASH, 'invariant 7'],
  },
  {
    // Old segments are removed before a snapshot says that they are no part of the log.
    invariant: 7,
    file: 'src/log/flusher.ts',
    find: `  await writeSnapshot(files, paths.snapshot, snapshot);
  for (const count of counted) count();`,
    replace: `  for (const { segment } of garbage) await segment.remove();
  await writeSnapshot(files, paths.snapshot, snapshot);
  for (const count of counted) count();`,
    test: [COMPACTION_CRASH, 'invariant 7'],
  },
  {
    // Damage below what later frames vouch for is taken for a torn write.
    invariant: 5,
    file: 'src/log/wal-recovery.ts',
    find: `    durable = Math.max(durable, head.durableUpTo);`,
    replace: '',
    test: [FLIPS, 'invariant 5'],
  },
  {
    // An offset that does not follow is believed.
    invariant: 5,
    file: 'src/log/segment.ts',
    find: `batch === null || batch.base !== expected || batch.next > span.end`,
    replace: `batch === null || (batch.base !== expected && batch.next > span.end)`,
    test: [FLIPS, 'invariant 5'],
  },
  {
    // What is behind damage in a segment is given up with it.
    invariant: 5,
    file: 'src/log/segment-walk.ts',
    find: `      const next = await nextValid(window, span, position, expected);`,
    replace: `      const next = (await nextValid(window, span, position, expected)) && null;`,
    test: [FLIPS, 'invariant 5'],
  },
  {
    // A snapshot that is cut is no snapshot: the log begins anew.
    invariant: 5,
    file: 'src/log/snapshot-file.ts',
    find: `      : 'damaged';`,
    replace: `      : null;`,
    test: [CUTS, 'invariant 5: a log of whose snapshot'],
  },
];
