/**
 * 1: sources and synonyms. 3: types and documentation. 4: flexible.
 * https://kafka.apache.org/protocol#The_Messages_DescribeConfigs
 */
import type { AnyApi } from './api.ts';
import {
  array,
  bool,
  from,
  int8,
  int16,
  int32,
  nullableArray,
  nullableString,
  string,
  struct,
  until,
} from './schema.ts';

const request = struct({
  resources: array(
    struct({
      resourceType: int8,
      resourceName: string,
      configurationKeys: nullableArray(string),
    }),
  ),
  includeSynonyms: from(1, bool, false),
  includeDocumentation: from(3, bool, false),
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  results: array(
    struct({
      errorCode: int16,
      errorMessage: nullableString,
      resourceType: int8,
      resourceName: string,
      configs: array(
        struct({
          name: string,
          value: nullableString,
          readOnly: bool,
          isDefault: until(0, bool, false),
          configSource: from(1, int8, -1),
          isSensitive: bool,
          synonyms: from(
            1,
            array(
              struct({
                name: string,
                value: nullableString,
                source: int8,
              }),
            ),
          ),
          configType: from(3, int8, 0),
          documentation: from(3, nullableString),
        }),
      ),
    }),
  ),
});

export const describeConfigs = {
  key: 32,
  name: 'DescribeConfigs',
  firstVersion: 0,
  lastVersion: 4,
  flexibleFrom: 4,
  request,
  response,
} satisfies AnyApi;
