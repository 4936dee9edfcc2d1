/** A sink over a Map that is right, and ways to break it: what the acceptance kit must turn red. */
import { NOT_SENT } from '../../src/contracts/row.ts';
import type { SinkBatch, SinkPositions } from '../../src/contracts/sink.ts';
import { defineSink, TailraceError, z } from '../../src/sdk/index.ts';
import type { SinkDriver } from '../../src/testkit/index.ts';

type Cells = Record<string, string | null>;

interface Held {
  readonly version: bigint;
  /** Null: deleted. */
  readonly row: Cells | null;
}

/** The target: durable over sessions. */
interface Store {
  readonly tables: Map<string, Map<string, Held>>;
  positions: Map<string, bigint>;
  epoch: number;
  lineage: string;
  isAway: boolean;
}

const stores = new Map<string, Store>();

export type Fault =
  | 'drops-seventh'
  | 'acknowledges-early'
  | 'leaks-secret'
  | 'leaks-rows'
  | 'null-for-unsent'
  | 'loose-settings'
  | 'undocumented'
  | 'no-guard'
  | 'no-equal'
  | 'forgets-deletes'
  | 'rejects-batch'
  | 'untyped-error'
  | 'never-closes'
  | 'not-fenced'
  | 'any-generation'
  | 'auth-as-host'
  | 'rounds'
  | 'empty-for-null'
  | 'swallows-failure';

const POISON = 'poison';
const settings = (fault: Fault | null) => {
  const fields = {
    url: fault === 'undocumented' ? z.string() : z.string().describe('Name of the store.'),
    password: z.string().meta({ secret: true }).describe('Anything.'),
  };
  return fault === 'loose-settings' ? z.object(fields) : z.strictObject(fields);
};

export function mapSink(fault: Fault | null) {
  const config = settings(fault);
  return defineSink({
    type: 'map',
    summary: 'A map.',
    config,
    accepts: ['insert', 'update', 'delete', 'snapshot'],
    keeps: 'last-value',
    check: async (options) => problemOf(options.config, fault),
    open: async (options) => {
      const store = stores.get(options.config.url);
      if (store === undefined || store.isAway) throw away();
      if (fault === 'leaks-secret') options.context.log('info', `opened with ${options.config.password}`);
      if (store.lineage !== '' && !options.lineage.covers(store.lineage, '', 0, 0n)) {
        throw new TailraceError('sink.other_log', 'positions of another log', { remedy: 'empty it' });
      }
      const key = `${options.id}/${fault === 'any-generation' ? 0 : options.generation}`;
      return { sink: new MapSink(store, key, options.lineage.current, fault), resume: resumeOf(store, key) };
    },
  });
}

const away = () => new TailraceError('sink.unreachable', 'the map is away', { remedy: 'wait' });

function resumeOf(store: Store, key: string): SinkPositions | null {
  const [id, generation] = key.split('/');
  const own = [...store.positions].flatMap(([name, next]) => {
    const [owner, under, topic] = name.split('/');
    return owner === id ? [{ under, topic: topic!, next }] : [];
  });
  if (own.length > 0 && own[0]!.under !== generation) return null;
  return own.map(({ topic, next }) => ({ topic, partition: 0, next }));
}

function problemOf({ url, password }: { url: string; password: string }, fault: Fault | null) {
  const isHost = fault === 'auth-as-host';
  if (!stores.has(url)) return [{ level: 'problem' as const, message: 'no such map', remedy: 'name another' }];
  if (password !== 'right-password') {
    const code = isHost ? ('sink.unreachable' as const) : ('sink.auth' as const);
    return [{ level: 'problem' as const, message: 'wrong password', remedy: 'the right one', code }];
  }
  return [{ level: 'ok' as const, message: 'there' }];
}

class MapSink {
  readonly #store: Store;
  readonly #key: string;
  readonly #lineage: string;
  readonly #fault: Fault | null;
  #written = 0;
  #next: SinkPositions = [];
  #epoch = 0;
  #seen: string;

  constructor(store: Store, key: string, lineage: string, fault: Fault | null) {
    this.#store = store;
    this.#key = key;
    this.#lineage = lineage;
    this.#fault = fault;
    this.#seen = JSON.stringify([...store.positions].map(String));
  }

  async write({ records, next, epoch }: SinkBatch) {
    this.#guard(epoch);
    const poison = records.filter(({ change: { after } }) => after?.toObject().a === POISON);
    const refused = this.#fault === 'rejects-batch' && poison.length > 0 ? records : poison;
    for (const record of records) if (!refused.includes(record)) this.#apply(record.change);
    this.#next = next;
    if (this.#fault === 'acknowledges-early') this.#commit();
    const message = this.#fault === 'leaks-rows' && records.length > 0 ? JSON.stringify(records[0]!.change.key) : 'no';
    return refused.map((record) => ({ record, error: new TailraceError('sink.rejected', message) }));
  }

  #guard(epoch: number): void {
    const store = this.#store;
    if (store.isAway && this.#fault === 'untyped-error') throw new TypeError('the map is away');
    if (store.isAway && this.#fault !== 'swallows-failure') throw away();
    if (this.#fault !== 'not-fenced' && epoch < store.epoch) throw new TailraceError('sink.fenced', 'a newer instance');
    if (this.#epoch === 0 && this.#seen !== JSON.stringify([...store.positions].map(String))) throw away();
    this.#epoch = epoch;
    store.epoch = Math.max(store.epoch, epoch);
  }

  #apply({ op, table, key, version, after }: SinkBatch['records'][number]['change']): void {
    const { tables, isAway } = this.#store;
    if (isAway || (this.#fault === 'drops-seventh' && ++this.#written % 7 === 0)) return;
    const rows = tables.get(table.table) ?? new Map<string, Held>();
    tables.set(table.table, rows);
    const old = rows.get(key);
    const isOld =
      old !== undefined && (version < old.version || (this.#fault === 'no-equal' && version === old.version));
    if (isOld && this.#fault !== 'no-guard') return;
    if (op === 'delete' && this.#fault === 'forgets-deletes') rows.delete(key);
    else rows.set(key, { version, row: op === 'delete' ? null : this.#cells(old?.row ?? null, after!) });
  }

  #cells(old: Cells | null, after: NonNullable<SinkBatch['records'][number]['change']['after']>): Cells {
    const cells: Cells = Object.create(null) as Cells;
    for (const [i, { name, kind }] of after.columns.entries()) {
      const value = after.get(i);
      if (value === NOT_SENT) cells[name] = this.#fault === 'null-for-unsent' ? null : (old?.[name] ?? null);
      else if (value === null) cells[name] = this.#fault === 'empty-for-null' ? '' : null;
      else if (value instanceof Uint8Array) cells[name] = Buffer.from(value).toString('base64');
      else if (Array.isArray(value)) cells[name] = JSON.stringify(value);
      else cells[name] = this.#fault === 'rounds' && kind === 'decimal' ? String(Number(value)) : String(value);
    }
    return cells;
  }

  async flush() {
    this.#guard(this.#epoch);
    this.#commit();
  }

  #commit(): void {
    const store = this.#store;
    store.lineage = this.#lineage;
    const [id] = this.#key.split('/');
    for (const name of store.positions.keys()) {
      if (name.startsWith(`${id}/`) && !name.startsWith(`${this.#key}/`)) store.positions.delete(name);
    }
    for (const { topic, next } of this.#next) store.positions.set(`${this.#key}/${topic}`, next);
  }

  async close() {
    if (this.#fault === 'never-closes') await new Promise(() => {});
  }
}

let names = 0;

export const driver: SinkDriver = {
  module: null,
  async target() {
    const url = `map-${++names}`;
    const store: Store = {
      tables: new Map(),
      positions: new Map(),
      epoch: 0,
      lineage: '',
      isAway: false,
    };
    stores.set(url, store);
    return {
      settings: { url, password: 'right-password' },
      rows: async ({ table }) =>
        [...(store.tables.get(table)?.values() ?? [])].flatMap(({ row }) => (row === null ? [] : [{ values: row }])),
      remove: async () => void stores.delete(url),
    };
  },
  notApplicable: {
    'check/permission': 'a map has no rights',
    'crash/after-write': 'a map of this process',
    'crash/after-flush': 'a map of this process',
    'crash/again-and-again': 'a map of this process',
  },
  wrongHost: async ({ settings: right }) => ({ ...right, url: 'nowhere' }),
  wrongCredential: async ({ settings: right }, password) => ({ ...right, password }),
  async interrupt({ settings: { url } }) {
    const store = stores.get(String(url))!;
    store.isAway = true;
    return async () => {
      store.isAway = false;
    };
  },
  poison: async () => POISON,
};
