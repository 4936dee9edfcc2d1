/** The demo's screen: rates and lag of every sink, redrawn in place on a terminal, one line a second elsewhere. */
import type { InstanceStatus } from '../src/contracts/control.ts';
import type { LoadCounts } from './shop/load.ts';

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Sample {
  /** ms, monotonic. */
  readonly at: number;
  readonly status: InstanceStatus | null;
  readonly load: LoadCounts;
}

const CLEAR_BELOW = '\x1b[0J';
const up = (lines: number) => (lines === 0 ? '' : `\x1b[${lines}A\r`);

export class LiveTable {
  readonly #out: Output;
  #previous: Sample | null = null;
  #drawn = 0;

  constructor(out: Output) {
    this.#out = out;
  }

  show(sample: Sample): void {
    const previous = this.#previous;
    this.#previous = sample;
    if (this.#out.isTTY !== true) {
      this.#out.write(`${line(sample, previous)}\n`);
      return;
    }
    // A wrapped line would take two rows of the screen and spoil the way back up.
    const lines = table(sample, previous).map((text) => text.slice(0, this.#out.columns ?? 200));
    this.#out.write(`${up(this.#drawn)}${CLEAR_BELOW}${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }
}

/** One plain line: `12 s  shop 61 tx/s  source streaming 402 rows/s  warehouse 400/s lag 0.1 s …`. */
export function line(sample: Sample, previous: Sample | null): string {
  const parts = [`${Math.round(sample.load.seconds)} s`, `shop ${loadRate(sample, previous)} tx/s`];
  for (const { sources, sinks } of sample.status?.pipelines ?? []) {
    for (const { state, rows } of sources) parts.push(`source ${state} ${rows} rows`);
    for (const sink of sinks) {
      const state = sink.state === 'running' ? '' : ` ${sink.state}`;
      parts.push(`${sink.name}${state} ${sinkRate(sink.name, sample, previous)}/s lag ${seconds(sink.lagMs)}`);
    }
  }
  if (sample.status === null) parts.push('tailrace is starting');
  return parts.join('  ');
}

export function table(sample: Sample, previous: Sample | null): string[] {
  const rows = [['', 'state', 'rows', 'rows/s', 'behind', 'lag']];
  const problems: string[] = [];
  const { load } = sample;
  const written = load.inserts + load.updates + load.deletes + load.keyChanges;
  rows.push(['shop (PostgreSQL)', 'load', `${written}`, `${loadRate(sample, previous)} tx`, '', '']);
  for (const { sources, sinks } of sample.status?.pipelines ?? []) {
    for (const { state, rows: captured, problem } of sources) {
      rows.push(['  source → log', state, `${captured}`, `${sourceRate(sample, previous)}`, '', '']);
      if (problem !== null)
        problems.push(`source: ${problem.message}${problem.remedy === null ? '' : ` ${problem.remedy}`}`);
    }
    for (const { name, type, state, records, lagRecords, lagMs, problem } of sinks) {
      const rate = `${sinkRate(name, sample, previous)}`;
      rows.push([`  ${name} (${type})`, state, `${records}`, rate, `${lagRecords}`, seconds(lagMs)]);
      if (problem !== null)
        problems.push(`${name}: ${problem.message}${problem.remedy === null ? '' : ` ${problem.remedy}`}`);
    }
  }
  if (sample.status === null) rows.push(['  tailrace is starting', '', '', '', '', '']);
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const aligned = rows.map((row) =>
    row.map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  '),
  );
  return [...aligned, ...problems];
}

function perSecond(now: number, before: number | undefined, sample: Sample, previous: Sample | null): number {
  if (previous === null || before === undefined || now < before) return 0;
  return Math.round(((now - before) * 1_000) / Math.max(1, sample.at - previous.at));
}

function loadRate(sample: Sample, previous: Sample | null): number {
  return perSecond(sample.load.transactions, previous?.load.transactions, sample, previous);
}

function sourceRate(sample: Sample, previous: Sample | null): number {
  const rows = (one: Sample | null) =>
    one?.status?.pipelines.flatMap(({ sources }) => sources).reduce((sum, source) => sum + source.rows, 0);
  return perSecond(rows(sample) ?? 0, rows(previous), sample, previous);
}

function sinkRate(name: string, sample: Sample, previous: Sample | null): number {
  const records = (one: Sample | null) =>
    one?.status?.pipelines.flatMap(({ sinks }) => sinks).find((sink) => sink.name === name)?.records;
  return perSecond(records(sample) ?? 0, records(previous), sample, previous);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
