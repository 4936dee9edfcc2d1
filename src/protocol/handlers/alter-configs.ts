/** Changes the configuration of topics: all of it at once, or key by key. */
import type { TopicAdmin } from '../../contracts/log-admin.ts';
import { alterConfigs } from '../../wire/messages/alter-configs.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { incrementalAlterConfigs } from '../../wire/messages/incremental-alter-configs.ts';
import type { Broker } from '../broker.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';
import { changeRefusal, type Problem } from '../topic-changes.ts';
import { configNameProblem, configProblem, listConfig, listOf } from '../topic-configs.ts';
import { TOPIC } from './config-numbers.ts';

/** Operations of IncrementalAlterConfigs; the latter two change lists. */
const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** One key of a request. */
interface Change {
  readonly name: string;
  /** Null: nothing was sent. */
  readonly value: string | null;
  readonly toDefault: boolean;
}

/** What is not named goes back to its default. */
export function alterConfigsHandler(broker: Broker, admin: TopicAdmin) {
  return handler(alterConfigs, async ({ resources, validateOnly }, { access }) => ({
    responses: await Promise.all(
      resources.map((resource) => {
        const named = resource.configs.map(({ name, value }) => ({ name, value, toDefault: false }));
        const kept = new Set(named.map(({ name }) => name));
        const others = Object.keys(admin.describe(resource.resourceName)?.config ?? {})
          .filter((name) => !kept.has(name))
          .map((name) => ({ name, value: null, toDefault: true }));
        return alter(broker, access, admin, resource, [...named, ...others], validateOnly);
      }),
    ),
  }));
}

export function incrementalAlterConfigsHandler(broker: Broker, admin: TopicAdmin) {
  return handler(incrementalAlterConfigs, async ({ resources, validateOnly }, { access }) => ({
    responses: await Promise.all(
      resources.map((resource) => {
        const current = admin.describe(resource.resourceName)?.config ?? {};
        const changes: Change[] = [];
        for (const change of resource.configs) {
          const changed = incremental(change, current[change.name]);
          if (typeof changed === 'string') return answered(resource, [KafkaError.INVALID_CONFIG, changed]);
          changes.push(changed);
        }
        return alter(broker, access, admin, resource, changes, validateOnly);
      }),
    ),
  }));
}

interface IncrementalChange {
  readonly name: string;
  readonly value: string | null;
  readonly configOperation: number;
}

/** @param current value of the topic; undefined: the default  @returns a text: what is wrong with it */
function incremental(
  { name, value, configOperation }: IncrementalChange,
  current: string | undefined,
): Change | string {
  if (configOperation === SET || configOperation === DELETE) {
    return { name, value, toDefault: configOperation === DELETE };
  }
  const list = listConfig(name);
  if (list === undefined || (configOperation !== APPEND && configOperation !== SUBTRACT)) {
    return configNameProblem(name) ?? `${name} can only be set or deleted`;
  }
  const elements = listOf(current ?? list.byDefault);
  const named = listOf(value ?? '');
  const changed =
    configOperation === APPEND
      ? [...elements, ...named.filter((element) => !elements.includes(element))]
      : elements.filter((element) => !named.includes(element));
  return { name, value: changed.join(','), toDefault: false };
}

async function alter(
  broker: Broker,
  access: Access,
  admin: TopicAdmin,
  resource: Resource,
  changes: readonly Change[],
  validateOnly: boolean,
) {
  const problem = resourceProblem(broker, access, resource) ?? changesProblem(changes);
  if (problem !== null || validateOnly) return answered(resource, problem);
  const config = Object.fromEntries(changes.map(({ name, value, toDefault }) => [name, toDefault ? null : value]));
  try {
    await admin.alter(resource.resourceName, { config });
    return answered(resource, null);
  } catch (error) {
    return answered(resource, [errorCodeOf(error), (error as Error).message]);
  }
}

function resourceProblem(broker: Broker, access: Access, { resourceType, resourceName }: Resource): Problem | null {
  if (resourceType === TOPIC) return changeRefusal(broker, access, Operation.ALTER_CONFIGS, resourceName);
  return [KafkaError.INVALID_REQUEST, 'only topics are configured here; the broker is configured in tailrace.yaml'];
}

function changesProblem(changes: readonly Change[]): Problem | null {
  if (new Set(changes.map(({ name }) => name)).size < changes.length) {
    return [KafkaError.INVALID_REQUEST, 'a key is named twice'];
  }
  for (const { name, value, toDefault } of changes) {
    if (!toDefault && value === null) return [KafkaError.INVALID_REQUEST, `${name} needs a value`];
    const problem = toDefault ? configNameProblem(name) : configProblem(name, value);
    if (problem !== null) return [KafkaError.INVALID_CONFIG, problem];
  }
  return null;
}

function answered({ resourceType, resourceName }: Resource, problem: Problem | null) {
  const [errorCode, errorMessage] = problem ?? [KafkaError.NONE, null];
  return { errorCode, errorMessage, resourceType, resourceName };
}
