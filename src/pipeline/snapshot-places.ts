/** Snapshots of running sources by the names that people use: of a source, a pipeline, a table without its schema. */
import type { InstanceStatus, SnapshotControl, SnapshotPlaces, SourceSnapshots } from '../contracts/control.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { PipelinePlan, SourcePlan } from '../contracts/plan.ts';
import type { SnapshotCommand } from '../contracts/upstream.ts';
import { didYouMean } from '../lib/did-you-mean.ts';
import { isCalled, labelOf } from './stored-names.ts';

/** Of the instance. */
export interface SnapshotSubject extends SnapshotControl {
  readonly plans: readonly PipelinePlan[];
  status(): InstanceStatus;
}

export class NamedSnapshots implements SnapshotPlaces {
  readonly #running: SnapshotSubject;

  constructor(running: SnapshotSubject) {
    this.#running = running;
  }

  list(place: string | null): readonly SourceSnapshots[] {
    const wanted = place === null ? null : this.#sources(place).map(labelOf);
    return this.#running.status().pipelines.flatMap((pipeline) =>
      pipeline.sources
        .filter(({ name }) => wanted?.includes(name) ?? true)
        .map(({ name, state, upstream }) => {
          return { pipeline: pipeline.name, source: name, state, snapshots: upstream?.snapshots ?? [] };
        }),
    );
  }

  async tell(place: string, command: SnapshotCommand): Promise<readonly SourceSnapshots[]> {
    const sources = this.#sources(place);
    for (const { name, command: own } of shares(sources, command)) await this.#running.snapshots(name, own);
    return this.list(place);
  }

  /** A source of that name comes before a pipeline of that name: a single source has its pipeline's. */
  #sources(place: string): readonly SourcePlan[] {
    const { plans } = this.#running;
    const source = plans.flatMap(({ sources }) => sources).find((one) => isCalled(one, place));
    const found = source === undefined ? plans.find((one) => isCalled(one, place))?.sources : [source];
    if (found !== undefined) return found;
    const names = plans.flatMap(({ name, sources }) => [name, ...sources.map((one) => one.name)]);
    throw new TailraceError('pipeline.not_found', `there is no pipeline and no source ${place}`, {
      remedy: didYouMean(place, names) ?? '`tailrace status` lists them',
    });
  }
}

interface Share {
  readonly name: string;
  readonly command: SnapshotCommand;
}

/** Each source's part of the command; those that have none are left out. */
function shares(sources: readonly SourcePlan[], command: SnapshotCommand): Share[] {
  if (!('tables' in command) || command.tables === null) return sources.map(({ name }) => ({ name, command }));
  const places = command.tables.map((table) => placeOf(sources, table));
  return sources.flatMap(({ name }) => {
    const tables = places.flatMap((place) => (place.source === name ? [place.table] : []));
    return tables.length === 0 ? [] : [{ name, command: { ...command, tables } }];
  });
}

function placeOf(sources: readonly SourcePlan[], wanted: string): { source: string; table: string } {
  const all = sources.flatMap(({ name, tables }) => tables.map((table) => ({ source: name, table })));
  const exact = all.filter(({ table }) => table === wanted);
  const found = exact.length > 0 ? exact : all.filter(({ table }) => table.slice(table.indexOf('.') + 1) === wanted);
  if (found.length === 1) return found[0]!;
  const names = all.map(({ table }) => table);
  if (found.length === 0) {
    throw new TailraceError('source.not_ready', `${wanted} is not captured`, {
      remedy: didYouMean(wanted, names) ?? `name one of ${names.join(', ')}, or put it under \`tables:\` of the source`,
    });
  }
  throw new TailraceError('source.not_ready', `${wanted} is the name of more than one table`, {
    remedy: `name the source, or the table with its schema: ${found.map(({ table }) => table).join(', ')}`,
  });
}
