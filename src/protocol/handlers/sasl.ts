/** The two messages of authentication. https://kafka.apache.org/protocol#sasl_handshake */
import type { Clock } from '../../contracts/plugin.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { saslAuthenticate } from '../../wire/messages/sasl-authenticate.ts';
import { saslHandshake } from '../../wire/messages/sasl-handshake.ts';
import type { Broker } from '../broker.ts';
import { handler } from '../request.ts';
import { AuthenticationFailed } from '../security/mechanism.ts';
import type { Session } from '../security/session.ts';

/** From here on tokens come in SaslAuthenticate. */
const WRAPPED_TOKENS_FROM = 1;
/** Slows down who guesses, ms. */
const FAILURE_DELAY_MS = 200;
const NOTHING = Buffer.alloc(0);

export function saslHandshakeHandler() {
  return handler(saslHandshake, ({ mechanism }, { header, session, closeAfter }) => {
    const errorCode = session.handshake(mechanism, header.apiVersion < WRAPPED_TOKENS_FROM);
    if (errorCode === KafkaError.UNSUPPORTED_SASL_MECHANISM) closeAfter();
    return { errorCode, mechanisms: session.mechanisms };
  });
}

export function saslAuthenticateHandler({ clock }: Broker) {
  return handler(saslAuthenticate, async ({ authBytes: token }, { session, closeAfter, signal }) => {
    const answer = await answerToken(session, token, clock, signal);
    if (typeof answer !== 'string') {
      const sessionLifetimeMs = BigInt(session.lifetimeMs);
      return { errorCode: KafkaError.NONE, errorMessage: null, authBytes: answer, sessionLifetimeMs };
    }
    if (answer === NO_HANDSHAKE) {
      return { errorCode: KafkaError.ILLEGAL_SASL_STATE, errorMessage: answer, authBytes: NOTHING };
    }
    closeAfter();
    return { errorCode: KafkaError.SASL_AUTHENTICATION_FAILED, errorMessage: answer, authBytes: NOTHING };
  });
}

const NO_HANDSHAKE = 'SaslHandshake comes first, and once';

/** The server's token, or what was wrong, after a while. */
export async function answerToken(
  session: Session,
  token: Buffer,
  clock: Clock,
  signal: AbortSignal,
): Promise<Buffer | string> {
  try {
    return session.respond(token, clock.monotonic()) ?? NO_HANDSHAKE;
  } catch (error) {
    if (!(error instanceof AuthenticationFailed)) throw error;
    await clock.sleep(FAILURE_DELAY_MS, signal);
    return error.message;
  }
}
