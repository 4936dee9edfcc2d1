/** Finds or installs Kafka: broker, tools and Java clients as jars through Maven, run by the machine's Java. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TailraceError } from '../../src/contracts/errors.ts';
import { copyJars, findJava, JAVA } from './java.ts';
import { onPath, output } from './programs.ts';
import { cached, installOnce } from './server-cache.ts';

export const KAFKA_VERSION = '4.3.1';
const NAME = `kafka-${KAFKA_VERSION}`;
const OLD_CLIENTS = 'org.apache.kafka:kafka-clients:3.9.1';
const OLD_NAME = 'kafka-clients-3.9.1';
const POM = join(dirname(fileURLToPath(import.meta.url)), 'kafka', 'pom.xml');

const REMEDY = `Install a Java ${JAVA} runtime and Maven (on Debian: apt-get install openjdk-${JAVA}-jdk-headless maven).`;

export interface KafkaJars {
  /** Path of the program that runs them. */
  readonly java: string;
  readonly classPath: string;
}

/** Throws `demo.missing` where there is no Java, or no Maven to install with. */
export async function findKafka(): Promise<KafkaJars> {
  const java = await findJava('Kafka', REMEDY);
  const directory = cached(NAME) ?? (await installOnce(NAME, (into) => copyJars('Kafka', POM, into, {}, REMEDY)));
  return { java, classPath: `${join(directory, 'lib')}/*` };
}

/** Class path of Kafka's codec of before 4.0, which still has the oldest versions of the messages. Throws `demo.missing`. */
export async function findOldCodec(): Promise<KafkaJars> {
  const { java, classPath } = await findKafka();
  const directory = cached(OLD_NAME) ?? (await installOnce(OLD_NAME, (into) => copyArtifact(OLD_CLIENTS, into)));
  return { java, classPath: `${join(directory, 'lib')}/*:${classPath}` };
}

async function copyArtifact(artifact: string, into: string): Promise<void> {
  const maven = await onPath('mvn');
  if (maven === null) throw new TailraceError('demo.missing', 'Maven (mvn) not found.', { remedy: REMEDY });
  const copy = ['dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${join(into, 'lib')}`];
  await output(maven, ['--batch-mode', '--quiet', '--no-transfer-progress', ...copy]).catch((cause: Error) => {
    const said = cause.message.trim().slice(-300);
    throw new TailraceError('demo.missing', `${artifact} could not be had: ${said}`, { remedy: REMEDY, cause });
  });
}
