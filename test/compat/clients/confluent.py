"""librdkafka through confluent-kafka. See lines.ts for the arguments and the lines."""
import sys
from confluent_kafka import Consumer, Producer, TopicPartition
from lines import read_lines, write_line

mode, address = sys.argv[1:3]

if mode == 'write':
    messages = read_lines()
    for topic_codec in sys.argv[3:]:
        topic, codec = topic_codec.split(':')
        producer = Producer({
            'bootstrap.servers': address,
            'enable.idempotence': True,
            'compression.codec': codec,
            'linger.ms': 20,
        })
        failed = []
        for key, value, header in messages:
            headers = None if header is None else [('h', header)]
            producer.produce(topic, key=key, value=value, headers=headers, on_delivery=lambda e, _: e and failed.append(e))
        producer.flush(30)
        if failed or len(producer):
            sys.exit('not delivered: %s' % failed[:1])
else:
    count = int(sys.argv[3])
    consumer = Consumer({
        'bootstrap.servers': address,
        'group.id': 'confluent-' + sys.argv[4],
        'auto.offset.reset': 'earliest',
        'session.timeout.ms': 6000,
        'check.crcs': True,
    })
    consumer.subscribe(sys.argv[4:])
    seen = 0
    while seen < count:
        for message in consumer.consume(1000, 0.5):
            if message.error():
                sys.exit(str(message.error()))
            headers = message.headers() or []
            write_line(message.topic(), message.key(), message.value(), headers[0][1] if headers else None)
            seen += 1
    consumer.commit(asynchronous=False)
    committed = consumer.committed([TopicPartition(t, 0) for t in sys.argv[4:]])
    if any(place.offset < 0 for place in committed):
        sys.exit('not committed')
    consumer.close()
