import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import java.io.BufferedReader;
import java.io.FileReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.logging.LogManager;

/**
 * Runs the engine once for each line of standard input, which is the path of a file of its properties, and throws away what
 * it reads. `reader.topic` and `reader.rows` of that file say when it has read enough; `reader.limit` (s) when it gives up.
 * A line of output for each run: `done <seconds> <CPU seconds> <peak RSS KB> <rows>`, or `failed <why>`.
 */
public class DebeziumReader {
  public static void main(String[] args) throws Exception {
    LogManager.getLogManager().reset();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    System.out.println("ready");
    for (String line; (line = lines.readLine()) != null; ) {
      Properties properties = new Properties();
      try (FileReader file = new FileReader(line)) {
        properties.load(file);
      }
      System.out.println(run(properties));
    }
    // Threads of an engine that gave up may still be there.
    System.exit(0);
  }

  static String run(Properties properties) throws Exception {
    String topic = properties.getProperty("reader.topic");
    long wanted = Long.parseLong(properties.getProperty("reader.rows"));
    long limit = Long.parseLong(properties.getProperty("reader.limit", "120"));
    Counter counter = new Counter(topic, wanted);
    AtomicReference<String> problem = new AtomicReference<>();
    CountDownLatch ended = new CountDownLatch(1);
    DebeziumEngine<ChangeEvent<String, String>> engine = DebeziumEngine.create(Json.class).using(properties)
        .notifying(counter)
        .using((success, message, error) -> {
          if (!success) problem.set(message + (error == null ? "" : " " + error));
          counter.enough.countDown();
          ended.countDown();
        }).build();
    double cpu = cpuSeconds();
    long start = System.nanoTime();
    Thread thread = new Thread(engine);
    thread.start();
    boolean inTime = counter.enough.await(limit, TimeUnit.SECONDS);
    double seconds = (System.nanoTime() - start) / 1e9;
    cpu = cpuSeconds() - cpu;
    if (ended.getCount() > 0) engine.close();
    ended.await(30, TimeUnit.SECONDS);
    if (counter.rows < wanted) {
      String why = inTime ? String.valueOf(problem.get()) : "only " + counter.rows + " rows in " + limit + " s";
      return "failed " + why.replaceAll("\\s+", " ");
    }
    return "done " + seconds + " " + cpu + " " + peakKb() + " " + counter.rows;
  }

  static final class Counter implements DebeziumEngine.ChangeConsumer<ChangeEvent<String, String>> {
    final CountDownLatch enough = new CountDownLatch(1);
    final String topic;
    final long wanted;
    volatile long rows;

    Counter(String topic, long wanted) {
      this.topic = topic;
      this.wanted = wanted;
    }

    @Override
    public void handleBatch(List<ChangeEvent<String, String>> batch,
        DebeziumEngine.RecordCommitter<ChangeEvent<String, String>> committer) throws InterruptedException {
      long found = rows;
      for (ChangeEvent<String, String> event : batch) {
        if (topic.equals(event.destination()) && event.value() != null) found++;
        committer.markProcessed(event);
      }
      committer.markBatchFinished();
      rows = found;
      if (found >= wanted) enough.countDown();
    }
  }

  static double cpuSeconds() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime() / 1e9;
  }

  static String peakKb() throws Exception {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) return line.replaceAll("\\D", "");
    }
    return "0";
  }
}
