/** Messages of etcd's API v3 as its JSON gateway writes them: fields that are empty are left out. */

export interface KeyValue {
  readonly key: string;
  readonly value?: string;
  readonly mod_revision: string;
  /** Of the key since it was made: 1 at first. */
  readonly version?: string;
}

export interface RangeRequest {
  readonly key: string;
  readonly range_end?: string;
  readonly limit?: number;
  readonly revision?: string;
  readonly keys_only?: boolean;
}

export interface RangeAnswer {
  readonly header: { readonly cluster_id: string; readonly revision: string };
  readonly kvs?: readonly KeyValue[];
  readonly more?: boolean;
}

export interface Compare {
  readonly key: string;
  /** With it the comparison holds for every key from `key` up to this one. */
  readonly range_end?: string;
  readonly target: 'VALUE' | 'MOD';
  readonly result: 'EQUAL' | 'LESS' | 'GREATER';
  readonly value?: string;
  /** 0 or absent: the key is not there. */
  readonly mod_revision?: string;
}

export interface RequestOp {
  readonly request_range?: RangeRequest;
  readonly request_put?: { readonly key: string; readonly value: string; readonly lease?: string };
  readonly request_delete_range?: { readonly key: string };
  readonly request_txn?: {
    readonly compare: readonly Compare[];
    readonly success: readonly RequestOp[];
    readonly failure?: readonly RequestOp[];
  };
}

export interface TxnAnswer {
  readonly header: { readonly revision: string };
  readonly succeeded?: boolean;
  readonly responses?: readonly {
    readonly response_range?: { readonly kvs?: readonly KeyValue[] };
    readonly response_txn?: TxnAnswer;
  }[];
}

export interface WatchEvent {
  /** Absent: PUT. */
  readonly type?: 'DELETE';
  readonly kv: KeyValue;
}

export interface WatchAnswer {
  readonly header: { readonly cluster_id: string; readonly revision: string };
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly cancel_reason?: string;
  /** Where it begins now what is kept; with `canceled`. */
  readonly compact_revision?: string;
  readonly events?: readonly WatchEvent[];
}
