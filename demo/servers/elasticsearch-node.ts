/** Finds or installs what runs an Elasticsearch node: jars through Maven, and a main class compiled against them. */
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TailraceError } from '../../src/contracts/errors.ts';
import { findJava, JAVA, javaTool } from './java.ts';
import { onPath, output } from './programs.ts';
import { cached, installOnce } from './server-cache.ts';

const NAME = 'elasticsearch-8.19.21';
const MAIN = 'ElasticsearchNode';
const SOURCES = join(dirname(fileURLToPath(import.meta.url)), 'elasticsearch');

const REMEDY =
  `Install a Java ${JAVA} development kit and Maven (on Debian: apt-get install openjdk-${JAVA}-jdk-headless maven), ` +
  'or set TAILRACE_TEST_ES_URL to an Elasticsearch 8 or 9 that may be written to.';

/** Words of a command that runs a node, to be followed by data directory, HTTP port and transport port. */
export async function findElasticsearch(): Promise<readonly string[]> {
  const java = await findJava('Elasticsearch', REMEDY);
  const directory = cached(NAME) ?? (await installOnce(NAME, install));
  const home = join(directory, 'home');
  return [
    java,
    ...['-Xms512m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'],
    `-Des.nativelibs.path=${join(home, 'native')}`,
    `-Dlog4j2.configurationFile=${join(directory, 'log4j2.properties')}`,
    ...['-cp', `${join(directory, 'classes')}:${join(directory, 'core')}/*`, MAIN, home],
  ];
}

async function install(into: string): Promise<void> {
  const maven = await onPath('mvn');
  const compiler = await javaTool('javac');
  if (maven === null || compiler === null) {
    const missing = [
      ...(maven === null ? ['Maven (mvn)'] : []),
      ...(compiler === null ? ['a Java compiler (javac)'] : []),
    ];
    throw new TailraceError('demo.missing', `Elasticsearch is not installed; ${missing.join(' and ')} not found.`, {
      remedy: REMEDY,
    });
  }
  try {
    await cp(join(SOURCES, 'pom.xml'), join(into, 'pom.xml'));
    const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${join(into, 'core')}`];
    await output(maven, ['--batch-mode', '--quiet', '--no-transfer-progress', ...copy], { cwd: into });
    const classes = join(into, 'classes');
    const source = join(SOURCES, `${MAIN}.java`);
    await output(compiler, ['-cp', `${join(into, 'core')}/*`, '-d', classes, source]);
    await arrange(into);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message.trim().slice(-300) : '';
    throw new TailraceError('demo.missing', `Elasticsearch could not be installed: ${said}`, { remedy: REMEDY, cause });
  }
}

/**
 * A home directory as the node expects it. The HTTP server is a module: its jars and descriptor lie in a directory of their
 * own. Its Java module name is taken out, because the server itself runs from the class path.
 */
async function arrange(into: string): Promise<void> {
  const core = join(into, 'core');
  const module = join(into, 'home', 'modules', 'transport-netty4');
  for (const directory of [module, ...['config', 'plugins', 'native'].map((name) => join(into, 'home', name))]) {
    await mkdir(directory, { recursive: true });
  }
  const jars = (await readdir(core)).filter((name) => /^(transport-netty4|netty)-/.test(name));
  for (const name of jars) await rename(join(core, name), join(module, name));
  const main = jars.find((name) => name.startsWith('transport-netty4-'));
  const unpacked = join(into, 'unpacked');
  await mkdir(unpacked);
  await output(await archiver(), ['xf', join(module, String(main))], { cwd: unpacked });
  await cp(join(unpacked, 'META-INF', 'es-plugins', 'transport-netty4'), module, { recursive: true });
  await rm(unpacked, { recursive: true });
  const descriptor = join(module, 'plugin-descriptor.properties');
  const text = await readFile(descriptor, 'utf8');
  await writeFile(descriptor, text.replace(/^modulename=.*\n/m, ''));
  await writeFile(join(into, 'log4j2.properties'), LOGGING);
}

async function archiver(): Promise<string> {
  return (await javaTool('jar')) ?? 'jar';
}

const LOGGING = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
`;
