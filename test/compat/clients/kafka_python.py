"""kafka-python. See lines.ts for the arguments and the lines."""
import sys
from kafka import KafkaConsumer, KafkaProducer
from lines import read_lines, write_line

mode, address = sys.argv[1:3]

if mode == 'write':
    messages = read_lines()
    for topic_codec in sys.argv[3:]:
        topic, codec = topic_codec.split(':')
        producer = KafkaProducer(
            bootstrap_servers=address,
            acks='all',
            enable_idempotence=True,
            compression_type=None if codec == 'none' else codec,
        )
        sent = [
            producer.send(topic, key=key, value=value, headers=[] if header is None else [('h', header)])
            for key, value, header in messages
        ]
        producer.flush(30)
        for future in sent:
            future.get(timeout=30)
        producer.close()
else:
    count = int(sys.argv[3])
    consumer = KafkaConsumer(
        *sys.argv[4:],
        bootstrap_servers=address,
        group_id='kafka-python-' + sys.argv[4],
        auto_offset_reset='earliest',
        check_crcs=True,
    )
    seen = 0
    for message in consumer:
        headers = message.headers
        write_line(message.topic, message.key, message.value, headers[0][1] if headers else None)
        seen += 1
        if seen == count:
            break
    consumer.commit()
    consumer.close()
