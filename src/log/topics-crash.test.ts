/** Topics that come and go under crashes at every change of a simulated disk. `TAILRACE_FULL` walks more; `TAILRACE_SEED` repeats a run. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { batchOf, valuesIn } from '../../test/support/log-batches.ts';
import { eagerClock } from '../../test/support/log-history.ts';
import { testSeed } from '../../test/support/seed.ts';
import { SimulatedDisk } from '../../test/support/simulated-disk.ts';
import { type EmbeddedLog, openLog } from './embedded-log.ts';

const seed = testSeed;
const full = process.env.TAILRACE_FULL !== undefined;
console.log(`crashes of topics, seed ${seed}`);

/** Holds only the lock and the format: the files are in memory. */
const dir = mkdtempSync(join(tmpdir(), 'tailrace-topics-crash-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Topic {
  /** Null: its creation was not acknowledged. */
  readonly id: string | null;
  readonly config: Readonly<Record<string, string>>;
  readonly values: readonly (readonly string[])[];
}

type Topics = Readonly<Record<string, Topic>>;

/** One topic changed; undefined: gone. */
interface Step {
  readonly name: string;
  readonly topic: Topic | undefined;
  readonly run: (log: EmbeddedLog) => Promise<unknown>;
}

const limits = {
  flushBytes: 2 << 10,
  segmentBytes: 2 << 10,
  walFileBytes: 8 << 10,
  stageBytes: 2 << 10,
  directBytes: 512,
};

function open(disk: SimulatedDisk, random: Random): Promise<EmbeddedLog> {
  const options = { dir, clock: eagerClock, random: () => random.unit(), log: () => {}, cleanEveryMs: null };
  return openLog({ ...options, files: disk, ...limits });
}

let made = 0;

function step(topics: Topics, random: Random): Step {
  const name = random.pick(['a', 'b', 'a.b']);
  const topic = topics[name];
  if (topic === undefined) {
    const partitions = random.between(1, 3);
    const config = { 'retention.ms': String(++made) };
    const values = Array.from({ length: partitions }, () => []);
    return {
      name,
      topic: { id: null, config, values },
      run: (log) => log.admin.topics!.create(name, { partitions, config }),
    };
  }
  const kind = random.unit();
  if (kind < 0.2) return { name, topic: undefined, run: (log) => log.admin.topics!.delete(name) };
  if (kind < 0.35) {
    const partitions = Math.min(8, topic.values.length + random.between(0, 2));
    const change = random.unit() < 0.5 ? { 'retention.ms': null } : { 'segment.ms': String(++made) };
    const config = Object.entries({ ...topic.config, ...change }).filter(([, value]) => value !== null);
    const values = Array.from({ length: partitions }, (_, i) => topic.values[i] ?? []);
    const run = (log: EmbeddedLog) => log.admin.topics!.alter(name, { partitions, config: change });
    return { name, topic: { ...topic, config: Object.fromEntries(config) as Record<string, string>, values }, run };
  }
  const partition = random.between(0, topic.values.length - 1);
  const value = `${++made}-`.padEnd(random.pick([10, 900, 3_000]), 'x');
  const values = topic.values.map((before, i) => (i === partition ? [...before, value] : before));
  return { name, topic: { ...topic, values }, run: (log) => put(log, name, partition, value) };
}

async function put(log: EmbeddedLog, topic: string, partition: number, value: string): Promise<void> {
  const transaction = log.begin('w', 0);
  await transaction.append(topic, partition, batchOf([value]));
  await transaction.commit();
}

async function found(log: EmbeddedLog): Promise<Topics> {
  const topics: Record<string, Topic> = {};
  for (const { name, partitions } of log.topics.list()) {
    const { id, config } = log.admin.topics!.describe(name)!;
    const values: string[][] = [];
    for (const { partition } of partitions) values.push(await valuesIn(log, { topic: name, partition }, 500));
    topics[name] = { id, config, values };
  }
  return topics;
}

function equal(found: Topics, wanted: Topics): boolean {
  const idless = (topics: Topics) =>
    JSON.stringify(
      Object.entries(topics)
        .map(([name, { config, values }]) => [name, Object.entries(config).sort(), values])
        .sort(),
    );
  const sameIds = Object.entries(wanted).every(([name, { id }]) => id === null || found[name]?.id === id);
  return sameIds && idless(found) === idless(wanted);
}

function after(topics: Topics, { name, topic }: Step): Topics {
  const { [name]: _, ...others } = topics;
  return topic === undefined ? others : { ...others, [name]: topic };
}

interface Image {
  readonly disk: SimulatedDisk;
  /** What may be there: without and with what was under way. */
  readonly either: readonly Topics[];
  readonly what: string;
}

/** Steps over three openings, and the disk as a crash would leave it in the middle of them. */
async function images(random: Random): Promise<Image[]> {
  const disk = new SimulatedDisk();
  const taken: Image[] = [];
  let topics: Topics = {};
  let either: readonly Topics[] = [topics];
  disk.onChange = ({ call, path }) => {
    if (random.unit() >= (full ? 0.5 : 0.08)) return;
    const kill = random.unit() < 0.3;
    const left = kill ? disk.copy() : disk.afterPowerLoss(() => random.unit());
    taken.push({ disk: left, either, what: `${kill ? 'kill' : 'power loss'} at ${call} ${path.slice(dir.length)}` });
  };
  for (let opening = 0; opening < 3; opening++) {
    const log = await open(disk, random);
    for (let i = 0; i < 40; i++) {
      const next = step(topics, random);
      either = [topics, after(topics, next)];
      await next.run(log);
      topics = after(topics, next);
      const id = log.admin.topics!.describe(next.name)?.id;
      const changed = topics[next.name];
      if (changed !== undefined) topics = { ...topics, [next.name]: { ...changed, id: id! } };
      either = [topics];
    }
    expect(equal(await found(log), topics)).toBe(true);
    await log.close();
  }
  return taken;
}

test.each(Array.from({ length: full ? 30 : 2 }, (_, i) => i))(
  'invariant 3: after a crash at any moment every topic is what was acknowledged, or one change further, round %i',
  async (round) => {
    const random = new Random(seed, round);
    const taken = await images(random);
    expect(taken.length).toBeGreaterThan(20);
    for (const { disk, either, what } of taken) {
      const log = await open(disk, random);
      const there = await found(log);
      if (!either.some((topics) => equal(there, topics))) {
        expect(there, `seed ${seed}, round ${round}: ${what}`).toEqual(either.at(-1));
        throw new Error('the ids differ');
      }
      // Nothing of other topics is left, and what is made next is empty.
      const folders = new Set(
        disk
          .paths()
          .map(dirname)
          .filter((path) => dirname(path) === join(dir, 'topics')),
      );
      const ids = Object.values(there).map(({ id }) => id);
      for (const folder of folders) expect(ids, what).toContain(basename(folder).split('.').at(-1));
      const { partitions } = await log.topics.ensure('a.new', { partitions: 3, cleanup: 'delete' });
      expect(partitions.map(({ endOffset }) => endOffset)).toEqual([0n, 0n, 0n]);
      await put(log, 'a.new', 2, 'first');
      await log.close();
    }
  },
);
