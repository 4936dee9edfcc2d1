/** What main hands to the command line. */
import type { TestPlugin } from './acceptance.ts';
import type { Control, InstanceStatus } from './control.ts';
import type { DeadLetterReader } from './dead-letters.ts';
import type { ErrorCode } from './errors.ts';
import type { LogTools } from './log-tools.ts';
import type { LogReader } from './operations.ts';
import type { InstancePlan, PipelinePlan } from './plan.ts';
import type { Finding, Logger } from './plugin.ts';
import type { PluginAuthoring } from './plugin-authoring.ts';
import type { FilterPlace } from './predicate.ts';
import type { Registry } from './registry.ts';
import type { LoadedFiles, Reloadable } from './reload.ts';
import type { RunRuleTests } from './rule-tests.ts';
import type { Problem } from './rules.ts';
import type { TableDescription } from './schema.ts';

/** A started instance. */
export interface Running extends Control, Reloadable {
  /** Writes into the log of the instance: what is written here is in its last lines too. */
  readonly log: Logger;
  /** Address of the HTTP API, or null. */
  readonly url: string | null;
  /** Stops reading, flushes, commits, closes. Idempotent. */
  stop(): Promise<void>;
  /** Resolves when the instance stopped by itself or by `stop`; with the error that ended it, if one did. */
  readonly ended: Promise<unknown>;
}

export interface CheckResult {
  readonly pipeline: string;
  readonly part: string;
  readonly path: readonly (string | number)[];
  readonly findings: readonly Finding[];
  /** Of a source: what its tables' columns show to be wrong in the rules; paths as `lint` gives them. */
  readonly problems: readonly Problem[];
  /** Of a source whose steps begin with filters: where it evaluates each condition. */
  readonly filters?: readonly FilterPlace[];
}

/** What became of one source. */
export interface TeardownResult {
  readonly pipeline: string;
  readonly part: string;
  /** Null: what it made is gone. */
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly remedy: string | null } | null;
}

export interface StoredReader extends LogReader {
  readonly deadLetters: DeadLetterReader;
  close(): Promise<void>;
}

/** What a started instance gets of whoever starts it. */
export interface StartOptions {
  /** Reads the pipeline files once more, for `apply`. */
  readonly load: () => Promise<LoadedFiles>;
  /** Takes the secrets of the configuration out of a text (Invariant 12). */
  readonly redact: (text: string) => string;
}

export interface App {
  readonly registry: Registry;
  readonly version: string;
  readonly authoring: PluginAuthoring;
  /** @param options absent: nobody asks for other files */
  start(
    instance: InstancePlan,
    pipelines: readonly PipelinePlan[],
    log: Logger,
    options?: StartOptions,
  ): Promise<Running>;
  /** Connects to every source and target; changes nothing. */
  check(instance: InstancePlan, pipelines: readonly PipelinePlan[], log: Logger): Promise<readonly CheckResult[]>;
  /** The tables of every source as they are now. Throws as a source connects. */
  describe(
    instance: InstancePlan,
    pipelines: readonly PipelinePlan[],
    log: Logger,
  ): Promise<readonly TableDescription[]>;
  /** What is wrong in the rules of a pipeline for its tables; paths as `lint` gives them. Asks nobody. */
  lintTables(pipeline: PipelinePlan, tables: readonly TableDescription[]): Promise<readonly Problem[]>;
  /** Removes what the sources made upstream; a second time finds nothing to do. */
  teardown(instance: InstancePlan, pipelines: readonly PipelinePlan[], log: Logger): Promise<readonly TeardownResult[]>;
  /** Reads a stopped instance's data directory without changing it. Throws `log.locked` while one runs. */
  readonly offline: {
    status(instance: InstancePlan): Promise<InstanceStatus>;
    /** Reading throws `log.locked` when an instance has started meanwhile and moved what is asked for. */
    open(instance: InstancePlan): Promise<StoredReader>;
  };
  /** Loaded when it is asked for. */
  ruleTests(): Promise<RunRuleTests>;
  logTools(): Promise<LogTools>;
  readonly testPlugin: TestPlugin;
  /** Runs the demo with the words that follow `tailrace demo`; resolves to the exit code. */
  demo(args: readonly string[]): Promise<number>;
}
