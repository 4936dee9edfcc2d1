/** Names of the checkpoints and writers that the runtime keeps in the log. Part of the on-disk format: never rename. */

/** Position and version clock of a source. */
export const sourceCheckpoint = (source: string) => `source/${source}`;
/** Durable gap state of a source or sink (Invariant 5). */
export const gapCheckpoint = (kind: 'source' | 'sink', id: string) => `gap/${kind}/${id}`;
/** Consumer group of a sink. */
export const sinkGroup = (pipeline: string, sink: string) => `tailrace.${pipeline}.${sink}`;
export const groupCheckpointPrefix = (group: string) => `group/${group}/`;
export const groupCheckpoint = (group: string, topic: string, partition: number) =>
  `${groupCheckpointPrefix(group)}${topic}/${partition}`;
/** Offset up to which compaction had removed records when the group began with an empty target. */
export const groupBeganCheckpoint = (group: string, topic: string, partition: number) =>
  `began/${group}/${topic}/${partition}`;
/** Raised by a replay; absent: 0. */
export const generationCheckpoint = (group: string) => `generation/${group}`;
/** A replay that is under way: what is read again, and where it goes on afterwards. */
export const replayCheckpoint = (group: string) => `replay/${group}`;
/** Tables whose snapshots a transactional sink is in the midst of. */
export const snapshotsCheckpoint = (group: string) => `snapshots/${group}`;
/** A target that is built beside the one of a sink. */
export const rebuildPrefix = 'rebuild/';
export const rebuildCheckpoint = (pipeline: string, sink: string) => `${rebuildPrefix}${pipeline}/${sink}`;
/** Somebody has paused the sink; ms since 1970. */
export const pausedCheckpoint = (group: string) => `paused/${group}`;
export const deadLetterTopic = (pipeline: string) => `__tailrace_dead_letters.${pipeline}`;
/** Dead letters that are tried again: records as they were (or were edited), with the id of the letter in a header. */
export const retryTopic = (pipeline: string, sink: string) => `__tailrace_retries.${pipeline}.${sink}`;
export const schemasTopic = (source: string) => `${source}.__schemas`;
/** Where a verification that was broken off goes on. */
export const verifyCheckpoint = (pipeline: string, sink: string) => `verify/${pipeline}/${sink}`;
/** The same of the comparison in the background, and what its last round has found. */
export const verifyRoundCheckpoint = (pipeline: string, sink: string) => `verify-round/${pipeline}/${sink}`;
export const verifiedCheckpoint = (pipeline: string, sink: string) => `verified/${pipeline}/${sink}`;
/** Tables that a source's patterns were last found to stand for. */
export const tablesCheckpoint = (source: string) => `tables/${source}`;
/** Where the stage of a pipeline stands; also the name of its writer and of its hold. */
export const stageCheckpoint = (pipeline: string) => `stage/${pipeline}`;
/** Name of the state of what is called so; of sinks with the state of the pipeline before it. */
export const nameCheckpoint = (kind: 'pipeline' | 'source' | 'sink', name: string) => `name/${kind}/${name}`;
