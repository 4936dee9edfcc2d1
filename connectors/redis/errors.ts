/** Error replies of Redis and failures of the connection as typed errors. */
import { TailraceError } from '../../src/sdk/index.ts';
import { FENCED, FORGOTTEN } from './scripts.ts';

type Kind = 'passing' | 'login' | 'permission' | 'cluster' | 'setup';

const KINDS: Readonly<Record<string, Kind>> = {
  LOADING: 'passing',
  BUSY: 'passing',
  UNKILLABLE: 'passing',
  MASTERDOWN: 'passing',
  READONLY: 'passing',
  MISCONF: 'passing',
  NOREPLICAS: 'passing',
  OOM: 'passing',
  TRYAGAIN: 'passing',
  CLUSTERDOWN: 'passing',
  // Scripts are loaded at open: the server was restarted, or somebody flushed its scripts.
  NOSCRIPT: 'passing',
  // The server lost acknowledged writes (a fail-over, a crash): the next session starts from the position that it kept.
  [FORGOTTEN]: 'passing',
  NOAUTH: 'login',
  WRONGPASS: 'login',
  NOPERM: 'permission',
  // A slot moved: the next session asks who has it.
  MOVED: 'cluster',
  ASK: 'cluster',
};

const REMEDIES: Readonly<Record<string, string>> = {
  OOM: 'give the server more memory (CONFIG SET maxmemory …) or remove keys',
  READONLY: 'name the primary server in `url`, not a replica',
  MASTERDOWN: 'name the primary server in `url`, not a replica',
  MISCONF: 'free disk space on the server: it cannot save its data',
  NOREPLICAS: 'bring back the replicas that min-replicas-to-write asks for',
  [FORGOTTEN]: 'nothing to do: the sink starts again from the position that the server still holds',
  BUSY: 'find the script that blocks the server (SCRIPT KILL)',
};

export function asSinkError(error: unknown, place: string): TailraceError {
  if (error instanceof TailraceError) return error;
  const { name, message, code } = error as Error & { code?: string };
  if (name !== 'ReplyError') return connectionError(message, code, place);
  return replyError(message, place);
}

/** The code of a reply. Before Redis 7 the error of a command inside a script is quoted in the script's own. */
function codeOf(message: string): string {
  const quoted = /^ERR .*@user_script: ?\d+: -?([A-Z]+) /.exec(message)?.[1];
  return quoted ?? /^[A-Z]+/.exec(message)?.[0] ?? 'ERR';
}

/** The text of a reply may hold arguments of the command: only its code is shown (Invariant 12). */
function replyError(message: string, place: string): TailraceError {
  const word = codeOf(message);
  const options = { detail: message };
  if (word === FENCED) {
    return new TailraceError('sink.fenced', `a newer instance writes to Redis at ${place}`, {
      remedy: 'stop one of the two instances',
    });
  }
  // Before ACLs (Redis 6) a wrong password was an ERR.
  const kind = KINDS[word] ?? (/invalid password|without any password configured/.test(message) ? 'login' : 'setup');
  switch (kind) {
    case 'passing':
      return new TailraceError('sink.unreachable', `Redis at ${place} cannot take writes now (${word})`, {
        remedy: REMEDIES[word] ?? 'wait until the server is ready',
        ...options,
      });
    case 'login':
      return new TailraceError('sink.auth', `Redis at ${place} refused the login (${word})`, {
        remedy: 'put the right user and password into `url` of the sink',
        ...options,
      });
    case 'permission':
      return new TailraceError('sink.not_ready', `Redis at ${place} denies the user a command or key (${word})`, {
        remedy: 'ACL SETUSER <user of the sink> +@read +@write +@scripting ~<prefix of key:>* ~_tr:*',
        ...options,
      });
    case 'cluster':
      return new TailraceError('sink.unreachable', `a hash slot is no longer at ${place} (${word})`, {
        remedy: 'nothing to do while slots are moved; if the sink has no `cluster` in its settings, add it',
        ...options,
      });
    default:
      return new TailraceError('sink.not_ready', `Redis at ${place} refused a command (${word})`, {
        remedy: 'see which command the server refuses; Redis 5 or newer is needed',
        ...options,
      });
  }
}

function connectionError(message: string, code: string | undefined, place: string): TailraceError {
  const cause = code === undefined || code === '' ? '' : ` (${code})`;
  return new TailraceError('sink.unreachable', `Redis at ${place} cannot be reached or closed the connection${cause}`, {
    remedy: 'check that the server runs and that host and port in `url` of the sink are right',
    detail: message,
  });
}

/** A record that this key will never take. The server's text names no values, yet `detail` is its place. */
export function rejection(message: string): TailraceError {
  const word = codeOf(message);
  const why =
    word === 'WRONGTYPE'
      ? 'its key holds another type of value'
      : message.includes('not a valid float')
        ? 'its score is no number'
        : 'the server refused it';
  return new TailraceError('sink.rejected', `a row cannot be written: ${why} (${word})`, { detail: message });
}
