/** What is not expected to pass of the client tests of @platformatic/kafka. */
import type { Exclusion } from './exclusions.ts';

export const platformaticExclusions: readonly Exclusion[] = [
  {
    reason: 'Kerberos is not offered',
    files: { 'test/clients/base/sasl-gssapi.test.ts': 0 },
  },
  {
    reason: 'OAUTHBEARER is not offered',
    files: { 'test/clients/base/sasl-oauthbearer.test.ts': 0 },
  },
  {
    reason: 'groups of the new protocol (KIP-848) are not offered',
    files: { 'test/clients/consumer/consumer-consumer-group-protocol.test.ts': 0 },
  },
  {
    reason: 'the documentation of configurations is our own text, not Kafka’s',
    tests: ['describeConfigs should include documentation and synonyms if requested (TOPIC resource type)'],
  },
];
