/** What START_REPLICATION asks of pgoutput (manual, 55.5): as much as the server's version knows. */
import type { Rows } from './catalog.ts';
import { quoteLiteral, quoteName } from './names.ts';

export interface ProtocolOptions {
  /** `server_version_num`. */
  readonly version: number;
  readonly publication: string;
  /** Transactions that still run are taken. */
  readonly streaming: boolean;
}

export async function serverVersion(rows: Rows): Promise<number> {
  const [row] = await rows<{ server_version_num: string }>('SHOW server_version_num');
  return Number(row!.server_version_num);
}

/** The options in their brackets. */
export function protocolOptions({ version, publication, streaming }: ProtocolOptions): string {
  const options: Record<string, string> = {
    proto_version: String(protocolVersion(version)),
    publication_names: quoteName(publication),
  };
  if (streaming) options.streaming = 'on';
  return `(${Object.entries(options)
    .map(([name, value]) => `${name} ${quoteLiteral(value)}`)
    .join(', ')})`;
}

/** Of pgoutput: 2 streams transactions that still run, 3 knows prepared ones, 4 more about what is aborted. */
function protocolVersion(version: number): number {
  if (version >= 160_000) return 4;
  return version >= 150_000 ? 3 : 2;
}
