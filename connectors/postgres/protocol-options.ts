/** What START_REPLICATION asks of pgoutput (manual, 55.5): as much as the server's version knows. */
import { TailraceError } from '../../src/sdk/index.ts';
import type { Rows } from './catalog.ts';
import { publicationOf, quoteLiteral, quoteName, type SourceOptions } from './names.ts';

/** The first version that leaves out what has an origin. */
const ORIGIN_VERSION = 160_000;

export async function serverVersion(rows: Rows): Promise<number> {
  const [row] = await rows<{ server_version_num: string }>('SHOW server_version_num');
  return Number(row!.server_version_num);
}

/**
 * The options in their brackets. Throws `source.not_ready` when this version cannot do what is configured.
 * @param version `server_version_num`
 * @param streaming transactions that still run are taken, unless logical messages are
 */
export function protocolOptions(source: SourceOptions, version: number, streaming: boolean): string {
  const { messages, ddl, origin } = source.config;
  const takesMessages = messages !== undefined || ddl !== undefined;
  const options: Record<string, string> = {
    proto_version: String(protocolVersion(version)),
    publication_names: quoteName(publicationOf(source).name),
  };
  // In a transaction that still runs, the server gives messages of a subtransaction out as the transaction's own: they could
  // not be taken back when it is rolled back.
  if (streaming && !takesMessages) options.streaming = 'on';
  if (takesMessages) options.messages = 'true';
  if (origin === 'none') {
    const problem = originProblem(source, version);
    if (problem !== null) throw new TailraceError('source.not_ready', problem.message, { remedy: problem.remedy });
    options.origin = origin;
  }
  return `(${Object.entries(options)
    .map(([name, value]) => `${name} ${quoteLiteral(value)}`)
    .join(', ')})`;
}

/** Of pgoutput: 2 streams transactions that still run, 3 knows prepared ones, 4 more about what is aborted. */
function protocolVersion(version: number): number {
  if (version >= 160_000) return 4;
  return version >= 150_000 ? 3 : 2;
}

/** Why `origin: none` cannot be had of a server of this version; null when it can, or is not wanted. */
export function originProblem(
  { config }: SourceOptions,
  version: number,
): { readonly message: string; readonly remedy: string } | null {
  if (config.origin !== 'none' || version >= ORIGIN_VERSION) return null;
  const message = '`origin: none` needs PostgreSQL 16: this server sends what other systems have written as well';
  return { message, remedy: 'upgrade the server, or take `origin` out of the source' };
}
