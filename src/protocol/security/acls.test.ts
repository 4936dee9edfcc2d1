import { describe, expect, test } from 'vitest';
import { MemoryLog } from '../../../test/support/memory-log.ts';
import { LogWriter } from '../log-writer.ts';
import { type AclBinding, Acls, Operation, PatternType, Permission, ResourceType } from './acls.ts';

const { TOPIC, GROUP } = ResourceType;

const rule = (principal: string, operation: number, resourceType: number, resourceName: string, more: object = {}) => ({
  resourceType,
  resourceName,
  patternType: PatternType.LITERAL,
  principal,
  host: '*',
  operation,
  permission: Permission.ALLOW,
  ...more,
});

describe('access control lists', () => {
  const acls = async (rules: AclBinding[], superUsers: string[] = []) => {
    const log = new MemoryLog();
    return new Acls(log.checkpoints, await LogWriter.open(log), { superUsers, rules });
  };
  const ann = { user: 'ann', host: '10.0.0.1' };
  const bob = { user: 'bob', host: '10.0.0.1' };

  test('without a rule nothing is allowed, but to super users', async () => {
    const none = await acls([], ['root']);
    expect(none.allows(ann, Operation.READ, TOPIC, 't')).toBe(false);
    expect(none.allows({ user: 'root', host: 'x' }, Operation.READ, TOPIC, 't')).toBe(true);
    expect(none.allows({ user: '', host: 'x' }, Operation.READ, TOPIC, 't')).toBe(false);
  });

  test('users, hosts, names and prefixes', async () => {
    const some = await acls([
      rule('User:ann', Operation.READ, TOPIC, 't'),
      rule('User:ann', Operation.READ, TOPIC, 'logs.', { patternType: PatternType.PREFIXED }),
      rule('User:bob', Operation.ALL, TOPIC, '*', { host: '10.0.0.9' }),
      rule('User:*', Operation.DESCRIBE, GROUP, 'open'),
    ]);
    expect(some.allows(ann, Operation.READ, TOPIC, 't')).toBe(true);
    expect(some.allows(ann, Operation.WRITE, TOPIC, 't')).toBe(false);
    expect(some.allows(ann, Operation.READ, GROUP, 't')).toBe(false);
    expect(some.allows(ann, Operation.READ, TOPIC, 'tt')).toBe(false);
    expect(some.allows(ann, Operation.READ, TOPIC, 'logs.app')).toBe(true);
    expect(some.allows(ann, Operation.READ, TOPIC, 'logs')).toBe(false);
    expect(some.allows(bob, Operation.READ, TOPIC, 't')).toBe(false);
    expect(some.allows({ ...bob, host: '10.0.0.9' }, Operation.ALTER_CONFIGS, TOPIC, 'any')).toBe(true);
    expect(some.allows(bob, Operation.DESCRIBE, GROUP, 'open')).toBe(true);
  });

  test('what implies what, and what a denial beats', async () => {
    const some = await acls([
      rule('User:ann', Operation.READ, TOPIC, 't'),
      rule('User:ann', Operation.ALTER_CONFIGS, TOPIC, 't'),
      rule('User:*', Operation.ALL, TOPIC, '*'),
      rule('User:ann', Operation.WRITE, TOPIC, 't', { permission: Permission.DENY }),
      rule('User:bob', Operation.ALL, TOPIC, 'secret.', {
        permission: Permission.DENY,
        patternType: PatternType.PREFIXED,
      }),
    ]);
    const read = await acls([rule('User:ann', Operation.READ, TOPIC, 't')]);
    expect(read.allows(ann, Operation.DESCRIBE, TOPIC, 't')).toBe(true);
    expect(read.allows(ann, Operation.DESCRIBE_CONFIGS, TOPIC, 't')).toBe(false);
    const alter = await acls([rule('User:ann', Operation.ALTER_CONFIGS, TOPIC, 't')]);
    expect(alter.allows(ann, Operation.DESCRIBE_CONFIGS, TOPIC, 't')).toBe(true);
    const described = await acls([rule('User:ann', Operation.DESCRIBE, TOPIC, 't')]);
    expect(described.allows(ann, Operation.READ, TOPIC, 't')).toBe(false);
    expect(some.allows(ann, Operation.WRITE, TOPIC, 't')).toBe(false);
    expect(some.allows(ann, Operation.WRITE, TOPIC, 'u')).toBe(true);
    expect(some.allows(ann, Operation.READ, TOPIC, 't')).toBe(true);
    expect(some.allows(bob, Operation.READ, TOPIC, 'secret.x')).toBe(false);
    expect(some.allows(bob, Operation.READ, TOPIC, 'public')).toBe(true);
  });

  test('anywhere at all', async () => {
    const any = async (...rules: AclBinding[]) => (await acls(rules)).allowsAny(ann, Operation.WRITE, TOPIC);
    const allow = rule('User:ann', Operation.WRITE, TOPIC, 't');
    const deny = (name: string, more: object = {}) =>
      rule('User:ann', Operation.WRITE, TOPIC, name, { permission: Permission.DENY, ...more });
    expect(await any()).toBe(false);
    expect(await any(allow)).toBe(true);
    expect(await any(allow, deny('u'))).toBe(true);
    expect(await any(allow, deny('t'))).toBe(false);
    expect(await any(allow, deny('*'))).toBe(false);
    expect(await any(allow, deny('', { patternType: PatternType.PREFIXED }))).toBe(false);
    expect(await any(rule('User:bob', Operation.WRITE, TOPIC, 't'))).toBe(false);
  });
});
