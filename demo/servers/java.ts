/** The machine's Java, and jars that Maven copies out of its registry. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { TailraceError } from '../../src/contracts/errors.ts';
import { onPath, output } from './programs.ts';

export const JAVA = 17;
const REMEDY = `Install a Java ${JAVA} development kit and Maven (on Debian: apt-get install openjdk-${JAVA}-jdk-headless maven).`;

/**
 * Path of `java`.
 * @param subject what needs it, for the message. Throws `demo.missing` when there is none, or one that is too old.
 */
export async function findJava(subject: string, remedy = REMEDY): Promise<string> {
  const java = await javaTool('java');
  const said = java === null ? '' : await output(java, ['-version']).catch(() => '');
  const major = Number(/version "(\d+)/.exec(said)?.[1] ?? 0);
  if (java !== null && major >= JAVA) return java;
  const found = major === 0 ? 'no Java' : `only Java ${major}`;
  throw missing(`${subject} needs Java ${JAVA} or newer; there is ${found}.`, remedy);
}

/** Compiles `source` against the jars of `lib`. Throws `demo.missing`. */
export async function compileJava(subject: string, source: string, lib: string, into: string): Promise<void> {
  const compiler = await javaTool('javac');
  if (compiler === null) throw missing(`${subject} is not installed; a Java compiler (javac) not found.`, REMEDY);
  await output(compiler, ['-cp', `${lib}/*`, '-d', into, source]).catch((cause) => failed(subject, REMEDY, cause));
}

/**
 * Copies the jars that a POM names, and those that they need, into `into/lib`. Throws `demo.missing`.
 * @param properties of the POM, such as a version
 */
export async function copyJars(
  subject: string,
  pom: string,
  into: string,
  properties: Readonly<Record<string, string>> = {},
  remedy = REMEDY,
): Promise<void> {
  const maven = await onPath('mvn');
  if (maven === null) throw missing(`${subject} is not installed; Maven (mvn) not found.`, remedy);
  const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${join(into, 'lib')}`];
  const given = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
  await cp(pom, join(into, 'pom.xml'));
  const words = ['--batch-mode', '--quiet', '--no-transfer-progress', ...copy, ...given];
  await output(maven, words, { cwd: into }).catch((cause) => failed(subject, remedy, cause));
}

/** Path of a program of the Java that `JAVA_HOME` names, else of the one on the path; null: none is there. */
export function javaTool(name: string): Promise<string | null> {
  const home = process.env.JAVA_HOME;
  return home === undefined || home === '' ? onPath(name) : Promise.resolve(join(home, 'bin', name));
}

function failed(subject: string, remedy: string, cause: unknown): never {
  const said = cause instanceof Error ? cause.message.trim().slice(-300) : '';
  throw missing(`${subject} could not be installed: ${said}`, remedy, cause);
}

function missing(message: string, remedy: string, cause?: unknown): TailraceError {
  return new TailraceError('demo.missing', message, { remedy, cause });
}
