/**
 * One error class and one catalogue for the whole product. A code is stable: users script against it and the retry
 * policy is decided from its class alone (`classOf`). Add a code here, with the text an operator needs.
 */

/**
 * What the runtime does with an error.
 * - `config`: the user's files are wrong. Exit 2.
 * - `environment`: a server, file or permission outside is not as needed; retrying will not help by itself. Exit 3.
 * - `retry`: passing trouble (connection lost, server starting, 429). Retried with backoff for ever while running.
 * - `poison`: this record will never be accepted by this target. Dead letter.
 * - `gap`: history is lost. The source or sink stops in the durable state `gap` (Invariant 5). Exit 4.
 * - `fenced`: another instance took over. Stops without retry. Exit 3.
 * - `internal`: a bug or a broken disk. Stops. Exit 1.
 */
export type ErrorClass = 'config' | 'environment' | 'retry' | 'poison' | 'gap' | 'fenced' | 'internal';

const catalogue = {
  'config.invalid': ['config', 'A pipeline file or tailrace.yaml has problems; each is listed with its place.'],
  'config.not_found': ['config', 'The named file or directory does not exist or holds no pipeline.'],
  'cli.usage': ['config', 'The command line could not be understood.'],
  'log.locked': [
    'environment',
    'Another Tailrace process uses this data directory. Stop it or choose another data_dir.',
  ],
  'log.unwritable': ['environment', 'The data directory cannot be created or written.'],
  'log.newer_format': ['environment', 'The data directory was written by a newer Tailrace. Upgrade this one.'],
  'log.failed': ['internal', 'fsync or write failed; the log stops until restart, because pages may be lost.'],
  'log.damaged': ['internal', 'Stored bytes do not match their checksum in the named offset range.'],
  'log.offset_out_of_range': ['gap', 'The offset lies below the start or above the end of the partition.'],
  'log.compacted': ['gap', 'Compaction has removed changes that the reader has not read.'],
  'log.no_such_topic': ['environment', 'The topic does not exist.'],
  'log.fenced': ['fenced', 'A newer epoch of the same writer exists.'],
  'log.not_offered': ['environment', 'This log, or the way it is run, does not offer what was asked for.'],
  'log.invalid_batch': ['internal', 'A record batch handed to the log is malformed.'],
  'log.closed': ['internal', 'The log is closed.'],
  'log.backup_running': ['environment', 'A backup of the log is under way already.'],
  'topic.invalid': ['config', 'The name, a setting, a partition or a record does not fit the topic.'],
  'topic.exists': ['environment', 'There is a topic of that name already.'],
  'topic.reserved': ['environment', 'Only Tailrace itself writes to this topic, changes and deletes it.'],
  'group.not_found': ['environment', 'There is no consumer group of that name.'],
  'group.invalid': ['config', 'What was asked for does not fit the consumer group or its topics.'],
  'group.active': ['environment', 'The consumer group has members; its offsets can be moved when they are gone.'],
  'group.changed': ['environment', 'The offsets of the consumer group have changed since the preview.'],
  'group.reserved': ['environment', 'The group is a sink of Tailrace, which moves its own offsets.'],
  'source.gap': ['gap', 'The source no longer has the changes that follow our position.'],
  'source.unsupported': [
    'gap',
    'The source sent something that cannot be read or placed; skipping it would lose data.',
  ],
  'source.spill': [
    'retry',
    'Transactions that still run at the source could not be kept on disk; they are read again.',
  ],
  'source.rehydrate': [
    'retry',
    'The columns that updates leave out could not be kept beside the log; they are taken from it again.',
  ],
  'stage.store': [
    'retry',
    'What a stage keeps of rows beside the log could not be used; it is taken from the log again.',
  ],
  'stage.waits': ['retry', 'A table that a step looks into is not known yet.'],
  'source.unreachable': ['retry', 'The source server cannot be reached or closed the connection.'],
  'source.auth': ['environment', 'The source server refused the user, password or database.'],
  'source.not_ready': ['environment', 'The source is not set up for capture; each problem is listed with its remedy.'],
  'sink.unreachable': ['retry', 'The target server cannot be reached, is overloaded or closed the connection.'],
  'sink.auth': ['environment', 'The target server refused the user, password or database.'],
  'sink.not_ready': ['environment', 'The target cannot be used as configured; each problem is listed with its remedy.'],
  'sink.rejected': ['poison', 'The target will never accept this record.'],
  'sink.other_log': ['gap', 'The target holds a position of another log; it may hold newer rows than this log knows.'],
  'sink.fenced': ['fenced', 'Another Tailrace instance writes to this target with a newer epoch.'],
  'rule.failed': ['poison', 'A rule could not be applied to this record.'],
  'dlq.burst': [
    'environment',
    'Too many records of this sink went to the dead letters in a short time; the sink is paused.',
  ],
  'dlq.not_found': ['environment', 'There is no such dead letter, pipeline or sink.'],
  'dlq.invalid': ['config', 'What was asked for cannot be done with this dead letter.'],
  'replay.invalid': ['config', 'What was asked for cannot be sent to the sink again.'],
  'rebuild.unsupported': ['config', 'The target of this sink cannot be built anew beside the old one.'],
  'rebuild.running': ['environment', 'Something is being built for this sink already.'],
  'adopt.refused': ['environment', 'The target cannot be taken over as it is.'],
  'api.port_in_use': [
    'environment',
    'The HTTP port is taken. Stop the other process or set http.port in tailrace.yaml.',
  ],
  'api.invalid_request': ['config', 'The request to the HTTP API could not be understood.'],
  'api.unauthorized': ['environment', 'The request needs the token of the instance, which is in its data directory.'],
  'plan.changed': ['environment', 'The pipeline files have changed since the plan was made.'],
  'pipeline.not_found': ['environment', 'There is no pipeline of that name, or it has no such part.'],
  'verify.not_found': ['environment', 'There is no such pipeline or sink.'],
  'verify.unsupported': ['config', 'What was named cannot be compared with its source.'],
  'verify.running': ['environment', 'A verification of this sink runs already.'],
  'verify.changed': ['environment', 'What is compared was changed meanwhile; start the verification again.'],
  'verify.waits': [
    'environment',
    'The source or the sink does not get on, so that they cannot be compared at one position.',
  ],
  'verify.different': ['gap', 'A sink does not equal its source.'],
  'instance.not_running': ['environment', 'This can only be done while the instance runs.'],
  'kafka.malformed': [
    'environment',
    'A Kafka client sent bytes that are not the Kafka protocol; its connection is closed.',
  ],
  'kafka.port_in_use': [
    'environment',
    'The port of the Kafka listener is taken. Stop the other process or set kafka.listen in tailrace.yaml.',
  ],
  'kafka.insecure': [
    'config',
    'The Kafka listener would be open to other machines without authentication. Listen on loopback or configure users.',
  ],
  'plugin.not_found': ['config', 'There is no such plugin: no package of that name in the project, or no such file.'],
  'plugin.api': ['config', 'The plugin was written for another version of the plugin API.'],
  'plugin.invalid': ['config', 'What the plugin exports is no plugin; the message names what is missing or wrong.'],
  'plugin.clash': ['config', 'The plugin brings a type or a step whose name is taken.'],
  'plugin.failed': ['environment', 'The plugin threw while it was loaded, or its program could not be read.'],
  'plugin.install': [
    'environment',
    'npm could not install or remove the package of a plugin; the project is as it was.',
  ],
  'plugin.unproven': ['internal', 'A new plugin did not pass its own test; nothing was written.'],
  'check.failed': ['environment', 'The pre-flight check found problems; each is listed with its remedy.'],
  'demo.missing': [
    'environment',
    'Something the demo needs is not installed; the message says what and how to get it.',
  ],
  'demo.mismatch': ['gap', 'A sink does not equal the source.'],
  'internal.bug': ['internal', 'An assumption of the code did not hold.'],
} as const satisfies Record<string, readonly [ErrorClass, string]>;

export type ErrorCode = keyof typeof catalogue;

export interface ErrorOptions {
  /** What the reader should do, as an imperative sentence or an exact command. */
  readonly remedy?: string;
  readonly cause?: unknown;
  /** May hold row values. Goes into dead letters, never into logs or the API (Invariant 12). */
  readonly detail?: string;
  /** Of `rule.failed`: the step. */
  readonly step?: string;
}

/** The only error type thrown on purpose. `message` never holds row values or secrets (Invariant 12). */
export class TailraceError extends Error {
  readonly code: ErrorCode;
  readonly remedy: string | undefined;
  readonly detail: string | undefined;
  readonly step: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TailraceError';
    this.code = code;
    this.remedy = options.remedy;
    this.detail = options.detail;
    this.step = options.step;
  }
}

/** An error as people and programs get to see it. */
export interface ErrorWords {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string | null;
}

/** Invariant 12: never its `detail`, its cause, or the text of an unknown error, which may hold a row's values. */
export function errorWords(error: unknown): ErrorWords {
  if (error instanceof TailraceError) {
    return { code: error.code, message: error.message, remedy: error.remedy ?? null };
  }
  const name = error instanceof Error ? error.name : typeof error;
  const remedy = 'this is a bug; please report it with the lines of the log before it';
  return { code: 'internal.bug', message: `unexpected ${name}`, remedy };
}

/** The error of such words, told by another process. @param otherwise the code of one that this version does not know */
export function toldError(
  { code, message, remedy }: { readonly code: string; readonly message: string; readonly remedy?: string | null },
  otherwise: ErrorCode,
): TailraceError {
  const known = Object.hasOwn(catalogue, code) ? (code as ErrorCode) : otherwise;
  return new TailraceError(known, message, remedy == null ? {} : { remedy });
}

/** Class of any thrown thing; what is not a TailraceError is a bug, hence `internal`. */
export function classOf(error: unknown): ErrorClass {
  return error instanceof TailraceError ? catalogue[error.code][0] : 'internal';
}

/** Every code with its class and the operator's text, for the generated reference page. */
export function errorCatalogue(): readonly { code: ErrorCode; class: ErrorClass; text: string }[] {
  return Object.entries(catalogue).map(([code, [cls, text]]) => ({ code: code as ErrorCode, class: cls, text }));
}

/** Process exit code for an error: 0–4 as `tailrace --help` lists them. */
export function exitCodeOf(error: unknown): 1 | 2 | 3 | 4 {
  switch (classOf(error)) {
    case 'config':
      return 2;
    case 'environment':
    case 'retry':
    case 'fenced':
      return 3;
    case 'gap':
      return 4;
    default:
      return 1;
  }
}
