/** The connection of the programs in this folder. */
import { Kafka, logLevel } from 'kafkajs';

export const kafka = new Kafka({
  clientId: 'example',
  brokers: [`127.0.0.1:${process.env.KAFKA_PORT ?? '9092'}`],
  logLevel: logLevel.ERROR,
});
