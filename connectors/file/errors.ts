/** Errors of the file system as typed errors. */
import { TailraceError } from '../../src/sdk/index.ts';

/** May pass: room is made, a descriptor is freed, a network disk comes back. Nothing was promised before `flush`. */
const PASSING = ['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'ESTALE', 'ETIMEDOUT'];

export function asSinkError(error: unknown, path: string): TailraceError {
  if (error instanceof TailraceError) return error;
  const { code, path: place = path } = error as NodeJS.ErrnoException;
  if (code === undefined) return new TailraceError('internal.bug', `unexpected error on ${path}`, { cause: error });
  if (PASSING.includes(code)) return new TailraceError('sink.unreachable', `${place} cannot be written now (${code})`);
  return new TailraceError('sink.not_ready', `${place} cannot be written (${code})`, {
    remedy: `make ${place} and its directory writable for this user, or choose another \`path\``,
  });
}
