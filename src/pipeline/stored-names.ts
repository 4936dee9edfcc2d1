/**
 * Names under which the state of pipelines, sources and sinks is kept: positions, topics, groups, dead letters, what stands in
 * targets and what was made at the source. They are given once, at the first start, and stay when a thing is called otherwise
 * later (`renamed_from`): nothing has to move, so that nothing can be lost on the way. Which is which is kept in checkpoints:
 *
 *     name/pipeline/<name>                    → name of the state
 *     name/source/<name>                      → name of the state
 *     name/sink/<state of the pipeline>/<name> → name of the state
 */
import { TailraceError } from '../contracts/errors.ts';
import type { Checkpoints, Log } from '../contracts/log.ts';
import type { PipelinePlan } from '../contracts/plan.ts';
import { didYouMean } from '../lib/did-you-mean.ts';
import { quoted } from '../lib/printable.ts';
import {
  gapCheckpoint,
  groupCheckpointPrefix,
  nameCheckpoint,
  sinkGroup,
  sourceCheckpoint,
} from './checkpoint-names.ts';
import { serviceCommit } from './service-commit.ts';

export interface StoredNames {
  /** `name` is that of the state; `label` what it is called, where that is another. */
  readonly pipelines: readonly PipelinePlan[];
  /** Checkpoints that are not there yet, with their values. */
  readonly unrecorded: readonly (readonly [checkpoint: string, value: string])[];
}

interface Part {
  readonly name: string;
  readonly renamedFrom?: string;
}

/** Things of one kind that share no name: sources, pipelines, the sinks of one pipeline. */
interface Kind {
  readonly word: string;
  readonly checkpoint: (name: string) => string;
  /** State from before names were recorded. */
  readonly hasState: (name: string) => boolean;
}

/**
 * Gives plans as they stand in files the names of their state. Throws `config.invalid` for what cannot be: two things with one
 * state, a state that nobody knows.
 * @param log null: not at hand; what the files say is taken for true
 */
export function withStoredNames(plans: readonly PipelinePlan[], log: Checkpoints | null): StoredNames {
  const names = new Names(log);
  const pipelineNames = names.of(pipelineKind(log), plans);
  const sources = plans.flatMap((plan) => plan.sources);
  const sourceNames = names.of(sourceKind(log), sources);
  let at = 0;
  const pipelines = plans.map((plan, i): PipelinePlan => {
    const stored = pipelineNames[i]!;
    const sinkNames = names.of(sinkKind(log, stored), plan.sinks);
    return {
      ...named(plan, stored),
      sources: plan.sources.map((source) => named(source, sourceNames[at++]!)),
      sinks: plan.sinks.map((sink, j) => named(sink, sinkNames[j]!)),
    };
  });
  return { pipelines, unrecorded: names.unrecorded };
}

/** Durable when it resolves. To be called before anything is read or written under the names. */
export async function recordNames(log: Log, { unrecorded }: StoredNames): Promise<void> {
  if (unrecorded.length === 0) return;
  await serviceCommit(log, 'names', (transaction) => {
    for (const [checkpoint, value] of unrecorded) transaction.checkpoint(checkpoint, value);
  });
}

function named<P extends Part & { readonly label?: string }>(part: P, stored: string): P {
  return stored === part.name ? part : { ...part, name: stored, label: part.name };
}

class Names {
  readonly unrecorded: (readonly [string, string])[] = [];
  readonly #log: Checkpoints | null;

  constructor(log: Checkpoints | null) {
    this.#log = log;
  }

  of(kind: Kind, parts: readonly Part[]): readonly string[] {
    const names = parts.map((part) => this.#storedName(kind, part));
    for (const [i, stored] of names.entries()) {
      const other = names.indexOf(stored);
      if (other < i) throw shared(kind, parts[other]!.name, parts[i]!.name, stored);
      const checkpoint = kind.checkpoint(parts[i]!.name);
      if (this.#log !== null && this.#log.get(checkpoint) !== stored) this.unrecorded.push([checkpoint, stored]);
    }
    if (this.#log !== null) for (const part of parts) this.#mustBeKnown(kind, part, names);
    return names;
  }

  #storedName(kind: Kind, { name, renamedFrom }: Part): string {
    const recorded = this.#log?.get(kind.checkpoint(name));
    if (renamedFrom === undefined) return recorded ?? name;
    const wanted = this.#log?.get(kind.checkpoint(renamedFrom)) ?? renamedFrom;
    if (this.#log === null || wanted === recorded) return wanted;
    if (!this.#exists(kind, wanted)) return recorded ?? name;
    // Invariant 5: of two states one would be left behind, with what it had not delivered.
    if (this.#exists(kind, recorded ?? name)) throw ownState(kind, name, renamedFrom);
    return wanted;
  }

  /** A name that is not known, while there is state that nothing goes on from, is most likely misspelt. */
  #mustBeKnown(kind: Kind, { name, renamedFrom }: Part, taken: readonly string[]): void {
    if (renamedFrom === undefined || this.#exists(kind, name)) return;
    const left = this.#all(kind).filter((stored) => !taken.includes(stored));
    if (left.length === 0 || this.#exists(kind, renamedFrom)) return;
    const message = `${kind.word} ${quoted(name)}: nothing is known of a ${kind.word} ${quoted(renamedFrom)} that it was renamed from`;
    const remedy =
      didYouMean(renamedFrom, left) ??
      `there is state of ${left.map((one) => quoted(one)).join(', ')}; to begin anew, remove renamed_from`;
    throw new TailraceError('config.invalid', message, { remedy });
  }

  #exists(kind: Kind, stored: string): boolean {
    return (
      kind.hasState(stored) || this.#all(kind).includes(stored) || this.#log?.get(kind.checkpoint(stored)) !== undefined
    );
  }

  /** State that was recorded under any name. */
  #all(kind: Kind): readonly string[] {
    return (this.#log?.list(kind.checkpoint('')) ?? []).map(([, stored]) => stored);
  }
}

function pipelineKind(log: Checkpoints | null): Kind {
  return {
    word: 'pipeline',
    checkpoint: (name) => nameCheckpoint('pipeline', name),
    hasState: (name) => log !== null && log.list(`group/${sinkGroup(name, '')}`).length > 0,
  };
}

function sourceKind(log: Checkpoints | null): Kind {
  return {
    word: 'source',
    checkpoint: (name) => nameCheckpoint('source', name),
    hasState: (name) =>
      [sourceCheckpoint(name), gapCheckpoint('source', name)].some((one) => log?.get(one) !== undefined),
  };
}

function sinkKind(log: Checkpoints | null, pipeline: string): Kind {
  return {
    word: 'sink',
    checkpoint: (name) => nameCheckpoint('sink', `${pipeline}/${name}`),
    hasState: (name) => log !== null && log.list(groupCheckpointPrefix(sinkGroup(pipeline, name))).length > 0,
  };
}

function shared({ word }: Kind, one: string, other: string, stored: string): TailraceError {
  const message = `the ${word}s ${quoted(one)} and ${quoted(other)} would both go on from the state of ${quoted(stored)}`;
  return new TailraceError('config.invalid', message, { remedy: 'give one of them another name' });
}

function ownState({ word }: Kind, name: string, renamedFrom: string): TailraceError {
  const message = `the ${word} ${quoted(name)} has been at work under its own name: it cannot go on from the state of ${quoted(renamedFrom)} as well`;
  const remedy = `remove renamed_from: ${name} goes on where it was; or give it a new name, which goes on where ${renamedFrom} was`;
  return new TailraceError('config.invalid', message, { remedy });
}

/** What people call it. */
export const labelOf = ({ name, label = name }: { readonly name: string; readonly label?: string }): string => label;

/** For its status. */
export const storedAs = ({ name, label = name }: { readonly name: string; readonly label?: string }) =>
  label === name ? {} : { storedAs: name };

/** Whether people mean it: by what it is called, or by the name of its state, which topics and groups show. */
export const isCalled = (part: { readonly name: string; readonly label?: string }, name: string): boolean =>
  labelOf(part) === name || part.name === name;
