/** A JSON object, its fields by name. */
import { jsonAsText, jsonField } from '../values/json.ts';
import type { Reader } from './format.ts';

/** @param raw per field: its JSON text is wanted, not the text that a string stands for */
export function jsonReader(names: readonly string[], raw: readonly boolean[]): Reader {
  return (text) => {
    if (!isObject(text)) return null;
    return names.map((name, i) => {
      const part = jsonField(text, name);
      return raw[i] ? part : jsonAsText(part);
    });
  };
}

function isObject(text: string): boolean {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
