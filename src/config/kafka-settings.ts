/** `kafka:` of `tailrace.yaml` → plan, and what is wrong between its keys. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { AclOperation, AclResource, AclRule, KafkaPlan, QuotaPlan } from '../contracts/plan.ts';
import { didYouMean } from '../lib/did-you-mean.ts';
import { quoted } from '../lib/printable.ts';
import type { ConfigFile } from './config-file.ts';
import { ACL_OPERATIONS, type AclKeys, type KafkaKeys } from './kafka-keys.ts';
import { isLoopback } from './loopback.ts';
import type { Path } from './tree.ts';

const RESOURCES = Object.keys(ACL_OPERATIONS) as AclResource[];
const AT: Path = ['kafka'];

/** Reports to the file what is wrong. @param dir absolute, of the file */
export function readKafka(file: ConfigFile, keys: KafkaKeys, dir: string): KafkaPlan {
  const { listen, advertise, tls, users = {}, acls } = keys;
  checkReach(file, keys);
  if (acls !== undefined && keys.users === undefined) {
    const message = '"kafka.acls" needs users: without them nobody says who they are';
    file.report({ level: 'error', code: 'needs-users', message, path: [...AT, 'acls'], onKey: true, fix: ADD_USERS });
  }
  return {
    ...listen,
    advertise: advertise ?? null,
    tls: tls === undefined ? null : readTls(file, tls, dir),
    users: Object.entries(users).map(([name, { password }]) => ({ name, password })),
    superUsers: Object.keys(users).filter((name) => users[name]!.super),
    quotas: quotasOf(keys),
    acls: acls?.flatMap((rule, index) => aclRule(file, [...AT, 'acls', index], rule, Object.keys(users))) ?? null,
  };
}

const ADD_USERS = 'add users: { NAME: { password: ${PASSWORD} } } below kafka:';

/** What a user's own quota leaves open is that of every user. */
function quotasOf({ quotas = {}, users = {} }: KafkaKeys): KafkaPlan['quotas'] {
  const own = Object.entries(users).flatMap(([name, { quota }]): [string, QuotaPlan][] =>
    quota === undefined ? [] : [[name, quotaPlan({ ...quotas, ...quota })]],
  );
  return { byDefault: quotaPlan(quotas), users: new Map(own) };
}

function quotaPlan({ produce, fetch }: NonNullable<KafkaKeys['quotas']>): QuotaPlan {
  return { produce: produce ?? null, fetch: fetch ?? null };
}

/** DESIGN § 10: what other machines can reach needs authentication. */
function checkReach(file: ConfigFile, { listen, advertise, tls, users }: KafkaKeys): void {
  const { host, port } = listen;
  const path = [...AT, 'listen'];
  if (isLoopback(host)) return;
  if (Object.keys(users ?? {}).length === 0) {
    const message = `"kafka.listen": other machines can reach ${host}, and clients need not say who they are`;
    const fix = `${ADD_USERS}, or listen on 127.0.0.1:${port}`;
    file.report({ level: 'error', code: 'no-authentication', message, path, fix });
  } else if (tls === undefined) {
    const message = `"kafka.listen": what goes to ${host} and back is not encrypted, so PLAIN is not offered`;
    const fix = 'add tls: { certificate: …, key: … } below kafka:';
    file.report({ level: 'warning', code: 'not-encrypted', message, path, fix });
  }
  if (advertise === undefined && (host === '0.0.0.0' || host === '::')) {
    const message = `"kafka.listen": ${host} is every address of this machine; clients must be told one of them`;
    const fix = `add advertise: NAME_OR_ADDRESS:${port} below kafka:`;
    file.report({ level: 'error', code: 'missing-key', message, path, fix });
  }
}

/** Texts of the files; empty where one cannot be used, which is reported. */
function readTls(file: ConfigFile, { certificate, key }: NonNullable<KafkaKeys['tls']>, dir: string) {
  const certificatePath = [...AT, 'tls', 'certificate'];
  const keyPath = [...AT, 'tls', 'key'];
  const certificateText = pemText(file, certificatePath, resolve(dir, certificate));
  const keyText = pemText(file, keyPath, resolve(dir, key));
  const parsed = parsedPem(file, certificatePath, 'certificate', certificateText, (text) => new X509Certificate(text));
  const privateKey = parsedPem(file, keyPath, 'private key without passphrase', keyText, (text) =>
    createPrivateKey(text),
  );
  if (parsed !== null && privateKey !== null && !parsed.checkPrivateKey(privateKey)) {
    const message = '"kafka.tls.key" is not the key of the certificate';
    const fix = 'name the key that the certificate was made with';
    file.report({ level: 'error', code: 'tls-file', message, path: keyPath, fix });
  }
  return { certificate: certificateText ?? '', key: keyText ?? '' };
}

function pemText(file: ConfigFile, path: Path, name: string): string | null {
  try {
    return readFileSync(name, 'utf8');
  } catch (error) {
    const message = `${quoted(path.join('.'))}: cannot read ${quoted(name)}: ${(error as NodeJS.ErrnoException).code}`;
    const fix = 'name a file that the user that runs Tailrace can read; relative paths start at this file';
    file.report({ level: 'error', code: 'tls-file', message, path, fix });
    return null;
  }
}

function parsedPem<T>(
  file: ConfigFile,
  path: Path,
  what: string,
  text: string | null,
  parse: (text: string) => T,
): T | null {
  if (text === null) return null;
  try {
    return parse(text);
  } catch {
    const message = `${quoted(path.join('.'))}: the file holds no ${what} in PEM`;
    file.report({ level: 'error', code: 'tls-file', message, path, fix: 'it begins with -----BEGIN' });
    return null;
  }
}

function aclRule(file: ConfigFile, path: Path, keys: AclKeys, users: readonly string[]): AclRule[] {
  const resource = onlyOf(file, path, keys, RESOURCES);
  const permission = onlyOf(file, path, keys, ['allow', 'deny'] as const);
  const { user, host } = keys;
  if (user !== '*' && !users.includes(user)) {
    const message = `there is no user ${quoted(user)}`;
    const fix = didYouMean(user, users) ?? `users: ${users.join(', ') || 'none'}; * is every user`;
    file.report({ level: 'error', code: 'unknown-user', message, path: [...path, 'user'], fix });
  }
  if (resource === null || permission === null) return [];
  const operations = [keys[permission] ?? []].flat() as AclOperation[];
  checkOperations(file, [...path, permission], resource, operations);
  const written = resource === 'cluster' ? '*' : keys[resource]!;
  const isPrefix = written.endsWith('*');
  return [{ user, resource, name: isPrefix ? written.slice(0, -1) : written, isPrefix, permission, operations, host }];
}

function checkOperations(file: ConfigFile, path: Path, resource: AclResource, asked: readonly AclOperation[]): void {
  const known = ACL_OPERATIONS[resource];
  const wrong = asked.find((operation) => !known.includes(operation));
  if (wrong === undefined) return;
  const message = `${quoted(wrong)} is not something to do with a ${resource}`;
  file.report({ level: 'error', code: 'unknown-value', message, path, fix: `there are: ${known.join(', ')}` });
}

/** The one key of several that is there; null after none or two were reported. */
function onlyOf<K extends keyof AclKeys & string>(
  file: ConfigFile,
  path: Path,
  keys: AclKeys,
  names: readonly K[],
): K | null {
  const found = names.filter((name) => keys[name] !== undefined);
  if (found.length === 1) return found[0]!;
  const message = `a rule has one of ${names.join(', ')}, not ${found.length === 0 ? 'none' : found.join(' and ')}`;
  const fix = found.length === 0 ? `add ${names[0]}: …` : 'write a rule for each';
  file.report({ level: 'error', code: 'one-of', message, path, fix });
  return null;
}
