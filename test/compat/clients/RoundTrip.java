import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;

/** The Java clients. See lines.ts for the arguments and the lines. */
public final class RoundTrip {
  private static final HexFormat HEX = HexFormat.of();
  private static final String BYTES = "org.apache.kafka.common.serialization.ByteArray";

  public static void main(String[] arguments) throws Exception {
    if (arguments[0].equals("write")) write(arguments);
    else read(arguments);
  }

  private static void write(String[] arguments) throws Exception {
    List<byte[][]> messages = new ArrayList<>();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      messages.add(Arrays.stream(line.split(" ")).map(RoundTrip::field).toArray(byte[][]::new));
    }
    for (String topicCodec : Arrays.copyOfRange(arguments, 2, arguments.length)) {
      String[] parts = topicCodec.split(":");
      Map<String, Object> settings = Map.of(
          "bootstrap.servers", arguments[1], "compression.type", parts[1],
          "key.serializer", BYTES + "Serializer", "value.serializer", BYTES + "Serializer",
          "transactional.id", "round-trip-" + parts[0]);
      try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
        producer.initTransactions();
        producer.beginTransaction();
        List<Future<?>> sent = new ArrayList<>();
        for (byte[][] message : messages) {
          ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(parts[0], message[0], message[1]);
          if (message[2] != null) record.headers().add("h", message[2]);
          sent.add(producer.send(record));
        }
        producer.commitTransaction();
        for (Future<?> future : sent) future.get();
      }
    }
  }

  private static void read(String[] arguments) {
    int left = Integer.parseInt(arguments[2]);
    List<String> topics = Arrays.asList(arguments).subList(3, arguments.length);
    Map<String, Object> settings = Map.of(
        "bootstrap.servers", arguments[1], "group.id", "java-" + arguments[3], "auto.offset.reset", "earliest",
        "isolation.level", "read_committed",
        "key.deserializer", BYTES + "Deserializer", "value.deserializer", BYTES + "Deserializer");
    PrintStream out = new PrintStream(System.out, false);
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
      consumer.subscribe(topics);
      while (left > 0) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
          Header header = record.headers().lastHeader("h");
          String bytes = shown(header == null ? null : header.value());
          out.println(String.join(" ", record.topic(), shown(record.key()), shown(record.value()), bytes));
          left--;
        }
      }
      consumer.commitSync();
    }
    out.flush();
  }

  private static byte[] field(String text) {
    return text.equals("-") ? null : HEX.parseHex(text.substring(1));
  }

  private static String shown(byte[] bytes) {
    return bytes == null ? "-" : "." + HEX.formatHex(bytes);
  }
}
