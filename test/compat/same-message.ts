/** Whether a message that our codec has read says what Kafka's own codec shows as JSON. */

/** JSON in which every number is a bigint or, with a fraction, a number. */
export function parseExact(text: string): unknown {
  const exact = (_key: string, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && context?.source !== undefined && /^-?\d+$/.test(context.source)
      ? BigInt(context.source)
      : value;
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown);
}

/** Path of the first difference, or null. Fields that Kafka does not show in that version are not looked at. */
export function difference(ours: unknown, theirs: unknown, path = ''): string | null {
  if (Array.isArray(theirs)) {
    if (!Array.isArray(ours) || ours.length !== theirs.length) return `${path}: not the same number of elements`;
    return firstOf(theirs.map((item, i) => difference(ours[i], item, `${path}/${i}`)));
  }
  if (typeof theirs === 'object' && theirs !== null) {
    if (typeof ours !== 'object' || ours === null) return `${path}: not a struct`;
    return firstOf(Object.entries(theirs).map(([name, value]) => field(ours as Fields, name, value, path)));
  }
  return scalar(ours) === scalar(theirs) || uuidText(ours) === theirs
    ? null
    : `${path}: ${scalar(ours)}, not ${theirs}`;
}

/** AddPartitionsToTxn: Kafka has a second form for transactions of other brokers, and names the first after its versions. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  v3AndBelowTransactionalId: 'transactionalId',
  v3AndBelowProducerId: 'producerId',
  v3AndBelowProducerEpoch: 'producerEpoch',
  v3AndBelowTopics: 'topics',
  resultsByTopicV3AndBelow: 'results',
};

type Fields = Readonly<Record<string, unknown>>;

function field(ours: Fields, name: string, value: unknown, path: string): string | null {
  // Record batches are shown by their size only.
  if (name === 'recordsSizeInBytes') {
    const bytes = (ours.records as Buffer | null)?.length ?? 0;
    return BigInt(bytes) === value ? null : `${path}/records: ${bytes} bytes, not ${value}`;
  }
  const own = OTHER_NAMES[name] ?? name;
  if (!Object.hasOwn(ours, own)) return `${path}: there is no field ${own}`;
  return difference(ours[own], value, `${path}/${own}`);
}

function firstOf(found: readonly (string | null)[]): string | null {
  return found.find((problem) => problem !== null) ?? null;
}

function scalar(value: unknown): string {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  return String(value);
}

/** As Kafka writes a UUID. */
function uuidText(value: unknown): string | null {
  if (typeof value !== 'string' || !/^[0-9a-f]{32}$/.test(value)) return null;
  return Buffer.from(value, 'hex').toString('base64url');
}
