import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;

/**
 * One OpenSearch node on 127.0.0.1. Arguments: data directory, HTTP port, transport port. Everything of OpenSearch is reached by
 * reflection, so that a compiler older than its classes will do.
 */
public final class OpenSearchNode {
  private static final String RUNNER = "org.codelibs.opensearch.runner.OpenSearchRunner";

  public static void main(String[] arguments) throws Exception {
    Path data = Path.of(arguments[0]).toAbsolutePath();
    Class<?> runnerType = Class.forName(RUNNER);
    Class<?> builderType = Class.forName(RUNNER + "$Builder");
    Object runner = runnerType.getDeclaredConstructor().newInstance();
    Object builder = Proxy.newProxyInstance(builderType.getClassLoader(), new Class<?>[] {builderType},
        (proxy, method, values) -> settings(values[1], arguments[1], arguments[2]));
    runnerType.getMethod("onBuild", builderType).invoke(runner, builder);
    Object configs = runnerType.getMethod("newConfigs").invoke(null);
    configs = call(configs, "basePath", String.class, data.resolve("node").toString());
    configs = call(configs, "clusterName", String.class, "tailrace");
    configs = call(configs, "numOfNode", int.class, 1);
    // Language analyzers ask for more of Java than a small runtime has.
    configs = call(configs, "moduleTypes", String.class, "org.opensearch.transport.Netty4ModulePlugin");
    runnerType.getMethod("build", configs.getClass()).invoke(runner, configs);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> close(runner)));
    Files.writeString(data.resolve("pid"), Long.toString(ProcessHandle.current().pid()));
    new CountDownLatch(1).await();
  }

  private static Object settings(Object settings, String httpPort, String transportPort) throws Exception {
    String[][] pairs = {
      {"http.port", httpPort},
      {"transport.port", transportPort},
      {"network.host", "127.0.0.1"},
      {"discovery.seed_hosts", "127.0.0.1:" + transportPort},
      // A disk that is nearly full makes the node read-only by default; tests need little.
      {"cluster.routing.allocation.disk.threshold_enabled", "false"},
    };
    Method put = settings.getClass().getMethod("put", String.class, String.class);
    for (String[] pair : pairs) put.invoke(settings, pair[0], pair[1]);
    return null;
  }

  private static Object call(Object target, String name, Class<?> type, Object value) throws Exception {
    return target.getClass().getMethod(name, type).invoke(target, value);
  }

  private static void close(Object runner) {
    try {
      runner.getClass().getMethod("close").invoke(runner);
    } catch (Exception error) {
      error.printStackTrace();
    }
  }
}
