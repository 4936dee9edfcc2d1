/** How the acceptance kit makes, reads and breaks etcd: the one at ETCD_URL, or on this machine. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { documentMembers, type TableSchema } from 'tailrace/sdk';
import type { SinkDriver, SourceChange, SourceDriver, TargetRow } from 'tailrace/testkit';

const SERVER = new URL(process.env.ETCD_URL ?? 'http://127.0.0.1:2379');

const base64 = (text: string) => Buffer.from(text).toString('base64');
const textOf = (encoded = '') => Buffer.from(encoded, 'base64').toString();

async function call(path: string, body: object): Promise<{ readonly kvs?: readonly { readonly value?: string }[] }> {
  const response = await fetch(new URL(path, SERVER), { method: 'POST', body: JSON.stringify(body) });
  return (await response.json()) as { kvs?: { value?: string }[] };
}

/** Before the server, so that it can be cut off. */
class Relay {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((client) => {
    const server = connect(Number(SERVER.port), SERVER.hostname);
    for (const [from, to] of [[client, server] as const, [server, client] as const]) {
      this.#sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
    }
  });

  async listen(port = 0): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    await closed;
  }
}

const relays = new Map<unknown, { readonly relay: Relay; readonly port: number }>();

/** What a sink and a source are put through alike. */
const alike: Pick<SinkDriver & SourceDriver, 'wrongHost' | 'wrongCredential' | 'interrupt' | 'notApplicable'> = {
  wrongHost: async ({ settings }) => ({ ...settings, url: 'http://127.0.0.1:1' }),
  wrongCredential: async ({ settings }, password) => ({ ...settings, user: 'nobody', password }),
  async interrupt({ settings }) {
    const { relay, port } = relays.get(settings.prefix)!;
    await relay.close();
    return async () => void (await relay.listen(port));
  },
  notApplicable: { 'check/permission': 'the server of the tests asks for no user' },
};

async function remove(prefix: string, relay: Relay): Promise<void> {
  await call('/v3/kv/deleterange', { key: base64(prefix), range_end: base64(`${prefix}\uffff`) });
  await relay.close().catch(() => {});
}

export const sink: SinkDriver = {
  // The plugin's own is known to whoever runs the kit.
  module: null,
  async target() {
    const relay = new Relay();
    const port = await relay.listen();
    const prefix = `kit/${crypto.randomUUID()}/`;
    const settings = { url: `http://127.0.0.1:${port}`, prefix: `${prefix}{schema}/{table}/` };
    relays.set(settings.prefix, { relay, port });
    return {
      settings,
      rows: (table) => rowsOf(prefix, table),
      remove: () => remove(prefix, relay),
    };
  },
  ...alike,
  // Larger than a request may be.
  poison: async () => 'x'.repeat(1_600_000),
};

export const source: SourceDriver = {
  module: null,
  changesKeys: true,
  async origin() {
    const relay = new Relay();
    const port = await relay.listen();
    const prefix = `kit/${crypto.randomUUID()}/`;
    relays.set(prefix, { relay, port });
    return {
      settings: { url: `http://127.0.0.1:${port}`, prefix, columns: ['id', 'a', 'b'] },
      table: 'public.rows',
      change: (changes) => changeIn(prefix, changes),
      remove: () => remove(prefix, relay),
    };
  },
  ...alike,
  async loseHistory() {
    const { header } = (await call('/v3/kv/put', { key: base64('kit/compacted') })) as {
      header?: { revision: string };
    };
    await call('/v3/kv/compaction', { revision: header?.revision, physical: true });
  },
};

/** In transactions, which may touch a key once and take 128 operations. */
async function changeIn(prefix: string, changes: readonly SourceChange[]): Promise<void> {
  const touched = new Set<string>();
  let success: object[] = [];
  const commit = async () => {
    if (success.length > 0) await call('/v3/kv/txn', { success });
    success = [];
    touched.clear();
  };
  for (const change of changes) {
    const ids = [change.id, change.newId ?? change.id];
    if (success.length > 100 || ids.some((id) => touched.has(id))) await commit();
    for (const id of ids) touched.add(id);
    success.push(...operationsOf(prefix, change));
  }
  await commit();
}

function operationsOf(prefix: string, { op, id, newId, a = null, b = null }: SourceChange): readonly object[] {
  const remove = { request_delete_range: { key: base64(prefix + id) } };
  if (op === 'delete') return [remove];
  const put = { key: base64(prefix + (newId ?? id)), value: base64(JSON.stringify({ a, b })) };
  return newId === undefined ? [{ request_put: put }] : [remove, { request_put: put }];
}

async function rowsOf(prefix: string, { schema, table, columns }: TableSchema): Promise<readonly TargetRow[]> {
  const encode = (name: string) => name.replaceAll('%', '%25').replaceAll('/', '%2F');
  const own = `${prefix}${encode(schema)}/${encode(table)}/`;
  const { kvs = [] } = await call('/v3/kv/range', { key: base64(own), range_end: base64(`${own.slice(0, -1)}0`) });
  return kvs.map(({ value }) => {
    const members = documentMembers(textOf(value));
    return {
      values: Object.fromEntries(
        columns.map(({ name, kind }) => [name, canonical(members?.get(name) ?? 'null', kind)]),
      ),
    };
  });
}

/** Numbers as their digits, which a JavaScript number might not hold. */
function canonical(json: string, kind: string): string | null {
  if (json === 'null') return null;
  return json.startsWith('"') && kind !== 'json' ? (JSON.parse(json) as string) : json;
}
