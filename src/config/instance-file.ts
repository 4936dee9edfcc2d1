/** `tailrace.yaml` → settings of the instance. */
import { resolve } from 'node:path';
import type { InstancePlan } from '../contracts/plan.ts';
import type { ConfigFile } from './config-file.ts';
import { instanceKeys } from './instance-keys.ts';
import { checkSchema } from './schema-problems.ts';
import { child, type MapNode, type TreeNode } from './tree.ts';

export const INSTANCE_FILE = 'tailrace.yaml';

export interface Settings {
  /** With defaults in place of what is missing or wrong. */
  readonly instance: InstancePlan;
  /** A mask key is there, even if it could not be resolved. */
  readonly hasMaskKey: boolean;
}

/** @param file null: there is none. @param dir absolute, of the file or where it would be. */
export function readInstance(file: ConfigFile | null, dir: string): Settings {
  const node = file === null ? EMPTY : (file.root ?? EMPTY);
  const hasMaskKey = child(node, 'mask_key') !== undefined;
  const keys =
    file === null
      ? undefined
      : checkSchema({ schema: instanceKeys, file, path: [], node: map(node), owner: INSTANCE_FILE });
  return { instance: plan(keys ?? partialKeys(file, node), dir), hasMaskKey };
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

function plan(keys: ReturnType<typeof instanceKeys.parse>, dir: string): InstancePlan {
  return {
    instance: keys.instance,
    dataDir: resolve(dir, keys.data_dir),
    http: keys.http === false ? null : { host: keys.http.host, port: keys.http.port },
    kafka: keys.kafka?.listen ?? null,
    memoryBytes: keys.memory,
    maskKey: keys.mask_key ?? null,
  };
}
