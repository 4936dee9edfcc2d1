/** SCRAM with channel binding: the server proves that it knows the password and that nobody sits between (RFC 5802, RFC 5929). */
import type pg from 'pg';

const BOUND = 'SCRAM-SHA-256-PLUS';

/** Words by which the error is known. */
export const NO_BINDING = 'channel binding is required';

interface LoginEvents {
  on(event: string, listener: (message: { readonly mechanisms?: readonly string[] }) => void): void;
  prependListener: LoginEvents['on'];
  removeAllListeners(event: string): void;
  emit(event: 'error', error: Error): void;
}

/**
 * Breaks the login off before the password goes anywhere, and afterwards when the server asked for none.
 * @param client whose `connect` was called in this turn
 */
export function requireChannelBinding(client: pg.Client): void {
  const { connection } = client as unknown as { readonly connection: LoginEvents };
  let isBound = false;
  const refuse = () => connection.emit('error', new Error(NO_BINDING));
  for (const event of ['authenticationCleartextPassword', 'authenticationMD5Password']) {
    connection.removeAllListeners(event);
    connection.on(event, refuse);
  }
  connection.prependListener('authenticationSASL', ({ mechanisms }) => {
    if (mechanisms?.includes(BOUND) !== true) {
      connection.removeAllListeners('authenticationSASL');
      refuse();
    }
  });
  connection.on('authenticationSASLFinal', () => {
    isBound = true;
  });
  connection.on('authenticationOk', () => {
    if (!isBound) refuse();
  });
}
