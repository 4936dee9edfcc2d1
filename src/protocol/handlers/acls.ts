/** Access control lists over the wire: DescribeAcls, CreateAcls, DeleteAcls. */

import { createAcls } from '../../wire/messages/create-acls.ts';
import { deleteAcls } from '../../wire/messages/delete-acls.ts';
import { describeAcls } from '../../wire/messages/describe-acls.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import type { ReadBy } from '../../wire/messages/schema.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import {
  type AclBinding,
  type AclFilter,
  type Acls,
  CLUSTER_NAME,
  Operation,
  PatternType,
  Permission,
  ResourceType,
} from '../security/acls.ts';
import type { Problem } from '../topic-changes.ts';

const PATTERNS_FROM = 1;
const FORBIDDEN: Problem = [KafkaError.CLUSTER_AUTHORIZATION_FAILED, 'not allowed on the cluster'];

type WireFilter = ReadBy<typeof describeAcls.request>;
type Creation = ReadBy<typeof createAcls.request>['creations'][number];

export function describeAclsHandler(acls: Acls) {
  return handler(describeAcls, (request, { header, access }) => {
    const problem = access.cluster(Operation.DESCRIBE) ? filterProblem(request) : FORBIDDEN;
    if (problem !== null) return { errorCode: problem[0], errorMessage: problem[1], resources: [] };
    const found = acls
      .list(filterOf(request))
      // Version 0 cannot say that a pattern is a prefix.
      .filter(({ patternType }) => header.apiVersion >= PATTERNS_FROM || patternType === PatternType.LITERAL);
    const byResource = Map.groupBy(found, ({ resourceType, resourceName, patternType }) =>
      JSON.stringify([resourceType, resourceName, patternType]),
    );
    const resources = [...byResource.values()].map((bindings) => ({
      ...bindings[0]!,
      acls: bindings.map((binding) => ({ ...binding, permissionType: binding.permission })),
    }));
    return { errorCode: KafkaError.NONE, errorMessage: null, resources };
  });
}

export function createAclsHandler(acls: Acls) {
  return handler(createAcls, async ({ creations }, { access }) => {
    const problems = creations.map((creation) =>
      access.cluster(Operation.ALTER) ? creationProblem(creation) : FORBIDDEN,
    );
    const valid = creations.filter((_, at) => problems[at] === null).map(bindingOf);
    const failure = await attempt(() => acls.add(valid));
    const results = problems.map((problem) => answer(problem ?? failure));
    return { results };
  });
}

export function deleteAclsHandler(acls: Acls) {
  return handler(deleteAcls, async ({ filters }, { access }) => {
    const filterResults = [];
    for (const filter of filters) {
      const problem = access.cluster(Operation.ALTER) ? filterProblem(filter) : FORBIDDEN;
      let removed: readonly AclBinding[] = [];
      const failure =
        problem ??
        (await attempt(async () => {
          removed = await acls.remove(filterOf(filter));
        }));
      const matchingAcls = removed.map((binding) => {
        return { ...answer(null), ...binding, permissionType: binding.permission };
      });
      filterResults.push({ ...answer(failure), matchingAcls });
    }
    return { filterResults };
  });
}

async function attempt(run: () => Promise<void>): Promise<Problem | null> {
  try {
    await run();
    return null;
  } catch (error) {
    return [errorCodeOf(error), (error as Error).message];
  }
}

function answer(problem: Problem | null) {
  const [errorCode, errorMessage] = problem ?? [KafkaError.NONE, null];
  return { errorCode, errorMessage };
}

function filterOf(filter: WireFilter): AclFilter {
  return {
    resourceType: filter.resourceTypeFilter,
    resourceName: filter.resourceNameFilter,
    patternType: filter.patternTypeFilter,
    principal: filter.principalFilter,
    host: filter.hostFilter,
    operation: filter.operation,
    permission: filter.permissionType,
  };
}

function filterProblem({
  resourceTypeFilter,
  patternTypeFilter,
  operation,
  permissionType,
}: WireFilter): Problem | null {
  const known =
    isOneOf(ResourceType, resourceTypeFilter) &&
    isOneOf(PatternType, patternTypeFilter) &&
    isOneOf(Operation, operation) &&
    isOneOf(Permission, permissionType);
  return known ? null : [KafkaError.INVALID_REQUEST, 'the filter names something that is not known here'];
}

function bindingOf({ resourcePatternType, permissionType, ...rest }: Creation): AclBinding {
  return { ...rest, patternType: resourcePatternType, permission: permissionType };
}

function creationProblem(creation: Creation): Problem | null {
  const { resourceType, resourceName, resourcePatternType, principal, operation, permissionType } = creation;
  const exact =
    isOneOf(ResourceType, resourceType) &&
    resourceType !== ResourceType.ANY &&
    (resourcePatternType === PatternType.LITERAL || resourcePatternType === PatternType.PREFIXED) &&
    isOneOf(Operation, operation) &&
    operation !== Operation.ANY &&
    (permissionType === Permission.ALLOW || permissionType === Permission.DENY);
  if (!exact) return [KafkaError.INVALID_REQUEST, 'resource, pattern, operation and permission must be exact'];
  if (resourceName === '') return [KafkaError.INVALID_REQUEST, 'the resource needs a name'];
  if (resourceType === ResourceType.CLUSTER && resourceName !== CLUSTER_NAME) {
    return [KafkaError.INVALID_REQUEST, `the cluster is called ${CLUSTER_NAME}`];
  }
  return /^User:.+$/s.test(principal) ? null : [KafkaError.INVALID_REQUEST, 'a principal is "User:" and a name'];
}

function isOneOf(numbers: Readonly<Record<string, number>>, value: number): boolean {
  return Object.values(numbers).includes(value);
}
