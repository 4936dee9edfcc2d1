/** Pre-flight of the `elasticsearch` sink. Changes nothing. */
import { type Finding, type SinkOpenOptions, TailraceError } from '../../src/sdk/index.ts';
import type { ElasticsearchConfig } from './config.ts';
import { EsConnection, type Product, parsed } from './connection.ts';
import { answerError } from './errors.ts';
import { TargetOffsets } from './offsets.ts';
import { SERVICE_INDEX } from './stored-document.ts';

/** Major version. */
const OLDEST: Readonly<Record<Product, number>> = { elasticsearch: 8, opensearch: 2 };
const never = new AbortController().signal;

export async function checkElasticsearch(options: SinkOpenOptions<ElasticsearchConfig>): Promise<readonly Finding[]> {
  const { config } = options;
  let connection: EsConnection | undefined;
  try {
    connection = await EsConnection.open(config);
    const found = [...(await serverFindings(connection)), ...(await privilegeFindings(connection, config))];
    if (!found.some(({ level }) => level === 'problem')) {
      if (config.as === 'documents') found.push(...(await indexFindings(connection, config.index)));
      await new TargetOffsets(connection, options).load();
    }
    if (found.some(({ level }) => level === 'problem')) return found;
    return [...found, { level: 'ok', message: `${connection.place} takes documents`, path: ['url'] }];
  } catch (error) {
    if (!(error instanceof TailraceError)) throw error;
    const { code, message, remedy = 'try again later' } = error;
    return [{ level: 'problem', message, remedy, path: ['url'], code }];
  } finally {
    await connection?.close();
  }
}

function problem(message: string, remedy: string, key = 'url'): Finding {
  return { level: 'problem', message, remedy, path: [key] };
}

async function serverFindings(connection: EsConnection): Promise<readonly Finding[]> {
  const health = await connection.send({ method: 'GET', path: '/_cluster/health', signal: never });
  if (health.status === 401 || health.status >= 500) throw answerError(health.status, health.text, connection.place);
  const found: Finding[] = [];
  if (health.status === 200 && parsed<{ status: string }>(health).status === 'red') {
    found.push(problem('the cluster is red: some primary shards are missing', 'GET /_cluster/allocation/explain'));
  }
  const version = await versionOf(connection);
  if (version !== null && Number.parseInt(version, 10) < OLDEST[connection.product]) {
    const oldest = `version ${OLDEST[connection.product]} or newer`;
    found.push(problem(`${connection.place} is of version ${version}`, `name one of ${oldest}`));
  }
  return found;
}

/** Null for a user who may not ask. */
async function versionOf(connection: EsConnection): Promise<string | null> {
  const root = await connection.send({ method: 'GET', path: '/', signal: never });
  if (root.status === 200) return parsed<{ version?: { number?: string } }>(root).version?.number ?? null;
  const query = { filter_path: 'nodes.*.version' };
  const nodes = await connection.send({ method: 'GET', path: '/_nodes/_local', query, signal: never });
  if (nodes.status !== 200) return null;
  return Object.values(parsed<{ nodes?: Record<string, { version: string }> }>(nodes).nodes ?? {})[0]?.version ?? null;
}

/** Nothing where the server has no security, or is too old for the question. */
async function privilegeFindings(connection: EsConnection, config: ElasticsearchConfig): Promise<readonly Finding[]> {
  const names = [config.index.replaceAll(/\{\w+\}/g, '*'), SERVICE_INDEX];
  const body = JSON.stringify({ index: [{ names, privileges: ['manage', 'read', 'write'] }] });
  const request = { method: 'POST', path: '/_security/user/_has_privileges', body, signal: never } as const;
  const answer = await connection.send(request);
  if (answer.status === 401) throw answerError(answer.status, answer.text, connection.place);
  if (answer.status !== 200) return [];
  const { index = {} } = parsed<{ index?: Record<string, Record<string, boolean>> }>(answer);
  return Object.entries(index).flatMap(([name, privileges]) => {
    const missing = Object.keys(privileges).filter((privilege) => privileges[privilege] === false);
    if (missing.length === 0) return [];
    return [
      problem(
        `the user lacks ${missing.join(', ')} on the index ${name}`,
        `grant the role: ${missing.join(', ')} on ${name}`,
      ),
    ];
  });
}

interface Settings {
  readonly settings: Readonly<Record<string, string>>;
  readonly data_stream?: string;
}

/** Of an index that the configuration names; names made from tables are not known yet. */
async function indexFindings(connection: EsConnection, name: string): Promise<readonly Finding[]> {
  if (name.includes('{')) return [];
  const query = { flat_settings: 'true' };
  const answer = await connection.ask(
    { method: 'GET', path: `/${encodeURIComponent(name)}`, query, signal: never },
    [404],
  );
  if (answer.status === 404) return [];
  const indices = Object.entries(parsed<Record<string, Settings>>(answer));
  if (indices.length !== 1 || indices[0]![1].data_stream !== undefined) {
    return [
      problem(
        `"${name}" is a data stream or an alias of several indices`,
        'name one index, or an alias of one',
        'index',
      ),
    ];
  }
  const [index, { settings }] = indices[0]!;
  const found: Finding[] = [];
  if (settings['index.translog.durability'] === 'async') {
    const remedy = `PUT /${index}/_settings {"index.translog.durability": "request"}`;
    found.push(problem(`the index "${name}" may lose documents that it has acknowledged`, remedy, 'index'));
  }
  for (const block of ['index.blocks.write', 'index.blocks.read_only', 'index.blocks.read_only_allow_delete']) {
    if (settings[block] !== 'true') continue;
    found.push(
      problem(`the index "${name}" is blocked (${block})`, `PUT /${index}/_settings {"${block}": null}`, 'index'),
    );
  }
  return found;
}
