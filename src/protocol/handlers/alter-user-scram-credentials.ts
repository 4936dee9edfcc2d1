import { alterUserScramCredentials } from '../../wire/messages/alter-user-scram-credentials.ts';
import type { RequestOf } from '../../wire/messages/api.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { handler } from '../request.ts';
import { Operation } from '../security/acls.ts';
import { credentialFrom, type ScramMechanism, type Users } from '../security/users.ts';
import type { Problem } from '../topic-changes.ts';

const MECHANISMS = new Map<number, ScramMechanism>([
  [1, 'SCRAM-SHA-256'],
  [2, 'SCRAM-SHA-512'],
]);
/** What RFC 5802 and Kafka allow. */
const MIN_ITERATIONS = 4_096;
const MAX_ITERATIONS = 16_384;

type Request = RequestOf<typeof alterUserScramCredentials>;
type Upsertion = Request['upsertions'][number];

/** Credentials for the time that this process runs. */
export function alterUserScramCredentialsHandler(users: Users) {
  return handler(alterUserScramCredentials, ({ deletions, upsertions }, { access }) => {
    const mayAlter = access.cluster(Operation.ALTER);
    const refused: Problem = [KafkaError.CLUSTER_AUTHORIZATION_FAILED, 'not allowed on the cluster'];
    const entries = [
      ...deletions.map((deletion) => [deletion.name, () => remove(users, deletion)] as const),
      ...upsertions.map((upsertion) => [upsertion.name, () => set(users, upsertion)] as const),
    ];
    const results = entries.map(([user, alter]) => {
      const [errorCode, errorMessage] = (mayAlter ? alter() : refused) ?? [KafkaError.NONE, null];
      return { user, errorCode, errorMessage };
    });
    return { throttleTimeMs: 0, results };
  });
}

function remove(users: Users, { name, mechanism: number }: Request['deletions'][number]): Problem | null {
  const mechanism = MECHANISMS.get(number);
  if (mechanism === undefined) return [KafkaError.UNSUPPORTED_SASL_MECHANISM, 'no such SCRAM mechanism'];
  if (users.setScram(name, mechanism, null)) return null;
  return [KafkaError.RESOURCE_NOT_FOUND, 'the user has no such credential'];
}

function set(users: Users, { name, mechanism: number, iterations, salt, saltedPassword }: Upsertion): Problem | null {
  const mechanism = MECHANISMS.get(number);
  if (mechanism === undefined) return [KafkaError.UNSUPPORTED_SASL_MECHANISM, 'no such SCRAM mechanism'];
  if (name === '') return [KafkaError.UNACCEPTABLE_CREDENTIAL, 'a user has a name'];
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
    return [KafkaError.UNACCEPTABLE_CREDENTIAL, `iterations must be from ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`];
  }
  // Copies: the request's bytes are not kept.
  users.setScram(
    name,
    mechanism,
    credentialFrom(mechanism, Buffer.from(salt), iterations, Buffer.from(saltedPassword)),
  );
  return null;
}
