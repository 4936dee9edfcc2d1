/** Values of a configuration that must never be shown (Invariant 12). */
import type { InstancePlan, PipelinePlan } from '../contracts/plan.ts';
import type { Registry } from '../contracts/registry.ts';
import { secretPaths } from './schema-keys.ts';
import { urlSecrets } from './secrets.ts';

/** The mask key, passwords of Kafka users, values of secret fields, passwords in URLs, wherever they stand. */
export function secretValues(instance: InstancePlan, pipelines: readonly PipelinePlan[]): Set<string> {
  const secrets = new Set<string>(instance.maskKey === null ? [] : [instance.maskKey]);
  for (const { password } of instance.kafka?.users ?? []) secrets.add(password);
  for (const { sources, sinks } of pipelines) {
    for (const { manifest, config } of [...sources, ...sinks]) {
      for (const path of secretPaths(manifest.config)) {
        const value = path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], config);
        if (typeof value === 'string') secrets.add(value);
      }
      for (const text of texts(config)) for (const secret of urlSecrets(text)) secrets.add(secret);
    }
  }
  return secrets;
}

/** Names of the secret fields of all connectors. */
export function secretKeys(registry: Registry): string[] {
  const sources = registry.sourceTypes.map((type) => registry.source(type));
  const sinks = registry.sinkTypes.map((type) => registry.sink(type));
  const names = [...sources, ...sinks].flatMap((manifest) => {
    return manifest === undefined ? [] : secretPaths(manifest.config).map((path) => String(path.at(-1)));
  });
  return [...new Set(names)];
}

function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : [];
}
