/** `tailrace.yaml` → settings of the instance. */
import { resolve } from 'node:path';
import type { InstancePlan } from '../contracts/plan.ts';
import type { ConfigFile } from './config-file.ts';
import { instanceKeys } from './instance-keys.ts';
import { type KafkaKeys, kafkaKeys } from './kafka-keys.ts';
import { readKafka } from './kafka-settings.ts';
import { checkSchema } from './schema-problems.ts';
import { child, type MapNode, type TreeNode, toValue } from './tree.ts';

export const INSTANCE_FILE = 'tailrace.yaml';

export interface Settings {
  /** With defaults in place of what is missing or wrong. */
  readonly instance: InstancePlan;
  /** A mask key is there, even if it could not be resolved. */
  readonly hasMaskKey: boolean;
  /** As they stand there; none when something in the file is wrong. */
  readonly plugins: readonly string[];
}

/** @param file null: there is none. @param dir absolute, of the file or where it would be. */
export function readInstance(file: ConfigFile | null, dir: string): Settings {
  const node = file === null ? EMPTY : (file.root ?? EMPTY);
  const hasMaskKey = child(node, 'mask_key') !== undefined;
  const keys =
    file === null
      ? undefined
      : checkSchema({ schema: instanceKeys, file, path: [], node: map(node), owner: INSTANCE_FILE });
  const ownKeys = keys === undefined ? keysOfKafka(file, node) : keys.kafka;
  const kafka = file === null || ownKeys === undefined ? null : readKafka(file, ownKeys, dir);
  return {
    instance: { ...plan(keys ?? partialKeys(file, node), dir), kafka },
    hasMaskKey,
    plugins: keys?.plugins ?? [],
  };
}

const EMPTY: MapNode = { kind: 'map', entries: [], range: [0, 0], isComplete: true };

/** A file with comments only is an empty map. */
function map(node: TreeNode): TreeNode {
  return node.kind === 'scalar' && node.value === null ? EMPTY : node;
}

/** What looks at an instance needs its data directory only, whatever else is wrong in the file. */
function partialKeys(file: ConfigFile | null, node: TreeNode) {
  const dir = child(node, 'data_dir');
  const text = dir?.kind === 'scalar' ? (dir.resolution?.value ?? dir.text) : '';
  return instanceKeys.parse(text === '' || file?.isUnresolved(['data_dir']) === true ? {} : { data_dir: text });
}

/** What is wrong elsewhere in the file does not hide what is wrong here. */
function keysOfKafka(file: ConfigFile | null, node: TreeNode): KafkaKeys | undefined {
  const part = child(node, 'kafka');
  if (part === undefined || file?.hasUnresolved(['kafka']) === true) return undefined;
  return kafkaKeys.safeParse(toValue(part)).data;
}

function plan(keys: ReturnType<typeof instanceKeys.parse>, dir: string): Omit<InstancePlan, 'kafka'> {
  return {
    instance: keys.instance,
    dataDir: resolve(dir, keys.data_dir),
    http: keys.http === false ? null : { host: keys.http.host, port: keys.http.port },
    memoryBytes: keys.memory,
    holdLimit: { ms: keys.hold_limit.time, bytes: keys.hold_limit.size ?? null },
    maskKey: keys.mask_key ?? null,
  };
}
