import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * Kafka's own codec. Reads lines `API-key version request|response hexadecimal` and answers each with
 * `hexadecimal JSON`: the message read, written again, and shown; with `unsupported`; or with `failed` and why.
 */
public final class WireCodec {
  public static void main(String[] arguments) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    StringBuilder out = new StringBuilder();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ", 4);
      out.append(answer(words[0], words[1], words[2], words.length > 3 ? words[3] : "")).append('\n');
    }
    // Whatever the locale is.
    System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
    System.out.flush();
  }

  private static String answer(String key, String versionText, String kind, String hex) {
    try {
      ApiMessageType type = ApiMessageType.fromApiKey(Short.parseShort(key));
      short version = Short.parseShort(versionText);
      boolean request = kind.equals("request");
      ApiMessage message = request ? type.newRequest() : type.newResponse();
      if (version < message.lowestSupportedVersion() || version > message.highestSupportedVersion()) return "unsupported";
      ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(hex));
      message.read(new ByteBufferAccessor(bytes), version);
      if (bytes.hasRemaining()) return "failed " + bytes.remaining() + " bytes are left";
      ObjectSerializationCache cache = new ObjectSerializationCache();
      ByteBuffer again = ByteBuffer.allocate(message.size(cache, version));
      message.write(new ByteBufferAccessor(again), cache, version);
      return HexFormat.of().formatHex(again.array()) + " " + shown(message, version);
    } catch (ReflectiveOperationException | RuntimeException error) {
      Throwable cause = error.getCause() == null ? error : error.getCause();
      return "failed " + String.valueOf(cause).replace('\n', ' ');
    }
  }

  private static JsonNode shown(ApiMessage message, short version) throws ReflectiveOperationException {
    Class<?> converter = Class.forName(message.getClass().getName() + "JsonConverter");
    Method write = converter.getMethod("write", message.getClass(), short.class, boolean.class);
    return (JsonNode) write.invoke(null, message, version, false);
  }
}
