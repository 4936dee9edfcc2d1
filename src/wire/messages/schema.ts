/**
 * Message structures as data: a field says in which versions it exists, and reading, writing and the TypeScript types
 * follow from that. A version that lacks a field reads as the field's default and skips it when written.
 */
import { malformed, type ProtocolReader, ProtocolWriter } from '../primitives.ts';

export interface Codec<Out, In = Out> {
  read(reader: ProtocolReader, version: number): Out;
  write(writer: ProtocolWriter, version: number, value: In): void;
  /** Least bytes a value takes in any version. */
  readonly minBytes: number;
  /** What a version without the field reads as. */
  readonly empty: Out;
}

/** A field of some versions. `Optional`: it has a default and may be left out when writing. */
export interface Field<Out, In, Optional extends boolean> {
  readonly codec: Codec<Out, In>;
  readonly first: number;
  readonly last: number;
  readonly empty: Out;
  readonly tag: number | null;
  readonly optional: Optional;
}

type AnyCodec = Codec<unknown, never>;
type AnyField = Field<unknown, never, boolean>;
type Fields = Readonly<Record<string, AnyCodec | AnyField>>;

type OutOf<F> =
  F extends Field<infer Out, infer _In, boolean> ? Out : F extends Codec<infer Out, infer _In> ? Out : never;
type InOf<F> = F extends Field<infer _Out, infer In, boolean> ? In : F extends Codec<infer _Out, infer In> ? In : never;
type OptionalKeys<S> = { [K in keyof S]: S[K] extends Field<infer _O, infer _I, true> ? K : never }[keyof S];

type StructOut<S> = { readonly [K in keyof S]: OutOf<S[K]> };
type StructIn<S> = { readonly [K in Exclude<keyof S, OptionalKeys<S>>]: InOf<S[K]> } & {
  readonly [K in OptionalKeys<S>]?: InOf<S[K]> | undefined;
};

/** What reading gives. */
export type ReadBy<C> = C extends Codec<infer Out, infer _In> ? Out : never;
/** What writing takes: fields with a default may be missing. */
export type WrittenBy<C> = C extends Codec<infer _Out, infer In> ? In : never;

const LATEST = 0x7fff;

export const int8: Codec<number> = {
  read: (reader) => reader.int8(),
  write: (writer, _version, value) => writer.int8(value),
  minBytes: 1,
  empty: 0,
};

export const int16: Codec<number> = {
  read: (reader) => reader.int16(),
  write: (writer, _version, value) => writer.int16(value),
  minBytes: 2,
  empty: 0,
};

export const int32: Codec<number> = {
  read: (reader) => reader.int32(),
  write: (writer, _version, value) => writer.int32(value),
  minBytes: 4,
  empty: 0,
};

export const int64: Codec<bigint> = {
  read: (reader) => reader.int64(),
  write: (writer, _version, value) => writer.int64(value),
  minBytes: 8,
  empty: 0n,
};

export const bool: Codec<boolean> = {
  read: (reader) => reader.boolean(),
  write: (writer, _version, value) => writer.boolean(value),
  minBytes: 1,
  empty: false,
};

/** 32 hex digits; all zero where there is none. */
export const NO_UUID = '0'.repeat(32);
export const uuid: Codec<string> = {
  read: (reader) => reader.uuid(),
  write: (writer, _version, value) => writer.uuid(value),
  minBytes: 16,
  empty: NO_UUID,
};

export const nullableString: Codec<string | null> = {
  read: (reader) => reader.string(),
  write: (writer, _version, value) => writer.string(value),
  minBytes: 1,
  empty: null,
};

export const string: Codec<string> = {
  read: (reader) => reader.string() ?? nullThere(reader),
  write: (writer, _version, value) => writer.string(value),
  minBytes: 1,
  empty: '',
};

const NO_BYTES = Buffer.alloc(0);

/** A view into the message. */
export const bytes: Codec<Buffer, Uint8Array> = {
  read: (reader) => reader.byteView() ?? nullThere(reader),
  write: (writer, _version, value) => writer.byteString([value]),
  minBytes: 1,
  empty: NO_BYTES,
};

/** Record batches one after the other: read as a view into the message, written from their pieces without a copy. */
export const records: Codec<Buffer | null, readonly Uint8Array[] | null> = {
  read: (reader) => reader.byteView(),
  write: (writer, _version, value) => writer.byteString(value),
  minBytes: 1,
  empty: null,
};

export function nullableArray<Out, In>(element: Codec<Out, In>): Codec<readonly Out[] | null, readonly In[] | null> {
  return {
    read(reader, version) {
      const length = reader.arrayLength(element.minBytes);
      if (length === -1) return null;
      const list: Out[] = [];
      for (let i = 0; i < length; i++) list.push(element.read(reader, version));
      return list;
    },
    write(writer, version, value) {
      writer.arrayLength(value === null ? -1 : value.length);
      for (const item of value ?? []) element.write(writer, version, item);
    },
    minBytes: 1,
    empty: null,
  };
}

export function array<Out, In>(element: Codec<Out, In>): Codec<readonly Out[], readonly In[]> {
  const nullable = nullableArray(element);
  return {
    read: (reader, version) => nullable.read(reader, version) ?? nullThere(reader),
    write: (writer, version, value) => nullable.write(writer, version, value),
    minBytes: 1,
    empty: [],
  };
}

function nullThere(reader: ProtocolReader): never {
  throw malformed('null where a value is needed', reader.at);
}

/** Exists from version `first` on. With `byDefault` it may be left out when writing. */
export function from<Out, In>(first: number, codec: Codec<Out, In>): Field<Out, In, false>;
export function from<Out, In>(first: number, codec: Codec<Out, In>, byDefault: Out & In): Field<Out, In, true>;
export function from<Out, In>(first: number, codec: Codec<Out, In>, byDefault?: Out & In): Field<Out, In, boolean> {
  return field(first, LATEST, codec, byDefault);
}

/** Exists up to and with version `last`. */
export function until<Out, In>(last: number, codec: Codec<Out, In>, byDefault: Out & In): Field<Out, In, true> {
  return { ...field(0, last, codec, byDefault), optional: true };
}

/** Exists in the versions from `first` to `last`, both included. */
export function between<Out, In>(
  first: number,
  last: number,
  codec: Codec<Out, In>,
  byDefault: Out & In,
): Field<Out, In, true> {
  return { ...field(first, last, codec, byDefault), optional: true };
}

function field<Out, In>(first: number, last: number, codec: Codec<Out, In>, byDefault: (Out & In) | undefined) {
  const empty = byDefault === undefined ? codec.empty : byDefault;
  return { codec, first, last, empty, tag: null, optional: byDefault !== undefined };
}

/** A tagged field: left out of the message when it is not given or equals its default. */
export function tagged<Out, In>(
  tag: number,
  first: number,
  codec: Codec<Out, In>,
  byDefault: Out & In,
): Field<Out, In, true> {
  return { codec, first, last: LATEST, empty: byDefault, tag, optional: true };
}

/** One version's fields of a structure. */
interface Layout {
  readonly plain: readonly (readonly [name: string, codec: AnyCodec, empty: unknown])[];
  readonly absent: readonly (readonly [name: string, empty: unknown])[];
  readonly tagged: readonly (readonly [name: string, field: AnyField])[];
}

/** Fields in the order of the message; a flexible version ends with tagged fields. */
export function struct<const S extends Fields>(fields: S): Codec<StructOut<S>, StructIn<S>> {
  const layouts: Layout[] = [];
  const layoutOf = (version: number): Layout => (layouts[version] ??= layout(fields, version));
  let minBytes = 0;
  const empty: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    empty[name] = field.empty;
    if (!('codec' in field)) minBytes += field.minBytes;
  }
  return {
    read: (reader, version) => readStruct(reader, version, layoutOf(version)) as StructOut<S>,
    write: (writer, version, value) =>
      writeStruct(writer, version, layoutOf(version), value as Readonly<Record<string, never>>),
    minBytes: Math.max(1, minBytes),
    empty: empty as StructOut<S>,
  };
}

function layout(fields: Fields, version: number): Layout {
  const plain: [string, AnyCodec, unknown][] = [];
  const absent: [string, unknown][] = [];
  const taggedFields: [string, AnyField][] = [];
  for (const [name, field] of Object.entries(fields)) {
    if (!('codec' in field)) plain.push([name, field, undefined]);
    else if (version < field.first || version > field.last) absent.push([name, field.empty]);
    else if (field.tag === null) plain.push([name, field.codec, field.optional ? field.empty : undefined]);
    else taggedFields.push([name, field]);
  }
  return { plain, absent, tagged: taggedFields.sort(([, a], [, b]) => a.tag! - b.tag!) };
}

function readStruct(reader: ProtocolReader, version: number, { plain, absent, tagged }: Layout): unknown {
  const value: Record<string, unknown> = {};
  for (const [name, codec] of plain) value[name] = codec.read(reader, version);
  for (const [name, empty] of absent) value[name] = empty;
  for (const [name, field] of tagged) value[name] = field.empty;
  if (reader.flexible) readTagged(reader, version, tagged, value);
  return value;
}

/** `count · (tag · size · bytes)*`; unknown tags are skipped. */
function readTagged(
  reader: ProtocolReader,
  version: number,
  known: Layout['tagged'],
  value: Record<string, unknown>,
): void {
  const count = reader.unsignedVarint();
  if (count * 2 > reader.remaining) throw malformed('impossible number of tagged fields', reader.at);
  for (let i = 0; i < count; i++) {
    const tag = reader.unsignedVarint();
    const size = reader.unsignedVarint();
    const start = reader.take(size);
    const entry = known.find(([, field]) => field.tag === tag);
    if (entry === undefined) continue;
    reader.at = start;
    value[entry[0]] = entry[1].codec.read(reader, version);
    if (reader.at !== start + size) throw malformed('a tagged field has the wrong size', start);
  }
}

function writeStruct(
  writer: ProtocolWriter,
  version: number,
  { plain, tagged }: Layout,
  value: Readonly<Record<string, never>>,
): void {
  for (const [name, codec, empty] of plain) {
    const item = value[name];
    codec.write(writer, version, item === undefined ? (empty as never) : item);
  }
  if (!writer.flexible) return;
  const given = tagged.filter(([name, field]) => !isDefault(value[name], field.empty));
  writer.unsignedVarint(given.length);
  for (const [name, field] of given) {
    const inner = new ProtocolWriter();
    inner.flexible = true;
    field.codec.write(inner, version, value[name]!);
    writer.unsignedVarint(field.tag!);
    writer.unsignedVarint(inner.size);
    for (const piece of inner.finish()) writer.raw(piece);
  }
}

function isDefault(value: unknown, empty: unknown): boolean {
  if (value === undefined || value === empty) return true;
  return Array.isArray(value) && value.length === 0 && Array.isArray(empty) && empty.length === 0;
}
