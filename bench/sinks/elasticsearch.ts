/** Row of the bench about the `elasticsearch` sink: against bulk bodies that are ready before the clock starts, on the same server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ElasticsearchServer, startElasticsearch } from '../../demo/servers/elasticsearch.ts';
import { type Change, inserts, textOf, writeBacklog } from './backlog.ts';
import { type ReportRow, reportRow, rounds, timed } from './rounds.ts';
import { runSink } from './run-sink.ts';

const INSERTS = 200_000;
/** As large as the sink makes them. */
const BODY_ROWS = 2_000;
const BODIES_IN_FLIGHT = 2;

/** The mapping that the sink makes. */
const INDEX = {
  settings: { index: { gc_deletes: '1h' } },
  mappings: {
    dynamic: false,
    properties: {
      id: { type: 'long' },
      a: { type: 'integer' },
      b: { type: 'text', fields: { keyword: { type: 'keyword', ignore_above: 256 } } },
      _tr_version: { type: 'long' },
    },
  },
};

function bodies(changes: readonly Change[]): Buffer[] {
  const list: Buffer[] = [];
  const first = BigInt(Date.now()) * 256_000n;
  for (let i = 0; i < changes.length; i += BODY_ROWS) {
    const lines = changes.slice(i, i + BODY_ROWS).map((change, n) => {
      const version = first + BigInt(i + n);
      const action = `{"index":{"_id":"${change.id}","version":${version},"version_type":"external_gte"}}`;
      return `${action}\n{"id":${change.id},"a":${change.a},"b":"${textOf(change)}","_tr_version":${version}}\n`;
    });
    list.push(Buffer.from(lines.join('')));
  }
  return list;
}

const agent = new Agent({ keepAlive: true, maxSockets: BODIES_IN_FLIGHT });

function send(url: string, method: string, body: string | Buffer, type = 'application/json'): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) };
    const outgoing = request(url, { method, agent, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => resolve(Buffer.concat(chunks).toString()));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function limit(server: ElasticsearchServer, list: readonly Buffer[]): Promise<number> {
  await send(`${server.url}/limit`, 'DELETE', '');
  await send(`${server.url}/limit`, 'PUT', JSON.stringify(INDEX));
  const seconds = await timed(async () => {
    const left = [...list];
    const work = async () => {
      for (let body = left.shift(); body !== undefined; body = left.shift()) {
        const answer = await send(`${server.url}/limit/_bulk?filter_path=errors`, 'POST', body, 'application/x-ndjson');
        if (answer !== '{"errors":false}') throw new Error(`Elasticsearch said ${answer.slice(0, 200)}`);
      }
    };
    await Promise.all(Array.from({ length: BODIES_IN_FLIGHT }, work));
  });
  await expectRows(server, 'limit');
  return seconds;
}

async function expectRows({ url }: ElasticsearchServer, index: string): Promise<void> {
  await send(`${url}/${index}/_refresh`, 'POST', '');
  const { count } = JSON.parse(await send(`${url}/${index}/_count`, 'GET', '')) as { count: number };
  if (count !== INSERTS) throw new Error(`the index ${index} has ${count} documents, not ${INSERTS}`);
  await send(`${url}/${index}`, 'DELETE', '');
}

export async function elasticsearchInserts(): Promise<ReportRow> {
  const server = await startElasticsearch({ own: true });
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-bench-'));
  try {
    const changes = inserts(INSERTS);
    const list = bodies(changes);
    const dataDir = join(dir, 'data');
    await writeBacklog(dataDir, changes);
    const all = await rounds(
      () => limit(server, list),
      async (round) => {
        const index = `ours${round}`;
        const result = await runSink({
          dataDir,
          type: 'elasticsearch',
          config: { url: server.url, index },
          name: index,
        });
        await expectRows(server, index);
        return result;
      },
    );
    return reportRow('Elasticsearch, inserts × ready-made bulk bodies', INSERTS, all, '0.7', '0.9');
  } finally {
    agent.destroy();
    await server.stop();
    await rm(dir, { recursive: true });
  }
}
