import { describe, expect, test } from 'vitest';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { AuthenticationFailed } from './mechanism.ts';
import { MECHANISMS, Session } from './session.ts';
import { Users } from './users.ts';

const users = new Users([
  { name: 'ann', password: 'secret' },
  { name: 'bob', password: 'secret' },
]);
const token = (user: string) => Buffer.from(`\0${user}\0secret`);

function login(session: Session, user: string, now: number): void {
  expect(session.handshake('PLAIN', false)).toBe(KafkaError.NONE);
  expect(session.lifetimeMs).toBe(0);
  session.respond(token(user), now);
}

describe('a session with a lifetime', () => {
  test('expires, and goes on when the client proves again who it is', () => {
    const session = new Session({ users, mechanisms: MECHANISMS, lifetimeMs: 1_000 });
    login(session, 'ann', 500);
    expect([session.user, session.lifetimeMs, session.isExpired(1_500), session.isExpired(1_501)]).toEqual([
      'ann',
      1_000,
      false,
      true,
    ]);
    login(session, 'ann', 1_400);
    expect([session.isExpired(2_400), session.isExpired(2_401)]).toEqual([false, true]);
    expect(session.respond(token('ann'), 1_500)).toBeNull();
  });

  test('is not handed to another user, and needs SaslAuthenticate', () => {
    const session = new Session({ users, mechanisms: MECHANISMS, lifetimeMs: 1_000 });
    login(session, 'ann', 0);
    expect(() => login(session, 'bob', 1)).toThrow(AuthenticationFailed);
    expect([session.user, session.isExpired(1_001)]).toEqual(['ann', true]);
    expect(session.handshake('PLAIN', true)).toBe(KafkaError.ILLEGAL_SASL_STATE);
  });
});

test('a session without a lifetime never expires, and its client cannot prove itself twice', () => {
  const session = new Session({ users, mechanisms: MECHANISMS });
  login(session, 'ann', 0);
  expect([session.lifetimeMs, session.isExpired(Number.MAX_VALUE)]).toEqual([0, false]);
  expect(session.handshake('PLAIN', false)).toBe(KafkaError.ILLEGAL_SASL_STATE);
});
