import type { TopicAdmin } from '../../contracts/log-admin.ts';
import type { RequestOf, ResponseOf } from '../../wire/messages/api.ts';
import { deleteTopics } from '../../wire/messages/delete-topics.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { NO_UUID } from '../../wire/messages/schema.ts';
import type { Broker } from '../broker.ts';
import { forgetTopic } from '../forget-topic.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';
import { changeRefusal, type Problem } from '../topic-changes.ts';

const NAMES_OR_IDS_FROM = 6;

type Request = RequestOf<typeof deleteTopics>;
type TopicResponse = ResponseOf<typeof deleteTopics>['responses'][number];

/** Deletes topics, and with them what consumer groups and producers had there. */
export function deleteTopicsHandler(broker: Broker, admin: TopicAdmin) {
  return handler(deleteTopics, async (request, { header, access }) => ({
    responses: await Promise.all(
      wanted(request, header.apiVersion).map((topic) => deleteOne(broker, access, admin, topic)),
    ),
  }));
}

function wanted({ topics, topicNames }: Request, version: number): readonly Request['topics'][number][] {
  return version >= NAMES_OR_IDS_FROM ? topics : topicNames.map((name) => ({ name, topicId: NO_UUID }));
}

async function deleteOne(
  broker: Broker,
  access: Access,
  admin: TopicAdmin,
  { name: givenName, topicId: givenId }: Request['topics'][number],
): Promise<TopicResponse> {
  const name = givenName ?? broker.topics.byId(givenId)?.name ?? null;
  if (name === null) {
    return response(null, givenId, [KafkaError.UNKNOWN_TOPIC_ID, 'there is no topic of this id']);
  }
  const refusal = changeRefusal(broker, access, Operation.DELETE, name);
  // Who names an id is not told what it stands for.
  if (refusal !== null) return response(givenName, givenId, refusal);
  const topicId = broker.topics.idOf(name);
  try {
    await admin.delete(name);
    await forgetTopic(broker, name);
    return response(name, topicId, null);
  } catch (error) {
    return response(name, topicId, [errorCodeOf(error), (error as Error).message]);
  }
}

function response(name: string | null, topicId: string, problem: Problem | null): TopicResponse {
  const [errorCode, errorMessage] = problem ?? [KafkaError.NONE, null];
  return { name, topicId, errorCode, errorMessage };
}
