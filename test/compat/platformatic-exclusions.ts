/** What is not expected to pass of the client tests of @platformatic/kafka. */
import type { Exclusion } from './exclusions.ts';

export const platformaticExclusions: readonly Exclusion[] = [
  {
    reason: 'Kerberos is not offered (not counted)',
    files: { 'test/clients/base/sasl-gssapi.test.ts': 0 },
  },
  {
    reason: 'OAUTHBEARER is not offered',
    files: { 'test/clients/base/sasl-oauthbearer.test.ts': 9 },
    tests: ['Connection.connect should connect to SASL protected broker using SASL/OAUTHBEARER'],
  },
  {
    reason: 'quotas are set in the configuration, not by clients',
    tests: [
      'alterClientQuotas should quotas should set and remove quotas on specific user and specific client-id',
      'alterClientQuotas should quotas should set and remove quotas on default user and specific client-id',
      'alterClientQuotas should quotas should set and remove quotas on specific user and default client-id',
      'alterClientQuotas should quotas should set and remove quotas on default user and default client-id',
      'alterClientQuotas should support validateOnly option',
      'alterClientQuotas should handle errors from the API',
      'describeClientQuotas should handle strict option',
      'describeClientQuotas and alterClientQuotas should support diagnostic channels',
      'describeClientQuotas should handle errors from the API',
    ],
  },
  {
    reason: 'the broker is configured in tailrace.yaml, not by clients',
    tests: [
      'alterConfigs should properly update broker configs',
      'incrementalAlterConfigs should properly update broker configs',
    ],
  },
  {
    reason:
      'the test compares with texts of Kafka: the documentation of a configuration, the path of its data directory',
    tests: [
      'describeConfigs should include documentation and synonyms if requested (TOPIC resource type)',
      'describeLogDirs should describe log directories for topics and support diagnostic channels',
    ],
  },
  {
    reason:
      'a topic that is made on demand is there in the first answer: the client asks once less than the test counts on',
    tests: ['send should handle errors from ConnectionPool.get'],
  },
  {
    reason: 'needs a network that drops packets to 192.0.2.1; where it refuses them, the client fails sooner',
    tests: [
      'metadata should handle connection failures to non-existent broker',
      'Connection.connect should handle connection timeout',
    ],
  },
  {
    reason: 'needs the compiled files of the client',
    tests: ['should import library without hanging when OTEL hook is active'],
  },
];
