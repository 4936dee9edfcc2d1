/**
 * Random programs over rows of every size, the reader killed at any time and its store lost, old or damaged: the log's rows are
 * those of the table, and each record holds the row as it was at its event.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import type { Change } from '../../src/contracts/row.ts';
import type { CaptureJob } from '../../test/support/capture-child.ts';
import { Capture, texts, wholeRows } from '../../test/support/captured-tables.ts';
import { postgresScenes, type Scene } from '../../test/support/postgres-source.ts';
import { testSeed } from '../../test/support/seed.ts';
import { streamEverything } from '../../test/support/streamed-scene.ts';

const scene = postgresScenes({ logical_decoding_work_mem: '64kB' });
const CHILD = fileURLToPath(new URL('../../test/support/capture-child.ts', import.meta.url));
const full = process.env.TAILRACE_FULL !== undefined;
const PROGRAMS = full ? 40 : 1;
/** Each process starts anew: beside other loads that takes its time. */
const LIMIT_MS = PROGRAMS * 180_000;
const KILLS = full ? 12 : 4;
const STEPS = full ? 120 : 40;
const KEYS = 12;

/** `sum` says what the row is, without touching the other columns. */
const DDL = `
  create table t (id int primary key, n int not null, sum text, a text, b varchar, j jsonb, y bytea, i int8[], d numeric);
  create function sum(t) returns text language sql immutable as
    $$ select md5(concat_ws('|', $1.a, '-', $1.b, '-', $1.j, '-', encode($1.y, 'hex'), '-', $1.i, '-', $1.d)) $$;
  create function summed() returns trigger language plpgsql as $$ begin new.sum := sum(new); return new; end $$;
  create trigger summed before insert or update on t for each row execute function summed()`;

/** Below and above all sizes at which something is moved out of line. */
const SIZES = [0, 3, 20, 21, 24, 60, 127, 250, 480, 900, 1_500, 1_990, 2_040, 2_500, 6_000, 20_000];

/** An expression of the column's type that takes about so many bytes and hardly compresses. */
function value(random: Random, column: string, bytes: number): string {
  if (bytes === 0) return 'null';
  const seed = random.uint32();
  const letters = (length: number) =>
    `(select left(string_agg(md5('${seed}' || g), ''), ${length}) from generate_series(0, ${length >> 5}) g)`;
  const numbers = (count: number) => `array(select (${seed} * g % 9)::int8 from generate_series(1, ${count}) g)`;
  switch (column) {
    case 'j':
      return random.chance(0.5) ? `to_jsonb(${numbers(bytes >> 2)})` : `jsonb_build_object('k', ${letters(bytes)})`;
    case 'y':
      return `decode(${letters(bytes & ~1)}, 'hex')`;
    case 'i':
      return numbers(bytes >> 3);
    case 'd':
      return `translate(${letters(bytes)}, 'abcdef', '123456')::numeric`;
    default:
      return letters(bytes);
  }
}

/** Always a change. */
const TICK = `insert into t (id, n) values (${KEYS * 3}, 0) on conflict (id) do update set n = t.n + 1`;
const COLUMNS = ['a', 'b', 'j', 'y', 'i', 'd'];

function statement(random: Random): string {
  const id = () => random.between(1, KEYS);
  const size = () => random.pick(SIZES);
  const assigned = () => {
    const column = random.pick(COLUMNS);
    return `${column} = ${value(random, column, size())}`;
  };
  const [one, other] = [id(), id()];
  const upsert = COLUMNS.map((column) => value(random, column, random.chance(0.6) ? 0 : size()));
  const kind = random.between(0, 19);
  if (kind < 5)
    return `insert into t (id, n, ${COLUMNS.join(', ')}) values (${one}, 0, ${upsert.join(', ')}) on conflict (id) do update set n = t.n + 1`;
  if (kind < 10) return `update t set n = n + 1 where id between ${one} and ${one + 3}`;
  if (kind < 14) return `update t set ${assigned()} where id = ${one}`;
  if (kind < 17) {
    const also = random.chance(0.4) ? `, ${assigned()}` : '';
    return `update t set id = ${other}${also} where id = ${one} and not exists (select from t where id = ${other})`;
  }
  if (kind < 19) return `delete from t where id = ${one}`;
  return random.chance(0.2)
    ? 'truncate t'
    : `insert into t (id, n, a) select ${KEYS} + ${one}, 0, a from t where id = ${one} on conflict do nothing`;
}

function transaction(random: Random): string {
  const block = () => Array.from({ length: random.between(1, 4) }, () => statement(random));
  const undone = random.chance(0.3) ? ['savepoint s', ...block(), random.pick(['rollback to s', 'release s'])] : [];
  return ['begin', ...block(), ...undone, ...block(), random.chance(0.9) ? 'commit' : 'rollback'].join('; ');
}

/** How the server keeps large values differs from program to program. */
async function settings(random: Random, client: pg.Client): Promise<void> {
  if (random.chance(0.5))
    await client.query(`alter table t set (toast_tuple_target = ${random.pick([128, 256, 1_000, 4_080])})`);
  for (const column of COLUMNS) {
    if (column !== 'd' && random.chance(0.5)) {
      await client.query(`alter table t alter ${column} set storage ${random.pick(['external', 'main'])}`);
    }
  }
}

class Killed {
  readonly #job: CaptureJob;
  #child: ChildProcess | null = null;

  constructor(job: CaptureJob) {
    this.#job = job;
  }

  start(failpoint: string | null): void {
    const env = failpoint === null ? process.env : { ...process.env, TAILRACE_FAILPOINT: failpoint };
    const child = spawn(process.execPath, [CHILD, JSON.stringify(this.#job)], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    this.#child = child;
  }

  /** Resolves when something has become durable from now on, or it has died. */
  async durable(): Promise<void> {
    const child = this.#child!;
    if (child.exitCode === null && child.signalCode === null) {
      await Promise.race([once(child.stdout!, 'data'), once(child, 'close')]);
    }
  }

  async kill(): Promise<void> {
    const child = this.#child!;
    const closed = child.exitCode === null && child.signalCode === null ? once(child, 'close') : null;
    child.kill('SIGKILL');
    await closed;
  }
}

/** What becomes of the store while the reader is down. */
function meddle(random: Random, dir: string): void {
  const [store, old] = [join(dir, 'columns'), join(dir, 'columns-before')];
  const kind = random.between(0, 5);
  if (kind === 0) rmSync(store, { recursive: true, force: true });
  else if (kind === 1 && existsSync(store)) writeFileSync(join(store, 't.db'), 'x'.repeat(random.between(1, 9_000)));
  else if (kind === 2 && existsSync(old)) {
    rmSync(store, { recursive: true, force: true });
    cpSync(old, store, { recursive: true });
  }
  if (existsSync(store)) cpSync(store, old, { recursive: true });
}

const FAILPOINTS = [
  'source.before-commit',
  'source.after-commit',
  'rehydrate.before-commit',
  'rehydrate.after-commit',
  'source.mid-transaction',
];

async function runProgram(random: Random, made: Scene, dir: string): Promise<void> {
  const job = { dir, name: 't', tables: ['public.t'], config: { url: made.url } };
  const child = new Killed(job);
  for (let i = 0; i < KILLS; i++) {
    child.start(random.chance(0.5) ? `${random.pick(FAILPOINTS)}:${random.between(1, 12)}` : null);
    await child.durable();
    for (let step = 0; step < STEPS / KILLS; step++) {
      const durable = random.chance(0.5) ? child.durable() : null;
      // Two rows of one key, say: of no interest here.
      await made.client.query(transaction(random)).catch(() => made.client.query('rollback'));
      if (durable !== null) await made.client.query(TICK);
      await durable;
    }
    await child.kill();
    meddle(random, dir);
  }
}

function expectAsOfEvent(changes: readonly Change[]): void {
  for (const { op, after } of changes) {
    if (after === null || op === 'snapshot-end') continue;
    const { sum, a, b, j, y, i, d } = texts(after);
    const plain = (text: string | undefined) => (text === undefined ? undefined : (JSON.parse(text) as string | null));
    const array = i === 'null' || i === undefined ? null : `{${i.slice(1, -1)}}`;
    const bytes = plain(y);
    const hex = bytes == null ? bytes : Buffer.from(bytes, 'base64').toString('hex');
    const parts = [plain(a), '-', plain(b), '-', plain(j), '-', hex, '-', array, '-', plain(d)];
    expect(parts).not.toContain(undefined);
    const text = parts.filter((part) => part !== null).join('|');
    expect(createHash('md5').update(text).digest('hex')).toBe(plain(sum));
  }
}

test(
  `invariant 9: random programs, killed at any time: every record is whole, and as of its event (seed ${testSeed})`,
  async () => {
    for (let program = 0; program < PROGRAMS; program++) {
      const random = new Random(testSeed, program);
      const made = await scene(['public.t'], DDL);
      await streamEverything(made);
      await settings(random, made.client);
      const dir = mkdtempSync(join(tmpdir(), 'tailrace-rehydrate-'));
      onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
      for (let i = 0; i < 10; i++) await made.client.query(statement(random)).catch(() => {});
      await runProgram(random, made, dir);
      const config = made.options.config;
      const capture = await Capture.start(dir, { ...made.options, name: 't', config });
      await made.client.query('insert into t (id, n) values (1000, 0)');
      await capture.until('public.t', ({ key }) => key === '{"id":1000}');
      const changes = await capture.changes('public.t');
      await capture.stop();
      expectAsOfEvent(changes);
      const { rows } = await made.client.query('select id, n, sum from t order by id');
      const held = [...wholeRows(changes).values()].map(({ id, n, sum }) => ({
        id: Number(id),
        n: Number(n),
        sum: JSON.parse(sum!),
      }));
      expect(held.sort((x, y) => x.id - y.id)).toEqual(rows);
      const updates = changes.filter(({ op }) => op === 'update').length;
      console.log(`rehydrate: program ${program}, ${changes.length} records, ${updates} updates`);
    }
  },
  LIMIT_MS,
);
