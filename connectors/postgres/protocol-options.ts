/** What START_REPLICATION asks of pgoutput (manual, 55.5): as much as the server's version knows. */
import type { Rows } from './catalog.ts';
import { quoteLiteral, quoteName } from './names.ts';

export interface ProtocolOptions {
  /** `server_version_num`. */
  readonly version: number;
  readonly publication: string;
  /** Transactions that still run are taken, unless logical messages are. */
  readonly streaming: boolean;
  /** Logical messages are taken. */
  readonly messages: boolean;
}

export async function serverVersion(rows: Rows): Promise<number> {
  const [row] = await rows<{ server_version_num: string }>('SHOW server_version_num');
  return Number(row!.server_version_num);
}

/** The options in their brackets. */
export function protocolOptions({ version, publication, streaming, messages }: ProtocolOptions): string {
  const options: Record<string, string> = {
    proto_version: String(protocolVersion(version)),
    publication_names: quoteName(publication),
  };
  // In a transaction that still runs, the server gives messages of a subtransaction out as the transaction's own: they could
  // not be taken back when it is rolled back.
  if (streaming && !messages) options.streaming = 'on';
  if (messages) options.messages = 'true';
  return `(${Object.entries(options)
    .map(([name, value]) => `${name} ${quoteLiteral(value)}`)
    .join(', ')})`;
}

/** Of pgoutput: 2 streams transactions that still run, 3 knows prepared ones, 4 more about what is aborted. */
function protocolVersion(version: number): number {
  if (version >= 160_000) return 4;
  return version >= 150_000 ? 3 : 2;
}
