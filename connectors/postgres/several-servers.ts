/** Several servers in one connection string, of which one is to be used (manual, 32.1.1.3 and `target_session_attrs`). */
import type pg from 'pg';
import { TailraceError } from '../../src/sdk/index.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import type { Side } from './connection-string.ts';

export const SESSIONS = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const;
/** What the server must be. */
export type SessionKind = (typeof SESSIONS)[number];

/** It starts, stops or recovers: another one may be there (SQLSTATE). */
const CANNOT_CONNECT_NOW = '57P03';

/** `default_transaction_read_only` is on. */
type Facts = { readonly standby: boolean; readonly closed: boolean };

const FACTS_SQL = `SELECT pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only') = 'on' AS closed`;

const SUITS: Readonly<Record<Exclude<SessionKind, 'prefer-standby'>, (facts: Facts) => boolean>> = {
  any: () => true,
  'read-write': ({ standby, closed }) => !standby && !closed,
  'read-only': ({ standby, closed }) => standby || closed,
  primary: ({ standby }) => !standby,
  standby: ({ standby }) => standby,
};

/**
 * The first server that answers and is what is asked for, with a connection to it. As with libpq the next one is tried where none
 * answers or one cannot take connections now, not where a login is refused: that would be refused by all. Throws what `open`
 * throws, `<side>.unreachable` when those that answer are of another kind.
 */
export async function firstSuitable(
  servers: readonly ConnectionSettings[],
  session: SessionKind,
  side: Side,
  open: (server: ConnectionSettings) => Promise<pg.Client>,
): Promise<{ readonly client: pg.Client; readonly server: ConnectionSettings }> {
  const wanted = session === 'prefer-standby' ? (['standby', 'any'] as const) : [session];
  let failure: unknown = null;
  let others = 0;
  for (const kind of wanted) {
    for (const server of servers) {
      const found = await tried(server, kind, open).catch((error: unknown) => {
        if (servers.length === 1 || !mayBeElsewhere(error)) throw error;
        failure = error;
      });
      if (found === undefined) continue;
      if (found !== null) return { client: found, server };
      others++;
    }
  }
  throw others === 0 ? failure : wrongKind(session, servers.length, side);
}

/** Null: it is of another kind. */
async function tried(
  server: ConnectionSettings,
  kind: keyof typeof SUITS,
  open: (server: ConnectionSettings) => Promise<pg.Client>,
): Promise<pg.Client | null> {
  const client = await open(server);
  if (kind === 'any') return client;
  let isGood = false;
  try {
    const { rows } = await client.query<Facts>(FACTS_SQL);
    isGood = SUITS[kind](rows[0]!);
  } finally {
    if (!isGood) await client.end().catch(() => {});
  }
  return isGood ? client : null;
}

/** Nobody answered. */
function mayBeElsewhere(error: unknown): boolean {
  if (error instanceof TailraceError) return error.code.endsWith('.unreachable');
  const { code } = error as { code?: unknown };
  return typeof code !== 'string' || code === CANNOT_CONNECT_NOW || /^(E[A-Z]+|ERR_.*)$/.test(code);
}

const REMEDY =
  'name the server that is in `url`, or wait until one has taken over; `target_session_attrs=any` takes the first that answers';

function wrongKind(session: SessionKind, count: number, side: Side): TailraceError {
  const which = count === 1 ? 'the server' : `none of the ${count} servers`;
  const what = session === 'read-write' ? 'open for writing' : `what target_session_attrs=${session} asks for`;
  const message = `${which} in \`url\` of the ${side} that answers is ${count === 1 ? 'not ' : ''}${what}`;
  return new TailraceError(`${side}.unreachable`, message, { remedy: REMEDY });
}
